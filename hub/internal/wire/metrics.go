package wire

import "github.com/prometheus/client_golang/prometheus"

// Metrics are wire's counters.
type Metrics struct {
	deliveries prometheus.Counter
	drops      *prometheus.CounterVec
}

// NewMetrics makes the counters and registers them, unless r is nil.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		deliveries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hub_wire_deliveries_total",
			Help: "Frames queued for a connection by a broadcast.",
		}),
		drops: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hub_wire_drops_total",
			Help: "Connections ended because they did not take what was sent to them, by reason.",
		}, []string{"reason"}),
	}
	if r != nil {
		r.MustRegister(m.deliveries, m.drops)
	}
	return m
}
