package dispatch

import (
	"cmp"
	"slices"
)

// Taker is a group that takes a channel's messages.
type Taker struct {
	Group string
	// Workers are those attached now; 0: the last one has gone a moment ago, and
	// messages wait for the next.
	Workers int
	// Observes tells that the group gets copies, which nobody waits for.
	Observes bool
}

// HubID names this process to workers.
func (s *Service) HubID() string { return s.cfg.HubID }

// Workers is how many are attached.
func (s *Service) Workers() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, g := range s.groups {
		n += len(g.workers)
	}
	return n
}

// Takers are the groups that have the declared channel, by name.
func (s *Service) Takers(declared string) []Taker {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Taker
	for key, g := range s.groups {
		if c := g.channels[declared]; c != nil {
			out = append(out, Taker{Group: key.name, Workers: c.workers, Observes: key.observe})
		}
	}
	slices.SortFunc(out, func(a, b Taker) int { return cmp.Compare(a.Group, b.Group) })
	return out
}
