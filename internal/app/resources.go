package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"aura-mcp/internal/guard"
	"aura-mcp/internal/op"
	"aura-mcp/internal/text"
	"aura-mcp/internal/vault"
	"aura-mcp/resources"
)

// pages offers the resources over MCP.
type pages struct {
	// of are the pages of whom a request comes from; nil where the server has none.
	of   func(context.Context) (*resources.Resources, error)
	demo bool
	log  *slog.Logger
}

// resources are the pages that a request is about: over HTTP those of the caller's profile, else those of the default profile, or
// nil where there is none: an address names no profile, and a page of one out of several would be taken for all of them.
func (s *setup) resources(policy *policySource, caller func(context.Context) (op.Caller, error)) func(context.Context) (*resources.Resources, error) {
	if s.remote == nil {
		a := s.accounts.byDefault
		if a == nil {
			return nil
		}
		own := s.pagesOf(a, policy, func(context.Context) op.Caller { return op.Caller{Profile: a.caller, Principal: op.Local} })
		return func(context.Context) (*resources.Resources, error) { return own, nil }
	}
	all := map[string]*resources.Resources{}
	for _, a := range s.accounts.all {
		all[a.caller] = s.pagesOf(a, policy, func(ctx context.Context) op.Caller {
			c, _ := caller(ctx) // whoever is not known got no pages
			return c
		})
	}
	return func(ctx context.Context) (*resources.Resources, error) {
		c, err := caller(ctx)
		if err != nil {
			return nil, err
		}
		own, ok := all[c.Profile]
		if !ok {
			return nil, fmt.Errorf("there is no profile %s", text.Quote(c.Profile))
		}
		return own, nil
	}
}

func (s *setup) pagesOf(a *account, policy *policySource, caller func(context.Context) op.Caller) *resources.Resources {
	return resources.New(resources.Options{
		Fleet: a.fleet, Catalog: a.catalog, Policy: s.policyPage(a, policy, caller), Demo: s.demo, Caller: caller,
	})
}

// policyPage is what the page on the policy shows of the settings of a profile.
func (s *setup) policyPage(a *account, source *policySource, caller func(context.Context) op.Caller) func(context.Context) resources.Policy {
	return func(ctx context.Context) resources.Policy {
		p, since, err := source.since(a.caller)
		out := resources.Policy{
			Since: since, Unreadable: err != nil, Demo: s.demo, ReadOnly: p.ReadOnly, Offered: func(o op.Spec) bool { return s.gate.Withholds(caller(ctx), o) == nil },
			Denied: p.Denied, Protected: p.Protected, Locked: p.Locked, MaxMemory: p.MaxMemory, MaxInstances: p.MaxInstances,
			Regions: p.Regions, Types: p.Types, SafetySnapshots: a.config.SafetySnapshots, Passwords: passwordWords(s.sink(a.config)), Ways: ways(p.Approval, s.remote != nil && !s.remote.ownOnly()),
		}
		for _, d := range p.Standing {
			out.Standing = append(out.Standing, resources.Standing{Operations: d.Operations, Names: d.Names, Tenant: d.Tenant, MaxPerDay: d.MaxPerDay})
		}
		return out
	}
}

// ways say how a person is asked.
func ways(a guard.WayByEffect, remote bool) []string {
	of := map[guard.Way][]string{}
	for _, row := range []struct {
		way   guard.Way
		words string
	}{{a.Billable, "costs"}, {a.Disruptive, "interrupts"}, {a.Destructive, "destroys"}} {
		way := cmp.Or(row.way, a.Default, guard.Auto)
		of[way] = append(of[way], row.words)
	}
	out := []string{"What a person approves is one operation on its target as it is at that moment: they press a button of the page or type `yes`, or type the exact name where something is destroyed. An approval serves once."}
	for _, way := range guard.Ways() {
		if of[way] != nil {
			out = append(out, fmt.Sprintf("What %s is put to the person %s.", strings.Join(of[way], " or "), wayWords(way, remote)))
		}
	}
	return append(out, "After two denials the same operation on the same database is refused for 10 minutes without asking.")
}

func wayWords(w guard.Way, remote bool) string {
	if remote && w != guard.Elicitation && w != guard.Terminal && w != guard.Never {
		return "on a page of this server, where they sign in with something that no MCP client has"
	}
	switch w {
	case guard.Elicitation:
		return "by their MCP client (elicitation); a client that cannot ask gets a refusal"
	case guard.Page:
		return "on a page in their browser"
	case guard.Terminal:
		return "at a terminal, with `aura-mcp approve`"
	case guard.Never:
		return "never: it is refused"
	}
	return "by their MCP client where it can ask (elicitation), else on a page in their browser, else at a terminal with `aura-mcp approve`"
}

func passwordWords(sink vault.Sink) string {
	switch sink {
	case vault.Keyring:
		return "into the keyring of the person's account, not into the conversation"
	case vault.Page:
		return "onto the approval page of this server, which shows it once to whoever had the database created, and not into the conversation"
	case vault.Reveal:
		return "into the conversation, where the assistant sees it (the person chose so)"
	}
	return "into a private file of the person's account, not into the conversation"
}

// capabilities are what a server with resources declares.
func (p pages) capabilities() []server.ServerOption {
	if p.of == nil {
		return nil
	}
	return []server.ServerOption{
		server.WithResourceCapabilities(true, false), server.WithCompletions(),
		server.WithResourceCompletionProvider(completer{p}), server.WithPromptCompletionProvider(completer{p}),
		server.WithMethodCacheHints(mcp.MethodResourcesTemplatesList, time.Hour.Milliseconds(), mcp.CacheScopePrivate),
	}
}

// hook prepares the server's requests about resources.
func (p pages) hook(hooks *server.Hooks) {
	if p.of == nil {
		return
	}
	newSubscriptions(p.of, p.log).hook(hooks)
	hooks.AddBeforeReadResource(func(ctx context.Context, _ any, request *mcp.ReadResourceRequest) { p.locate(ctx, &request.Params.URI) })
	hooks.AddAfterReadResource(func(ctx context.Context, _ any, request *mcp.ReadResourceRequest, result *mcp.ReadResourceResult) {
		if !server.IsModernRequest(ctx) {
			return
		}
		result.SetCacheHints(resources.FreshFor(request.Params.URI).Milliseconds(), mcp.CacheScopePrivate)
	})
	hooks.AddAfterListResources(func(ctx context.Context, _ any, _ *mcp.ListResourcesRequest, result *mcp.ListResourcesResult) {
		own, err := p.of(ctx)
		if err != nil {
			return // listed without what they measure
		}
		result.Resources = slices.Clone(result.Resources)
		for n, listed := range result.Resources {
			result.Resources[n] = own.Measure(ctx, listed)
		}
	})
}

// locate puts the address of a request as its template writes it. Where it leads to no page, or could be of several, the
// reason is written into it: the library lets no handler choose the code of an error, and answers an address that it does not
// know with the code that each revision has for that, and with the address.
func (p pages) locate(ctx context.Context, uri *string) {
	own, err := p.of(ctx)
	if err != nil {
		return // reading it says so
	}
	canonical, err := own.Find(ctx, *uri)
	if missing, ok := errors.AsType[*resources.NotFoundError](err); ok {
		*uri += "': " + missing.Error() + "\n'" + *uri
		return
	}
	if err == nil {
		*uri = canonical
	}
}

// offer adds the pages to the server.
func (p pages) offer(s *server.MCPServer) {
	if p.of == nil {
		return
	}
	for _, page := range resources.Pages() {
		if page.Template() {
			s.AddResourceTemplate(resources.DescribeTemplate(page), p.read)
		} else {
			s.AddResource(resources.Describe(page), p.read)
		}
	}
}

func (p pages) read(ctx context.Context, request mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
	own, err := p.of(ctx)
	if err != nil {
		return nil, err
	}
	content, err := own.Read(ctx, request.Params.URI)
	if err != nil {
		return nil, err
	}
	out := mcp.TextResourceContents{URI: request.Params.URI, MIMEType: content.Page.MIMEType, Text: content.Text}
	if p.demo {
		out.Meta = map[string]any{demoMark: true}
	}
	return []mcp.ResourceContents{out}, nil
}

// completer completes the arguments of templates and prompts, by their names.
type completer struct{ pages }

// CompleteResourceArgument completes a variable of a template.
func (c completer) CompleteResourceArgument(ctx context.Context, _ string, argument mcp.CompleteArgument, chosen mcp.CompleteContext) (*mcp.Completion, error) {
	return c.complete(ctx, argument, chosen)
}

// CompletePromptArgument completes an argument of a prompt.
func (c completer) CompletePromptArgument(ctx context.Context, _ string, argument mcp.CompleteArgument, chosen mcp.CompleteContext) (*mcp.Completion, error) {
	return c.complete(ctx, argument, chosen)
}

func (c completer) complete(ctx context.Context, argument mcp.CompleteArgument, chosen mcp.CompleteContext) (*mcp.Completion, error) {
	own, err := c.of(ctx)
	if err != nil {
		return nil, err
	}
	found := own.Complete(ctx, argument.Name, argument.Value, chosen.Arguments)
	return &mcp.Completion{Values: found.Values, Total: found.Total, HasMore: found.Total > len(found.Values)}, nil
}
