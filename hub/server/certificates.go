package server

import (
	"crypto/tls"
	"sync/atomic"
)

// certificates lets a listener's TLS configuration be replaced while it
// listens: each handshake asks for the newest.
type certificates struct {
	current atomic.Pointer[tls.Config]
}

func newCertificates(cfg *tls.Config) *certificates {
	c := &certificates{}
	c.current.Store(cfg)
	return c
}

// replace takes a new configuration. Whether there is TLS at all stays as it was.
func (c *certificates) replace(cfg *tls.Config) {
	if c.current.Load() != nil && cfg != nil {
		c.current.Store(cfg)
	}
}

// config is what a listener is made with; nil without TLS. It copies what
// must be known before the first handshake.
func (c *certificates) config() *tls.Config {
	first := c.current.Load()
	if first == nil {
		return nil
	}
	cfg := first.Clone()
	cfg.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return c.current.Load(), nil
	}
	return cfg
}
