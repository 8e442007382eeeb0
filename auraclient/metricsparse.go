package auraclient

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	maxMetricLine   = 16 << 10
	maxMetricLabels = 32  // of one line; Aura's have five
	minMetricLine   = 64  // bytes; Aura's are longer, so that fewer samples fit a body than this allows
	maxUnreadable   = 100 // names of metrics that could not be read
)

// parseMetrics reads the Prometheus text format. Each line stands for itself: one
// that cannot be read is counted and costs no other, nor does a second TYPE of the
// same metric, as in an answer put together from those of several instances. An
// answer of which nothing can be read is an error, an empty one is not. limit is
// how large the body could have been.
func parseMetrics(body []byte, limit int64) (*Scrape, error) {
	p := metricsParser{
		families: map[string]*MetricFamily{}, about: map[string]*MetricFamily{},
		labels: map[string]map[string]string{}, room: max(1, int(limit/minMetricLine)),
	}
	for line := range strings.Lines(string(body)) {
		p.number++
		if err := p.line(strings.Trim(line, " \t\r\n")); err != nil {
			return nil, fmt.Errorf("line %d: %w", p.number, err)
		}
	}
	if len(p.families) == 0 && p.bad != nil {
		return nil, fmt.Errorf("the answer is not in the text format of Prometheus: %s", clean(p.bad.Error(), maxExcerpt))
	}
	return p.scrape(), nil
}

type metricsParser struct {
	reader   sampleReader
	families map[string]*MetricFamily
	about    map[string]*MetricFamily     // type and help, also of families without samples
	labels   map[string]map[string]string // sets that were seen, as most samples share one
	room     int                          // for so many more samples
	names    []string                     // of what could not be read
	bad      error                        // what was wrong with the first of it
	number   int                          // of the line
}

// line takes one line in. Only a body that is too much as a whole is an error.
func (p *metricsParser) line(line string) error {
	if line == "" {
		return nil
	}
	if line[0] == '#' {
		p.comment(line)
		return nil
	}
	name, pairs, sample, err := p.sample(line)
	if err != nil {
		p.unreadable(line, err)
		return nil
	}
	if p.room--; p.room < 0 {
		return errors.New("there are more samples than a fleet has")
	}
	sample.Labels = p.shared(pairs)
	f := p.families[name]
	if f == nil {
		f = &MetricFamily{Name: name}
		p.families[name] = f
	}
	f.Samples = append(f.Samples, sample)
	return nil
}

// sample reads a line within limits: the library looks through all labels of a line
// again for each of them.
func (p *metricsParser) sample(line string) (string, []string, Sample, error) {
	if len(line) > maxMetricLine || strings.Count(line, "=") > maxMetricLabels {
		return "", nil, Sample{}, errors.New("a line is too long or has too many labels")
	}
	return p.reader.read(line)
}

// comment takes in a type or a help text; the first one counts.
func (p *metricsParser) comment(line string) {
	words := strings.SplitN(strings.TrimSpace(line[1:]), " ", 3)
	if len(words) < 3 || words[0] != "TYPE" && words[0] != "HELP" || len(line) > maxMetricLine {
		return
	}
	f := p.about[words[1]]
	if f == nil {
		f = &MetricFamily{}
		p.about[strings.Clone(words[1])] = f
	}
	switch rest := strings.TrimSpace(words[2]); {
	case words[0] == "HELP" && f.Help == "":
		f.Help = clean(strings.NewReplacer(`\\`, `\`, `\n`, " ").Replace(rest), maxMessage)
	case words[0] == "TYPE" && f.Type == "":
		f.Type = metricType(rest)
	}
}

func metricType(word string) string {
	word = strings.ToLower(word)
	if slices.Contains([]string{"counter", "gauge", "histogram", "summary"}, word) {
		return word
	}
	return "untyped"
}

func (p *metricsParser) unreadable(line string, err error) {
	if p.bad == nil {
		p.bad = fmt.Errorf("line %d: %w", p.number, err)
	}
	end := strings.IndexFunc(line, func(r rune) bool {
		return r != '_' && r != ':' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
	if end < 0 {
		end = len(line)
	}
	name := strings.Clone(line[:min(end, maxExcerpt)])
	if len(p.names) < maxUnreadable && !slices.Contains(p.names, name) {
		p.names = append(p.names, name)
	}
}

// shared makes one map of all equal label sets. pairs are names and values in turn.
func (p *metricsParser) shared(pairs []string) map[string]string {
	key := strings.Join(pairs, "\x00")
	if known, ok := p.labels[key]; ok {
		return known
	}
	labels := make(map[string]string, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		labels[pairs[i]] = pairs[i+1]
	}
	p.labels[key] = labels
	return labels
}

func (p *metricsParser) scrape() *Scrape {
	s := &Scrape{Unreadable: p.names}
	for name, f := range p.families {
		f.Type = "untyped"
		if about := p.about[name]; about != nil {
			f.Help, f.Type = about.Help, orText(about.Type, f.Type)
		}
		s.Families = append(s.Families, *f)
	}
	s.index()
	return s
}

func orText(s, otherwise string) string {
	if s != "" {
		return s
	}
	return otherwise
}

// sampleTime turns milliseconds into a time, and what no sample can have been taken
// at into none.
func sampleTime(ms int64) time.Time {
	const year2100 = 4102444800_000
	if ms <= 0 || ms >= year2100 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
