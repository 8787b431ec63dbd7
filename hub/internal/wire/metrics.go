package wire

import "github.com/prometheus/client_golang/prometheus"

// Metrics are wire's counters.
type Metrics struct {
	deliveries prometheus.Counter
	writes     prometheus.Counter
	drops      *prometheus.CounterVec
	skipped    *prometheus.CounterVec
	backlog    prometheus.Gauge
}

// NewMetrics makes the counters and registers them, unless r is nil.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		deliveries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hub_wire_deliveries_total",
			Help: "Frames queued for a connection by a broadcast.",
		}),
		writes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hub_wire_writes_total",
			Help: "Writes to sockets; one carries all that waits for a connection.",
		}),
		drops: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hub_wire_drops_total",
			Help: "Connections ended because they did not take what was sent to them, by reason.",
		}, []string{"reason"}),
		skipped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hub_wire_skipped_total",
			Help: "Broadcasts that a slow connection did not get and stayed: drop was dropped, latest gave way to a newer one.",
		}, []string{"reason"}),
		backlog: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "hub_wire_backlog_bytes",
			Help: "What waits for slow connections.",
		}),
	}
	if r != nil {
		r.MustRegister(m.deliveries, m.writes, m.drops, m.skipped, m.backlog)
	}
	return m
}
