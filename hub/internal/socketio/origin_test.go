package socketio_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/realtime-hub/hub/hub/internal/socketio"
)

func TestOnlyAllowedPagesMayConnect(t *testing.T) {
	var own, listed, anyone socketio.Origins
	listed.Set([]string{"https://app.example"})
	anyone.Set([]string{"*"})
	for _, test := range []struct {
		name    string
		origins *socketio.Origins
		origin  string
		want    bool
	}{
		{"no browser", &own, "", true},
		{"the hub's own", &own, "http://hub.example:8080", true},
		{"the hub's own behind TLS", &own, "https://HUB.example:8080", true},
		{"another port", &own, "http://hub.example", false},
		{"another host", &own, "https://evil.example", false},
		{"another host that looks alike", &own, "http://hub.example:8080.evil.example", false},
		{"a sandboxed page", &own, "null", false},
		{"garbage", &own, "://", false},
		{"listed", &listed, "https://app.example", true},
		{"listed, another scheme", &listed, "http://app.example", false},
		{"listed, a longer one", &listed, "https://app.example.evil.example", false},
		{"the own one beside the list", &listed, "http://hub.example:8080", true},
		{"anyone", &anyone, "https://evil.example", true},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://hub.example:8080/socket.io/", nil)
		if test.origin != "" {
			r.Header.Set("Origin", test.origin)
		}
		if got := test.origins.Allow(r); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}
