// Package server is the front door: it wires every room of the hub and owns
// every long run. A program that embeds a hub needs New and Run alone.
//
// New checks the whole configuration and loads the channels, and binds nothing
// yet; Run serves until its context ends, then drains: sessions are
// closed one by one over the window, each told why, and backends' calls are
// finished. Reload changes what may change while it runs. Errors name what to
// mend. A Server runs once; its methods may be called concurrently.
package server

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/broadcast"
	"github.com/realtime-hub/hub/hub/internal/dispatch"
	"github.com/realtime-hub/hub/hub/internal/engine/memory"
	"github.com/realtime-hub/hub/hub/internal/gate"
	"github.com/realtime-hub/hub/hub/internal/rpc"
	"github.com/realtime-hub/hub/hub/internal/session"
	"github.com/realtime-hub/hub/hub/internal/socketio"
	"github.com/realtime-hub/hub/hub/internal/socketio/engineio"
	"github.com/realtime-hub/hub/hub/internal/socketio/library"
	"github.com/realtime-hub/hub/hub/internal/subscription"
	"github.com/realtime-hub/hub/hub/internal/wire"
	"github.com/realtime-hub/hub/hub/schema"
)

// Defaults of contract §4.
const (
	defaultHTTP        = "127.0.0.1:8080"
	defaultGRPC        = "127.0.0.1:8081"
	defaultOps         = "127.0.0.1:9090"
	defaultDrain       = 30 * time.Second
	defaultConnections = 100_000
	defaultPayload     = 65_536
	defaultPerSession  = 128
)

// packetSlack is what a packet may have beyond its payload: the event's name,
// an ack id, and the second argument.
const packetSlack = 4096

// engineIO carries browsers' connections: the hub's own, or the library's.
type engineIO interface {
	http.Handler
	// Close refuses what is new and returns when no request is served any
	// more, or when ctx ends.
	Close(ctx context.Context)
}

// Server is a hub.
type Server struct {
	log     *slog.Logger
	drain   time.Duration
	metrics *prometheus.Registry
	gate    *gate.Gate
	schema  *schema.Registry
	page    http.Handler // nil: a line of text

	origins *socketio.Origins
	proxies *proxies
	webTLS  *certificates
	rpcTLS  *certificates

	sweep    func() // gives up history that has expired
	wire     *wire.Wire
	sessions *session.Table
	pool     *session.Pool
	door     *socketio.Door
	engineIO engineIO
	dispatch *dispatch.Service
	rpc      *rpc.Server

	state state
}

// New checks the configuration, loads the channels and wires the rooms.
func New(cfg Config) (*Server, error) {
	cfg = withDefaults(cfg)
	if err := exposure(cfg.GRPC, len(cfg.Tokens)+len(cfg.Clients) > 0); err != nil {
		return nil, err
	}
	access, err := gateConfig(cfg)
	if err != nil {
		return nil, err
	}
	g, err := gate.New(access)
	if err != nil {
		return nil, err
	}
	registry := schema.New(schema.Config{MaxPayloadBytes: cfg.Limits.MaxPayloadBytes})
	if len(cfg.Channels) > 0 {
		if _, err := registry.Load(context.Background(), cfg.Channels...); err != nil {
			return nil, fmt.Errorf("channels: %w", err)
		}
	}
	s := &Server{
		log:     cfg.Log,
		drain:   *cfg.DrainWindow,
		metrics: prometheus.NewRegistry(),
		gate:    g,
		schema:  registry,
		page:    cfg.HTTP.Page,
		origins: &socketio.Origins{},
		proxies: &proxies{},
		webTLS:  newCertificates(cfg.HTTP.TLS),
		rpcTLS:  newCertificates(cfg.GRPC.TLS),
	}
	s.state.init(cfg)
	s.origins.Set(cfg.HTTP.AllowedOrigins)
	s.proxies.set(cfg.HTTP.TrustedProxies)
	s.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	s.metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "hub_build_info",
		Help:        "Always 1; the label says which version runs.",
		ConstLabels: prometheus.Labels{"version": cfg.Version},
	}, func() float64 { return 1 }))
	if err := s.build(cfg); err != nil {
		return nil, err
	}
	return s, nil
}

// Channels is how many channels are declared now, those that backends
// registered included.
func (s *Server) Channels() int { return len(s.schema.Snapshot().Channels()) }

// build wires the rooms, from the ground up.
func (s *Server) build(cfg Config) error {
	log := memory.New(memory.Config{MaxIDs: cfg.Limits.MaxIDs, MaxHistoryBytes: cfg.Limits.MaxHistoryBytes})
	log.Register(s.metrics)
	s.sweep = log.Sweep
	var err error
	s.wire, err = wire.New(wire.Config{
		MaxBacklog:      cfg.Limits.MaxBacklogBytes,
		MaxBacklogTotal: cfg.Limits.MaxBacklogTotalBytes,
		MaxMessage:      cfg.Limits.MaxPayloadBytes + packetSlack,
		Ping:            engineio.Ping(),
		Gap:             socketio.GapFrame,
		Metrics:         wire.NewMetrics(s.metrics),
		Log:             cfg.Log,
	})
	if err != nil {
		return err
	}
	s.sessions = session.NewTable(nil)
	s.pool = session.NewPool(cfg.Log)
	sink := socketio.NewSink(s.wire, s.schema)
	subscriptions := subscription.New(subscription.Config{
		Gate:           s.gate,
		Schema:         s.schema,
		Engine:         log,
		Sink:           sink,
		Audience:       sink,
		Max:            cfg.Limits.MaxSubscriptions,
		MaxReplayBytes: cfg.Limits.MaxReplayBytes,
		Metrics:        subscription.NewMetrics(s.metrics),
	})
	broadcasts := broadcast.New(broadcast.Config{
		Schema:     s.schema,
		Engine:     log,
		Overloaded: s.wire.Overloaded,
		Metrics:    broadcast.NewMetrics(s.metrics),
		Log:        cfg.Log,
	})
	s.dispatch = dispatch.New(dispatch.Config{
		Schema:  s.schema,
		Metrics: dispatch.NewMetrics(s.metrics),
		Log:     cfg.Log,
	})
	s.gate.Bind(decider{workers: s.dispatch, pool: s.pool})
	s.door = socketio.New(socketio.Config{
		Dispatch:      s.dispatch,
		Gate:          s.gate,
		Schema:        s.schema,
		Sessions:      s.sessions,
		Pool:          s.pool,
		Subscriptions: subscriptions,
		Wire:          s.wire,
		Limits: &hubv1.ClientLimits{
			MaxPayloadBytes:  uint32(cfg.Limits.MaxPayloadBytes),  //nolint:gosec // checked: at most 16 MiB
			MaxSubscriptions: uint32(cfg.Limits.MaxSubscriptions), //nolint:gosec // checked: at most 100,000
		},
		Metrics: socketio.NewMetrics(s.metrics),
		Log:     cfg.Log,
	})
	if s.engineIO, err = s.carrier(cfg); err != nil {
		return err
	}
	s.rpc, err = rpc.New(rpc.Config{
		Gate:            s.gate,
		Broadcast:       broadcasts,
		Dispatch:        s.dispatch,
		Sessions:        s.sessions,
		Subscriptions:   subscriptions,
		Backlog:         s.wire.Backlog,
		Changed:         s.door.Recheck,
		Schema:          s.schema,
		TLS:             s.rpcTLS.config(),
		LogCalls:        cfg.GRPC.LogCalls,
		Log:             cfg.Log,
		Metrics:         s.metrics,
		MaxPayloadBytes: cfg.Limits.MaxPayloadBytes,
	})
	return err
}

// carrier is the Engine.IO server that the configuration asks for.
func (s *Server) carrier(cfg Config) (engineIO, error) {
	switch cfg.HTTP.Door {
	case DoorOwn:
		return engineio.New(engineio.Config{
			Wire:           s.wire,
			Acceptor:       s.door,
			MaxPayload:     cfg.Limits.MaxPayloadBytes + packetSlack,
			MaxConnections: cfg.Limits.MaxConnections,
			CheckOrigin:    s.origins.Allow,
			Log:            cfg.Log,
		})
	case DoorLibrary:
		return library.New(library.Config{
			Wire:           s.wire,
			Acceptor:       s.door,
			MaxPayload:     cfg.Limits.MaxPayloadBytes + packetSlack,
			MaxConnections: cfg.Limits.MaxConnections,
			CheckOrigin:    s.origins.Allow,
			Log:            cfg.Log,
		})
	}
	return nil, fmt.Errorf("http.door: there is no door %d", cfg.HTTP.Door)
}

func withDefaults(cfg Config) Config {
	cfg.HTTP.Address = cmp.Or(cfg.HTTP.Address, defaultHTTP)
	cfg.GRPC.Address = cmp.Or(cfg.GRPC.Address, defaultGRPC)
	cfg.Ops.Address = cmp.Or(cfg.Ops.Address, defaultOps)
	cfg.Limits.MaxConnections = cmp.Or(cfg.Limits.MaxConnections, defaultConnections)
	cfg.Limits.MaxPayloadBytes = cmp.Or(cfg.Limits.MaxPayloadBytes, defaultPayload)
	cfg.Limits.MaxSubscriptions = cmp.Or(cfg.Limits.MaxSubscriptions, defaultPerSession)
	cfg.Version = cmp.Or(cfg.Version, "devel")
	if cfg.DrainWindow == nil {
		window := defaultDrain
		cfg.DrainWindow = &window
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	return cfg
}
