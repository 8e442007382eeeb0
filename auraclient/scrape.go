package auraclient

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// InstanceLabel is the label that says which instance a sample is of.
const InstanceLabel = "instance_id"

// Scrape is what a metrics address answered. It is shared: nobody may change it or
// anything in it. One without families means that there was nothing to report: the
// instance is not running, or too new, or was not chosen for the tenant's metrics.
type Scrape struct {
	ReadAt   time.Time
	Families []MetricFamily // by name
	// Unreadable has the names of metrics of which at least one line could not be
	// read, and "" for lines without a name. They may have been the ones that mattered.
	Unreadable []string

	byInstance map[string][]MetricFamily
}

// MetricFamily is all samples of one metric. The parts of a histogram or summary
// are families of their own, such as x_bucket and x_sum.
type MetricFamily struct {
	Name    string
	Help    string
	Type    string // counter, gauge, histogram, summary or untyped, as the answer said
	Samples []Sample
}

// Sample is one reading.
type Sample struct {
	Labels map[string]string // shared with other samples
	Value  float64           // NaN and infinities are kept
	Time   time.Time         // when it was taken, zero when the answer did not say
}

// Instance returns what s says about one instance. It costs next to nothing for a
// Scrape that was read, so that a tenant's can be asked for each of its instances.
func (s *Scrape) Instance(id string) *Scrape {
	if s == nil {
		return nil
	}
	only := &Scrape{ReadAt: s.ReadAt, Unreadable: s.Unreadable}
	if s.byInstance != nil {
		only.Families = s.byInstance[id]
		return only
	}
	for _, f := range s.Families {
		f.Samples = slices.DeleteFunc(slices.Clone(f.Samples), func(x Sample) bool { return x.Labels[InstanceLabel] != id })
		if len(f.Samples) > 0 {
			only.Families = append(only.Families, f)
		}
	}
	return only
}

// InstanceIDs returns the instances that s says something about, sorted.
func (s *Scrape) InstanceIDs() []string {
	if s == nil {
		return nil
	}
	ids := map[string]bool{}
	for id := range s.byInstance {
		ids[id] = true
	}
	if s.byInstance == nil {
		for _, f := range s.Families {
			for _, x := range f.Samples {
				ids[x.Labels[InstanceLabel]] = true
			}
		}
	}
	delete(ids, "")
	return slices.Sorted(maps.Keys(ids))
}

// Family returns the family of that name, and whether there is one.
func (s *Scrape) Family(name string) (MetricFamily, bool) {
	if s == nil {
		return MetricFamily{}, false
	}
	if i := slices.IndexFunc(s.Families, func(f MetricFamily) bool { return f.Name == name }); i >= 0 {
		return s.Families[i], true
	}
	return MetricFamily{}, false
}

// index sorts families by name and their samples by instance, and remembers where
// each instance's are.
func (s *Scrape) index() {
	slices.SortFunc(s.Families, func(a, b MetricFamily) int { return strings.Compare(a.Name, b.Name) })
	s.byInstance = map[string][]MetricFamily{}
	for _, f := range s.Families {
		slices.SortStableFunc(f.Samples, func(a, b Sample) int {
			return strings.Compare(a.Labels[InstanceLabel], b.Labels[InstanceLabel])
		})
		for begin := 0; begin < len(f.Samples); {
			id, end := f.Samples[begin].Labels[InstanceLabel], begin
			for ; end < len(f.Samples) && f.Samples[end].Labels[InstanceLabel] == id; end++ {
			}
			part := f
			part.Samples = f.Samples[begin:end:end]
			s.byInstance[id] = append(s.byInstance[id], part)
			begin = end
		}
	}
}
