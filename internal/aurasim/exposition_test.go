package aurasim_test

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// sample is one line of an exposition.
type sample struct {
	labels map[string]string
	value  float64
	at     time.Time
}

type metricFamily struct {
	kind    string
	samples []sample
}

// exposition is a body that has been read.
type exposition map[string]metricFamily

var (
	sampleLine = regexp.MustCompile(`^([a-z0-9_]+)\{([^}]*)\} (NaN|-?\d+\.\d{6}) (\d{12,13})$`)
	label      = regexp.MustCompile(`^([a-z_]+)="([^"\\]*)"$`)
)

// readExposition takes what Aura writes and nothing else: a HELP and a TYPE before the samples of a family, a family
// only once, labels without escapes, six decimals, a timestamp on every sample, a newline at the very end.
func readExposition(body string) (exposition, error) {
	out := exposition{}
	if body == "" {
		return out, nil
	}
	if !strings.HasSuffix(body, "\n") {
		return nil, fmt.Errorf("no newline at the end: %q", body[max(0, len(body)-60):])
	}
	name, help := "", ""
	for line := range strings.SplitSeq(strings.TrimSuffix(body, "\n"), "\n") {
		fields := strings.SplitN(line, " ", 4)
		switch {
		case strings.HasPrefix(line, "# HELP ") && len(fields) == 4 && fields[3] != "":
			name, help = fields[2], fields[2]
		case strings.HasPrefix(line, "# TYPE ") && len(fields) == 4 && help == fields[2]:
			if _, twice := out[name]; twice {
				return nil, fmt.Errorf("family %s occurs twice", name)
			}
			out[name], help = metricFamily{kind: fields[3]}, ""
		default:
			family, got, err := readSample(line)
			if err != nil || family != name {
				return nil, fmt.Errorf("in family %s: %q: %w", name, line, err)
			}
			f := out[name]
			for _, other := range f.samples {
				if maps.Equal(other.labels, got.labels) {
					return nil, fmt.Errorf("twice: %q", line)
				}
			}
			f.samples = append(f.samples, got)
			out[name] = f
		}
	}
	return out, nil
}

func readSample(line string) (string, sample, error) {
	parts := sampleLine.FindStringSubmatch(line)
	if parts == nil {
		return "", sample{}, fmt.Errorf("not a sample")
	}
	out := sample{labels: map[string]string{}}
	for pair := range strings.SplitSeq(parts[2], ",") {
		kv := label.FindStringSubmatch(pair)
		if len(kv) != 3 || out.labels[kv[1]] != "" {
			return "", sample{}, fmt.Errorf("label %q", pair)
		}
		out.labels[kv[1]] = kv[2]
	}
	value, err := strconv.ParseFloat(parts[3], 64)
	if err != nil {
		return "", sample{}, err
	}
	ms, err := strconv.ParseInt(parts[4], 10, 64)
	out.value, out.at = value, time.UnixMilli(ms)
	return parts[1], out, err
}

// mustExposition reads an answer of 200.
func (r reply) mustExposition() exposition {
	r.t.Helper()
	if r.status != 200 || r.header.Get("Content-Type") != "text/plain; version=0.0.4; charset=utf-8" {
		r.t.Fatalf("%d %s %.200s", r.status, r.header.Get("Content-Type"), r.body)
	}
	out, err := readExposition(r.body)
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

// values are those of a family by member, "" in the default granularity, else zone and mode.
func (e exposition) values(name string) map[string]float64 {
	out := map[string]float64{}
	for _, s := range e[name].samples {
		out[strings.TrimSpace(s.labels["availability_zone"]+" "+s.labels["instance_mode"])] = s.value
	}
	return out
}

// most is the largest value of a family, 0 if there is none.
func (e exposition) most(name string) float64 {
	values := slices.Collect(maps.Values(e.values(name)))
	if len(values) == 0 {
		return math.NaN()
	}
	return slices.MaxFunc(values, cmp.Compare[float64])
}

func (e exposition) least(name string) float64 {
	values := slices.Collect(maps.Values(e.values(name)))
	if len(values) == 0 {
		return math.NaN()
	}
	return slices.MinFunc(values, cmp.Compare[float64])
}

// at is the one time of all samples.
func (e exposition) at(t *testing.T) time.Time {
	t.Helper()
	var out time.Time
	for name, f := range e {
		for _, s := range f.samples {
			if !out.IsZero() && !out.Equal(s.at) {
				t.Fatalf("%s: a sample of %v beside one of %v", name, s.at, out)
			}
			out = s.at
		}
	}
	return out
}

func TestTheTestsReaderIsStrict(t *testing.T) {
	t.Parallel()
	const head, good = "# HELP a A thing\n# TYPE a gauge\n", `a{b="c"} 1.000000 1711462853000` + "\n"
	if got, err := readExposition(head + good); err != nil || len(got["a"].samples) != 1 {
		t.Fatal(got, err)
	}
	for _, bad := range []string{
		good, head + strings.TrimSuffix(good, "\n"), head + good + good, head + good + head, "# TYPE a gauge\n" + good, "\n",
		head + strings.Replace(good, "1.000000", "1", 1), head + strings.Replace(good, " 1711462853000", "", 1),
		head + strings.Replace(good, `b="c"`, `b="c",b="d"`, 1), head + strings.Replace(good, "a{", "b{", 1), head + good + "# EOF\n",
	} {
		if _, err := readExposition(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
