package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"
	"pgregory.net/rapid"

	"aura-mcp/internal/audit"
	"aura-mcp/internal/aurasim"
	"aura-mcp/internal/guard"
)

// step is a line of a script: a call, what the person does about it, what goes wrong, and what happens meanwhile.
type step struct {
	Wait   int    `json:"wait,omitempty"` // minutes before it
	Tool   string `json:"tool"`
	Which  int    `json:"which"` // of the databases there are
	Person string `json:"person"`
	Fault  string `json:"fault,omitempty"`
	Place  string `json:"place,omitempty"` // what the fault strikes
	Times  int    `json:"times,omitempty"`
	Skip   int    `json:"skip,omitempty"`   // how many requests of the kind it spares first
	Others string `json:"others,omitempty"` // what a colleague does in the console while the person decides
	Twice  bool   `json:"twice,omitempty"`  // the host sends the call twice at once
}

func (s step) String() string {
	line, err := json.Marshal(s)
	if err != nil {
		return err.Error()
	}
	return string(line)
}

// The persons of a script, each by how long they take and what they say.
var persons = map[string]struct {
	takes time.Duration
	says  string
}{
	"approves": {2 * time.Second, "yes"}, "declines": {2 * time.Second, "no"}, "mistypes": {2 * time.Second, "prodd"},
	"approves slowly": {30 * time.Second, "yes"}, "approves late": {70 * time.Second, "yes"}, "approves too late": {6 * time.Minute, "yes"},
}

func drawStep(t *rapid.T) step {
	pick := func(label string, of ...string) string { return rapid.SampledFrom(of).Draw(t, label) }
	s := step{
		Wait:  rapid.SampledFrom([]int{0, 1, 20}).Draw(t, "wait"),
		Tool:  pick("tool", "pause_instance", "resume_instance", "delete_instance", "create_instance", "resize", "rename"),
		Which: rapid.IntRange(0, 5).Draw(t, "which"),
		// half of them approve, or little would happen
		Person: pick("person", append(slices.Sorted(maps.Keys(persons)), "approves", "approves", "approves", "approves")...),
		Others: pick("others", "", "", "", "", "rename", "pause", "delete"),
		Twice:  rapid.IntRange(0, 9).Draw(t, "twice") == 9,
	}
	if rapid.Bool().Draw(t, "a fault") {
		all := troubles()
		s.Fault = all[rapid.IntRange(0, len(all)-1).Draw(t, "fault")].name
		s.Place = pick("place", "read", "change")
		if s.Place == "read" {
			s.Skip = rapid.IntRange(0, 12).Draw(t, "skip")
		}
		s.Times = rapid.SampledFrom([]int{1, 2, 1000}).Draw(t, "times")
	}
	return s
}

// TestAnyScriptLeavesTheFleetAsItWasTold plays random scripts, with a small model of the fleet that believes what the answers
// say. At the end the simulated fleet has to be the model's, and the audit has to tell the same story.
//
// More of them: go test ./internal/app -run TestAnyScript -rapid.checks=10000. One that fails shrinks to a short script, which is
// printed and kept under testdata/rapid; go test plays it again as long as it lies there.
func TestAnyScriptLeavesTheFleetAsItWasTold(t *testing.T) {
	for _, way := range []string{"legacy", "modern", "page"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(rt *rapid.T) {
				script := rapid.SliceOfN(rapid.Custom(drawStep), 1, 10).Draw(rt, "script")
				var problem string
				synctest.Test(t, func(t *testing.T) { problem = play(t, way, script) })
				if problem != "" {
					rt.Fatal(problem)
				}
			})
		})
	}
}

// imagined is a database as the model has it.
type imagined struct {
	name, memory string
	down         bool // paused, or about to be
}

// player plays a script.
type player struct {
	*rig
	client *client.Client
	fleet  map[string]imagined // by ID

	mu              sync.Mutex
	now             step
	target          string // its ID
	asked           int    // in this step
	approved        int    // likewise
	disturbs        bool   // a colleague has changed the target while the person was deciding
	unsure, perhaps int    // steps that ended with an outcome that is not known; those of them that were sent twice, perhaps one after the other
}

func play(t *testing.T, way string, script []step) (problem string) {
	p := &player{fleet: map[string]imagined{}}
	adjust := func(*rigOptions) {}
	if way == "page" {
		adjust = atPage(&outside{decides: p.decides})
	}
	p.rig = newRig(t, adjust)
	era, asks := modern, client.ElicitationHandler(person(p.answer))
	switch way {
	case "legacy":
		era = legacy
	case "page":
		asks = nil
	}
	p.client = p.connect(era, asks)
	for _, i := range p.sim.Instances() {
		p.fleet[i.ID] = imagined{name: i.Name, memory: i.Memory, down: i.Status == "paused"}
	}
	for n, s := range script {
		if err := p.step(t, s); err != nil {
			return fmt.Sprintf("%s: step %d of\n%s\n%v", way, n+1, listing(script), err)
		}
	}
	after(time.Hour)
	synctest.Wait()
	if err := p.compare(); err != nil {
		return fmt.Sprintf("%s: after\n%s\n%v", way, listing(script), err)
	}
	return ""
}

func listing(script []step) string {
	var b strings.Builder
	for _, s := range script {
		fmt.Fprintln(&b, s)
	}
	return b.String()
}

// call is the tool, its arguments, the one change that it may send, and what that makes of the fleet.
func (p *player) call(s step) (tool string, arguments map[string]any, change string, effect func(map[string]imagined)) {
	ids := slices.Sorted(maps.Keys(p.fleet))
	id := ids[s.Which%len(ids)]
	p.target = id
	be := func(turn func(*imagined)) func(map[string]imagined) {
		return func(all map[string]imagined) {
			if i, there := all[id]; there {
				turn(&i)
				all[id] = i
			}
		}
	}
	path := "/v1/instances/" + id
	switch s.Tool {
	case "create_instance":
		p.target = ""
		return s.Tool, map[string]any{"name": fmt.Sprintf("new-%d", s.Which), "tenant": "Development", "type": "business-critical", "cloud_provider": "gcp", "region": "europe-west1", "memory": "8GB"},
			"POST /v1/instances", nil
	case "pause_instance":
		return s.Tool, map[string]any{"instance": id}, "POST " + path + "/pause", be(func(i *imagined) { i.down = true })
	case "resume_instance":
		return s.Tool, map[string]any{"instance": id}, "POST " + path + "/resume", be(func(i *imagined) { i.down = false })
	case "delete_instance":
		return s.Tool, map[string]any{"instance": id}, "DELETE " + path, func(all map[string]imagined) { delete(all, id) }
	case "resize":
		memory := map[string]string{"8GB": "16GB"}[p.fleet[id].memory]
		if memory == "" {
			memory = "8GB"
		}
		return "update_instance", map[string]any{"instance": id, "memory": memory}, "PATCH " + path, be(func(i *imagined) { i.memory = memory })
	}
	name := fmt.Sprintf("called-%d-%d", s.Which, s.Wait)
	if p.fleet[id].name == name {
		name += "-b"
	}
	return "update_instance", map[string]any{"instance": id, "name": name}, "PATCH " + path, be(func(i *imagined) { i.name = name })
}

func (p *player) step(t *testing.T, s step) error {
	after(time.Duration(s.Wait)*time.Minute + time.Second)
	synctest.Wait()
	if len(p.fleet) == 0 {
		return nil
	}
	tool, arguments, change, effect := p.call(s)
	p.mu.Lock()
	p.now, p.asked, p.approved, p.disturbs = s, 0, 0, false
	p.mu.Unlock()
	status := p.status(p.target)
	lied := p.arm(s, change)
	p.sim.ResetRequests()
	texts := make(chan string, 2)
	calls := 1
	if s.Twice {
		calls = 2
	}
	for range calls {
		go func() { texts <- p.untilSettled(t, tool, arguments) }()
	}
	var all []string
	for range calls {
		all = append(all, <-texts)
	}
	after(10 * time.Minute) // what was asked is decided or has expired
	synctest.Wait()
	p.sim.Relent()
	if s.Twice { // an outcome that nobody has heard is not to be told to the next step
		after(20 * time.Minute)
		synctest.Wait()
	}
	return p.believe(s, all, change, effect, lied, status)
}

// arm sets up the fault of a step. It reports whether the fault is Aura saying that something is gone that is not.
func (p *player) arm(s step, change string) (lied bool) {
	for _, trouble := range troubles() {
		if s.Fault == "" || trouble.name != s.Fault {
			continue
		}
		if trouble.token != nil {
			down := *trouble.token
			down.Path, down.Times = "/oauth/token", max(s.Times, tokenTries)
			p.sim.Fail(down)
		}
		fault := trouble.fault
		fault.Method, fault.Times, fault.Skip = http.MethodGet, s.Times, s.Skip
		if s.Place == "change" {
			fault.Method, fault.Path, _ = strings.Cut(change, " ")
		}
		p.sim.Fail(fault)
		return slices.Contains([]int{http.StatusNotFound, http.StatusGone}, fault.Status)
	}
	return false
}

// untilSettled calls again as long as the answer is that it is not decided, or not done.
func (p *player) untilSettled(t *testing.T, tool string, arguments map[string]any) string {
	text := ""
	for range 30 {
		begun := time.Now()
		result, err := p.client.CallTool(t.Context(), mcp.CallToolRequest{Params: mcp.CallToolParams{Name: tool, Arguments: arguments}})
		if err != nil {
			return "no answer: " + err.Error()
		}
		text = p.words(tool, result)
		p.mu.Lock()
		asked := p.asked
		p.mu.Unlock()
		if asked == 0 && time.Since(begun) > 50*time.Second {
			return fmt.Sprintf("it took %v: %s", time.Since(begun), text)
		}
		if !strings.Contains(text, `"state":"approval_pending"`) && !strings.Contains(text, `"state":"in_progress"`) {
			return text
		}
		after(20 * time.Second)
	}
	return "it never ends: " + text
}

func (p *player) words(tool string, result *mcp.CallToolResult) string {
	text := p.told(tool, result)
	if result.IsError {
		return "error: " + text
	}
	return text
}

// believe holds the answers of a step against what Aura carried out, and lets the model follow.
func (p *player) believe(s step, texts []string, change string, effect func(map[string]imagined), lied bool, status string) error {
	var carried []aurasim.Request
	for _, q := range p.sim.Requests() {
		if q.Method != http.MethodGet && q.Path != "/oauth/token" && q.Done/100 == 2 {
			carried = append(carried, q)
		}
	}
	needed := s.Tool != "rename"
	said := strings.Join(texts, "\n")
	if len(carried) > 1 || len(carried) == 1 && carried[0].Method+" "+carried[0].Path != change {
		return fmt.Errorf("one call, and these were carried out: %+v\n%s", carried, said)
	}
	if needed && len(carried) > p.approved {
		return fmt.Errorf("carried out without an approval: %s", said)
	}
	if len(carried) == 1 && p.disturbs {
		return fmt.Errorf("carried out though it changed while the person was deciding: %s", said)
	}
	done, unsure := false, false
	for _, text := range texts {
		switch {
		case strings.HasPrefix(text, "{"):
			done = true
		case !strings.HasPrefix(text, "error: "):
			return errors.New(text)
		case strings.Contains(text, "ot known whether"):
			unsure = true
		case !strings.Contains(text, "Nothing was changed."):
			return fmt.Errorf("neither unchanged nor unknown: %s", text)
		}
	}
	already := effect != nil
	if already { // as it was to be
		would := maps.Clone(p.fleet)
		effect(would)
		already = maps.Equal(would, p.fleet)
	}
	switch {
	case done && len(carried) == 0 && !lied && !already:
		return fmt.Errorf("a success, and nothing was carried out: %s", said)
	case !done && !unsure && len(carried) == 1:
		return fmt.Errorf("said to have changed nothing, and it was carried out: %s", said)
	case s.Fault == "" && !s.Twice && !done && p.able(s, status):
		return fmt.Errorf("approved, with nothing wrong, and not done: %s", said)
	}
	if unsure {
		p.unsure++
		if s.Twice {
			p.perhaps++
		}
	}
	if len(carried) == 1 && effect != nil {
		effect(p.fleet)
	}
	if len(carried) == 1 && effect == nil {
		return p.created(s)
	}
	return nil
}

// able reports whether nothing stands in the way of a step.
func (p *player) able(s step, status string) bool {
	in, gone := p.sim.Instance(p.target)
	if s.Others != "" || !strings.HasPrefix(s.Person, "approves") || s.Person == "approves too late" || p.asked == 0 || s.Person == "approves late" && p.approved == 0 || !gone || in.Type == "free-db" {
		return false
	}
	switch s.Tool {
	case "pause_instance", "resize":
		return status == "running"
	case "resume_instance":
		return status == "paused"
	}
	return false
}

// created takes a new database into the model.
func (p *player) created(s step) error {
	for _, i := range p.sim.Instances() {
		if _, known := p.fleet[i.ID]; !known {
			p.fleet[i.ID] = imagined{name: fmt.Sprintf("new-%d", s.Which), memory: "8GB"}
			return nil
		}
	}
	return errors.New("created, and it is not there")
}

// decision is what the person does about the question that has come. A second one in the same step is declined.
func (p *player) decision(confirm string) (typed string) {
	p.mu.Lock()
	s := p.now
	first := p.asked == 0
	p.asked++
	p.mu.Unlock()
	if !first {
		after(2 * time.Second)
		return "no"
	}
	who := persons[s.Person]
	after(who.takes / 2)
	p.colleague(s.Others)
	after(who.takes / 2)
	if who.says != "yes" {
		return who.says
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.approved++
	return confirm
}

func (p *player) answer(_ context.Context, question string) (*mcp.ElicitationResult, error) {
	_, confirm, _ := strings.Cut(question, "\nTo approve, type exactly: ")
	if confirm == "" {
		confirm = "yes"
	}
	typed := p.decision(confirm)
	if typed == "no" {
		return answered(mcp.ElicitationResponseActionDecline, ""), nil
	}
	return answered(mcp.ElicitationResponseActionAccept, typed), nil
}

func (p *player) decides(d *guard.Desk, a guard.Approval) {
	typed := p.decision(a.Preview.Confirm)
	if typed == "prodd" && a.Preview.Confirm == "" {
		typed = "no" // there is nothing to type
	}
	_ = d.Decide(a.ID, guard.Decision{Approve: typed != "no", Typed: typed, Way: guard.Page})
	if typed == "prodd" {
		_ = d.Decide(a.ID, guard.Decision{Way: guard.Page})
	}
}

// colleague changes the target in the console, and so in the model.
func (p *player) colleague(does string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i, known := p.fleet[p.target]
	if !known {
		return
	}
	var err error
	switch does {
	case "":
		return
	case "rename":
		i.name = "taken"
		err = p.sim.Console().Rename(p.target, i.name)
	case "pause":
		i.down = true
		err = p.sim.Console().Pause(p.target)
	case "delete":
		err = p.sim.Console().Delete(p.target)
	}
	if err != nil {
		return
	}
	p.disturbs = does == "delete" || p.fleet[p.target] != i
	if p.fleet[p.target] = i; does == "delete" {
		delete(p.fleet, p.target)
	}
}

// compare holds the model against the fleet, and the audit against the answers.
func (p *player) compare() error {
	is := map[string]imagined{}
	for _, i := range p.sim.Instances() {
		is[i.ID] = imagined{name: i.Name, memory: i.Memory, down: i.Status == "paused"}
	}
	if diff := gocmp.Diff(p.fleet, is, gocmp.AllowUnexported(imagined{})); diff != "" {
		return fmt.Errorf("the fleet is not as it was told:\n%s", diff)
	}
	entries, _, err := p.journal.Read(time.Time{})
	if err != nil {
		return err
	}
	stood := map[audit.Standing]int{}
	for _, e := range entries {
		stood[e.Standing]++
	}
	if stood[audit.Running] != 0 || stood[audit.Unknown] < p.unsure || stood[audit.Unknown] > p.unsure+p.perhaps {
		return fmt.Errorf("%d were told to be of unknown outcome, and the audit has %v", p.unsure, stood)
	}
	return nil
}
