package app

import (
	"fmt"
	"net"

	"github.com/spf13/cobra"

	"aura-mcp/internal/aurasim"
	"aura-mcp/internal/httpd"
)

func simulateCommand(p Process) *cobra.Command {
	var listen, state, faults string
	var speed float64
	c := &cobra.Command{
		Use:   "simulate",
		Short: "Serve the simulated Aura API over HTTP, for any Aura client",
		Long: `simulate serves the simulator that the demo uses as an HTTP service on this machine. Point a client at it with the
variables that it prints. Its state lives in memory and is gone when it ends.`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			fleet, err := fleetState(state)
			if err != nil {
				return usageError{err}
			}
			sim, err := aurasim.New(aurasim.Options{State: fleet, Speed: speed, Faults: aurasim.Preset(faults)})
			if err != nil {
				return usageError{err}
			}
			l, err := sim.Listen(listen)
			if err != nil {
				return usageError{fmt.Errorf("--listen: %w", err)}
			}
			if host, _, err := net.SplitHostPort(listen); err == nil && host != "" && !httpd.Loopback(host) {
				fmt.Fprintf(p.Stderr, "warning: other machines can reach %s, with credentials that everybody knows\n", listen)
			}
			fmt.Fprintf(p.Stdout, "The simulated Aura API listens on %s. Nothing here is real. Stop it with Ctrl-C.\n\nexport AURA_BASE_URL=%s\nexport AURA_AUTH_URL=%s/oauth/token\n",
				l.URL(), l.URL(), l.URL())
			if state == "" || len(fleet.Credentials) == 0 { // else they are the file's, and the person knows them
				fmt.Fprintf(p.Stdout, "export AURA_CLIENT_ID=%s\nexport AURA_CLIENT_SECRET=%s\n", aurasim.DemoClientID, aurasim.DemoClientSecret)
			}
			<-c.Context().Done()
			return l.Close()
		},
	}
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:8474", "`address` to listen on; port 0 picks a free one")
	c.Flags().StringVar(&state, "sim-state", "", "load the simulated fleet from this JSON `file`")
	c.Flags().Float64Var(&speed, "speed", 1, "divide the durations of operations by this")
	c.Flags().StringVar(&faults, "faults", "", "keep failing like this: flaky, slow, throttled or chaos")
	return c
}
