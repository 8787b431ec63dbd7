package rpc

import (
	grpcprom "github.com/grpc-ecosystem/go-grpc-middleware/providers/prometheus"
	"github.com/prometheus/client_golang/prometheus"
)

// What became of a connection; the label's values.
const (
	servedGRPC = "grpc"
	servedHTTP = "http"
	failedTLS  = "tls_failed"
	// failedPreface is a connection that ended, or said too little in time,
	// before it was clear what it speaks: also each TCP health probe.
	failedPreface = "no_preface"
)

type metrics struct {
	calls       *grpcprom.ServerMetrics // nil: not measured
	connections *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{connections: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "hub_rpc_connections_total",
		Help: "Connections from backends by what became of them: grpc, http, tls_failed or no_preface.",
	}, []string{"outcome"})}
	if r == nil {
		return m, nil
	}
	m.calls = grpcprom.NewServerMetrics(grpcprom.WithServerHandlingTimeHistogram(
		// A broadcast takes some 100 µs; 10 s is the default deadline.
		grpcprom.WithHistogramBuckets([]float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1, 10})))
	for _, c := range []prometheus.Collector{m.calls, m.connections} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}
