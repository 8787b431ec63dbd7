package dispatch

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/realtime-hub/hub/hub/internal/fault"
)

// Metrics are the flow's counters.
type Metrics struct {
	workers    prometheus.Gauge
	messages   *prometheus.CounterVec
	events     *prometheus.CounterVec
	questions  *prometheus.CounterVec
	deliveries prometheus.Counter
	retries    prometheus.Counter
	missed     prometheus.Counter
	unobserved prometheus.Counter

	letters        *prometheus.CounterVec
	lettersDropped prometheus.Counter
}

// NewMetrics makes the counters and registers them, unless r is nil.
func NewMetrics(r prometheus.Registerer) *Metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	byOutcome := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"outcome"})
	}
	m := &Metrics{
		workers:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "hub_workers", Help: "Workers attached now."}),
		messages:   byOutcome("hub_messages_total", "Browsers' messages to workers, by what their sender was told."),
		events:     byOutcome("hub_session_events_total", "Lifecycle events, for each group, by outcome."),
		questions:  byOutcome("hub_questions_total", "Questions to workers, by outcome."),
		deliveries: counter("hub_worker_deliveries_total", "Messages, copies and events handed to a worker."),
		retries:    counter("hub_worker_retries_total", "Deliveries that failed and are tried again."),
		missed:     counter("hub_worker_deadlines_missed_total", "Deliveries that no ack came for in time."),
		unobserved: counter("hub_worker_copies_dropped_total", "Copies for observers that had no room."),
		letters: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hub_dead_letters_total", Help: "At-least-once messages that failed for good, for each group, by what their sender was told.",
		}, []string{"reason"}),
		lettersDropped: counter("hub_dead_letters_dropped_total", "Dead letters that are not kept any more, to make room."),
	}
	if r != nil {
		r.MustRegister(m.workers, m.messages, m.events, m.questions, m.deliveries, m.retries, m.missed, m.unobserved, m.letters, m.lettersDropped)
	}
	return m
}

func (m *Metrics) countMessage(err error) { m.messages.WithLabelValues(fault.Outcome(err)).Inc() }

func (m *Metrics) countEvent(err error) { m.events.WithLabelValues(fault.Outcome(err)).Inc() }

func (m *Metrics) countQuestion(err error) { m.questions.WithLabelValues(fault.Outcome(err)).Inc() }
