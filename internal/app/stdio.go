package app

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

const (
	// maxMessage bounds one message from the client. Arguments of our tools are a few kilobytes at most.
	maxMessage = 1 << 20
	// stdioWorkers is how many tool calls run side by side: calls that wait for a person or for Aura hold one each.
	stdioWorkers = 64
	// drainTime is how long calls may go on after the input has ended, so that a pipe that sends and closes gets its answers.
	drainTime = 2 * time.Second
)

// serveStdio speaks MCP on in and out until in ends or ctx is cancelled. Running changes are finished first.
func serveStdio(ctx context.Context, s *mcpServer, in io.Reader, out io.Writer, log *slog.Logger) error {
	conversation := &conversation{open: map[string]int{}, following: map[any]bool{}, out: out, quiet: make(chan struct{}, 1)}
	lines := &messages{in: bufio.NewReaderSize(in, 64<<10), conversation: conversation, stop: ctx.Done(), log: log, misused: func(line []byte) map[string]any { return s.misused(ctx, line) }}
	// A client that crashes reads no more. Writing to it would kill the process, in the middle of a change perhaps.
	signal.Ignore(syscall.SIGPIPE)
	stdio := server.NewStdioServer(s.MCPServer)
	server.WithWorkerPoolSize(stdioWorkers)(stdio)
	stdio.SetContextFunc(func(ctx context.Context) context.Context {
		return context.WithValue(ctx, directly{}, conversation.progress)
	})
	stdio.SetErrorLogger(slog.NewLogLogger(log.Handler(), slog.LevelDebug))
	if err := stdio.Listen(ctx, lines, conversation); err != nil && ctx.Err() == nil {
		return fmt.Errorf("serve on stdio: %w", err)
	}
	return nil
}

// messages hands complete, bounded lines to the library, which itself would take lines of any length.
type messages struct {
	in           *bufio.Reader
	conversation *conversation
	stop         <-chan struct{} // closed when the server has to end
	log          *slog.Logger
	misused      func(line []byte) map[string]any // the answer to a request that the library would answer wrongly, or nil
	rest         []byte
}

// Read gives the next message, whole or in parts. Where the input has ended it first waits for the answers still due.
func (m *messages) Read(p []byte) (int, error) {
	for len(m.rest) == 0 {
		line, err := m.next()
		if err != nil {
			m.conversation.drain(m.stop)
			return 0, err
		}
		m.rest = line
	}
	n := copy(p, m.rest)
	m.rest = m.rest[n:]
	return n, nil
}

// next returns the next line that the library should see, with its newline; nil for one that was dealt with here.
func (m *messages) next() ([]byte, error) {
	line, tooLong, err := readLine(m.in)
	if err != nil && (len(line) == 0 || !errors.Is(err, io.EOF)) {
		return nil, err
	}
	if tooLong {
		m.log.Warn("message refused: too large", "limit", maxMessage)
		return nil, m.conversation.refuse(fmt.Sprintf("the message is larger than %d bytes", maxMessage))
	}
	if len(bytes.TrimSpace(line)) == 0 {
		return nil, nil
	}
	if answer := m.misused(line); answer != nil {
		return nil, m.conversation.send(answer)
	}
	return append(m.conversation.received(bytes.TrimRight(line, "\r\n")), '\n'), nil
}

// readLine reads up to a newline and keeps at most maxMessage bytes of it. The last line may end without one.
func readLine(in *bufio.Reader) (line []byte, tooLong bool, err error) {
	for {
		part, err := in.ReadSlice('\n')
		if len(line)+len(part) <= maxMessage {
			line = append(line, part...)
		} else {
			tooLong = true
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, tooLong, err
		}
	}
}

// conversation is the output, locked so that messages never mix, and the count of requests not yet answered.
type conversation struct {
	mu        sync.Mutex
	out       io.Writer
	open      map[string]int
	following map[any]bool  // by ID: the open subscriptions/listen requests, for whose answer nobody waits
	quiet     chan struct{} // told when nothing is open any more
}

// envelope is what tells requests, answers and notices apart.
type envelope struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Error  json.RawMessage `json:"error"`
	Result json.RawMessage `json:"result"`
}

func (e envelope) hasID() bool { return len(e.ID) > 0 && string(e.ID) != "null" }

// cancels is the ID of the request that a notice cancels.
func (e envelope) cancels() any {
	var params struct {
		ID json.RawMessage `json:"requestId"`
	}
	_ = json.Unmarshal(e.Params, &params) // then it cancels nothing
	return requestKey(params.ID)
}

// follows is the ID of the listening request that a notice is for, or nil.
func (e envelope) follows() any {
	var params struct {
		Meta map[string]json.RawMessage `json:"_meta"`
	}
	if e.Method == "" || e.hasID() || json.Unmarshal(e.Params, &params) != nil {
		return nil
	}
	return requestKey(params.Meta[mcp.MetaKeySubscriptionID])
}

// requestKey is the ID of a request, however it was written; nil where there is none.
func requestKey(id json.RawMessage) any {
	var out any
	_ = json.Unmarshal(id, &out) // what is no JSON is no ID
	switch out.(type) {
	case string, float64:
		return out
	}
	return nil
}

// received notes a request. An error with which the client answers a question of ours, or a result that is null, gets an
// empty result beside it: when the question has timed out meanwhile, the library would take it for a request and answer it
// under an ID that may be one of the client's own; with a result it is recognised as an answer, and as an error where it is
// still waited for.
func (c *conversation) received(line []byte) []byte {
	var e envelope
	if json.Unmarshal(line, &e) != nil {
		return line
	}
	if e.Method != "" {
		c.mu.Lock()
		defer c.mu.Unlock()
	}
	switch {
	case e.Method == string(mcp.MethodNotificationCancelled):
		delete(c.following, e.cancels())
		return line
	case !e.hasID():
		return line
	case e.Method == string(mcp.MethodSubscriptionsListen):
		c.following[requestKey(e.ID)] = true
		return line
	case e.Method != "":
		c.open[string(e.ID)]++
		return line
	}
	if hasResult := e.Result != nil && string(e.Result) != "null"; hasResult || (e.Error == nil && e.Result == nil) {
		return line
	}
	end := bytes.LastIndexByte(line, '}')
	return append(line[:end:end], `,"result":{}}`...)
}

// Write sends a whole message. Updates for a listening request that has ended are left out: the library hands notices and
// answers on by different ways, and one may overtake the other, but the protocol wants nothing after the answer.
func (c *conversation) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var e envelope
	known := json.Unmarshal(p, &e) == nil
	if to := e.follows(); known && to != nil && !c.following[to] {
		return len(p), nil
	}
	if known && e.Method == "" && e.hasID() {
		delete(c.following, requestKey(e.ID))
		if c.open[string(e.ID)]--; c.open[string(e.ID)] <= 0 {
			delete(c.open, string(e.ID))
		}
		if len(c.open) == 0 {
			select {
			case c.quiet <- struct{}{}:
			default:
			}
		}
	}
	return c.out.Write(p)
}

// progress writes a notice of a call that has no answer yet, so that it comes before that. The library's own way for notices
// would let the answer overtake it.
func (c *conversation) progress(n notice) {
	_ = c.send(map[string]any{"jsonrpc": mcp.JSONRPC_VERSION, "method": mcp.MethodNotificationProgress, "params": n}) // a client that has gone misses it
}

// refuse answers a message whose ID is not known.
func (c *conversation) refuse(why string) error {
	return c.send(map[string]any{"jsonrpc": mcp.JSONRPC_VERSION, "id": nil, "error": map[string]any{"code": mcp.INVALID_REQUEST, "message": why}})
}

// send writes a message of our own.
func (c *conversation) send(message map[string]any) error {
	line, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("write a message: %w", err)
	}
	if _, err := c.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write a message: %w", err)
	}
	return nil
}

// drain waits until every request has its answer, for a while.
func (c *conversation) drain(stop <-chan struct{}) {
	timer := time.NewTimer(drainTime)
	defer timer.Stop()
	for {
		c.mu.Lock()
		left := len(c.open)
		c.mu.Unlock()
		if left == 0 {
			return
		}
		select {
		case <-c.quiet:
		case <-timer.C:
			return
		case <-stop:
			return
		}
	}
}
