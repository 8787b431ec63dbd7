package hubtest_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	blogv1 "github.com/realtime-hub/hub/examples/blog/gen/blog/v1"
	"github.com/realtime-hub/hub/hub/hubtest"
	"github.com/realtime-hub/hub/hub/server"
	hub "github.com/realtime-hub/hub/sdk/go"
)

func TestAHubIsThereAtOnceAndGoneWithItsTest(t *testing.T) {
	var h *hubtest.Hub
	failed, logged := watch(func(tb *probe) {
		begin := time.Now()
		h = hubtest.Start(tb, blog)
		t.Logf("ready after %v", time.Since(begin))
		response, err := http.Get(h.URL() + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		http.DefaultClient.CloseIdleConnections()
		if response.StatusCode != http.StatusOK {
			t.Errorf("/readyz is answered by %s", response.Status)
		}
		if _, err := hub.Broadcast(t.Context(), dialed(t, h.GRPC()), feed, article("Hello")); err != nil {
			t.Error(err)
		}
		// A browser that stays is no reason not to end.
		h.Browser(t).Subscribe("blog.article.feed")
	})
	if failed != "" {
		t.Errorf("the test fails with %q", failed)
	}
	if !strings.Contains(logged, "draining") {
		t.Errorf("the hub's log is not the test's: %q", logged)
	}
	for _, address := range []string{strings.TrimPrefix(h.URL(), "http://"), h.GRPC()} {
		if _, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address); err == nil {
			t.Errorf("%s still listens", address)
		}
	}
}

// dialed is a client that knows nothing but the address.
func dialed(t *testing.T, address string) *hub.Client {
	t.Helper()
	client, err := hub.Dial(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func TestAHubIsThereForTheCleanupsOfItsTest(t *testing.T) {
	t.Run("", func(t *testing.T) {
		h := hubtest.Start(t, blog)
		client := h.Client(t)
		t.Cleanup(func() {
			if _, err := hub.Broadcast(context.Background(), client, feed, article("Goodbye")); err != nil { //nolint:usetesting // the test's has ended
				t.Error(err)
			}
		})
	})
}

// What logs to a test that has ended ends the process.
func TestAHubThatHasEndedLogsNoMore(t *testing.T) {
	var log *slog.Logger
	p := &probe{}
	hubtest.Start(p, hubtest.Config(func(cfg *server.Config) { log = cfg.Log }))
	log.Info("early")
	p.end()
	log.Info("late")
	if !strings.Contains(p.logged.String(), "early") || strings.Contains(p.logged.String(), "late") {
		t.Errorf("the log is %s", p.logged.String())
	}
}

func TestMistakesEndTheTest(t *testing.T) {
	for name, c := range map[string]struct {
		option hubtest.Option
		want   string
	}{
		"channels that are not there": {hubtest.Channels("nowhere"), "hubtest: channels: nowhere: there is no such file"},
		"a secret that is short":      {hubtest.JWTSecret([]byte("short")), "auth.jwt.keys[0]: "},
		"an address that is not ours": {hubtest.Config(func(cfg *server.Config) { cfg.HTTP.Address = "192.0.2.1:80" }), "hubtest: http.address 192.0.2.1:80: "},
	} {
		failed, _ := watch(func(tb *probe) {
			hubtest.Start(tb, c.option)
			t.Errorf("%s: the test goes on", name)
		})
		if !strings.Contains(failed, c.want) {
			t.Errorf("%s: the test fails with %q", name, failed)
		}
	}
}

func TestAHubThatFailsFailsItsTest(t *testing.T) {
	failed, _ := watch(func(tb *probe) {
		listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		hubtest.Start(tb, hubtest.Config(func(cfg *server.Config) { cfg.Ops.Address = listener.Addr().String() }))
	})
	if !strings.Contains(failed, "ops.address") {
		t.Errorf("the test fails with %q", failed)
	}
}

func TestAPortThatCannotBeHadFailsTheTest(t *testing.T) {
	for name, port := range map[string]func(*hubtest.Hub) string{"URL": (*hubtest.Hub).URL, "GRPC": (*hubtest.Hub).GRPC} {
		p := &probe{}
		h := hubtest.Start(p)
		p.end()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			t.Errorf("%s is %s of a hub that has ended", name, port(h))
		}()
		<-ended
		if failed := strings.Join(p.texts, "\n"); !strings.Contains(failed, "hubtest: "+name+": no port of loopback: the hub has ended") {
			t.Errorf("%s: the test fails with %q", name, failed)
		}
	}
}

func TestAllGoroutinesGetTheSamePort(t *testing.T) {
	h := hubtest.Start(t)
	urls := make(chan string, 32)
	var asking sync.WaitGroup
	for range cap(urls) {
		asking.Go(func() { urls <- h.URL() })
	}
	asking.Wait()
	for first := <-urls; len(urls) > 0; {
		if next := <-urls; next != first {
			t.Errorf("%s and %s", first, next)
		}
	}
}

// What a test sets is what it gets, for browsers and clients of the test, too.
func TestAnAddressOfTheTestsOwnIsServed(t *testing.T) {
	var own [2]net.Listener
	for i := range own {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		own[i] = l
	}
	web, rpc := own[0].Addr().String(), own[1].Addr().String()
	for i, edit := range []func(*server.Config){
		func(cfg *server.Config) { cfg.HTTP.Listener, cfg.GRPC.Listener = own[0], own[1] }, // which closes them
		func(cfg *server.Config) { cfg.HTTP.Address, cfg.GRPC.Address = web, rpc },
	} {
		name := [...]string{"listeners", "addresses"}[i]
		failed, _ := watch(func(tb *probe) {
			h := hubtest.Start(tb, blog, hubtest.Config(edit))
			if h.URL() != "http://"+web || h.GRPC() != rpc {
				t.Errorf("%s: it is at %s and %s, not %s and %s", name, h.URL(), h.GRPC(), web, rpc)
			}
			reader := h.Browser(tb)
			reader.Subscribe(feed.Name())
			if _, err := hub.Broadcast(t.Context(), h.Client(tb), feed, article("Hello")); err != nil {
				t.Error(err)
			}
			hubtest.Receive(reader, feed)
		})
		if failed != "" {
			t.Errorf("%s: the test fails with %q", name, failed)
		}
	}
}

func TestTwoHubsShareNothing(t *testing.T) {
	a, b := hubtest.Start(t, blog), hubtest.Start(t, blog)
	here, there := a.Browser(t), b.Browser(t)
	here.Subscribe(feed.Name())
	there.Subscribe(feed.Name())
	if _, err := hub.Broadcast(t.Context(), a.Client(t), feed, article("Here")); err != nil {
		t.Fatal(err)
	}
	if got := hubtest.Receive(here, feed); got.GetTitle() != "Here" {
		t.Errorf("received %v", got)
	}
	if got := there.Pending(); len(got) != 0 {
		t.Errorf("the other hub's browser has %v", got)
	}
	// Nor secrets.
	failed, _ := watch(func(tb *probe) { b.Browser(tb, hubtest.WithToken(a.UserToken(t, "user_1"))) })
	if !strings.Contains(failed, "CREDENTIALS_INVALID") {
		t.Errorf("the test fails with %q", failed)
	}
}

func TestBackendsMayWhatTheirTokensSay(t *testing.T) {
	const token = "a-token-of-sixteen-bytes-or-more"
	h := hubtest.Start(t, blog, hubtest.Tokens(server.ServiceToken{
		Name: "blog", Token: token, Allow: []string{"BROADCAST"}, Channels: []string{"blog.article.*"},
	}))
	client := h.Client(t, hub.WithToken(token))
	if _, err := hub.Broadcast(t.Context(), client, feed, article("Hello")); err != nil {
		t.Error(err)
	}
	_, denied := hub.Broadcast(t.Context(), client, notification("user_1"), &blogv1.UserNotification{Text: "hi"})
	_, unknown := hub.Broadcast(t.Context(), h.Client(t), feed, article("Hello"))
	for want, err := range map[string]error{"SCOPE_DENIED": denied, "CREDENTIALS_REQUIRED": unknown} {
		if refused, ok := errors.AsType[*hub.Error](err); !ok || refused.Reason != want {
			t.Errorf("it says %v, not %s", err, want)
		}
	}
}

func TestTokensOfACodesOwnSecretSignIn(t *testing.T) {
	secret := []byte("a secret of at least thirty-two bytes")
	h := hubtest.Start(t, blog, hubtest.JWTSecret(secret))
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": "user_7"}).SignedString(secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []*hubtest.Browser{h.Browser(t, hubtest.WithToken(token)), h.Browser(t, hubtest.As("user_7"))} {
		b.Subscribe("blog.notifications.user_7")
	}
}
