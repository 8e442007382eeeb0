package auraclient_test

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"aura-mcp/auraclient"
)

func parse(t testing.TB, body string) (*auraclient.Scrape, error) {
	t.Helper()
	transport := &fakeAura{answer: func(int, sent) reply { return ok(body) }}
	client, err := auraclient.New(clientID, clientSecret, auraclient.WithTransport(transport), auraclient.WithMaxAttempts(1))
	if err != nil {
		t.Fatal(err)
	}
	return client.Metrics.Instance(t.Context(), metricsURL)
}

func TestParseMetrics(t *testing.T) {
	t.Parallel()
	type families = []auraclient.MetricFamily
	type labels = map[string]string
	at := time.UnixMilli(1711462853000).UTC()
	one := func(name string, samples ...auraclient.Sample) families {
		return families{{Name: name, Type: "untyped", Samples: samples}}
	}
	for _, test := range []struct {
		name, body string
		want       families
		unreadable []string
	}{
		{"a sample with its own time", "a 778114.000000 1711462853000\n", one("a", auraclient.Sample{Value: 778114, Time: at}), nil},
		{"a sample without a time", "a 1\n", one("a", auraclient.Sample{Value: 1}), nil},
		{"no end of the last line", "a 1", one("a", auraclient.Sample{Value: 1}), nil},
		{"CRLF", "# TYPE a gauge\r\na{x=\"y\"} 1 1711462853000\r\n\r\n",
			families{{Name: "a", Type: "gauge", Samples: []auraclient.Sample{{Labels: labels{"x": "y"}, Value: 1, Time: at}}}}, nil},
		{"blanks around", " \t a\t{ x = \"y\" } 1 \n", one("a", auraclient.Sample{Labels: labels{"x": "y"}, Value: 1}), nil},
		{"NaN and infinities", "a NaN\na nan\na +Inf\na -Inf\n", one("a", auraclient.Sample{Value: math.NaN()}, auraclient.Sample{Value: math.NaN()},
			auraclient.Sample{Value: math.Inf(1)}, auraclient.Sample{Value: math.Inf(-1)}), nil},
		{"exponents", "a 1.5e+06\n", one("a", auraclient.Sample{Value: 1.5e6}), nil},
		{"a comma after the last label", `a{x="y",} 1`, one("a", auraclient.Sample{Labels: labels{"x": "y"}, Value: 1}), nil},
		{"no labels in braces", "a{} 1", one("a", auraclient.Sample{Value: 1}), nil},
		{"escapes", `a{x="q\"b\\n\n{},"} 1`, one("a", auraclient.Sample{Labels: labels{"x": "q\"b\\n\n{},"}, Value: 1}), nil},
		{"all labels of comprehensive granularity",
			`a{aggregation="MAX",instance_id="2f49c2b3",availability_zone="eu-west-1a",instance_mode="PRIMARY",database="neo4j"} 1 1711462853000`,
			one("a", auraclient.Sample{Labels: labels{"aggregation": "MAX", "instance_id": "2f49c2b3", "availability_zone": "eu-west-1a",
				"instance_mode": "PRIMARY", "database": "neo4j"}, Value: 1, Time: at}), nil},
		{"help and type", "# HELP a What \\\\ it\\nis.\n# TYPE a counter\na 1\n",
			families{{Name: "a", Help: `What \ it is.`, Type: "counter", Samples: []auraclient.Sample{{Value: 1}}}}, nil},
		{"the same family twice", "# TYPE a counter\n# HELP a One.\na{i=\"1\"} 1\n# TYPE a counter\n# HELP a Two.\na{i=\"2\"} 2\n",
			families{{Name: "a", Help: "One.", Type: "counter", Samples: []auraclient.Sample{{Labels: labels{"i": "1"}, Value: 1}, {Labels: labels{"i": "2"}, Value: 2}}}}, nil},
		{"two types for one family", "# TYPE a counter\n# TYPE a gauge\na 1\n",
			families{{Name: "a", Type: "counter", Samples: []auraclient.Sample{{Value: 1}}}}, nil},
		{"a type that comes late", "a 1\n# TYPE a gauge\n", families{{Name: "a", Type: "gauge", Samples: []auraclient.Sample{{Value: 1}}}}, nil},
		{"a type that nobody knows", "# TYPE a stateset\na 1\n", one("a", auraclient.Sample{Value: 1}), nil},
		{"a type without samples", "# TYPE a gauge\n# HELP b\n#\n", nil, nil},
		{"the same series twice", "a 1\na 2\n", one("a", auraclient.Sample{Value: 1}, auraclient.Sample{Value: 2}), nil},
		{"parts of a histogram", "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\n# TYPE s summary\ns{quantile=\"0.5\"} 4\n", families{
			{Name: "h_bucket", Type: "untyped", Samples: []auraclient.Sample{{Labels: labels{"le": "+Inf"}, Value: 2}}},
			{Name: "h_sum", Type: "untyped", Samples: []auraclient.Sample{{Value: 3}}},
			{Name: "s", Type: "summary", Samples: []auraclient.Sample{{Labels: labels{"quantile": "0.5"}, Value: 4}}}}, nil},
		{"times that no sample has", "a 1 0\na 2 -5\na 3 9223372036854775807\n", one("a", auraclient.Sample{Value: 1}, auraclient.Sample{Value: 2}, auraclient.Sample{Value: 3}), nil},
		{"a bad line costs only itself", "a 1\nb{x=\"y} 2\nc three\nd 4 5.5\ne 6 7 8\n=\nf{x=\"1\",x=\"2\"} 9\nf 10\n", families{
			{Name: "a", Type: "untyped", Samples: []auraclient.Sample{{Value: 1}}},
			{Name: "f", Type: "untyped", Samples: []auraclient.Sample{{Value: 10}}}}, []string{"b", "c", "d", "e", "", "f"}},
		{"too many labels", "a 1\nb{" + strings.Repeat(`x="y",`, 33) + "} 1\n", one("a", auraclient.Sample{Value: 1}), []string{"b"}},
		{"too long a line", "a 1\nb{x=\"" + strings.Repeat("y", 20_000) + "\"} 1\n", one("a", auraclient.Sample{Value: 1}), []string{"b"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, err := parse(t, test.body)
			noError(t, err)
			if diff := cmp.Diff(test.want, s.Families, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("families (-want +got):\n%s", diff)
			}
			if !slices.Equal(s.Unreadable, test.unreadable) {
				t.Errorf("unreadable: %q", s.Unreadable)
			}
		})
	}
}

// crash is what makes the library's parser panic when it gets the whole.
const crash = "# TYPE s summary\n# TYPE g gauge\n{\"s\", foo=\"bar\"} 1\n"

func TestNothingInAnAnswerPanics(t *testing.T) {
	t.Parallel()
	for _, body := range []string{crash, "{} 1", `{"a"} 1`, `{a="b"} 1`, "# TYPE \x00 gauge\n", "#", "# HELP", "a{", `a{x="`, "\n\n\r"} {
		_, _ = parse(t, body)
		_, _ = parse(t, "ok 1\n"+body)
	}
}

func TestScrapeOfOneInstance(t *testing.T) {
	t.Parallel()
	read, err := parse(t, `cpu{instance_id="b"} 2
cpu{instance_id="a"} 1
cpu{instance_id="b",availability_zone="z"} 3
heap{instance_id="a"} 4
lost{x="y"} 5
broken{ 6
`)
	noError(t, err)
	literal := &auraclient.Scrape{ReadAt: read.ReadAt, Families: read.Families, Unreadable: read.Unreadable}
	for name, s := range map[string]*auraclient.Scrape{"read": read, "put together": literal} {
		if got := s.InstanceIDs(); !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("%s: instances %q", name, got)
		}
		for id, want := range map[string]string{"a": "cpu[1] heap[4]", "b": "cpu[2 3]", "c": ""} {
			one := s.Instance(id)
			var got []string
			for _, f := range one.Families {
				values := []float64{}
				for _, x := range f.Samples {
					values = append(values, x.Value)
				}
				got = append(got, f.Name+fmt.Sprint(values))
			}
			if strings.Join(got, " ") != want || !one.ReadAt.Equal(s.ReadAt) || !slices.Equal(one.Unreadable, []string{"broken"}) {
				t.Errorf("%s: instance %s has %q, %q", name, id, got, one.Unreadable)
			}
		}
	}
	if _, found := read.Family("heap"); !found {
		t.Error("no heap")
	}
	if _, found := read.Family("head"); found {
		t.Error("a head")
	}
	var none *auraclient.Scrape
	if _, found := none.Family("a"); found || none.Instance("a") != nil || none.InstanceIDs() != nil {
		t.Error("nothing is not nothing")
	}
}

// TestParsingStaysSmall reads the worst bodies that fit the limit.
func TestParsingStaysSmall(t *testing.T) { //nolint:paralleltest // it measures memory
	const size = 2 << 20
	fill := func(line func(i int) string) string {
		var b strings.Builder
		for i := 0; ; i++ {
			l := line(i)
			if b.Len()+len(l) > size {
				return b.String()
			}
			b.WriteString(l)
		}
	}
	for name, body := range map[string]string{
		"real": fill(func(i int) string {
			return fmt.Sprintf("neo4j_database_count_node{aggregation=\"MAX\",instance_id=\"%08x\",database=\"neo4j\"} 778114.000000 1711462853000\n", i%100)
		}),
		"many instances": fill(func(i int) string {
			return fmt.Sprintf("a{aggregation=\"MAX\",database=\"neo4j\",instance_id=\"%08x\"} 1 1711462853000\n", i)
		}),
		"many families": fill(func(i int) string {
			return fmt.Sprintf("family_with_a_long_name_of_its_own_%032x 1 1711462853000\n", i)
		}),
		"many labels":     fill(func(i int) string { return "a{" + fmt.Sprintf("x%d=\"\",", i%10) + manyLabels(30) + "} 1\n" }),
		"many types":      fill(func(i int) string { return fmt.Sprintf("# TYPE a%x gauge\n", i) }),
		"short lines":     strings.Repeat("a 1\n", size/4),
		"only bad lines":  strings.Repeat("!\n", size/2),
		"one line":        strings.Repeat("a", size),
		"one long label":  `a{x="` + strings.Repeat("y", size-20) + `"} 1`,
		"braces":          strings.Repeat("{", size),
		"nothing but LFs": strings.Repeat("\n", size),
	} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		began := time.Now()
		s, err := newClient(t, always(t, ok(body)), auraclient.WithMaxMetricsBody(size), auraclient.WithMaxAttempts(1)).Metrics.Instance(t.Context(), metricsURL)
		took := time.Since(began)
		runtime.GC()
		runtime.ReadMemStats(&after)
		kept := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) >> 20
		t.Logf("%-16s %6s, %4d MiB allocated, %4d MiB kept, error %v", name, took.Round(time.Millisecond), (after.TotalAlloc-before.TotalAlloc)>>20, kept, err)
		if kept > 30 {
			t.Errorf("%s: %d MiB kept", name, kept)
		}
		runtime.KeepAlive(s)
		runtime.KeepAlive(body)
	}
}

func manyLabels(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "l%d=\"\",", i)
	}
	return b.String()
}

func FuzzParseMetrics(f *testing.F) {
	for _, seed := range []string{
		oneSample, crash, "", "a NaN\n", "a 1 2 3", "# TYPE a counter\r\na{x=\"y\\n\",} +Inf 1711462853000\r\n", "{\"a\"} 1", "<html>",
		"a{instance_id=\"1\"} 1\na{instance_id=\"2\"} 2\n", "a{a=\"1\",a=\"2\"} 1", "\xff\xfe", strings.Repeat("a{", 100),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		s, err := parse(t, body)
		if err != nil {
			return
		}
		samples, lines := 0, strings.Count(body, "\n")+1
		names := map[string]bool{}
		for _, family := range s.Families {
			if names[family.Name] || family.Name == "" || len(family.Samples) == 0 {
				t.Errorf("family %q: twice, nameless or empty", family.Name)
			}
			names[family.Name] = true
			samples += len(family.Samples)
			for _, x := range family.Samples {
				if !x.Time.IsZero() && (x.Time.Year() < 1970 || x.Time.Year() > 2100) {
					t.Errorf("a sample of %v", x.Time)
				}
			}
		}
		parts := len(s.Instance("").Families)
		for _, id := range s.InstanceIDs() {
			for _, family := range s.Instance(id).Families {
				parts++
				for _, x := range family.Samples {
					if x.Labels[auraclient.InstanceLabel] != id {
						t.Errorf("a sample of %q with %q", x.Labels[auraclient.InstanceLabel], id)
					}
				}
			}
		}
		if samples > lines || parts < len(s.Families) {
			t.Errorf("%d samples of %d lines, %d families in %d parts", samples, lines, len(s.Families), parts)
		}
	})
}
