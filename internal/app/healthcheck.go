package app

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"time"

	"github.com/spf13/cobra"

	"aura-mcp/internal/config"
	"aura-mcp/internal/httpd"
)

func healthcheckCommand(p Process) *cobra.Command {
	f := &fleetFlags{set: map[string]string{}}
	c := &cobra.Command{
		Use:   "healthcheck",
		Short: "Ask a server over HTTP on this machine whether it is alive",
		Long: `healthcheck asks /healthz at the address that the settings say the server listens on. It is for containers, whose image
has no other program that could ask. Exit code 0: alive, or it serves on stdio, where there is nothing to ask: the client sees
for itself.`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			settings, err := config.Load(config.Sources{Flags: f.set, Environ: p.Environ, Dir: p.ConfigDir, ReadFile: os.ReadFile})
			if err != nil {
				return usageError{err}
			}
			if settings.Serving.Transport == config.Stdio && f.set["listen"] == "" {
				return nil
			}
			return alive(c.Context(), settings.Serving)
		},
	}
	for _, s := range []struct{ key, flag, help string }{
		{"config", "config", "use this config `file` instead of the user's own"},
		{"listen", "listen", "the `address` that the server listens on"},
		{"tls_cert", "tls-cert", "the server's certificate `file`: it is asked over TLS"},
	} {
		c.Flags().VarP(&settingFlag{set: f.set, key: s.key}, s.flag, "", s.help)
	}
	return c
}

func alive(ctx context.Context, s config.Serving) error {
	host, port, err := net.SplitHostPort(s.Listen)
	if err != nil {
		return usageError{err}
	}
	if addr, err := netip.ParseAddr(host); host == "" || err == nil && addr.IsUnspecified() {
		host = "127.0.0.1"
	}
	scheme := "http"
	if s.TLSCert != "" {
		scheme = "https"
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+net.JoinHostPort(host, port)+httpd.HealthPath, http.NoBody)
	if err != nil {
		return usageError{err}
	}
	// The certificate is for the name that clients use. Nothing is told to whoever answers here, and nothing is believed but
	// that they do.
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec,forbidigo // see above; this package speaks HTTP
	defer client.CloseIdleConnections()
	resp, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("not alive: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("not alive: %s", resp.Status)
	}
	return nil
}
