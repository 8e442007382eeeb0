package httpd

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificateAge is how long a certificate is used before its files are looked at again.
const certificateAge = 10 * time.Second

// TLS reads certificate and key from files, and again when they have changed: certificates are renewed while a server runs.
// New ones that cannot be read leave the old ones in use.
func TLS(certFile, keyFile string, log *slog.Logger) (*tls.Config, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log}
	if err := c.read(); err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return c.current(), nil
		},
	}, nil
}

type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu      sync.Mutex
	pair    *tls.Certificate
	version [2]time.Time // of both files
	looked  time.Time
}

func (c *certificate) current() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) >= certificateAge && c.versionNow() != c.version {
		if err := c.read(); err != nil {
			c.log.Error("the new certificate cannot be used; the old one stays", "error", err)
		} else {
			c.log.Info("certificate read again", "file", c.certFile)
		}
	}
	return c.pair
}

func (c *certificate) read() error {
	version := c.versionNow()
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	c.looked = time.Now()
	if err != nil {
		return fmt.Errorf("tls_cert, tls_key: %w", err)
	}
	c.pair, c.version = &pair, version
	if problem, end := Expiry(&pair); problem != "" {
		c.log.Warn("the certificate should be renewed", "problem", problem, "file", c.certFile, "until", end.Format(time.RFC3339))
	}
	return nil
}

// expiresSoon is how long before its end a certificate should have been renewed: those that live 90 days are renewed after 60.
const expiresSoon = 14 * 24 * time.Hour

// Expiry says when a certificate ends and what is wrong with that; "" where it is good for a while.
func Expiry(c *tls.Certificate) (problem string, end time.Time) {
	end = c.Leaf.NotAfter
	switch left := time.Until(end); {
	case left <= 0:
		return "the certificate has expired, so clients refuse this server", end
	case left < expiresSoon:
		return "the certificate expires soon", end
	}
	return "", end
}

func (c *certificate) versionNow() (out [2]time.Time) {
	c.looked = time.Now()
	for n, file := range []string{c.certFile, c.keyFile} {
		if info, err := os.Stat(file); err == nil {
			out[n] = info.ModTime()
		}
	}
	return out
}
