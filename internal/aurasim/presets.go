package aurasim

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Preset is a kind of bad weather: faults that keep happening, for demos and soak tests. A request for a token is
// spared, since a client that cannot even log in shows nothing.
type Preset string

// The presets, each a little worse than the one before.
const (
	NoFaults  Preset = ""
	Flaky     Preset = "flaky"     // some 502 and 503 with HTML bodies, one or the other after the request was carried out
	Slow      Preset = "slow"      // 0.3 to 2 s before every answer
	Throttled Preset = "throttled" // 10 requests a minute
	Chaos     Preset = "chaos"     // all of it, and some cut connections
)

// Presets are the presets there are, for a flag's help.
func Presets() []Preset { return []Preset{Flaky, Slow, Throttled, Chaos} }

func (p Preset) known() bool { return p == NoFaults || slices.Contains(Presets(), p) }

func presetNames() []string {
	var out []string
	for _, p := range Presets() {
		out = append(out, string(p))
	}
	return out
}

// rateLimit is 0 where the preset does not change it.
func (p Preset) rateLimit() int {
	switch p {
	case Throttled:
		return 10
	case Chaos:
		return 60
	default:
		return 0
	}
}

// mishap is a fault with its chance.
type mishap struct {
	percent int
	fault   Fault
}

func (p Preset) mishaps() []mishap {
	bad := Fault{Status: http.StatusBadGateway, Body: "<html><head><title>502 Bad Gateway</title></head></html>", Header: html()}
	away := Fault{Status: http.StatusServiceUnavailable, Body: "<html><body>Service Unavailable</body></html>", Header: html()}
	badAfter := bad
	badAfter.After = true
	switch p {
	case Flaky:
		return []mishap{{5, bad}, {5, away}, {2, badAfter}}
	case Slow:
		return []mishap{{100, Fault{Kind: Delay, Delay: 2 * time.Second}}}
	case Chaos:
		return []mishap{
			{4, bad}, {4, away}, {2, badAfter}, {3, Fault{Status: http.StatusTooManyRequests}},
			{2, Fault{Kind: CutBefore}}, {2, Fault{Kind: CutAfter}}, {2, Fault{Kind: CutInBody}},
			{20, Fault{Kind: Delay, Delay: time.Second}},
		}
	default:
		return nil
	}
}

func html() http.Header { return http.Header{"Content-Type": {"text/html"}} }

// misfortune draws from a preset, the same faults for the same seed and order of requests.
type misfortune struct {
	mishaps []mishap
	rng     *rand.Rand
}

func newMisfortune(p Preset, seed uint64) *misfortune {
	return &misfortune{mishaps: p.mishaps(), rng: rand.New(rand.NewPCG(seed, 0x6661756c7473))}
}

func (m *misfortune) next(requestPath string, now time.Time) Fault {
	if len(m.mishaps) == 0 || requestPath == tokenPath {
		return Fault{}
	}
	draw := m.rng.IntN(100)
	for _, candidate := range m.mishaps {
		if draw -= candidate.percent; draw < 0 {
			return m.varied(candidate.fault, now)
		}
	}
	return Fault{}
}

// varied keeps two delays, or two ways of saying when to come back, from being alike.
func (m *misfortune) varied(f Fault, now time.Time) Fault {
	if f.Delay > 0 {
		f.Delay = f.Delay * time.Duration(15+m.rng.IntN(86)) / 100
	}
	if f.Status != http.StatusTooManyRequests {
		return f
	}
	after := time.Duration(1+m.rng.IntN(3)) * time.Second
	value := strconv.Itoa(int(after.Seconds()))
	if m.rng.IntN(2) == 0 {
		value = now.Add(after).UTC().Format(http.TimeFormat)
	}
	f.Header = http.Header{"Retry-After": {value}}
	return f
}
