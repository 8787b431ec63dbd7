package subscription

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/realtime-hub/hub/hub/internal/fault"
)

// Metrics are the flow's counters.
type Metrics struct {
	subscriptions prometheus.Gauge
	joins         *prometheus.CounterVec
}

// NewMetrics makes the counters and registers them, unless r is nil.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		subscriptions: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "hub_subscriptions",
			Help: "Subscriptions of all sessions now.",
		}),
		joins: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hub_joins_total",
			Help: "Requests to subscribe, by outcome: OK or the reason of the refusal.",
		}, []string{"outcome"}),
	}
	if r != nil {
		r.MustRegister(m.subscriptions, m.joins)
	}
	return m
}

func (m *Metrics) count(err error) { m.joins.WithLabelValues(fault.Outcome(err)).Inc() }
