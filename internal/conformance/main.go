// Command conformance serves the tools, resources and prompts that the official conformance suite expects of a server made for
// it, behind the product's own HTTP code. With them the suite can try what the product alone would leave untried: content of
// every kind, questions to the client, progress, notices. It is for make conformance and nothing else.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/mark3labs/mcp-go/server"

	"aura-mcp/internal/httpd"
	"aura-mcp/internal/op"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	s, err := httpd.New(httpd.Options{
		Transport: httpd.Streamable, MCP: fixtures(), Access: httpd.Nobody{}, Log: log, Metrics: httpd.NewMetrics(nil),
		Effects: func(string) (op.Effects, bool) { return op.Read, false },
		Ready:   func(context.Context) error { return nil },
	})
	if err != nil {
		return err
	}
	log.Info("serving MCP", "address", "http://"+l.Addr().String()+httpd.MCPPath)
	return s.Serve(ctx, l)
}

// fixtures is a server as the suite wants it.
func fixtures() *server.MCPServer {
	s := server.NewMCPServer("aura-mcp conformance", "1",
		server.WithToolCapabilities(true), server.WithResourceCapabilities(true, true), server.WithPromptCapabilities(true),
		server.WithCompletions(), server.WithLogging(),
	)
	s.EnableSampling()
	f := &fixture{s}
	f.contents()
	f.questions()
	f.notices()
	f.rounds()
	f.resources()
	f.prompts()
	return s
}

type fixture struct{ server *server.MCPServer }
