package session

// Yield runs, within an item, what waits for somebody else's answer, and lets
// another inbox have its turn meanwhile: a worker that does not answer must not
// hold up sessions that asked nothing of it. How many may wait so is up to whom
// they wait for. Called from anywhere else it is as good as the function alone.
func (p *Pool) Yield(wait func()) {
	p.mu.Lock()
	p.busy--
	if len(p.ready) > 0 && p.busy < workers {
		p.busy++
		p.running.Go(p.work)
	}
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.busy++ // above the bound for one item's rest
	}()
	wait()
}
