package server

import (
	"runtime"
	"runtime/debug"
)

// A storm of connects leaves garbage of ten times what its sessions keep:
// net/http's buffers, requests, JSON. Go collects when as much again has been
// allocated, which idle sessions never do, and so the operator would pay for
// it for minutes. When it has been quiet for a while it is collected and given
// back, once.
const (
	tidyConnects = 1000 // fewer are not worth a collection
	tidyQuiet    = 15   // seconds: above idleTimeout, so that polls' connections are gone
)

// tidier watches the connects, second by second.
type tidier struct {
	seen   uint64 // the connects at the last look
	storm  uint64 // since the memory was given back
	quiet  int    // seconds without any
	giveUp func() // collect, but for tests
}

func newTidier() *tidier { return &tidier{giveUp: collect} }

// collect collects twice: what is in a sync.Pool, as net/http's buffers of
// connections that are gone, outlives the first.
func collect() {
	runtime.GC()
	debug.FreeOSMemory()
}

// look is called once a second with the number of connects that ever were.
func (t *tidier) look(connects uint64) {
	if connects != t.seen {
		t.storm += connects - t.seen
		t.seen, t.quiet = connects, 0
		return
	}
	if t.quiet++; t.quiet == tidyQuiet && t.storm >= tidyConnects {
		t.storm = 0
		t.giveUp()
	}
}
