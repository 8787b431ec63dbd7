package socketio

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/realtime-hub/hub/hub/internal/fault"
)

// Metrics are the door's counters.
type Metrics struct {
	sessions   prometheus.Gauge
	connects   *prometheus.CounterVec
	requests   *prometheus.CounterVec
	violations prometheus.Counter
}

// NewMetrics makes the counters and registers them, unless r is nil.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		sessions: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "hub_sessions",
			Help: "Sessions open now.",
		}),
		connects: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hub_connects_total",
			Help: "Requests to connect, by outcome: OK or the reason of the refusal.",
		}, []string{"outcome"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hub_requests_total",
			Help: "Requests of browsers, by event (a channel's is inbound) and outcome.",
		}, []string{"event", "outcome"}),
		violations: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hub_protocol_violations_total",
			Help: "Connections ended because they did not speak the protocol.",
		}),
	}
	if r != nil {
		r.MustRegister(m.sessions, m.connects, m.requests, m.violations)
	}
	return m
}

func (m *Metrics) countConnect(err error) { m.connects.WithLabelValues(fault.Outcome(err)).Inc() }

// countRequest counts under few labels: an event's name is the browser's to choose.
func (m *Metrics) countRequest(name string, err error) {
	label := "inbound"
	switch name {
	case "hub:subscribe", "hub:unsubscribe", "hub:presence", "hub:history", "hub:refresh":
		label = name
	default:
		if strings.HasPrefix(name, "hub:") {
			label = "unknown"
		}
	}
	m.requests.WithLabelValues(label, fault.Outcome(err)).Inc()
}
