package server

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
)

// proxies are the networks whose X-Forwarded-For is believed.
type proxies struct {
	networks atomic.Pointer[[]netip.Prefix]
}

func (p *proxies) set(networks []netip.Prefix) { p.networks.Store(&networks) }

// wrap gives requests the browser's address instead of a trusted proxy's.
func (p *proxies) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if client := p.client(r); client != r.RemoteAddr {
			r = r.Clone(r.Context())
			r.RemoteAddr = client
		}
		next.ServeHTTP(w, r)
	})
}

// client walks X-Forwarded-For from its end, where the nearest proxy wrote, to
// the first address that is no trusted proxy's: what is left of that one the
// browser may have made up.
func (p *proxies) client(r *http.Request) string {
	host, port, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	client := r.RemoteAddr
	for p.trusts(host) && len(hops) > 0 {
		host = strings.TrimSpace(hops[len(hops)-1])
		hops = hops[:len(hops)-1]
		if _, err := netip.ParseAddr(host); err != nil {
			break
		}
		client = net.JoinHostPort(host, port)
	}
	return client
}

func (p *proxies) trusts(host string) bool {
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	addr = addr.Unmap()
	for _, network := range *p.networks.Load() {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}
