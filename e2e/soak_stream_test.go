//go:build linux

package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// long tells whether the long runs are asked for, and what a test takes then.
func long[T any](short, long T) T {
	if os.Getenv("HUB_LONG") == "" && os.Getenv("LONG") == "" {
		return short
	}
	return long
}

// stream is a channel on which a backend counts from 1 on.
type stream struct {
	channel string
	text    string       // in each message, to make it heavy
	begun   atomic.Int64 // the latest number whose broadcast was begun
	done    atomic.Int64 // the latest number whose broadcast was accepted
}

func newStream(size int) *stream { return &stream{channel: room(), text: strings.Repeat("x", size)} }

// flow broadcasts at a rate until stop is called, which returns when it has
// ended; at the test's end it is called anyway.
func (h *testHub) flow(t *testing.T, s *stream, every time.Duration) (stop func()) {
	t.Helper()
	ended := make(chan struct{})
	var running sync.WaitGroup
	begin := time.Now()
	running.Go(func() {
		rate := time.NewTicker(every)
		defer rate.Stop()
		for {
			select {
			case <-ended:
				return
			case <-rate.C:
				if err := h.count(s); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	stop = sync.OnceFunc(func() {
		close(ended)
		running.Wait()
		took := time.Since(begin)
		t.Logf("%s: %d messages of %d bytes in %s, %.0f a second", s.channel, s.done.Load(), len(s.text), took.Round(time.Millisecond), float64(s.done.Load())/took.Seconds())
	})
	t.Cleanup(stop)
	return stop
}

// count broadcasts the next number. Not to be called concurrently: two calls
// have no order.
func (h *testHub) count(s *stream) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	n := s.begun.Add(1)
	if _, err := h.backend.Broadcast(ctx, onJSON(s.channel, fmt.Sprintf(`{"n":%d,"text":%q}`, n, s.text))); err != nil {
		return fmt.Errorf("broadcast %d on %s: %w", n, s.channel, err)
	}
	s.done.Store(n)
	return nil
}

// follower is a session that holds the hub to its streams: between the ack of
// a subscribe and the ack of its unsubscribe each number comes once, in order
// and without a gap; outside of that none comes.
type follower struct {
	*light

	in map[*stream]*place
}

// place is where a follower is in a stream.
type place struct {
	at    int64 // the latest number; 0: none yet
	first int64 // the first number may not be above it: those begun after the ack must come
}

func follow(l *light) *follower { return &follower{light: l, in: make(map[*stream]*place)} }

// step takes the next packet: a stream's number is checked, anything else
// returned.
func (f *follower) step() (packet string, err error) {
	packet, err = f.next()
	if err != nil {
		return "", err
	}
	channel, n, ok := numbered(packet)
	if !ok {
		return packet, nil
	}
	for s, p := range f.in {
		if s.channel == channel {
			return "", p.check(channel, n)
		}
	}
	return "", fmt.Errorf("%s: %d came outside of a subscription", channel, n)
}

func (p *place) check(channel string, n int64) error {
	switch {
	case p.at == 0 && n > p.first:
		return fmt.Errorf("%s: the first number is %d, but that of %d was begun after the ack", channel, n, p.first)
	case p.at != 0 && n != p.at+1:
		return fmt.Errorf("%s: %d came after %d", channel, n, p.at)
	}
	p.at = n
	return nil
}

// numbered reads 2["channel",{"n":"17",… without a JSON parser: some hundred
// thousand of them come a second.
func numbered(packet string) (channel string, n int64, ok bool) {
	rest, found := strings.CutPrefix(packet, `2["`)
	if !found {
		return "", 0, false
	}
	channel, rest, _ = strings.Cut(rest, `"`)
	rest, found = strings.CutPrefix(rest, `,{"n":"`)
	if !found {
		return "", 0, false
	}
	digits, _, _ := strings.Cut(rest, `"`)
	n, err := strconv.ParseInt(digits, 10, 64)
	return channel, n, err == nil
}

// answered takes packets up to the answer of a request, which must be a yes.
func (f *follower) answered(answer string) error {
	for begin := time.Now(); ; {
		packet, err := f.step()
		if err != nil {
			return err
		}
		if packet == "" {
			if time.Since(begin) > 2*f.link.patient { // numbers come all the time
				return fmt.Errorf("%s does not come", answer)
			}
			continue
		}
		if !strings.HasPrefix(packet, answer+`{"ok":true,`) {
			return fmt.Errorf("%s was awaited, not %.200q", answer, packet)
		}
		return nil
	}
}

func (f *follower) join(s *stream) error {
	answer, err := f.request("hub:subscribe", s.channel)
	if err != nil {
		return err
	}
	if err := f.answered(answer); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	f.in[s] = &place{first: s.begun.Load() + 1}
	return nil
}

func (f *follower) leave(s *stream) error {
	answer, err := f.request("hub:unsubscribe", s.channel)
	if err != nil {
		return err
	}
	if err := f.answered(answer); err != nil {
		return fmt.Errorf("unsubscribe: %w", err)
	}
	delete(f.in, s)
	return nil
}

// until takes numbers until one of the stream's is reached.
func (f *follower) until(s *stream, n int64) error {
	at, since := f.in[s].at, time.Now()
	for f.in[s].at < n {
		packet, err := f.step()
		if err == nil && f.in[s].at == at && time.Since(since) > 2*f.link.patient { // while others come
			err = errors.New("nothing comes of it")
		}
		if f.in[s].at != at {
			at, since = f.in[s].at, time.Now()
		}
		if err != nil {
			return fmt.Errorf("%d of %s was awaited after %d: %w", n, s.channel, f.in[s].at, err)
		}
		if packet != "" {
			return fmt.Errorf("%d of %s was awaited, not %.200q", n, s.channel, packet)
		}
	}
	return nil
}
