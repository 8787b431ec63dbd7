package subscription

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/realtime-hub/hub/hub/internal/engine"
	"github.com/realtime-hub/hub/hub/internal/fault"
)

// Metrics are the flow's counters.
type Metrics struct {
	subscriptions prometheus.Gauge
	joins         *prometheus.CounterVec
	recoveries    *prometheus.CounterVec
	replayed      prometheus.Counter
	members       prometheus.Gauge
	told          *prometheus.CounterVec
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
		recoveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hub_recoveries_total",
			Help: "Joins with a position, by outcome: OK, or why it is not proven that nothing is missing.",
		}, []string{"outcome"}),
		replayed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hub_replayed_total",
			Help: "Messages replayed to sessions.",
		}),
		members: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "hub_presence_members",
			Help: "Users present now, counted once in each channel.",
		}),
		told: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hub_presence_told_total",
			Help: "What subscribers were told of presence: members that joined or left, and gaps instead of too many.",
		}, []string{"what"}),
	}
	if r != nil {
		r.MustRegister(m.subscriptions, m.joins, m.recoveries, m.replayed, m.members, m.told)
	}
	return m
}

func (m *Metrics) countRecovery(r engine.Replay) {
	outcome := "OK"
	if r.Lost != "" {
		outcome = string(r.Lost)
	}
	m.recoveries.WithLabelValues(outcome).Inc()
	m.replayed.Add(float64(len(r.Items)))
}

func (m *Metrics) count(err error) { m.joins.WithLabelValues(fault.Outcome(err)).Inc() }
