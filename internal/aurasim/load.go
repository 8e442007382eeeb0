package aurasim

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"strconv"
	"time"
)

// stretch is a time in which an instance is in one scenario. Metrics need no other memory: what a counter shows is the
// sum of its rates over the stretches since the instance last started.
type stretch struct {
	from            time.Time
	scenario        scenario
	memory, storage int // GB that the instance had when it began
}

// undergo begins a stretch.
func (in *instance) undergo(name string, from time.Time) {
	in.history = append(in.history, stretch{
		from: from, scenario: scenarioOf(name), memory: gigabytes(in.Memory), storage: allocated(in.InstanceState),
	})
}

// remember gives an instance of the initial state a past in which all was well, so that its counters do not begin with
// what is wrong now.
func (in *instance) remember(now time.Time) {
	in.undergo(scenarioHealthy, in.CreatedAt)
	if in.Scenario != "" {
		in.enter(in.Scenario, now)
	}
}

// enter puts the instance into a scenario.
func (in *instance) enter(name string, now time.Time) {
	in.Scenario = name
	in.undergo(name, now)
	if name == scenarioRestarted {
		in.up = now.Add(-time.Minute)
	}
}

// measurable tells whether there is a database to be measured.
func (in *instance) measurable(now time.Time) bool {
	return in.status(now) == statusRunning || in.op != nil && in.op.serves
}

func (in *instance) presently() stretch { return in.history[len(in.history)-1] }

// member is one server of an instance.
type member struct {
	number    int // 0 leads, if any does
	zone      string
	secondary bool
}

const (
	hotMember   = 1
	stuckMember = 2

	mostSecondaries = 15 // that are measured: a state may have a billion
)

func (in *instance) members() []member {
	primaries := 1
	if planOf(in.Type).cluster {
		primaries = 3
	}
	var out []member
	for n := range primaries + min(in.SecondariesCount, mostSecondaries) {
		out = append(out, member{number: n, zone: in.zone(n % 3), secondary: n >= primaries})
	}
	return out
}

// zone spells the nth zone of the region as its cloud provider does.
func (in *instance) zone(n int) string {
	switch in.CloudProvider {
	case "aws":
		return in.Region + string("abc"[n])
	case "azure":
		return in.Region + "-" + string("123"[n])
	default:
		return in.Region + "-" + string("bcd"[n])
	}
}

// look is one member at one moment: what a family is computed from.
type look struct {
	seed uint64
	in   *instance
	member
	stretch
	at time.Time
}

// wave swings around 1. Unlike noise it can be integrated, so that a counter fits the rate that it is made of.
type wave struct {
	size, period, phase float64
}

func (w wave) angle(at time.Time) float64 {
	return 2*math.Pi*float64(at.UnixMilli())/1000/w.period + w.phase
}

func (w wave) value(at time.Time) float64 { return 1 + w.size*math.Sin(w.angle(at)) }

// integral is in seconds.
func (w wave) integral(from, to time.Time) float64 {
	if !to.After(from) {
		return 0
	}
	return to.Sub(from).Seconds() + w.size*w.period/(2*math.Pi)*(math.Cos(w.angle(from))-math.Cos(w.angle(to)))
}

// chance is between 0 and 1, the same one for the same thing of the same instance.
func (l look) chance(what string) float64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(l.in.ID + " " + what)) // never fails
	return rand.New(rand.NewPCG(l.seed, h.Sum64())).Float64()
}

// own is a thing of this member.
func (m member) own(what string) string { return what + strconv.Itoa(m.number) }

func (l look) wave(what string) wave {
	return wave{size: 0.15, period: 600 + 900*l.chance(what+" period"), phase: 2 * math.Pi * l.chance(what+" phase")}
}

// ripple lets a share wobble, the less the nearer it is to nothing or all.
func (l look) ripple(share float64, what string) float64 {
	return share + share*(1-share)*(l.wave(l.own(what)).value(l.at)-1)
}

// part is how much of the load of the busiest member this one has.
func (l look) part() float64 { return l.partIn(l.scenario) }

func (l look) partIn(s scenario) float64 {
	hot := s.trouble == oneHot
	switch {
	case hot && l.number == hotMember, !hot && l.number == 0:
		return 1
	case hot:
		return 0.3
	default:
		return 0.55 + 0.25*l.chance(l.own("part"))
	}
}

// relief is less than 1 for an instance that has become bigger since its scenario began: resizing helps.
func (l look) relief() float64 {
	return min(1, float64(l.memory)/float64(gigabytes(l.in.Memory)))
}

// muchRelief is for what gets better out of proportion.
func (l look) muchRelief() float64 { return math.Pow(l.relief(), 4) }

// cores is a rule of thumb.
func cores(memory int) float64 { return math.Max(1, float64(memory)/4) }

// busyness is how much of the usual traffic this instance has.
func (l look) busyness() float64 { return 0.7 + 0.6*l.chance("traffic") }

// total is a counter: the sum of its rates per second from a moment to now, in whole numbers.
func (l look) total(since time.Time, what string, rate func(stretch) float64) float64 {
	w, sum := l.wave(what), 0.0
	for i, s := range l.in.history {
		from, to := s.from, l.at
		if from.Before(since) {
			from = since
		}
		if next := i + 1; next < len(l.in.history) && l.in.history[next].from.Before(to) {
			to = l.in.history[next].from
		}
		sum += rate(s) * w.integral(from, to)
	}
	return math.Floor(sum)
}

// counts is a counter of a share of the queries, of which half go to the busiest member. All of these counters share a
// wave, so that any two of them are always in the same proportion.
func counts(share func(scenario) float64) func(look) float64 {
	return func(l look) float64 {
		return l.total(l.in.up, "traffic", func(s stretch) float64 { return l.queries(s) * share(s.scenario) * l.partIn(s.scenario) / 2 })
	}
}

// queries is per second.
func (l look) queries(s stretch) float64 { return s.scenario.queries * cores(s.memory) * l.busyness() }
