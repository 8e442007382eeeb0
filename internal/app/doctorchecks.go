package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"aura-mcp/auraclient"
	"aura-mcp/internal/approval"
	"aura-mcp/internal/credentials"
	"aura-mcp/internal/health"
	"aura-mcp/internal/op"
	"aura-mcp/internal/text"
	"aura-mcp/internal/vault"
	"aura-mcp/tools"
)

// account checks what belongs to one profile.
func (d *doctor) account(ctx context.Context, s *setup, a *account) {
	found := d.credentials(ctx, s, a)
	reached := s.demo || d.network(ctx, a)
	if !found || !reached {
		return
	}
	out, err := a.read(ctx, "list_tenants", nil)
	if err != nil {
		d.tell(unwell("access", a.caller, err))
		return
	}
	list, _ := out.(tools.TenantList)
	names := make([]string, 0, len(list.Tenants))
	for _, t := range list.Tenants {
		names = append(names, t.Name)
	}
	if len(names) == 0 {
		d.tell(finding{Check: "access", Profile: a.caller, Status: warning, Message: "Aura takes the API key, and it sees no tenant", Next: "look at the role of the user whose key it is, in the Aura console"})
		return
	}
	d.tell(finding{Check: "access", Profile: a.caller, Status: fine, Message: fmt.Sprintf("Aura takes the API key; it sees %s: %s", quantity(len(names), "tenant"), text.QuoteAll(names))})
	d.metrics(ctx, a)
}

func (d *doctor) credentials(ctx context.Context, s *setup, a *account) bool {
	if s.demo {
		d.tell(finding{Check: "credentials", Status: fine, Message: "the demo needs none"})
		return true
	}
	key, err := a.find(ctx, credentials.New(d.process.Keyring))
	if err != nil {
		f := finding{Check: "credentials", Profile: a.caller, Status: problem, Message: err.Error()}
		if p, ok := errors.AsType[*credentials.NoKeyError](err); ok {
			f.Message, f.Next = p.What, p.Fix
		}
		d.tell(f)
		return false
	}
	d.tell(finding{Check: "credentials", Profile: a.caller, Status: fine, Message: fmt.Sprintf("client ID %s, from %s", text.Quote(key.ID), key.From)})
	if key.Warning != "" {
		d.tell(finding{Check: "credentials", Profile: a.caller, Status: warning, Message: key.Warning})
	}
	return true
}

// clockTolerance is how far the clocks may differ before times in answers mislead.
const clockTolerance = time.Minute

// network asks the API for anything at all, without credentials: what counts is that it answers, and what time it says.
func (d *doctor) network(ctx context.Context, a *account) bool {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.config.BaseURL, http.NoBody)
	if err != nil {
		d.tell(finding{Check: "network", Profile: a.caller, Status: problem, Message: err.Error(), Next: "mend base_url"})
		return false
	}
	request.Header.Set("User-Agent", "aura-mcp/"+version())
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	begun := time.Now()
	answer, err := client.Do(request)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err // it names the address once more
		}
		d.tell(finding{Check: "network", Profile: a.caller, Status: problem, Message: fmt.Sprintf("%s cannot be reached: %v", a.config.BaseURL, err), Next: "check the network, the proxy (HTTPS_PROXY) and the setting base_url"})
		return false
	}
	_ = answer.Body.Close()
	took := time.Since(begun)
	d.tell(finding{Check: "network", Profile: a.caller, Status: fine, Message: fmt.Sprintf("%s answers in %d ms", a.config.BaseURL, took.Milliseconds())})
	theirs, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		d.tell(finding{Check: "clock", Profile: a.caller, Status: note, Message: "not known: the answer has no date"})
		return true
	}
	d.tell(clock(a.caller, begun.Add(took/2).Sub(theirs)))
	return true
}

// clock judges how far this machine is ahead of Aura.
func clock(profile string, ahead time.Duration) finding {
	ahead = ahead.Round(time.Second)
	if ahead.Abs() <= clockTolerance {
		return finding{Check: "clock", Profile: profile, Status: fine, Message: "this machine and Aura agree on the time"}
	}
	word := "ahead of"
	if ahead < 0 {
		word = "behind"
	}
	return finding{Check: "clock", Profile: profile, Status: warning, Message: fmt.Sprintf("this machine is %s %s Aura, so tokens end early and times mislead", ahead.Abs(), word), Next: "set the clock, or switch on its synchronisation"}
}

// metricsTries is how many databases are looked at for one that has metrics.
const metricsTries = 20

// metrics reads the health of one database that has metrics, which needs a role of its own.
func (d *doctor) metrics(ctx context.Context, a *account) {
	ctx, cancel := context.WithTimeout(ctx, 2*probeTime)
	defer cancel()
	one, err := a.monitored(ctx)
	switch {
	case err != nil:
		d.tell(finding{Check: "metrics", Profile: a.caller, Status: warning, Message: "could not be tried: " + err.Error()})
		return
	case one == nil:
		d.tell(finding{Check: "metrics", Profile: a.caller, Status: note, Message: "no running database here has metrics (Business Critical, Virtual Dedicated Cloud and AuraDS Enterprise have)"})
		return
	}
	out, err := a.read(ctx, "check_instance_health", map[string]any{"instance": one.ID})
	if err != nil {
		d.tell(unwell("metrics", a.caller, err))
		return
	}
	verdict, _ := out.(tools.InstanceHealth)
	if verdict.Next != "" { // they could not be read now
		d.tell(finding{Check: "metrics", Profile: a.caller, Status: warning, Message: verdict.Summary, Next: forPerson(verdict.Next)})
		return
	}
	d.tell(finding{Check: "metrics", Profile: a.caller, Status: fine, Message: fmt.Sprintf("the metrics of %s can be read", text.Quote(one.Name))})
}

// monitored finds a running database with metrics; nil where there is none among the first.
func (a *account) monitored(ctx context.Context) (*auraclient.Instance, error) {
	client, err := a.connect(ctx)
	if err != nil {
		return nil, err
	}
	list, err := client.Instances.List(ctx, "")
	if err != nil {
		return nil, err
	}
	for _, i := range list[:min(len(list), metricsTries)] {
		one, err := client.Instances.Get(ctx, i.ID)
		if err != nil {
			return nil, err
		}
		if one.MetricsURL != "" && health.Serves(one.Status) {
			return one, nil
		}
	}
	return nil, nil //nolint:nilnil // none is no error
}

// read runs an operation that changes nothing, whatever assistants are offered.
func (a *account) read(ctx context.Context, name string, arguments map[string]any) (any, error) {
	for _, o := range a.catalog() {
		if o.Spec.Name != name || o.Spec.Effects != op.Read {
			continue
		}
		r, err := o.Prepare(arguments)
		if err != nil {
			return nil, err
		}
		return r.Run(ctx, op.Call{Caller: op.Caller{Profile: a.caller, Principal: op.Local}, Deadline: time.Now().Add(2 * probeTime)}, op.Plan{})
	}
	return nil, fmt.Errorf("there is no read %s", name)
}

// places checks where passwords and the audit go.
func (d *doctor) places(s *setup, r *remote) {
	tried := map[vault.Sink]bool{}
	for _, a := range s.accounts.all {
		sink := (&setup{remote: r}).sink(a.config)
		if tried[sink] {
			continue
		}
		tried[sink] = true
		d.tell(d.secrets(sink, s.demo))
	}
	if s.demo {
		d.tell(finding{Check: "audit", Status: note, Message: "the demo keeps its audit in memory"})
		return
	}
	where := d.process.state("audit")
	if err := s.journal.Writable(); err != nil {
		d.tell(finding{Check: "audit", Status: problem, Message: err.Error(), Next: d.mendPlace() + ": where the audit cannot be written, nothing that changes anything runs"})
		return
	}
	d.tell(finding{Check: "audit", Status: fine, Message: "it can be written: " + where})
}

// mendPlace says how private state gets a place.
func (d *doctor) mendPlace() string {
	if d.process.StateDir == "" {
		return "set HOME (on Windows LOCALAPPDATA)"
	}
	return "mend that"
}

func (d *doctor) secrets(sink vault.Sink, demo bool) finding {
	f := finding{Check: "passwords", Status: fine}
	tried := sink
	if sink == vault.Page {
		tried = vault.File // in the same place; a directory of somebody's own would stay behind
	}
	slot, err := vault.New(tried, d.process.secrets(demo)).Prepare("doctor", "")
	switch {
	case err != nil:
		f.Status, f.Message = problem, "one-time passwords could not be kept: "+err.Error()
		f.Next = d.mendPlace() + ", or choose another place with the setting secret_sink; until then no database is created"
		return f
	case sink == vault.Reveal:
		f.Status, f.Message, f.Next = warning, "one-time passwords go into the assistant's conversation (secret_sink)", "set secret_sink to file or keyring, unless you want that"
	case sink == vault.Keyring:
		f.Message = "one-time passwords go to the system's keyring, which can be written"
	case sink == vault.Page:
		f.Message = "one-time passwords wait in " + d.process.secrets(demo) + ", which can be written, until whoever had the database created sees them on the approval page"
	default:
		f.Message = "one-time passwords go to " + d.process.secrets(demo) + ", which can be written"
	}
	slot.Discard()
	return f
}

// ways checks how the person can be asked.
func (d *doctor) ways(s *setup) {
	terminal := finding{Check: "terminal", Status: note, Message: "there is none here; aura-mcp approve and aura-mcp call ask at one"}
	if t, err := d.process.Terminal(); err == nil {
		_ = t.Close() // nothing was written
		terminal = finding{Check: "terminal", Status: fine, Message: "you can be asked here, by aura-mcp approve and aura-mcp call"}
	}
	d.tell(terminal)
	browser := finding{Check: "browser", Status: note, Message: "there is none here, so the approval page cannot be shown"}
	opener, browserErr := approval.Browser{Environ: d.process.Environ}.Find()
	if browserErr == nil {
		browser = finding{Check: "browser", Status: fine, Message: "the approval page can be shown, with " + opener}
	}
	d.tell(browser)
	d.tell(finding{Check: "client", Status: note, Message: "whether your MCP client can ask you is seen only when it connects: Claude Code, VS Code and Cursor can, Claude Desktop cannot and gets the page"})
	for _, a := range s.accounts.all {
		ways := a.config.Approval
		pinned := []string{ways.Billable, ways.Disruptive, ways.Destructive}
		if browserErr != nil && slices.Contains(pinned, "page") {
			d.tell(finding{Check: "approval", Profile: a.caller, Status: problem, Message: "the setting approval wants the approval page, and there is no browser here", Next: "set approval to auto or terminal, or run the server where there is a browser"})
		}
	}
}

// waysOverHTTP checks how people elsewhere can be asked. How each of them approves is told with the settings.
func (d *doctor) waysOverHTTP(s *setup, r *remote) {
	d.tell(finding{Check: "browser", Status: note, Message: "none is needed here: this server shows the approval page to people in their own browsers"})
	for _, a := range s.accounts.all {
		ways := a.config.Approval
		for _, way := range []string{"elicitation", "terminal"} {
			if slices.Contains([]string{ways.Billable, ways.Disruptive, ways.Destructive}, way) && (way == "terminal" || !r.TrustClient) {
				d.tell(finding{Check: "approval", Profile: a.caller, Status: problem, Message: fmt.Sprintf("the setting approval wants %s, which people who come over HTTP do not have", way), Next: "set approval to auto or page"})
			}
		}
	}
}

// beforehand lists what nobody is asked about any more.
func (d *doctor) beforehand(s *setup) {
	for _, a := range s.accounts.all {
		ways := a.config.Approval
		if slices.Contains([]string{ways.Billable, ways.Disruptive, ways.Destructive}, "never") {
			d.tell(finding{Check: "approval", Profile: a.caller, Status: note, Message: "the setting approval switches off what needs an approval (never)"})
		}
		for _, rule := range a.config.Preapproved {
			d.tell(finding{Check: "approved", Profile: a.caller, Status: note, Message: "beforehand: " + standingRule(rule)})
		}
	}
}
