package library

import "time"

// Close implements socketio.Link: flush, part, force, each with its bound.
func (l *link) Close() {
	l.mu.Lock()
	if l.closed || l.closing != nil {
		l.mu.Unlock()
		return
	}
	l.closing = time.AfterFunc(l.server.cfg.CloseTimeout, l.force)
	drained := l.drained()
	l.mu.Unlock()
	if drained {
		l.part()
	}
}

// part ends a link that has nothing left to write, when the library's own is
// written too, and not from the goroutine that found that out.
func (l *link) part() {
	c := l.current()
	c.settle(func() { l.server.run(func() { l.goodbye(c) }) })
}

// goodbye tells a WebSocket's browser, which then closes from its side, so
// that nothing it has not read yet is lost. A polling browser has its answer.
func (l *link) goodbye(c *carrier) {
	if c.sayGoodbye == nil || c.sayGoodbye() != nil {
		l.force()
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed && l.closing.Stop() { // else the time is over, and force runs
		l.closing.Reset(lingerTime)
	}
}

// force ends the link at once.
func (l *link) force() {
	l.mu.Lock()
	if l.closing == nil {
		l.closing = time.AfterFunc(l.server.cfg.CloseTimeout, func() {})
	}
	l.mu.Unlock()
	l.socket.Close(true)
	l.ended("forced close") // where the library has not noticed
}

// ending tells whether the link takes no more from its browser.
func (l *link) ending() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed || l.closing != nil
}

// gone tells whether the link is closed.
func (l *link) gone() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

// ended lets go of everything, once. The library may call it from any
// goroutine, also from one that is in Receiver.Message: Closed waits for that
// on a goroutine of its own.
func (l *link) ended(reason string) {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return
	}
	l.closed = true
	if l.closing != nil {
		l.closing.Stop()
		reason = "forced close" // whoever of us was quicker
	}
	left := l.queue
	for b := range l.flying {
		left = append(left, b)
	}
	l.queue, l.flying = nil, nil
	l.mu.Unlock()

	l.server.drop(l)
	l.dismiss()
	go func() {
		defer l.server.release()
		for _, b := range left {
			b.finish()
		}
		l.receiving.Lock()
		defer l.receiving.Unlock()
		if l.receiver != nil {
			defer l.recovered("closing a link")
			l.receiver.Closed(reason)
		}
	}()
}

// drop makes the link unknown. The library's own list may keep a socket that
// closed while it was put there.
func (s *Server) drop(l *link) {
	s.engine.Clients().Delete(l.socket.Id())
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.links, l.socket.Id())
}

// release gives back a closed link's seat.
func (s *Server) release() {
	s.leaveSeat()
	s.end()
}

// run does something on a goroutine that Close waits for.
func (s *Server) run(f func()) {
	s.begin()
	go func() {
		defer s.end()
		f()
	}()
}
