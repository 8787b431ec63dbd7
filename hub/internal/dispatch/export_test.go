package dispatch

// Groups is how many groups are remembered.
func (s *Service) Groups() int {
	s.mu.Lock()
	defer s.unlock()
	return len(s.groups)
}
