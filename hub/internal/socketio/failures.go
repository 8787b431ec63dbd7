package socketio

import (
	"maps"
	"slices"
	"strings"
	"time"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/channel"
	"github.com/realtime-hub/hub/hub/internal/session"
)

const (
	// failureInterval is contract §2's: at most one hub:error a second per channel.
	failureInterval = time.Second
	// maxFailing bounds the channels that a browser can make the hub count for.
	maxFailing = 64
)

// failures are requests that failed without an ack, per channel, until they
// are told. Every one is counted in some hub:error: the one that is due at
// once, or the one that is due when the channel's second is over.
type failures map[string]*failing

type failing struct {
	told  time.Time      // the channel's last hub:error
	count uint32         // failures since then
	last  *hubv1.Failure // the latest of them
}

// add counts a failure. Channels beyond the bound share one count, which names
// none of them.
func (f *failures) add(failure *hubv1.Failure) {
	if *f == nil {
		*f = make(failures)
	}
	one := (*f)[failure.GetChannel()]
	if one == nil && len(*f) >= maxFailing {
		failure.Channel = nil
		one = (*f)[""]
	}
	if one == nil {
		one = &failing{}
		(*f)[failure.GetChannel()] = one
	}
	one.count++
	one.last = failure
}

// due takes what may be told by now, and says when the next one may; the zero
// time: nothing waits. A channel is forgotten when its second was quiet.
func (f *failures) due(now time.Time) (tell []*hubv1.Failure, next time.Time) {
	for _, name := range slices.Sorted(maps.Keys(*f)) {
		one := (*f)[name]
		free := one.told.Add(failureInterval)
		switch {
		case one.count == 0 && !free.After(now):
			delete(*f, name)
		case one.count == 0:
		case !free.After(now):
			one.last.Count = one.count
			tell = append(tell, one.last)
			*one = failing{told: now}
		case next.IsZero() || free.Before(next):
			next = free
		}
	}
	return tell, next
}

// tellFailures sends the hub:errors that are due, and comes back for those
// that are not: a browser that fails once more and then never again is told too.
func (c *conn) tellFailures() {
	tell, next := c.failures.due(time.Now())
	for _, failure := range tell {
		c.send("hub:error", failure)
	}
	if next.IsZero() || c.reminded {
		return
	}
	c.reminded = true
	// At most one timer for a connection, for a second at most; an inbox that
	// was closed meanwhile takes nothing.
	time.AfterFunc(time.Until(next), func() {
		c.inbox.Submit(session.Func(func() {
			c.guarded(func() {
				c.reminded = false
				c.tellFailures()
			})
		}), nil)
	})
}

// clip bounds what is sent back of what a browser sent.
func clip(s string) string {
	if len(s) <= channel.MaxNameBytes {
		return s
	}
	return strings.ToValidUTF8(s[:channel.MaxNameBytes], "")
}
