package server

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

func TestTheAddressIsTheBrowsersAsFarAsProxiesAreTrusted(t *testing.T) {
	p := &proxies{}
	p.set([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")})
	for name, test := range map[string]struct {
		peer, want string
		forwarded  []string
	}{
		"a stranger's header counts for nothing": {"192.0.2.9:5", "192.0.2.9:5", []string{"1.2.3.4"}},
		"one proxy":                              {"10.1.1.1:5", "192.0.2.1:5", []string{"192.0.2.1"}},
		"what the browser made up":               {"10.1.1.1:5", "192.0.2.1:5", []string{"6.6.6.6, 192.0.2.1"}},
		"two proxies, two headers":               {"10.1.1.1:5", "192.0.2.1:5", []string{"6.6.6.6, 192.0.2.1", "10.9.9.9"}},
		"IPv6":                                   {"[fd00::1]:5", "[2001:db8::1]:5", []string{"2001:db8::1"}},
		"a proxy that says nothing":              {"10.1.1.1:5", "10.1.1.1:5", nil},
		"a header that is no address":            {"10.1.1.1:5", "10.1.1.1:5", []string{"unknown"}},
		"only proxies":                           {"10.1.1.1:5", "10.2.2.2:5", []string{"10.2.2.2"}},
		"a mapped address of a trusted proxy":    {"[::ffff:10.1.1.1]:5", "192.0.2.1:5", []string{"192.0.2.1"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/socket.io/", nil)
			r.RemoteAddr = test.peer
			r.Header["X-Forwarded-For"] = test.forwarded
			var got string
			p.wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.RemoteAddr })).ServeHTTP(nil, r)
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
