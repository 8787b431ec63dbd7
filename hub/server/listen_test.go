package server_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/test/bufconn"

	"github.com/realtime-hub/hub/hub/server"
)

// elsewhere is a listener that says it is at another address.
type elsewhere struct {
	net.Listener

	address net.Addr
}

func (l elsewhere) Addr() net.Addr { return l.address }

func TestListenersThatAreGivenAreServedAndClosed(t *testing.T) {
	web, rpc := bufconn.Listen(4096), bufconn.Listen(4096)
	cfg := config()
	cfg.HTTP.Listener = web
	cfg.GRPC.Listener = elsewhere{rpc, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7}}
	hub, stop := start(t, cfg)
	if at := hub.Addresses(); at.HTTP != "bufconn" || at.GRPC != "127.0.0.1:7" || !strings.HasPrefix(at.Ops, "127.0.0.1:") {
		t.Errorf("it is at %+v", at)
	}
	for name, l := range map[string]*bufconn.Listener{"browsers": web, "backends": rpc} {
		client := http.Client{Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return l.DialContext(ctx) },
		}}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://hub/healthz", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_ = res.Body.Close()
	}
	if err := stop(); err != nil {
		t.Errorf("it stopped with %v", err)
	}
	for name, l := range map[string]*bufconn.Listener{"browsers": web, "backends": rpc} {
		if !closed(t, l) {
			t.Errorf("the listener for %s is open", name)
		}
	}
}

func TestAListenerThatIsGivenIsClosedWhereRunCannotServe(t *testing.T) {
	taken := bound(t, "tcp", "127.0.0.1:0")
	web := bufconn.Listen(4096)
	cfg := config()
	cfg.HTTP.Listener, cfg.Ops.Address = web, taken.Addr().String()
	hub, err := server.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := hub.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "ops.address") {
		t.Errorf("it says %v", err)
	}
	if !closed(t, web) {
		t.Error("the listener is open")
	}
}

// Who binds the address is no reason to let strangers broadcast.
func TestAListenerForBackendsIsHeldToTheLoopbackRule(t *testing.T) {
	tcp := func(ip net.IP) elsewhere { return elsewhere{address: &net.TCPAddr{IP: ip, Port: 8081}} }
	for name, test := range map[string]struct {
		listener net.Listener
		insecure bool
		want     string
	}{
		"loopback":                    {tcp(net.IPv4(127, 0, 0, 1)), false, ""},
		"loopback of IPv6":            {tcp(net.IPv6loopback), false, ""},
		"every address":               {tcp(net.IPv4zero), false, "the listener for grpc: 0.0.0.0:8081 can be reached from other machines"},
		"every address, on purpose":   {tcp(net.IPv4zero), true, ""},
		"a Unix socket":               {bound(t, "unix", filepath.Join(t.TempDir(), "s")), false, ""},
		"who knows where":             {bufconn.Listen(1), false, `the listener for grpc: "bufconn" is not host:port`},
		"who knows where, on purpose": {bufconn.Listen(1), true, ""},
	} {
		cfg := config()
		cfg.GRPC.Address, cfg.GRPC.Listener, cfg.GRPC.Insecure = "127.0.0.1:0", test.listener, test.insecure
		_, err := server.New(cfg)
		if (err == nil) != (test.want == "") || err != nil && !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAReloadDoesNotTakeTheCredentialsThatAListenerNeeds(t *testing.T) {
	cfg := config()
	cfg.GRPC.Listener = elsewhere{address: &net.TCPAddr{IP: net.IPv4zero, Port: 8081}}
	cfg.GRPC.TLS = &tls.Config{MinVersion: tls.VersionTLS13}
	cfg.Tokens = []server.ServiceToken{{Name: "blog", Token: secret, Allow: []string{"BROADCAST"}, Channels: []string{"*"}}}
	hub, err := server.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Tokens = nil
	if _, err := hub.Reload(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "0.0.0.0:8081 can be reached from other machines without credentials") {
		t.Errorf("it says %v", err)
	}
}

// closed tells whether the listener refuses; one that is open waits for Accept.
func closed(t *testing.T, l *bufconn.Listener) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := l.DialContext(ctx)
	return err != nil && ctx.Err() == nil
}

func bound(t *testing.T, network, address string) net.Listener {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}
