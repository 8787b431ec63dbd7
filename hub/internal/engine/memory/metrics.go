package memory

import "github.com/prometheus/client_golang/prometheus"

// Register shows in metrics how much is kept.
func (l *Log) Register(to prometheus.Registerer) {
	to.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "hub_history_bytes", Help: "What all kept publications take now; limits.max_history_bytes bounds it.",
		}, func() float64 { return float64(l.bytes.Load()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "hub_history_evicted_total", Help: "Kept publications given up before their time, because all together were too many bytes.",
		}, func() float64 { return float64(l.evicted.Load()) }),
	)
}
