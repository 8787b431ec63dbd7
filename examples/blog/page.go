package blog

import (
	"bytes"
	"embed"
	"html/template"
	"io/fs"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/realtime-hub/hub/examples/blog/backend"
	client "github.com/realtime-hub/hub/third_party/socket.io-client"
)

//go:embed page
var page embed.FS

// policy lets the page load what this site serves, and speak to it; whatever might
// get into it as text is not run.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Site is the demo's page and what it asks of the backend beside the hub. Its methods
// may be called concurrently.
type Site struct {
	secret  []byte // static
	index   []byte // static
	handler http.Handler

	publisher atomic.Pointer[backend.Publisher] // nil until the worker has attached
	pace      pace
}

// NewSite renders the page. The secret signs visitors' tokens; the hub has the same.
func NewSite(secret []byte) (*Site, error) {
	files, err := fs.Sub(page, "page")
	if err != nil {
		return nil, err
	}
	tmpl, err := template.New("index.html").Funcs(template.FuncMap{"excerpts": excerpts}).ParseFS(files, "index.html")
	if err != nil {
		return nil, err
	}
	var index bytes.Buffer
	if err := tmpl.Execute(&index, people); err != nil {
		return nil, err
	}
	modules, err := fs.Glob(files, "*.mjs")
	if err != nil {
		return nil, err
	}
	s := &Site{secret: secret, index: index.Bytes()}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(s.index)
	})
	for _, name := range append(modules, "page.css", "icon.svg") {
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, files, name) })
	}
	mux.HandleFunc("GET /socket.io.min.js", func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "socket.io.min.js", time.Time{}, bytes.NewReader(client.Script))
	})
	mux.HandleFunc("GET /articles", s.articles)
	mux.HandleFunc("POST /token", s.token)
	mux.HandleFunc("POST /publish", s.publish)
	// What other sites' pages send by POST is refused, so that none gets a token.
	s.handler = http.NewCrossOriginProtection().Handler(mux)
	return s, nil
}

// ServeHTTP is the page, its files, and what it asks for.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cache-Control", "no-cache")
	s.handler.ServeHTTP(w, r)
}
