package dispatch

import (
	"context"
	"time"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/internal/gate"
)

// questionTime is how long a worker has for an answer where its asker does not
// say; then it is no.
const questionTime = 5 * time.Second

// question is one that is out.
type question struct {
	worker *Worker
	answer chan any // of one: *hubv1.Identify, *hubv1.Decide, or nil: the worker is gone
}

// Identify asks a worker of the group who a session is. Whatever keeps it from
// answering is an error: a session is never anonymous because nobody was asked.
func (s *Service) Identify(ctx context.Context, group string, ask *hubv1.Authenticate) (*hubv1.Identify, error) {
	answer, err := s.ask(ctx, gate.Authenticate, group, func(id string) *hubv1.HandleResponse {
		ask.QuestionId = id
		return &hubv1.HandleResponse{Frame: &hubv1.HandleResponse_Authenticate{Authenticate: ask}}
	})
	if err != nil {
		return nil, err
	}
	identify, ok := answer.(*hubv1.Identify)
	if !ok {
		return nil, fault.New(fault.Internal, "the worker answered another question")
	}
	return identify, nil
}

// Decide asks a worker of any group whether a session may join a channel.
func (s *Service) Decide(ctx context.Context, ask *hubv1.Authorize) (*hubv1.Decide, error) {
	answer, err := s.ask(ctx, gate.Authorize, "", func(id string) *hubv1.HandleResponse {
		ask.QuestionId = id
		return &hubv1.HandleResponse{Frame: &hubv1.HandleResponse_Authorize{Authorize: ask}}
	})
	if err != nil {
		return nil, err
	}
	decide, ok := answer.(*hubv1.Decide)
	if !ok {
		return nil, fault.New(fault.Internal, "the worker answered another question")
	}
	return decide, nil
}

// ask puts a question to the worker that has the fewest.
func (s *Service) ask(ctx context.Context, right gate.Right, group string, frame func(id string) *hubv1.HandleResponse) (any, error) {
	id, q, err := s.put(right, group, frame)
	if err != nil {
		s.cfg.Metrics.countQuestion(err)
		return nil, err
	}
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, questionTime)
		defer cancel()
	}
	var answer any
	select {
	case answer = <-q.answer:
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.unlock()
	if s.questions[id] == q { // nobody answered
		s.settle(id, q, nil)
	}
	switch {
	case answer != nil:
	case ctx.Err() != nil:
		err = fault.New(fault.HandlerTimeout, "the worker that decides did not answer in time")
	default:
		err = fault.New(fault.NoWorker, "the worker that decides has gone; try again")
	}
	s.cfg.Metrics.countQuestion(err)
	return answer, err
}

func (s *Service) put(right gate.Right, group string, frame func(id string) *hubv1.HandleResponse) (string, *question, error) {
	s.mu.Lock()
	defer s.unlock()
	var best *Worker
	someone := false
	for key, g := range s.groups {
		if group != "" && key.name != group {
			continue
		}
		for _, w := range g.workers {
			if w.draining || !w.answers[right] {
				continue
			}
			someone = true
			if w.asked < w.capacity && (best == nil || w.asked < best.asked) {
				best = w
			}
		}
	}
	switch {
	case !someone:
		return "", nil, fault.New(fault.NoWorker, "nobody is there who decides; try again later")
	case best == nil:
		return "", nil, fault.New(fault.Overloaded, "those who decide have more questions than they can answer; try again later")
	}
	id := newID()
	q := &question{worker: best, answer: make(chan any, 1)}
	s.questions[id] = q
	best.asked++
	best.out.Send(frame(id))
	return id, q, nil
}

// Identify answers a question of who a session is. One that is not out is late.
func (w *Worker) Identify(a *hubv1.Identify) { w.answer(a.GetQuestionId(), a) }

// Decide answers whether a session may join.
func (w *Worker) Decide(a *hubv1.Decide) { w.answer(a.GetQuestionId(), a) }

func (w *Worker) answer(id string, a any) {
	w.service.mu.Lock()
	defer w.service.unlock()
	if q := w.service.questions[id]; q != nil && q.worker == w {
		w.service.settle(id, q, a)
	}
}

// settle takes a question back with its answer; nil: there is none. The caller holds mu.
func (s *Service) settle(id string, q *question, a any) {
	delete(s.questions, id)
	q.worker.asked--
	q.answer <- a
	q.worker.drained()
}

// abandon answers the questions of a worker that is gone. The caller holds mu.
func (s *Service) abandon(w *Worker) {
	for id, q := range s.questions {
		if q.worker == w {
			s.settle(id, q, nil)
		}
	}
}
