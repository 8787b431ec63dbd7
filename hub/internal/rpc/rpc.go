// Package rpc is the door to backends: one listener that speaks gRPC,
// gRPC-Web and plain HTTP JSON, and the only gRPC server code of the hub.
//
// A call is let in by its Authorization metadata or its verified client
// certificate, held against its own rules, and handed to the flow that carries
// it out; the door decides nothing about channels or payloads. Whether a call
// may be repeated is the flow's promise, not the door's: a call that ends
// without an answer may have been carried out.
//
// Errors are faults, told as google.rpc.Status with ErrorInfo{reason, domain
// "hub"} and BadRequest violations, the same over gRPC and HTTP JSON. Anything
// else is INTERNAL to the peer; its text is logged under the request id that
// the peer gets. Only what grpc itself refuses, a message that is too large or
// no protobuf, has a code and no reason.
//
// Measured are calls (grpc_server_…: count by code, duration) and connections
// by what became of them (hub_rpc_connections_total). Everything on Server is
// safe to call concurrently, but Serve is called once.
package rpc

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // clients may compress; bounded like any message
	"google.golang.org/grpc/reflection"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/dispatch"
	"github.com/realtime-hub/hub/hub/internal/gate"
	"github.com/realtime-hub/hub/hub/internal/session"
	"github.com/realtime-hub/hub/hub/internal/subscription"
	"github.com/realtime-hub/hub/hub/schema"
)

// Broadcaster is flow 1, as this door calls it.
type Broadcaster interface {
	// Send carries out one broadcast; its errors are faults.
	Send(ctx context.Context, caller *gate.Caller, req *hubv1.BroadcastRequest) (*hubv1.BroadcastResponse, error)
	// SendBatch carries out each and has a result for each, in their order. It
	// checks each request's own rules, so that a bad one fails alone.
	SendBatch(ctx context.Context, caller *gate.Caller, reqs []*hubv1.BroadcastRequest) []*hubv1.BroadcastResult
}

// Config is what the door needs. Gate, Broadcast and Schema are required.
type Config struct {
	Gate      *gate.Gate
	Broadcast Broadcaster
	Schema    *schema.Registry
	// Dispatch is flow 2, to which workers attach. Required.
	Dispatch *dispatch.Service
	// Sessions and Subscriptions are what operators list and end. Required.
	Sessions      *session.Table
	Subscriptions *subscription.Service
	// Backlog is how many bytes wait for all browsers together. Default: 0.
	Backlog func() int64
	// Changed hears what a registration has changed. Default: nobody does.
	Changed func(schema.Change)
	// TLS serves TLS; its ClientAuth and ClientCAs say whose certificates
	// count. The door sets NextProtos, also on what GetConfigForClient
	// returns. Default (nil): plain.
	TLS *tls.Config
	// Reflection answers server reflection, to callers whom the gate knows.
	// Default (nil): on.
	Reflection *bool
	// LogCalls logs a line for each call, without payloads or credentials.
	LogCalls bool
	// Log receives what the hub's owner must know. Default: slog.Default().
	Log *slog.Logger
	// Metrics is where the door registers its metrics. Default (nil): none.
	Metrics prometheus.Registerer
	// MaxPayloadBytes is the limit of one payload's canonical JSON, from which
	// the limit of one request follows. Default: 65,536.
	MaxPayloadBytes int
	// StopTimeout is how long Serve lets calls finish when its context ends.
	// Default: 5 s.
	StopTimeout time.Duration
}

// Server is the door.
type Server struct {
	// Static after New.
	cfg     Config
	maxRead int
	started time.Time
	tls     *tls.Config
	metrics *metrics
	health  *health
	// native serves gRPC connections on grpc-go's own transport; net/http's
	// costs three times the CPU. web serves, in process, what the transcoder
	// made of HTTP requests. They are two because a grpc.Server cannot be
	// stopped gracefully while ServeHTTP runs: it panics.
	native, web *grpc.Server
	handler     http.Handler

	// open are the connections that were handed to a server.
	open connections
	// httpConns counts connections that http.Server serves; its Close does not wait.
	httpConns sync.WaitGroup
}

// New makes the door. It opens nothing yet.
func New(cfg Config) (*Server, error) {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.MaxPayloadBytes <= 0 {
		cfg.MaxPayloadBytes = defaultPayloadBytes
	}
	if cfg.StopTimeout <= 0 {
		cfg.StopTimeout = defaultStopTimeout
	}
	if cfg.Backlog == nil {
		cfg.Backlog = func() int64 { return 0 }
	}
	s := &Server{cfg: cfg, started: time.Now(), maxRead: maxRequestBytes(cfg.MaxPayloadBytes), health: newHealth()}
	if cfg.TLS != nil {
		s.tls = serverTLS(cfg.TLS)
	}
	var err error
	if s.metrics, err = newMetrics(cfg.Metrics); err != nil {
		return nil, err
	}
	options := s.options()
	s.native = s.newGRPC(slices.Concat(options, transportOptions()))
	s.web = s.newGRPC(options)
	if s.metrics.calls != nil {
		s.metrics.calls.InitializeMetrics(s.native)
	}
	if s.handler, err = s.newHandler(); err != nil {
		return nil, err
	}
	return s, nil
}

// SetServing sets what grpc.health.v1 says of the hub and of each service. A
// new Server says SERVING. After Serve's context has ended it stays NOT_SERVING.
func (s *Server) SetServing(serving bool) { s.health.set(serving) }

func (s *Server) newGRPC(options []grpc.ServerOption) *grpc.Server {
	server := grpc.NewServer(options...)
	s.register(server)
	if s.cfg.Reflection == nil || *s.cfg.Reflection {
		// v1 for today's tools, v1alpha for older ones.
		reflection.Register(server)
	}
	return server
}

func (s *Server) options() []grpc.ServerOption {
	unary, stream := s.interceptors()
	return []grpc.ServerOption{
		grpc.ChainUnaryInterceptor(unary...),
		grpc.ChainStreamInterceptor(stream...),
		grpc.UnknownServiceHandler(unknownMethod),
		grpc.MaxRecvMsgSize(s.maxRead),
		// Stop returns after the handlers, so that nothing they use is gone
		// while they run.
		grpc.WaitForHandlers(true),
	}
}
