package dispatch

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/internal/gate"
)

const (
	// questionTime is how long a worker has for an answer where its asker does
	// not say; then it is no.
	questionTime = 5 * time.Second
	// maxWaiting bounds the questions that wait for a worker with room, of each
	// kind: a storm of connects waits, a flood of them is refused.
	maxWaiting = 8192
	// maxPuts is how often a question is put, if its workers go away: one that
	// kills whom it is put to must not kill them all.
	maxPuts = 2
)

// asked is what a question is about, and who is asked: those of a group, or
// with none whoever decides.
type asked struct {
	right gate.Right
	group string
}

// question is one that waits, or is out.
type question struct {
	about  asked
	until  time.Time // nobody waits for an answer any more
	frame  func(id string) *hubv1.HandleResponse
	answer chan any // of one: *hubv1.Identify, *hubv1.Decide, or the error that there is none

	// guarded by the service's mu

	worker *Worker // nil: it waits
	id     string  // the worker's name for it
	puts   int
}

// Identify asks a worker of the group who a session is. Whatever keeps it from
// answering is an error: a session is never anonymous because nobody was asked.
func (s *Service) Identify(ctx context.Context, group string, ask *hubv1.Authenticate) (*hubv1.Identify, error) {
	answer, err := s.ask(ctx, asked{gate.Authenticate, group}, func(id string) *hubv1.HandleResponse {
		ask := proto.CloneOf(ask) // another worker may be reading the one it was put to before
		ask.QuestionId = id
		return &hubv1.HandleResponse{Frame: &hubv1.HandleResponse_Authenticate{Authenticate: ask}}
	})
	identify, _ := answer.(*hubv1.Identify) // of this kind, or nil
	return identify, err
}

// Decide asks a worker of any group whether a session may join a channel.
func (s *Service) Decide(ctx context.Context, ask *hubv1.Authorize) (*hubv1.Decide, error) {
	answer, err := s.ask(ctx, asked{right: gate.Authorize}, func(id string) *hubv1.HandleResponse {
		ask := proto.CloneOf(ask)
		ask.QuestionId = id
		return &hubv1.HandleResponse{Frame: &hubv1.HandleResponse_Authorize{Authorize: ask}}
	})
	decide, _ := answer.(*hubv1.Decide) // of this kind, or nil
	return decide, err
}

// ask puts a question, at once or when a worker has room, and waits for the
// answer. Questions do not count against what a worker has unacked, but have as
// many places of their own: a storm of connects holds up no message, nor the
// other way about.
func (s *Service) ask(ctx context.Context, about asked, frame func(id string) *hubv1.HandleResponse) (answer any, err error) {
	defer func() { s.cfg.Metrics.countQuestion(err) }()
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, questionTime)
		defer cancel()
	}
	q := &question{about: about, frame: frame, answer: make(chan any, 1)}
	q.until, _ = ctx.Deadline()
	if err := s.pose(q); err != nil {
		return nil, err
	}
	select {
	case answer = <-q.answer:
		if err, failed := answer.(error); failed {
			return nil, err
		}
		return answer, nil
	case <-ctx.Done():
		s.withdraw(q, errors.Is(ctx.Err(), context.DeadlineExceeded))
		return nil, fault.New(fault.HandlerTimeout, "the worker that decides did not answer in time")
	}
}

// pose puts a question, or has it wait behind the others of its kind.
func (s *Service) pose(q *question) error {
	s.mu.Lock()
	defer s.unlock()
	w, someone := s.answerer(q.about)
	waiting := s.asked[q.about]
	switch {
	case !someone:
		return errNobodyDecides
	case w != nil && len(waiting) == 0:
		s.put(w, q)
	case len(waiting) >= maxWaiting:
		return fault.New(fault.Overloaded, "those who decide have more questions than they can answer; try again later")
	default:
		s.asked[q.about] = append(waiting, q)
	}
	return nil
}

var errNobodyDecides = fault.New(fault.NoWorker, "nobody is there who decides; try again later")

// answerer is who has room for a question, and the fewest; someone tells
// whether anybody answers such. The caller holds mu.
func (s *Service) answerer(about asked) (best *Worker, someone bool) {
	for _, g := range s.groups {
		for _, w := range g.workers {
			if w.draining || !w.decides(about) {
				continue
			}
			someone = true
			if len(w.asked) < w.capacity && (best == nil || w.better(best)) {
				best = w
			}
		}
	}
	return best, someone
}

// better tells whether a worker is to be asked rather than another.
func (w *Worker) better(than *Worker) bool {
	if w.silent != than.silent {
		return than.silent
	}
	return len(w.asked) < len(than.asked)
}

// decides tells whether the worker answers questions like it.
func (w *Worker) decides(about asked) bool {
	return w.answers[about.right] && (about.group == "" || about.group == w.group.key.name)
}

func (s *Service) put(w *Worker, q *question) {
	q.id, q.worker = w.questions.next(), w
	q.puts++
	w.asked[q.id] = q
	w.out.Send(q.frame(q.id))
}

// serve gives a worker what waits to be asked, in the order in which it was.
// The caller holds mu.
func (s *Service) serve(w *Worker) {
	if w.draining {
		return
	}
	for about, waiting := range s.asked {
		if !w.decides(about) {
			continue
		}
		for len(waiting) > 0 && len(w.asked) < w.capacity {
			q := waiting[0]
			waiting[0] = nil
			waiting = waiting[1:]
			if time.Now().Before(q.until) {
				s.put(w, q)
			}
		}
		s.await(about, waiting)
	}
}

// await is what is left waiting.
func (s *Service) await(about asked, waiting []*question) {
	if len(waiting) == 0 {
		delete(s.asked, about)
		return
	}
	s.asked[about] = waiting
}

// reconsider ends what waits for an answer that nobody gives any more.
func (s *Service) reconsider() {
	for about, waiting := range s.asked {
		if _, someone := s.answerer(about); someone {
			continue
		}
		delete(s.asked, about)
		for _, q := range waiting {
			q.answer <- errNobodyDecides
		}
	}
}

// withdraw takes back a question that nobody waits for any more, if it has no
// answer; late: because its time is over.
func (s *Service) withdraw(q *question, late bool) {
	s.mu.Lock()
	defer s.unlock()
	if w := q.worker; w != nil {
		if w.asked[q.id] == q {
			if late {
				s.suspect(w)
			}
			s.settle(q)
		}
		return
	}
	waiting := s.asked[q.about]
	if i := slices.Index(waiting, q); i >= 0 {
		s.await(q.about, slices.Delete(waiting, i, i+1))
	}
}

// settle frees a question's place. The caller holds mu.
func (s *Service) settle(q *question) {
	delete(q.worker.asked, q.id)
	s.serve(q.worker)
	q.worker.drained()
}

// abandon has the questions of a worker that is gone put to another, if there
// is one. The caller holds mu.
func (s *Service) abandon(w *Worker) {
	for _, id := range slices.Backward(slices.Sorted(maps.Keys(w.asked))) {
		q := w.asked[id]
		delete(w.asked, id)
		_, someone := s.answerer(q.about)
		if !someone || q.puts >= maxPuts {
			q.answer <- fault.New(fault.NoWorker, "the worker that decides has gone; try again")
			continue
		}
		q.worker = nil
		s.asked[q.about] = slices.Insert(s.asked[q.about], 0, q) // it has waited longest
	}
	for _, g := range s.groups {
		for _, other := range g.workers {
			s.serve(other)
		}
	}
	s.reconsider()
}

// Identify answers a question of who a session is. One that is late is nothing;
// one that this stream was never asked, or not so, is a fault, and the worker's end.
func (w *Worker) Identify(a *hubv1.Identify) error {
	return w.answer(a.GetQuestionId(), gate.Authenticate, a)
}

// Decide answers whether a session may join; its errors are Identify's.
func (w *Worker) Decide(a *hubv1.Decide) error {
	return w.answer(a.GetQuestionId(), gate.Authorize, a)
}

func (w *Worker) answer(id string, right gate.Right, a any) error {
	w.service.mu.Lock()
	defer w.service.unlock()
	w.silent = false
	q := w.asked[id]
	switch {
	case q != nil && q.about.right == right:
		q.answer <- a
		w.service.settle(q)
	case q != nil:
		return fault.New(fault.RequestInvalid, "the question "+id+" is another one: authenticate is answered by identify, authorize by decide")
	case !w.questions.given(id):
		return fault.New(fault.NotFound, "this stream was not asked "+strconv.Quote(id)+"; answer what it was asked, on the stream that asked")
	}
	return nil
}
