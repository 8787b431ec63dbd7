package e2e_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/realtime-hub/hub/hub/server"
)

// pageError is an exception that nobody caught in the page.
const pageError = "$pageerror"

// site is a web site: it serves driver/page.html, and has the hub behind its
// own address too, as a proxy in front of both would.
type site struct {
	url    string
	cookie string // of every page; set before the first is opened

	hub      atomic.Pointer[url.URL] // what /socket.io/ is
	upgrades chan struct{}           // closed when upgrades may pass
	upgrade  func()                  // lets them pass
}

// build is a site, until the test ends.
func build(t *testing.T) *site {
	t.Helper()
	s := &site{upgrades: make(chan struct{})}
	s.upgrade = sync.OnceFunc(func() { close(s.upgrades) })
	transport := &http.Transport{}
	proxy := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(s.hub.Load())
			r.Out.Host = r.In.Host
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) {}, // a page that leaves
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
		if s.cookie != "" {
			http.SetCookie(w, &http.Cookie{Name: cookie, Value: s.cookie, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
		}
		http.ServeFile(w, r, "driver/page.html")
	})
	mux.HandleFunc("/listen.mjs", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, "driver/listen.mjs") })
	mux.HandleFunc("/socket.io.min.js", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, "node_modules/socket.io-client/dist/socket.io.min.js")
	})
	mux.HandleFunc("/favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("/socket.io/", func(w http.ResponseWriter, r *http.Request) {
		if q := r.URL.Query(); q.Get("transport") == "websocket" && q.Has("sid") {
			select {
			case <-s.upgrades:
			case <-r.Context().Done():
				return
			}
		}
		proxy.ServeHTTP(w, r)
	})
	listening := httptest.NewServer(mux)
	t.Cleanup(func() {
		listening.Close()
		transport.CloseIdleConnections()
	})
	s.url = listening.URL
	return s
}

// visited is a hub of the test's own whose pages are on the site.
func visited(t *testing.T, s *site, allowed ...string) *testHub {
	t.Helper()
	h := startHub(t, func(cfg *server.Config) { cfg.HTTP.AllowedOrigins = allowed })
	to, err := url.Parse(h.url)
	if err != nil {
		t.Fatal(err)
	}
	s.hub.Store(to)
	return h
}

// open opens a page that connects to the address. It closes with the test.
func (s *site) open(t *testing.T, address string, m mode, o options) *client {
	t.Helper()
	return dialBy(t, chromium.get(t), address, m, o, map[string]any{"site": s.url})
}

// reload loads the page again, as its visitor may at any time.
func (c *client) reload() {
	c.t.Helper()
	c.call("reload", nil)
}

// leave closes the page, or what else the client is.
func (c *client) leave() {
	c.t.Helper()
	c.call("disconnect", nil)
}

// transports are the modes of one client, told by a version.
func transports(version string) []mode {
	return []mode{
		{version: version, name: "websocket", transports: []string{"websocket"}},
		{version: version, name: "polling", transports: []string{"polling"}},
		{version: version, name: "upgrade"},
	}
}

// eachPage runs a test for pages that speak to a hub of another origin, and for
// those that find it behind their own.
func eachPage(t *testing.T, test func(t *testing.T, h *testHub, s *site, address string, m mode)) {
	t.Helper()
	chromium.get(t)
	for _, where := range []string{"another origin", "the own origin"} {
		t.Run(where, func(t *testing.T) {
			for _, m := range transports("4.8") {
				t.Run(m.name, func(t *testing.T) {
					s := build(t)
					if where == "the own origin" {
						test(t, visited(t, s), s, s.url, m)
						return
					}
					h := visited(t, s, "https://app.example", s.url)
					test(t, h, s, h.url, m)
				})
			}
		})
	}
}

// A stream runs while the page subscribes, and the upgrade happens in the middle
// of it: behind the own origin for certain, because the site holds it back.
func TestChromiumReceivesAStreamInOrder(t *testing.T) {
	eachPage(t, func(t *testing.T, h *testHub, s *site, address string, m mode) {
		const count = 200
		r := room()
		page := s.open(t, address, m, options{subscribe: []string{r}})
		page.ready()
		end := h.stream(t, r) // not while the browser loads the page, which would take it long
		same(t, "the ack", string(page.next(subscribed).arg(0)), `{"ok":true,"channel":`+quoted(r)+`}`)
		at := number(t, page.next(r))
		s.upgrade()
		if m.transports == nil {
			same(t, "the upgrade", string(page.next(upgraded).arg(0)), `"websocket"`)
		}
		receive := func(upTo int) {
			for ; at < upTo; at++ {
				if n := number(t, page.next(r)); n != at+1 {
					t.Fatalf("%d came after %d", n, at)
				}
			}
		}
		receive(at + count)
		receive(end())
		h.silence(t, page, r)
		page.none(pageError, disconnected, "hub:error", "hub:ended")
	})
}

// The visitor is known to the hub, and the browser would send the cookie: it is
// the page that may not.
func TestChromiumPagesOfOtherOriginsGetNothing(t *testing.T) {
	chromium.get(t)
	s := build(t)
	s.cookie = token(t, "user_1")
	h := visited(t, s, "https://app.example")
	for _, m := range transports("4.8") {
		t.Run(m.name, func(t *testing.T) {
			page := s.open(t, h.url, m, options{cookies: true, subscribe: []string{"e2e.mail.user_1"}})
			page.next(connectError)
			page.none("hub:ready", connected, subscribed)
			h.sessions(t, 0)
			page.none(pageError)
		})
	}
}

// Its cookie is one that no script can read, so only the browser can send it.
func TestChromiumReloadsAndIsWhoItWas(t *testing.T) {
	eachPage(t, func(t *testing.T, h *testHub, s *site, address string, m mode) {
		s.cookie = token(t, "user_1")
		s.upgrade()
		const mail = "e2e.mail.user_1"
		page := s.open(t, address, m, options{cookies: true, subscribe: []string{mail}})
		arrive := func(text string) {
			same(t, "who it is", string(field(t, page.ready().arg(0), "userId")), `"user_1"`)
			page.next(subscribed)
			h.broadcast(t, mail, text)
			same(t, "the mail", string(page.next(mail).arg(0)), text)
		}
		arrive(`{"text":"größer </script> 👩‍👩‍👧 \u2028"}`)
		before := page.session
		page.reload()
		arrive(`{"text":"again"}`)
		if page.session == before {
			t.Error("a new page has the old one's session")
		}
		h.silence(t, page, mail)
		h.sessions(t, 1)
		page.none(pageError, connectError, "hub:error", "hub:ended")
	})
}

func TestChromiumTabsBothReceiveUntilTheyClose(t *testing.T) {
	chromium.get(t)
	for _, m := range transports("4.8") {
		t.Run(m.name, func(t *testing.T) {
			s := build(t)
			h := visited(t, s, s.url)
			r := room()
			tabs := []*client{s.open(t, h.url, m, options{subscribe: []string{r}}), s.open(t, h.url, m, options{subscribe: []string{r}})}
			for _, tab := range tabs {
				tab.ready()
				tab.next(subscribed)
				if m.transports == nil {
					tab.next(upgraded)
				}
			}
			h.sessions(t, 2)
			h.broadcast(t, r, `{"n":1}`)
			for _, tab := range tabs {
				same(t, "the message", string(tab.next(r).arg(0)), `{"n":"1","text":""}`)
				h.silence(t, tab, r)
				tab.none(pageError, disconnected, "hub:error", "hub:ended")
			}
			tabs[0].leave()
			h.sessions(t, 1)
			h.broadcast(t, r, `{"n":2}`)
			same(t, "the message", string(tabs[1].next(r).arg(0)), `{"n":"2","text":""}`)
			tabs[1].leave()
			h.sessions(t, 0)
		})
	}
}
