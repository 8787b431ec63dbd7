package blog_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/realtime-hub/hub/examples/blog"
	"github.com/realtime-hub/hub/hub/hubtest"
)

const secret = "a-secret-of-thirty-two-bytes-or-more"

func newSite(t *testing.T) *blog.Site {
	t.Helper()
	site, err := blog.NewSite([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return site
}

// run runs the backend against a hub without channels, and returns when it is ready.
func run(t *testing.T, site *blog.Site, h *hubtest.Hub) {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- site.Run(ctx, h.GRPC(), slog.New(slog.DiscardHandler), func() { close(ready) }) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	select {
	case <-ready:
	case err := <-ended:
		ended <- nil
		t.Fatalf("Run: %v", err)
	}
}

func send(t *testing.T, site *blog.Site, method, path, body string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), method, "http://127.0.0.1:8080"+path, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	site.ServeHTTP(rec, req)
	return rec
}

func token(t *testing.T, site *blog.Site, person string) string {
	t.Helper()
	rec := send(t, site, http.MethodPost, "/token", `{"person":"`+person+`"}`)
	var answer struct{ Token string }
	if err := json.Unmarshal(rec.Body.Bytes(), &answer); err != nil || rec.Code != http.StatusOK {
		t.Fatalf("%d %s: %v", rec.Code, rec.Body, err)
	}
	return answer.Token
}

// A hub that knows no channel, the site's backend, and browsers with the site's tokens.
func TestTheSiteMakesAHubTheBlog(t *testing.T) {
	h := hubtest.Start(t, hubtest.JWTSecret([]byte(secret)))
	site := newSite(t)
	if rec := send(t, site, http.MethodPost, "/publish", `{"title":"Early"}`); rec.Code != http.StatusServiceUnavailable {
		t.Errorf("without a backend: %d %s", rec.Code, rec.Body)
	}
	if rec := send(t, site, http.MethodGet, "/articles", ""); rec.Code != http.StatusServiceUnavailable {
		t.Errorf("without a backend: %d %s", rec.Code, rec.Body)
	}
	run(t, site, h)

	anybody, eve := h.Browser(t), h.Browser(t, hubtest.WithToken(token(t, site, "Eve")))
	anybody.Subscribe("blog.article.feed")
	eve.Subscribe("blog.board.front.cursor")
	eve.Subscribe("blog.notifications.user_2")
	if rec := send(t, site, http.MethodPost, "/publish", `{"title":"By the button"}`); rec.Code != http.StatusOK {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	if e := anybody.Next(); e.Name != "blog.article.feed" || !strings.Contains(string(e.Payload), "By the button") {
		t.Errorf("the feed says %v", e)
	}
	if _, err := anybody.Emit("blog.article.feed", map[string]string{"id": "article-4"}); err != nil {
		t.Error(err)
	}
	first, _, _ := strings.Cut(send(t, site, http.MethodGet, "/articles", "").Body.String(), "}")
	if !strings.Contains(first, `"id":"article-4","title":"By the button"`) || !strings.Contains(first, `"viewers":1`) {
		t.Errorf("the list begins with %s", first)
	}
}

func TestWhatTheHubRefusesToPublishIsTold(t *testing.T) {
	h := hubtest.Start(t)
	site := newSite(t)
	run(t, site, h)
	before := send(t, site, http.MethodGet, "/articles", "").Body.String()
	rec := send(t, site, http.MethodPost, "/publish", `{"title":""}`)
	const want = `"violations":[{"field":"title","rule":"string.min_len","message":"must be at least 1 characters"}]`
	if rec.Code != http.StatusBadRequest || !strings.Contains(rec.Body.String(), want) {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	if after := send(t, site, http.MethodGet, "/articles", "").Body.String(); after != before {
		t.Errorf("the list is %s", after)
	}
	refused := 0
	for range 60 { // faster than any machine earns so many
		if send(t, site, http.MethodPost, "/publish", `{"title":"x"}`).Code == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused < 10 {
		t.Errorf("%d of 60 at once are refused", refused)
	}
}

func TestNoOtherSitesPageGetsATokenOrPublishes(t *testing.T) {
	site := newSite(t)
	for _, path := range []string{"/token", "/publish"} {
		for name, header := range map[string][]string{
			"another origin": {"Origin", "https://evil.example"},
			"another port":   {"Origin", "http://127.0.0.1:9999"},
			"another site":   {"Sec-Fetch-Site", "cross-site", "Origin", "http://127.0.0.1:8080"},
			"the same site":  {"Sec-Fetch-Site", "same-site"},
			"a sandbox":      {"Origin", "null"},
		} {
			rec := send(t, site, http.MethodPost, path, `{"person":"Eve","title":"x"}`, header...)
			if rec.Code != http.StatusForbidden || strings.Contains(rec.Body.String(), "token") {
				t.Errorf("%s of %s: %d %s", path, name, rec.Code, rec.Body)
			}
		}
		if rec := send(t, site, http.MethodGet, path, ""); rec.Code != http.StatusMethodNotAllowed {
			t.Errorf("GET %s: %d", path, rec.Code)
		}
		for name, body := range map[string]string{"no JSON": "x", "too long": `{"title":"` + strings.Repeat("x", 5000) + `"}`} {
			if rec := send(t, site, http.MethodPost, path, body); rec.Code != http.StatusBadRequest {
				t.Errorf("%s to %s: %d", name, path, rec.Code)
			}
		}
		if rec := send(t, site, http.MethodPost, path, `{"person":"Eve","title":"x"}`, "Content-Type", "text/plain"); rec.Code != http.StatusBadRequest {
			t.Errorf("a form's type to %s: %d", path, rec.Code)
		}
	}
	if rec := send(t, site, http.MethodPost, "/token", `{"person":"Mallory"}`); rec.Code != http.StatusNotFound {
		t.Errorf("a stranger: %d %s", rec.Code, rec.Body)
	}
	for name, values := range send(t, site, http.MethodPost, "/token", `{"person":"Eve"}`).Header() {
		if strings.HasPrefix(name, "Access-Control-") {
			t.Errorf("%s: %v", name, values)
		}
	}
}

func TestThePageRunsItsOwnFilesAlone(t *testing.T) {
	site := newSite(t)
	for path, kind := range map[string]string{
		"/": "text/html; charset=utf-8", "/page.css": "text/css; charset=utf-8", "/page.mjs": "text/javascript; charset=utf-8", "/feed.mjs": "text/javascript; charset=utf-8",
		"/icon.svg": "image/svg+xml", "/socket.io.min.js": "text/javascript; charset=utf-8",
	} {
		rec := send(t, site, http.MethodGet, path, "")
		policy := rec.Header().Get("Content-Security-Policy")
		if rec.Code != http.StatusOK || rec.Header().Get("Content-Type") != kind || !strings.HasPrefix(policy, "default-src 'none'; script-src 'self';") {
			t.Errorf("%s: %d %v", path, rec.Code, rec.Header())
		}
		if strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") {
			t.Errorf("%s: %s", path, policy)
		}
	}
	if rec := send(t, site, http.MethodGet, "/index.html", ""); rec.Code != http.StatusNotFound {
		t.Errorf("the template itself: %d", rec.Code)
	}
}

// Without a hub to speak to the backend says so, and does not hang.
func TestWithoutAHubTheBackendEnds(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err := newSite(t).Run(ctx, "127.0.0.1:1", slog.New(slog.DiscardHandler), func() { t.Error("it is ready") })
	if err == nil || !strings.Contains(err.Error(), "declare the channels of blog.v1") || ctx.Err() != nil {
		t.Errorf("got %v", err)
	}
}
