package socketio

import (
	"strings"
	"time"

	"github.com/realtime-hub/hub/hub/channel"
)

const (
	// failureInterval is contract §2's: at most one hub:error a second per channel.
	failureInterval = time.Second
	// maxFailing bounds the channels that a browser can make the hub count for.
	maxFailing = 64
)

// failures counts requests that failed without an ack, per channel.
type failures map[string]*failing

type failing struct {
	told  time.Time
	count uint32
}

// add counts a failure, and tells whether it is time for a hub:error and how
// many failures that one speaks for.
func (f *failures) add(channel string) (count uint32, due bool) {
	if *f == nil || len(*f) >= maxFailing {
		*f = make(failures)
	}
	one := (*f)[channel]
	if one == nil {
		one = &failing{}
		(*f)[channel] = one
	}
	one.count++
	now := time.Now()
	if now.Sub(one.told) < failureInterval {
		return 0, false
	}
	count = one.count
	one.told, one.count = now, 0
	return count, true
}

// clip bounds what is sent back of what a browser sent.
func clip(s string) string {
	if len(s) <= channel.MaxNameBytes {
		return s
	}
	return strings.ToValidUTF8(s[:channel.MaxNameBytes], "")
}
