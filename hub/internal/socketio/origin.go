package socketio

import (
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
)

// Origins says which pages may open a session. A browser sends a page's
// cookies to the hub whatever page it is, so without this check any page could
// act as its visitor.
type Origins struct {
	allowed atomic.Pointer[[]string]
}

// Set replaces the origins that may connect beside the hub's own: as
// https://app.example, or * for any.
func (o *Origins) Set(allowed []string) { o.allowed.Store(&allowed) }

// Allow tells whether the request's page may connect. A request without an
// Origin header is no browser's and may. The hub's own origin is compared by
// host and port: what terminates TLS in front of the hub changes the scheme.
func (o *Origins) Allow(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	if allowed := o.allowed.Load(); allowed != nil {
		for _, a := range *allowed {
			if a == "*" || strings.EqualFold(a, origin) {
				return true
			}
		}
	}
	page, err := url.Parse(origin)
	return err == nil && page.Host != "" && strings.EqualFold(page.Host, r.Host)
}
