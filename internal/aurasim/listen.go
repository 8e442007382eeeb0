package aurasim

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Listener is a simulator on a socket.
type Listener struct {
	url    string
	server *http.Server
	served chan struct{}
}

// Listen serves the simulator over HTTP until [Listener.Close]. An address without a host is on loopback; ":0" picks
// a free port.
func (s *Server) Listen(addr string) (*Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("aurasim: listen: %w", err)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	// The context would end the look-up of a host name, not the listening.
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, fmt.Errorf("aurasim: %w", err)
	}
	l := &Listener{
		url:    "http://" + reached(ln.Addr()),
		server: &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second},
		served: make(chan struct{}),
	}
	go func() {
		defer close(l.served)
		_ = l.server.Serve(ln) // its error is always that it was closed, or that the socket broke: nothing to do about
	}()
	return l, nil
}

// reached is an address that clients on this machine can use: one that stands for all of its addresses is none.
func reached(a net.Addr) string {
	if tcp, ok := a.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(tcp.Port))
	}
	return a.String()
}

// URL is where it listens, without a path: http://127.0.0.1:41234.
func (l *Listener) URL() string { return l.url }

// Close hangs up on everybody and waits until nothing is served any more.
func (l *Listener) Close() error {
	err := l.server.Close()
	<-l.served
	return err
}
