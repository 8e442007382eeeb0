package aurasim

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	typeFree             = "free-db"
	typeProfessional     = "professional-db"
	typeBusinessCritical = "business-critical"
	typeEnterprise       = "enterprise-db" // sold as Virtual Dedicated Cloud
	typeProfessionalDS   = "professional-ds"
	typeEnterpriseDS     = "enterprise-ds"
)

const vectorMemory = 4 // GB that a vector optimized instance needs at least

// plan is what instances of one type can do.
type plan struct {
	name        string
	storage     bool   // has a storage setting
	pausable    bool   // pause and resume by the API
	resizable   bool   // memory and storage by PATCH
	overwrite   bool   // may be the target of an overwrite
	upgradesTo  string // "" if it cannot be upgraded
	vector      bool
	plugin      bool // graph_analytics_plugin
	cdc         bool
	secondaries bool
	customerKey bool
	metrics     bool
	cluster     bool // three primaries
	graphCounts bool // graph_nodes and graph_relationships are shown
	onlyLatest  bool // a new snapshot replaces the one before
	schedule    schedule
	pace        float64 // operations take the usual duration times this
}

// schedule is how Aura takes snapshots of a type by itself.
type schedule struct {
	every time.Duration // 0: never
	keep  time.Duration
}

func plans() []plan {
	const day = 24 * time.Hour
	return []plan{
		{
			name: typeFree, pace: 0.5,
			graphCounts: true, onlyLatest: true,
		},
		{
			name: typeProfessional, pace: 1,
			storage: true, pausable: true, resizable: true, overwrite: true, upgradesTo: typeBusinessCritical,
			vector: true, plugin: true,
			schedule: schedule{every: day, keep: 7 * day},
		},
		{
			name: typeBusinessCritical, pace: 1,
			storage: true, pausable: true, resizable: true, overwrite: true,
			vector: true, cdc: true, metrics: true, cluster: true,
			schedule: schedule{every: time.Hour, keep: 30 * day},
		},
		{
			name: typeEnterprise, pace: 1.5,
			storage: true, pausable: true, resizable: true, overwrite: true,
			vector: true, cdc: true, secondaries: true, customerKey: true, metrics: true, cluster: true,
			schedule: schedule{every: time.Hour, keep: 60 * day},
		},
		{
			name: typeProfessionalDS, pace: 1,
			storage: true, pausable: true, resizable: true, overwrite: true,
			schedule: schedule{every: day, keep: 7 * day},
		},
		{
			name: typeEnterpriseDS, pace: 1.5,
			storage: true, pausable: true, resizable: true, overwrite: true,
			customerKey: true, metrics: true,
			schedule: schedule{every: day, keep: 7 * day},
		},
	}
}

// planOf knows every type that a validated state or request can hold; anything else can do nothing.
func planOf(name string) plan {
	for _, p := range plans() {
		if p.name == name {
			return p
		}
	}
	return plan{name: name, pace: 1}
}

func typeNames() []string {
	var out []string
	for _, p := range plans() {
		out = append(out, p.name)
	}
	return out
}

func providers() []string { return []string{"gcp", "aws", "azure"} }

func versions() []string { return []string{"4", "5"} }

func cdcModes() []string { return []string{"OFF", "DIFF", "FULL"} }

func algorithmCategories() []string {
	return []string{
		"centrality", "community-detection", "machine-learning", "node-embedding",
		"path-finding", "pathfinding", // both spellings occur in Aura's own examples
		"similarity",
	}
}

func memorySizes() []string {
	return sizes(1, 2, 4, 8, 16, 24, 32, 48, 64, 128, 192, 256, 384, 512)
}

func storageSizes() []string {
	return sizes(2, 4, 8, 16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048)
}

func sizes(gb ...int) []string {
	out := make([]string, len(gb))
	for i, n := range gb {
		out[i] = size(n)
	}
	return out
}

func size(gb int) string { return strconv.Itoa(gb) + "GB" }

// gigabytes is 0 for what is not a size.
func gigabytes(size string) int {
	n, err := strconv.Atoi(strings.TrimSuffix(size, "GB"))
	if err != nil || !strings.HasSuffix(size, "GB") {
		return 0
	}
	return n
}

// doubled is the storage that comes with a memory size when none is asked for.
func doubled(memory string) string {
	twice := size(2 * gigabytes(memory))
	if slices.Contains(storageSizes(), twice) {
		return twice
	}
	return memory
}
