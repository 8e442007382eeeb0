// Package resources is the fleet as context: pages that a person or a program attaches to a conversation, the completion of
// names and sizes while somebody types them, and the watch that tells subscribers of a change. It shows what package tools
// reads and knows nothing of how pages travel, nor of who may see which.
package resources

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"aura-mcp/auraclient"
	"aura-mcp/internal/op"
	"aura-mcp/tools"
)

// Markdown is for people and models, JSON for programs.
const (
	markdown = "text/markdown"
	jsonType = "application/json"
)

// Page is one row of what there is to read: an address, or a template for many.
type Page struct {
	URI         string // with {instance} or {tenant} where it is a template
	Name        string
	Title       string
	Description string
	MIMEType    string
	Priority    float64       // from 0 to 1, how much a conversation about the fleet needs it
	Fresh       time.Duration // how long a copy may be shown again
	Watch       string        // what subscribers are told of; empty where nobody can subscribe

	local bool // it is written without asking Aura
	read  func(r *Resources, ctx context.Context, given string) (Content, error)
	find  func(r *Resources, ctx context.Context, given string) error // whether there is what the variable names
	// of makes what a subscriber of the page watches; nil where nobody can subscribe.
	of func(id string) topic
}

// Template reports whether the page's address has a variable.
func (p Page) Template() bool { return strings.Contains(p.URI, "{") }

// Pages is everything there is to read, in the order of the docs.
func Pages() []Page {
	const changes = "status, size, name; databases that come or go"
	return []Page{
		{
			URI: "aura://fleet", Name: "fleet", Title: "The fleet", MIMEType: markdown, Priority: 1, Fresh: 30 * time.Second, Watch: changes,
			Description: "Every database on one page: status, size, place, and the newest snapshot and health verdict where they are known, with their age.",
			read:        (*Resources).fleet, of: func(string) topic { return topic{what: theFleet} },
		},
		{
			URI: "aura://instances/{instance}", Name: "instance", Title: "A database", MIMEType: jsonType, Priority: 0.8, Fresh: 15 * time.Second, Watch: "status, size, name",
			Description: "One database in detail, as of the last minute. {instance} is its ID or its name.",
			read:        asJSON((*tools.Fleet).Instance), find: (*Resources).findInstance, of: func(id string) topic { return topic{what: details, id: id} },
		},
		{
			URI: "aura://instances/{instance}/snapshots", Name: "snapshots", Title: "Snapshots of a database", MIMEType: jsonType, Priority: 0.5, Fresh: 30 * time.Second,
			Watch:       "a snapshot that is begun or ends",
			Description: "The newest snapshots of the last seven days.",
			read:        asJSON((*tools.Fleet).Snapshots), find: (*Resources).findInstance, of: func(id string) topic { return topic{what: snapshots, id: id} },
		},
		{
			URI: "aura://instances/{instance}/health", Name: "health", Title: "Health of a database", MIMEType: jsonType, Priority: 0.7, Fresh: 30 * time.Second,
			Watch:       "the verdict",
			Description: "Whether the database is well: the verdict with findings, values and what to do.",
			read:        asJSON((*tools.Fleet).Health), find: (*Resources).findInstance, of: func(id string) topic { return topic{what: verdict, id: id} },
		},
		{
			URI: "aura://tenants/{tenant}", Name: "tenant", Title: "A tenant", MIMEType: jsonType, Priority: 0.4, Fresh: 10 * time.Minute,
			Description: "What can be created in a tenant (called project in the console): types, clouds, regions, sizes. {tenant} is its ID or its name.",
			read:        asJSON((*tools.Fleet).Tenant), find: (*Resources).findTenant,
		},
		{
			URI: "aura://policy", Name: "policy", Title: "What this server may do", MIMEType: markdown, Priority: 0.6,
			Description: "What this server may do here, what it needs a person for, and how that person is asked.",
			local:       true, read: (*Resources).policy,
		},
		{
			URI: "aura://operations", Name: "operations", Title: "What was done here", MIMEType: markdown, Priority: 0.4,
			Description: "Your own last operations on this server: done, asked for, refused.",
			local:       true, read: (*Resources).operations,
		},
		{
			URI: "aura://guide", Name: "guide", Title: "Guide to Aura", MIMEType: markdown, Priority: 0.5, Fresh: time.Hour,
			Description: "Types and statuses of databases, what cannot be undone, and what Aura's API cannot say or do.",
			local:       true, read: (*Resources).guide,
		},
	}
}

// Options are what the pages need from their surroundings.
type Options struct {
	Fleet *tools.Fleet
	// Catalog is every operation, whether it is on offer or not.
	Catalog func() []op.Operation
	// Policy is what the server may do at this moment.
	Policy func(context.Context) Policy
	// Caller is on whose behalf a request comes.
	Caller func(context.Context) op.Caller
	// Demo says that nothing is real.
	Demo bool
}

// Resources reads the pages of one fleet.
type Resources struct {
	o         Options
	started   time.Time
	fleetPage atomic.Pointer[Content] // as last read
	watcher   *watcher
	offers    *memory[[]auraclient.InstanceConfiguration] // by tenant
	backups   *memory[[]auraclient.Snapshot]              // by instance
	names     *memory[names]
}

// New makes the pages of a fleet. Nothing is read and nothing runs before somebody asks.
func New(o Options) *Resources {
	return &Resources{
		o: o, started: time.Now(), watcher: newWatcher(o.Fleet),
		offers: newMemory[[]auraclient.InstanceConfiguration](10 * time.Minute), backups: newMemory[[]auraclient.Snapshot](time.Minute), names: newMemory[names](10 * time.Second),
	}
}

// NotFoundError says that an address leads to no page, or that it could be of several databases, and which there are.
type NotFoundError struct{ Err error }

func (e *NotFoundError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *NotFoundError) Unwrap() error { return e.Err }

// Content is what a page says.
type Content struct {
	Page     Page
	Text     string
	Modified time.Time // of what it says; zero where nobody knows
}

// Read reads a page. Its error is a [NotFoundError] where there is no one page of that address.
func (r *Resources) Read(ctx context.Context, uri string) (Content, error) {
	page, given, err := match(uri)
	if err != nil {
		return Content{}, err
	}
	out, err := page.read(r, ctx, given)
	out.Page = page
	return out, located(err)
}

// Find looks whether an address leads to one page, without reading that, and returns the address as templates write it: what
// stands for a variable escaped.
func (r *Resources) Find(ctx context.Context, uri string) (string, error) {
	page, given, err := match(uri)
	if err != nil || page.find == nil {
		return uri, err
	}
	before, rest, _ := strings.Cut(page.URI, "{")
	_, after, _ := strings.Cut(rest, "}")
	return before + strings.ReplaceAll(url.QueryEscape(given), "+", "%20") + after, located(page.find(r, ctx, given))
}

// located marks the errors that say that there is no one thing of that name.
func located(err error) error {
	if !errors.Is(err, tools.ErrNoMatch) && !auraclient.IsGone(err) {
		return err
	}
	if told, ok := errors.AsType[*op.Error](err); ok {
		plain := *told
		plain.Unchanged = false // nobody thinks that reading a page changes anything
		err = &plain
	}
	return &NotFoundError{Err: err}
}

// match finds the page of an address and what stands for its variable.
func match(uri string) (Page, string, error) {
	for _, p := range Pages() {
		before, rest, variable := strings.Cut(p.URI, "{")
		_, after, _ := strings.Cut(rest, "}")
		middle, fits := strings.CutPrefix(uri, before)
		if fits && variable {
			middle, fits = strings.CutSuffix(middle, after)
		}
		if !fits || (middle == "") == variable || strings.ContainsAny(middle, "/?#") {
			continue
		}
		if plain, err := url.PathUnescape(middle); err == nil {
			middle = plain
		}
		return p, middle, nil
	}
	var all []string
	for _, p := range Pages() {
		all = append(all, p.URI)
	}
	return Page{}, "", &NotFoundError{Err: fmt.Errorf("there is no such page; the pages are %s", strings.Join(all, ", "))}
}

func (r *Resources) findInstance(ctx context.Context, given string) error {
	_, err := r.o.Fleet.Instance(ctx, given) // which may be gone although the list still has it
	return err
}

func (r *Resources) findTenant(ctx context.Context, given string) error {
	_, err := r.o.Fleet.FindTenant(ctx, given)
	return err
}

// asJSON is a page for programs: what the tool of the same purpose answers.
func asJSON[T any](read func(*tools.Fleet, context.Context, string) (T, error)) func(*Resources, context.Context, string) (Content, error) {
	return func(r *Resources, ctx context.Context, given string) (Content, error) {
		out, err := read(r.o.Fleet, ctx, given)
		if err != nil {
			return Content{}, err
		}
		encoded, err := op.Encode(out)
		return Content{Text: string(encoded)}, err
	}
}

// Describe is how a page that is no template is listed.
func Describe(p Page) mcp.Resource {
	return mcp.NewResource(p.URI, p.Name, mcp.WithResourceTitle(p.Title), mcp.WithResourceDescription(p.Description), mcp.WithMIMEType(p.MIMEType),
		mcp.WithAnnotations(audience(p), p.Priority, ""))
}

// Measure adds size and time of change to the description of a page, where they can be told without asking Aura.
func (r *Resources) Measure(ctx context.Context, listed mcp.Resource) mcp.Resource {
	page, _, err := match(listed.URI)
	if err != nil {
		return listed
	}
	var written Content
	if last := r.fleetPage.Load(); last != nil {
		written = *last
	}
	if page.local {
		written, _ = page.read(r, ctx, "") // what cannot be written has no size
	}
	if written.Text != "" {
		mcp.WithResourceSize(int64(len(written.Text)))(&listed)
	}
	if !written.Modified.IsZero() {
		annotations := *listed.Annotations // which all answers share
		annotations.LastModified = written.Modified.UTC().Format(time.RFC3339)
		listed.Annotations = &annotations
	}
	return listed
}

// FreshFor is how long a copy of a page may be shown again.
func FreshFor(uri string) time.Duration {
	page, _, err := match(uri)
	if err != nil {
		return 0
	}
	return page.Fresh
}

// DescribeTemplate is how a page that is a template is listed.
func DescribeTemplate(p Page) mcp.ResourceTemplate {
	return mcp.NewResourceTemplate(p.URI, p.Name, mcp.WithTemplateTitle(p.Title), mcp.WithTemplateDescription(p.Description),
		mcp.WithTemplateMIMEType(p.MIMEType), mcp.WithTemplateAnnotations(audience(p), p.Priority, ""))
}

func audience(p Page) []mcp.Role {
	if p.MIMEType == markdown {
		return []mcp.Role{mcp.RoleUser, mcp.RoleAssistant}
	}
	return []mcp.Role{mcp.RoleAssistant}
}
