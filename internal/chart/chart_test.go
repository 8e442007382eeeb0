package chart_test

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aura-mcp/auraclient"
	"aura-mcp/internal/chart"
	"aura-mcp/internal/health"
)

// verdict judges an instance with these values, read twice, 40 s apart.
func verdict(t *testing.T, values map[string]float64) health.Verdict {
	t.Helper()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	at := func(when time.Time) *auraclient.Scrape {
		s := &auraclient.Scrape{ReadAt: when}
		for _, name := range health.Metrics() {
			if value, ok := values[name]; ok {
				s.Families = append(s.Families, auraclient.MetricFamily{Name: name, Type: "gauge", Samples: []auraclient.Sample{
					{Labels: map[string]string{auraclient.InstanceLabel: "aaaaaaa1", "database": "neo4j"}, Value: value, Time: when},
				}})
			}
		}
		return s
	}
	return health.Assess(health.Input{InstanceID: "aaaaaaa1", Status: auraclient.StatusRunning, Scrape: at(now), Earlier: at(now.Add(-40 * time.Second)), Now: now})
}

func measured(cpu, heap, stored float64) map[string]float64 {
	return map[string]float64{
		"neo4j_aura_cpu_usage": cpu * 4, "neo4j_aura_cpu_limit": 4, "neo4j_dbms_vm_heap_used_ratio": heap,
		"neo4j_aura_storage_limit": 100e9, "neo4j_database_store_size_database": stored * 100e9,
		"neo4j_dbms_page_cache_hit_ratio_per_minute": 0.985, "neo4j_dbms_page_cache_usage_ratio": 1,
		"neo4j_db_query_execution_internal_latency_q50": 500, "neo4j_db_query_execution_internal_latency_q99": 1500,
	}
}

func TestChartsAreSmallOpaquePictures(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		verdict health.Verdict
		want    health.Status
	}{
		{"all is well", verdict(t, measured(0.3, 0.4, 0.5)), health.StatusHealthy},
		{"critical, far beyond the threshold", verdict(t, measured(1.8, 0.99, 0.93)), health.StatusCritical},
		{"nothing was read", verdict(t, nil), health.StatusUnknown},
		{"a plan without metrics", health.NotMonitored("aaaaaaa1", "professional-db", time.Now()), health.StatusNotMonitored},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.verdict.Status != tt.want {
				t.Fatalf("the verdict is %s, want %s: %+v", tt.verdict.Status, tt.want, tt.verdict.Findings)
			}
			raw, err := chart.Health("prod \x1b[31m "+strings.Repeat("long ", 40), tt.verdict)
			if err != nil {
				t.Fatal(err)
			}
			if dir := os.Getenv("CHART_DIR"); dir != "" { // to look at them
				if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s.png", tt.want)), raw, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if len(raw) > 40_000 {
				t.Errorf("%d bytes, want at most 40000", len(raw))
			}
			picture, err := png.Decode(bytes.NewReader(raw))
			if err != nil {
				t.Fatal(err)
			}
			if o, ok := picture.(interface{ Opaque() bool }); !ok || !o.Opaque() {
				t.Error("what is behind it shines through, so that it cannot be read in a dark or in a light client")
			}
			if picture.Bounds().Dx() != 860 || picture.Bounds().Dy() < 100 {
				t.Errorf("its size is %v", picture.Bounds())
			}
			if !colourful(picture) && tt.want == health.StatusCritical {
				t.Error("no red in a critical chart")
			}
		})
	}
}

// colourful reports whether there is something clearly red.
func colourful(picture image.Image) bool {
	b := picture.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			if r, g, _, _ := picture.At(x, y).RGBA(); r > 0xa000 && g < 0x6000 {
				return true
			}
		}
	}
	return false
}
