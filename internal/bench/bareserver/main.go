// Command bareserver is the smallest useful server on the library that ours is built on: one tool, standard input and
// output. The benchmarks hold the product's start and memory against it, and nobody else has a use for it.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

func main() {
	s := server.NewMCPServer("bare", "1", server.WithToolCapabilities(false))
	tool := mcp.NewTool("say_hello", mcp.WithDescription("Says hello."), mcp.WithString("name", mcp.Required()))
	s.AddTool(tool, func(_ context.Context, request mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultText("hello " + request.GetString("name", "")), nil
	})
	if err := server.ServeStdio(s); err != nil {
		fmt.Fprintln(os.Stderr, "bareserver:", err)
	}
}
