package dispatch

import "fmt"

// Groups is how many groups are remembered.
func (s *Service) Groups() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.groups)
}

// Busy is what is held for messages, events and questions; empty: nothing.
func (s *Service) Busy() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	left := ""
	for key, g := range s.groups {
		if len(g.queues) > 0 {
			left += fmt.Sprintf("%d queues in %v; ", len(g.queues), key)
		}
		for _, w := range g.workers {
			if len(w.flying)+len(w.asked)+len(w.waiting) > 0 {
				left += fmt.Sprintf("%d flying, %d asked, %d waiting at a worker; ", len(w.flying), len(w.asked), len(w.waiting))
			}
		}
	}
	if len(s.asked) > 0 {
		left += fmt.Sprintf("%d kinds of questions; ", len(s.asked))
	}
	return left
}
