package engineio

// Kept is how many sids are known, and how many seats are taken.
func (s *Server) Kept() (sids, seats int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.links), int(s.seats.Load())
}
