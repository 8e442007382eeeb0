package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"aura-mcp/resources"
)

// subscriptions joins what clients subscribe to with the watch over the fleet. The library keeps no subscriptions: it
// acknowledges them, and its broadcast reaches those who never subscribed and none of those who did in the newest revision.
type subscriptions struct {
	pages func(context.Context) (*resources.Resources, error)
	log   *slog.Logger

	mu    sync.Mutex
	stops map[subscriber]map[string]func() // by address
}

// subscriber is a session of the older revisions, or one listening request of the newest.
type subscriber struct {
	session any    // the ID of a session, or the session itself, which then has no ID of its own
	request string // of the newest revision: the request's ID
}

const (
	// watchPatience is how long a subscription may take to find its database.
	watchPatience = 10 * time.Second
	// afterAcknowledged is certainly after the acknowledgement, which has to be the first that a listening client hears. The
	// library sends it right after the hook that we are called by.
	afterAcknowledged = 50 * time.Millisecond
	// maxSubscriptions is how many addresses a subscriber has at most. One name has many spellings, and each is an address whose
	// updates a client may want.
	maxSubscriptions = 256
)

var errTooManySubscriptions = fmt.Errorf("you are subscribed to %d addresses already; end the subscription to one of them first", maxSubscriptions)

func newSubscriptions(pages func(context.Context) (*resources.Resources, error), log *slog.Logger) *subscriptions {
	return &subscriptions{pages: pages, log: log, stops: map[subscriber]map[string]func(){}}
}

// hook has the server tell of clients that subscribe, and that end it or leave.
func (s *subscriptions) hook(hooks *server.Hooks) {
	hooks.AddBeforeSubscriptionsListen(s.listen)
	hooks.AddAfterSubscriptionsListen(func(ctx context.Context, id any, _ *mcp.SubscriptionsListenRequest, _ *mcp.SubscriptionsListenResult) {
		s.end(listening(ctx, id), "")
	})
	hooks.AddOnError(func(ctx context.Context, id any, method mcp.MCPMethod, _ any, _ error) {
		if method == mcp.MethodSubscriptionsListen {
			s.end(listening(ctx, id), "")
		}
	})
	hooks.AddOnRequestInitialization(s.refuse)
	hooks.AddAfterSubscribe(s.subscribe)
	hooks.AddAfterUnsubscribe(func(ctx context.Context, _ any, request *mcp.UnsubscribeRequest, _ *mcp.EmptyResult) {
		if session := server.ClientSessionFromContext(ctx); session != nil {
			s.end(subscriber{session: session.SessionID()}, request.Params.URI)
		}
	})
	hooks.AddOnUnregisterSession(func(_ context.Context, session server.ClientSession) {
		s.end(subscriber{session: session.SessionID()}, "")
	})
}

func listening(ctx context.Context, id any) subscriber {
	return subscriber{session: server.ClientSessionFromContext(ctx), request: fmt.Sprintf("%T %v", id, id)}
}

// listen begins the subscriptions of a listening request. What cannot be watched is taken out of it, so that the
// acknowledgement says what the client will hear of.
func (s *subscriptions) listen(ctx context.Context, id any, request *mcp.SubscriptionsListenRequest) {
	session := server.ClientSessionFromContext(ctx)
	if session == nil || id == nil {
		return
	}
	who, begun := listening(ctx, id), time.Now()
	wanted := request.Params.Notifications.ResourceSubscriptions
	slices.Sort(wanted)
	request.Params.Notifications.ResourceSubscriptions = slices.DeleteFunc(slices.Compact(wanted), func(uri string) bool {
		if s.full(who, uri) {
			s.log.Warn("a subscription is refused", "uri", uri, "error", errTooManySubscriptions)
			return true
		}
		update := updated(uri)
		update.Params.Meta = map[string]any{mcp.MetaKeySubscriptionID: id}
		err := s.begin(ctx, who, uri, func() bool {
			if time.Since(begun) < afterAcknowledged {
				return false
			}
			select {
			case session.NotificationChannel() <- update:
				return true
			default:
				return false
			}
		})
		if err != nil {
			s.log.Warn("a subscription is refused", "uri", uri, "error", err)
		}
		return err != nil
	})
}

func updated(uri string) mcp.JSONRPCNotification {
	return mcp.JSONRPCNotification{JSONRPC: mcp.JSONRPC_VERSION, Notification: mcp.Notification{
		Method: mcp.MethodNotificationResourceUpdated,
		Params: mcp.NotificationParams{AdditionalFields: map[string]any{"uri": uri}},
	}}
}

// refuse answers a subscription of the older revisions to what cannot be watched: the library would acknowledge it.
func (s *subscriptions) refuse(ctx context.Context, _ any, message any) error {
	raw, _ := message.(json.RawMessage)
	if !bytes.Contains(raw, []byte(`"`+string(mcp.MethodResourcesSubscribe)+`"`)) {
		return nil
	}
	var request struct {
		Method mcp.MCPMethod `json:"method"`
		Params struct {
			URI string `json:"uri"`
		} `json:"params"`
	}
	if err := json.Unmarshal(raw, &request); err != nil || request.Method != mcp.MethodResourcesSubscribe || request.Params.URI == "" {
		return nil // the library says what is wrong with it
	}
	if foreign(request.Params.URI) {
		return nil // nothing changes there, so whoever subscribes hears of all there is
	}
	if session := server.ClientSessionFromContext(ctx); session != nil && s.full(subscriber{session: session.SessionID()}, request.Params.URI) {
		return errTooManySubscriptions
	}
	ctx, cancel := context.WithTimeout(ctx, watchPatience)
	defer cancel()
	pages, err := s.pages(ctx)
	if err != nil {
		return err
	}
	return pages.Watchable(ctx, request.Params.URI)
}

// foreign reports whether an address cannot be one of ours. The official conformance suite subscribes to one of its own.
func foreign(uri string) bool { return !strings.HasPrefix(uri, "aura://") }

// subscribe begins a subscription of the older revisions.
func (s *subscriptions) subscribe(ctx context.Context, _ any, request *mcp.SubscribeRequest, _ *mcp.EmptyResult) {
	session, from := server.ClientSessionFromContext(ctx), server.ServerFromContext(ctx)
	if session == nil || from == nil || foreign(request.Params.URI) {
		return
	}
	uri, who := request.Params.URI, subscriber{session: session.SessionID()}
	err := s.begin(ctx, who, uri, func() bool {
		err := from.SendNotificationToSpecificClient(session.SessionID(), mcp.MethodNotificationResourceUpdated, map[string]any{"uri": uri})
		if errors.Is(err, server.ErrSessionNotFound) { // it left while it subscribed
			go s.end(who, "")
		}
		return !errors.Is(err, server.ErrNotificationChannelBlocked)
	})
	if err != nil {
		s.log.Warn("a subscription could not begin", "uri", uri, "error", err)
	}
}

// begin watches one address for a subscriber, once.
func (s *subscriptions) begin(ctx context.Context, who subscriber, uri string, changed func() bool) error {
	if s.has(who, uri) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, watchPatience)
	defer cancel()
	pages, err := s.pages(ctx)
	if err != nil {
		return err
	}
	stop, err := pages.Watch(ctx, uri, changed)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stops[who] == nil {
		s.stops[who] = map[string]func(){}
	}
	if s.stops[who][uri] != nil { // an equal request was faster
		stop()
		return nil
	}
	s.stops[who][uri] = stop
	return nil
}

func (s *subscriptions) has(who subscriber, uri string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stops[who][uri] != nil
}

// full reports whether a subscriber has too many to begin this one.
func (s *subscriptions) full(who subscriber, uri string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stops[who][uri] == nil && len(s.stops[who]) >= maxSubscriptions
}

// end ends one subscription of a subscriber, or with "" all of them.
func (s *subscriptions) end(who subscriber, uri string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for address, stop := range s.stops[who] {
		if uri == "" || uri == address {
			stop()
			delete(s.stops[who], address)
		}
	}
	if len(s.stops[who]) == 0 {
		delete(s.stops, who)
	}
}
