package broadcast

import (
	"github.com/prometheus/client_golang/prometheus"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/fault"
)

// Metrics are the flow's counters.
type Metrics struct {
	broadcasts *prometheus.CounterVec
}

// NewMetrics makes the counters and registers them, unless r is nil.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{broadcasts: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "hub_broadcasts_total",
		Help: "Broadcasts by outcome: OK, DUPLICATE or the reason of the refusal.",
	}, []string{"outcome"})}
	if r != nil {
		r.MustRegister(m.broadcasts)
	}
	return m
}

func (m *Metrics) count(res *hubv1.BroadcastResponse, err error) {
	outcome := fault.Outcome(err)
	if res.GetDuplicate() {
		outcome = "DUPLICATE"
	}
	m.broadcasts.WithLabelValues(outcome).Inc()
}
