package tools

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"aura-mcp/auraclient"
	"aura-mcp/internal/op"
	"aura-mcp/internal/text"
)

// readAtOnce is how many details are read side by side. Aura's list has no status, so each instance costs a request.
const readAtOnce = 8

// statusNotRead marks a row whose details could not be read.
const statusNotRead = "not_read"

// reading is an instance of the list with its details, or the reason why there are none.
type reading struct {
	summary auraclient.InstanceSummary
	seen
	err error
}

// readAll reads the details of all, from memory where that is fresh. One that fails does not spoil the others; one that is
// gone meanwhile is left out.
func (f *Fleet) readAll(ctx context.Context, aura *auraclient.Client, call op.Call, all []auraclient.InstanceSummary) ([]reading, error) {
	read := make([]reading, len(all))
	bulk := aura.Bulk()
	patience, cancel := call.Patience(ctx, 45*time.Second)
	defer cancel()
	var group errgroup.Group
	group.SetLimit(readAtOnce)
	var done progress
	for n, summary := range all {
		read[n].summary = summary
		if s, ok := f.recall(summary.ID); ok {
			read[n].seen = s
			done.step(call, len(all), "databases looked at")
			continue
		}
		group.Go(func() error {
			defer done.step(call, len(all), "databases looked at")
			i, err := bulk.Instances.Get(patience, summary.ID)
			if read[n].err = err; err == nil {
				read[n].seen = f.remember(*i)
			}
			return nil // each reading carries its own error
		})
	}
	_ = group.Wait()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("read the instances: %w", err)
	}
	read = slices.DeleteFunc(read, func(r reading) bool { return auraclient.IsGone(r.err) })
	if failed := slices.IndexFunc(read, func(r reading) bool { return r.err == nil }); failed < 0 && len(read) > 0 {
		return nil, fmt.Errorf("read the instances: %w", read[0].err)
	}
	return read, nil
}

// slicesMatching keeps the instances that fit what the list itself tells: name and provider.
func slicesMatching(all []auraclient.InstanceSummary, in listInstancesIn) []auraclient.InstanceSummary {
	return slices.DeleteFunc(slices.Clone(all), func(i auraclient.InstanceSummary) bool {
		return !like(in.Name, i.Name) || (in.Provider != "" && i.CloudProvider != "" && in.Provider != i.CloudProvider)
	})
}

// like compares a name with a pattern without regard to case; a pattern without * is a part of the name.
func like(pattern, name string) bool {
	sameBlanks := strings.NewReplacer(" ", "-", "_", "-")
	pattern, name = sameBlanks.Replace(strings.ToLower(pattern)), sameBlanks.Replace(strings.ToLower(name))
	if !strings.Contains(pattern, "*") {
		return strings.Contains(name, pattern)
	}
	return text.Match(pattern, name)
}

// matches reports whether the details fit the filters. What could not be read is kept, so that it is not taken for absent.
func (r reading) matches(in listInstancesIn) bool {
	if r.err != nil {
		return true
	}
	i := r.instance
	for _, f := range []struct{ want, have string }{
		{in.Status, string(i.Status)}, {in.Type, string(i.Type)}, {in.Region, i.Region}, {in.Provider, i.CloudProvider},
	} {
		if f.want != "" && !strings.EqualFold(strings.ReplaceAll(f.want, "_", " "), f.have) {
			return false
		}
	}
	return true
}

func (r reading) row(tenants map[string]string) InstanceRow {
	tenant := TenantRef{ID: r.summary.TenantID, Name: tenants[r.summary.TenantID]}
	if r.err != nil {
		return InstanceRow{ID: r.summary.ID, Name: r.summary.Name, Status: statusNotRead, Cloud: r.summary.CloudProvider, Tenant: tenant.shown()}
	}
	return InstanceRow{
		ID: r.summary.ID, Name: r.instance.Name, Status: shown(string(r.instance.Status)), Type: string(r.instance.Type),
		Memory: r.instance.Memory, Cloud: r.instance.CloudProvider + "/" + r.instance.Region, Tenant: tenant.shown(),
	}
}

// unreadNote says how many rows have no details, why, and when to ask again.
func unreadNote(unread int, read []reading) string {
	if unread == 0 {
		return ""
	}
	again := "call again in a minute"
	for _, r := range read {
		if budget, ok := errors.AsType[*auraclient.BudgetError](r.err); ok {
			again = "the request budget is used up; call again in " + seconds(budget.Wait)
			break
		}
	}
	return fmt.Sprintf("%d could not be read (status %s) and are in no other count than that: %s", unread, statusNotRead, again)
}
