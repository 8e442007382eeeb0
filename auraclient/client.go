// Package auraclient is a client for version 1 of the Neo4j Aura management
// API, the API behind the Aura console. It is made for programs that act on
// somebody's databases for them and must be able to say what they did.
//
// A [Client] has one service for each kind of resource:
//
//	client, err := auraclient.New(id, auraclient.Secret(secret))
//	...
//	instances, err := client.Instances.List(ctx, "")
//
// It fetches and renews access tokens, keeps within Aura's request rate,
// repeats what is safe to repeat, and turns every refusal into an [*Error] with
// status, reason and Aura's request ID. Status and type are open enumerations:
// a value that this package has never heard of is passed on.
//
// What it will not do:
//
//   - Send a change twice. A create, a delete or a resize is repeated only when
//     it provably never left, or when Aura refused it with 401, an expired-token
//     403 or 429. When the answer to a change got lost, the error says so; see
//     [OutcomeUnknown].
//   - Take acceptance for success. Aura answers most changes with 202 and
//     carries them out later; see [InstancesService.Wait].
//   - Send credentials anywhere but to the configured host, and a token to Aura's
//     metrics host, or over plain http except on loopback.
//   - Cache what it reads, metrics excepted, log bodies or headers, or print a
//     [Secret].
//
// All methods may be used by several goroutines at once.
package auraclient

import (
	"context"
	"strings"
)

// DefaultBaseURL is where Aura's management API lives.
const DefaultBaseURL = "https://api.neo4j.io"

// Client talks to Aura with one set of API credentials. Make one with [New]; it
// needs no closing.
type Client struct {
	Instances           *InstancesService
	Snapshots           *SnapshotsService
	Tenants             *TenantsService
	CustomerManagedKeys *CustomerManagedKeysService
	GraphAnalytics      *GraphAnalyticsService
	Metrics             *MetricsService

	conn  *connection
	class class
}

// New returns a client for the API credentials that a person made in the Aura
// console. It contacts nobody: whether the credentials work shows at the first
// request. A setting that cannot be right is an [*ArgumentError].
func New(clientID string, clientSecret Secret, opts ...Option) (*Client, error) {
	if err := credential("client id", clientID); err != nil {
		return nil, err
	}
	if err := credential("client secret", clientSecret.Reveal()); err != nil {
		return nil, err
	}
	s := defaultSettings()
	for _, opt := range opts {
		if err := opt(&s); err != nil {
			return nil, err
		}
	}
	return newConnection(clientID, clientSecret, s).client(single), nil
}

// credential refuses what is certain to fail later with an answer that hides
// the reason: nothing at all, or the line break of a careless paste.
func credential(argument, value string) error {
	if value == "" {
		return &ArgumentError{Argument: argument, Problem: "is empty"}
	}
	if strings.TrimSpace(value) != value {
		return &ArgumentError{Argument: argument, Problem: "begins or ends with white space"}
	}
	return nil
}

// Bulk returns a client for reads that come in large numbers. It shares
// connection, token and request budget with c, but its requests leave an eighth
// of the budget (15 of 120 sends) to single calls, so that reading a whole fleet
// does not hold up a person.
func (c *Client) Bulk() *Client { return c.conn.client(bulk) }

// Background returns a client for polling. It shares connection, token and
// request budget with c; its requests use at most a fifth of the budget and
// leave room for single calls as those of [Client.Bulk] do.
func (c *Client) Background() *Client { return c.conn.client(background) }

type partyKey struct{}

// OnBehalfOf returns a context whose requests count as a party's. Where several
// parties use one client at the same time, none gets more than half of the request
// budget, so that one cannot take it from the others. Without a party a request
// counts for nobody.
func OnBehalfOf(ctx context.Context, party string) context.Context {
	return context.WithValue(ctx, partyKey{}, party)
}

func partyOf(ctx context.Context) string {
	party, _ := ctx.Value(partyKey{}).(string)
	return party
}

// Budget reports how many requests could be sent at once, of those that any 60
// seconds allow.
func (c *Client) Budget() (left, limit int) { return c.conn.limiter.budget() }
