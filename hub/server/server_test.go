package server_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/realtime-hub/hub/hub/server"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

const secret = "a-token-of-sixteen-bytes-or-more"

// config is a hub on free ports that says nothing and drains at once.
func config() server.Config {
	atOnce := time.Duration(0)
	return server.Config{
		HTTP:        server.HTTPConfig{Address: "127.0.0.1:0"},
		GRPC:        server.GRPCConfig{Address: "127.0.0.1:0"},
		Ops:         server.OpsConfig{Address: "127.0.0.1:0"},
		DrainWindow: &atOnce,
		Log:         slog.New(slog.DiscardHandler),
		Version:     "1.2.3",
	}
}

// start runs a hub until stop is called, which returns what Run did.
func start(t *testing.T, cfg server.Config) (*server.Server, func() error) {
	t.Helper()
	hub, err := server.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- hub.Run(ctx) }()
	select {
	case <-hub.Ready():
	case err := <-ran:
		t.Fatal(err)
	}
	return hub, func() error { cancel(); return <-ran }
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

func TestAHubAnswersOnItsThreeDoorsAndStops(t *testing.T) {
	hub, stop := start(t, config())
	at := hub.Addresses()
	for url, want := range map[string]string{
		"http://" + at.HTTP + "/healthz":                            "ok",
		"http://" + at.HTTP + "/readyz":                             "ok",
		"http://" + at.HTTP + "/":                                   "/socket.io/",
		"http://" + at.Ops + "/healthz":                             "ok",
		"http://" + at.Ops + "/metrics":                             "hub_sessions 0",
		"http://" + at.HTTP + "/socket.io/?EIO=4&transport=polling": `"upgrades":["websocket"]`,
	} {
		if status, body := get(t, url); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", url, status, body)
		}
	}
	if _, body := get(t, "http://"+at.Ops+"/metrics"); !strings.Contains(body, `hub_build_info{version="1.2.3"} 1`) {
		t.Error("the metrics do not tell the version")
	}
	if status, _ := get(t, "http://"+at.HTTP+"/metrics"); status != http.StatusNotFound {
		t.Errorf("browsers reach the metrics: %d", status)
	}
	if err := hub.Run(t.Context()); err == nil {
		t.Error("a hub runs twice")
	}
	if err := stop(); err != nil {
		t.Errorf("it stopped with %v", err)
	}
	if _, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", at.HTTP); err == nil {
		t.Error("it still listens")
	}
}

func TestAPageIsServedBesideTheHub(t *testing.T) {
	cfg := config()
	cfg.HTTP.Page = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "page "+r.URL.Path) })
	hub, stop := start(t, cfg)
	for path, want := range map[string]string{
		"/":                                   "page /",
		"/app.css":                            "page /app.css",
		"/healthz":                            "ok\n",
		"/readyz":                             "ok\n",
		"/socket.io/?EIO=4&transport=polling": `"upgrades":["websocket"]`,
	} {
		if status, body := get(t, "http://"+hub.Addresses().HTTP+path); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if err := stop(); err != nil {
		t.Errorf("it stopped with %v", err)
	}
}

func TestAnAddressThatIsTakenIsNamedAndTheOthersAreFree(t *testing.T) {
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	cfg := config()
	cfg.Ops.Address = taken.Addr().String()
	hub, err := server.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	err = hub.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "ops.address "+taken.Addr().String()) || !strings.Contains(err.Error(), "another") {
		t.Errorf("it says %v", err)
	}
}

func TestMistakesAreFoundBeforeAnythingListens(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*server.Config)
		want   string
	}{
		"backends beyond loopback": {func(c *server.Config) { c.GRPC.Address = "0.0.0.0:0" }, "grpc.address: "},
		"a right that is none": {func(c *server.Config) {
			c.Tokens = []server.ServiceToken{{Name: "x", Token: secret, Allow: []string{"FLY"}}}
		}, `grpc.tokens[0].allow: "FLY" is no right`},
		"a short secret": {func(c *server.Config) {
			c.Auth.JWT = &server.JWTConfig{Keys: []server.JWTKey{{HMACSecret: []byte("short")}}}
		}, "auth.jwt.keys[0]: "},
		"a door that is none":         {func(c *server.Config) { c.HTTP.Door = 9 }, "http.door: "},
		"channels that are not there": {func(c *server.Config) { c.Channels = []string{"nowhere"} }, "channels: nowhere"},
	} {
		cfg := config()
		test.change(&cfg)
		if _, err := server.New(cfg); err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

const feed = `syntax = "proto3";
package t.v1;
import "hub/v1/channel.proto";
message Feed { option (hub.v1.channel) = { name: "t.feed" scope: { public: {} } }; string text = 1; }
`

func write(t *testing.T, dir, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "t.proto"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAReloadTellsWhatChangedAndKeepsAllOnAMistake(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, feed)
	cfg := config()
	cfg.Channels = []string{dir}
	cfg.Tokens = []server.ServiceToken{{Name: "blog", Token: secret, Allow: []string{"BROADCAST"}, Channels: []string{"*"}}}
	hub, err := server.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	reload := func(cfg server.Config) string {
		changes, err := hub.Reload(t.Context(), cfg)
		if err != nil {
			return err.Error()
		}
		return changes.String()
	}
	if n := hub.Channels(); n != 1 {
		t.Errorf("%d channels are declared, not 1", n)
	}
	if got := reload(cfg); got != "nothing changed" {
		t.Errorf("without a change: %s", got)
	}
	write(t, dir, "syntax = 3;")
	if got := reload(cfg); !strings.HasPrefix(got, "channels: t.proto:1:10: ") {
		t.Errorf("a broken file: %s", got)
	}
	write(t, dir, strings.ReplaceAll(feed, "t.feed", "t.news"))
	cfg.Tokens = []server.ServiceToken{
		{Name: "blog", Token: secret, Allow: []string{"ADMIN"}, Channels: []string{"*"}},
		{Name: "shop", Token: secret + "2", Allow: []string{"BROADCAST"}},
	}
	cfg.HTTP.AllowedOrigins = []string{"https://app.example"}
	cfg.Limits.MaxIDs = 7
	want := "channel added: t.news\nchannel removed: t.feed\nbackend changed: blog\nbackend added: shop\nchanged: http.allowed_origins\nneeds a restart: limits"
	if got := reload(cfg); got != want {
		t.Errorf("it says\n%s\nwant\n%s", got, want)
	}
	cfg.Tokens = nil
	cfg.Auth.JWT = &server.JWTConfig{Keys: []server.JWTKey{{HMACSecret: []byte("short")}}}
	if got := reload(cfg); !strings.Contains(got, "auth.jwt.keys[0]") {
		t.Errorf("a short secret: %s", got)
	}
}
