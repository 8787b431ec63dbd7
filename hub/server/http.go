package server

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Time-outs and sizes of the HTTP listeners. There is no write time-out: a
// long poll is answered when there is something to say.
const (
	headerTimeout = 10 * time.Second
	// readTimeout bounds a slow body; it must be above the 25 s that a poll
	// waits for a ping, because it ends the request's context too.
	readTimeout = 60 * time.Second
	// idleTimeout is short: after an upgrade a polling connection is of no use.
	idleTimeout = 10 * time.Second
	// maxHeaderBytes leaves room for a 16 KiB token and cookies.
	maxHeaderBytes = 32 << 10
)

func newHTTP(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug), // strangers' garbage
	}
}

// web is what browsers reach.
func (s *Server) web() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", s.proxies.wrap(s.admitting(s.engineIO)))
	s.health(mux)
	if s.page != nil {
		mux.Handle("/", s.page)
	} else {
		mux.HandleFunc("GET /{$}", signpost)
	}
	return mux
}

// signpost is what a hub without a page says to who opens it in a browser.
func signpost(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, "A realtime hub. Connect with socket.io-client; the path is /socket.io/.\n")
}

// admitting refuses new connections while the hub drains. The client tries
// again by itself, and reaches the hub that comes next.
func (s *Server) admitting(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.state.draining() && r.URL.Query().Get("sid") == "" {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "the hub is shutting down", http.StatusServiceUnavailable)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ops is what the operator reaches.
func (s *Server) ops() http.Handler {
	mux := http.NewServeMux()
	s.health(mux)
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics, promhttp.HandlerOpts{Registry: s.metrics}))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// health answers whether the process lives, and whether it wants traffic.
func (s *Server) health(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "ok\n")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if s.state.draining() {
			http.Error(w, "draining", http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ok\n")
	})
}
