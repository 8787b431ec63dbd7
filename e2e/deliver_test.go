package e2e_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
)

func TestBroadcastReachesSubscribersAndNobodyElse(t *testing.T) {
	h := common.get(t)
	each(t, func(t *testing.T, m mode) {
		here, other := room(), room()
		ann, bob, eve, mute := h.connect(t, m, options{}), h.connect(t, m, options{}), h.connect(t, m, options{}), h.connect(t, m, options{})
		ann.subscribe(here)
		bob.subscribe(here)
		eve.subscribe(other)

		res := h.broadcast(t, here, `{"text":"hello"}`)
		if res.GetId() == "" || res.GetDuplicate() || res.GetPosition() != nil {
			t.Errorf("the response is %v", res)
		}
		meta, _ := json.Marshal(map[string]string{"id": res.GetId()})
		for _, c := range []*client{ann, bob} {
			e := c.next(here)
			if len(e.args) != 2 {
				t.Errorf("not payload and meta: %s", e)
			}
			same(t, "the payload", string(e.arg(0)), `{"n":"0","text":"hello"}`)
			same(t, "meta", string(e.arg(1)), string(meta))
		}
		for _, c := range []*client{eve, mute} {
			h.silence(t, c, here, other)
		}

		// Whoever is excepted gets the next one again.
		h.broadcast(t, here, `{"text":"not for ann"}`, ann.session, "nobody")
		same(t, "the payload", string(bob.next(here).arg(0)), `{"n":"0","text":"not for ann"}`)
		h.silence(t, ann, here)
		h.broadcast(t, here, `{"text":"for all"}`)
		same(t, "the payload", string(ann.next(here).arg(0)), `{"n":"0","text":"for all"}`)
		bob.next(here)

		ann.ack("hub:unsubscribe", here)
		h.broadcast(t, here, `{"text":"without ann"}`)
		bob.next(here)
		h.silence(t, ann, here)
	})
}

func TestBroadcastsArriveInOrder(t *testing.T) {
	const count = 200
	h := common.get(t)
	each(t, func(t *testing.T, m mode) {
		r := room()
		clients := []*client{h.connect(t, m, options{}), h.connect(t, m, options{})}
		for _, c := range clients {
			c.subscribe(r)
		}
		for n := range count {
			h.broadcast(t, r, fmt.Sprintf(`{"n":%d}`, n))
		}
		for _, c := range clients {
			for n := range count {
				if got := number(t, c.next(r)); got != n {
					t.Fatalf("message %d came in the place of %d", got, n)
				}
			}
			h.silence(t, c, r)
		}
	})
}

// number is the n of a Room, which comes as a string: it has 64 bits.
func number(t *testing.T, e event) int {
	t.Helper()
	var payload struct {
		N int `json:"n,string"`
	}
	decode(t, string(e.arg(0)), &payload)
	return payload.N
}

// stream broadcasts a Room of 1, 2, 3, … without a pause until the end, which
// tells the last.
func (h *testHub) stream(t *testing.T, channel string) (end func() int) {
	t.Helper()
	stop := make(chan struct{})
	last := make(chan int, 1)
	go func() {
		n := 0
		defer func() { last <- n }()
		for {
			if _, err := h.send(t, onJSON(channel, fmt.Sprintf(`{"n":%d}`, n+1))); err != nil {
				t.Error(err)
				return
			}
			n++
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	end = sync.OnceValue(func() int {
		close(stop)
		return <-last
	})
	t.Cleanup(func() { end() })
	return end
}

// A stream runs all the time while clients connect by polling, subscribe, and
// move to a WebSocket: from its first message on each must see it without a
// gap, a repetition or a change of order.
func TestNothingIsLostInTheUpgrade(t *testing.T) {
	h := common.get(t)
	for _, version := range []string{"4.8", "4.0"} {
		t.Run(version, func(t *testing.T) {
			r := room()
			end := h.stream(t, r)
			clients := make([]*client, 10)
			for i := range clients {
				clients[i] = dial(t, h.url, mode{version: version}, options{subscribe: []string{r}})
			}
			at := make([]int, len(clients)) // where each stands in the stream
			for i, c := range clients {
				c.next(subscribed)
				c.next(upgraded)
				at[i] = number(t, c.next(r)) // before the stream may end
			}
			last := end()
			for i, c := range clients {
				for at := at[i]; at < last; {
					n := number(t, c.next(r))
					if n != at+1 {
						t.Fatalf("%d came after %d", n, at)
					}
					at = n
				}
				h.silence(t, c, r)
			}
		})
	}
}

func TestPayloadsAtTheLimitArrive(t *testing.T) {
	const limit = 65536
	h := common.get(t)
	each(t, func(t *testing.T, m mode) {
		c := h.connect(t, m, options{})
		r := room()
		c.subscribe(r)
		payload := fmt.Sprintf(`{"n":"0","text":%q}`, strings.Repeat("x", limit-len(`{"n":"0","text":""}`)))
		h.broadcast(t, r, payload)
		if got := string(c.next(r).arg(0)); got != payload {
			t.Errorf("%d bytes came, %.100s", len(got), got)
		}
	})
}

func TestTextArrivesAsItWasSent(t *testing.T) {
	h := common.get(t)
	each(t, func(t *testing.T, m mode) {
		c := h.connect(t, m, options{})
		r := room()
		c.subscribe(r)
		for _, text := range []string{
			"größer", "日本語", "👩‍👩‍👧", "a\u2028b\u2029", "</script><b>&", "\"\\/\b\f\n\r\t", "\u0000\u001f\u007f", "\x1e4not a packet", "51-[\"x\"]", "\ufeffbom", "\ufffd",
		} {
			payload, _ := json.Marshal(map[string]any{"text": text})
			h.broadcast(t, r, string(payload))
			var got struct{ Text string }
			decode(t, string(c.next(r).arg(0)), &got)
			if got.Text != text {
				t.Errorf("%q came as %q", text, got.Text)
			}
		}
	})
}
