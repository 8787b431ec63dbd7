package socketio_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/engine"
	"github.com/realtime-hub/hub/hub/internal/engine/memory"
	"github.com/realtime-hub/hub/hub/internal/gate"
	"github.com/realtime-hub/hub/hub/internal/session"
	"github.com/realtime-hub/hub/hub/internal/socketio"
	"github.com/realtime-hub/hub/hub/internal/subscription"
	"github.com/realtime-hub/hub/hub/internal/wire"
	"github.com/realtime-hub/hub/hub/schema"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cable is a link in memory: what the door sends is heard at once.
type cable struct {
	conn     *wire.Conn
	receiver socketio.Receiver

	mu     sync.Mutex
	heard  []string
	closed bool
}

func (c *cable) Conn() *wire.Conn  { return c.conn }
func (c *cable) Resume()           {}
func (c *cable) Transport() string { return socketio.WebSocket }

// take hears what the door sends, until the end.
func (c *cable) take() {
	c.conn.Take(wire.Taker{Max: 1 << 20, Give: func(frames []*wire.Frame, last bool) {
		c.mu.Lock()
		for _, f := range frames {
			c.heard = append(c.heard, string(f.Payload()[1:])) // behind Engine.IO's type
		}
		c.mu.Unlock()
		if !last {
			c.take()
		}
	}})
}

func (c *cable) Message([]byte, bool) bool { return true }
func (c *cable) Malformed()                {}

func (c *cable) Closed(why wire.Reason) {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.receiver.Closed(why)
}

// say sends packets and waits until the door has nothing left to do.
func (c *cable) say(packets ...string) {
	for _, p := range packets {
		c.receiver.Message([]byte(p))
	}
	synctest.Wait()
}

func (c *cable) told() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.heard, "\n")
}

func (c *cable) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// house is a door with the real rooms behind it.
type house struct {
	door     *socketio.Door
	log      *memory.Log
	sessions *session.Table
	pool     *session.Pool
	wire     *wire.Wire
	printed  *strings.Builder
	interest *interest
	stop     context.CancelFunc
}

func open(t *testing.T, change func(*socketio.Config)) *house {
	t.Helper()
	registry := schema.New(schema.Config{})
	if _, err := registry.Load(t.Context(), "testdata"); err != nil {
		t.Fatal(err)
	}
	g, err := gate.New(gate.Config{Anonymous: true})
	if err != nil {
		t.Fatal(err)
	}
	h := &house{
		log: memory.New(memory.Config{}), sessions: session.NewTable(nil),
		printed: &strings.Builder{}, interest: &interest{},
	}
	log := slog.New(slog.NewTextHandler(h.printed, nil))
	h.wire, err = wire.New(wire.Config{Goroutines: true, Log: log}) // epoll knows nothing of a bubble's time
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	h.stop = stop
	go h.wire.Run(ctx)
	h.pool = session.NewPool(log)
	cfg := socketio.Config{
		Gate: g, Schema: registry, Sessions: h.sessions, Pool: h.pool, Wire: h.wire, Log: log,
		Subscriptions: subscription.New(subscription.Config{Gate: g, Schema: registry, Engine: h.log, Sink: h.interest}),
		Limits:        &hubv1.ClientLimits{MaxPayloadBytes: 1000, MaxSubscriptions: 128},
	}
	if change != nil {
		change(&cfg)
	}
	h.door = socketio.New(cfg)
	return h
}

func (h *house) connect() *cable {
	c := &cable{}
	c.conn = h.wire.Open(c, false)
	c.receiver = h.door.Accept(c, &socketio.Request{Header: http.Header{}, RemoteAddr: "192.0.2.1:1"})
	c.take()
	return c
}

// leave closes what is open and waits for every goroutine.
func (h *house) leave(t *testing.T) {
	t.Helper()
	h.door.Close(t.Context())
	h.stop()
	synctest.Wait()
}

func TestALinkWithoutASessionIsClosedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, nil)
		silent, joined := h.connect(), h.connect()
		joined.say("0")
		time.Sleep(10*time.Second - 1) // in the bubble
		h.door.Expire()
		synctest.Wait()
		if silent.isClosed() {
			t.Error("closed early")
		}
		time.Sleep(2 * time.Nanosecond) // in the bubble
		h.door.Expire()
		synctest.Wait()
		if !silent.isClosed() || joined.isClosed() {
			t.Errorf("after 10 s: silent closed %v, joined closed %v", silent.isClosed(), joined.isClosed())
		}
		h.leave(t)
	})
}

func TestARefusedConnectMayBeTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, nil)
		c := h.connect()
		c.say(`0{"token":"x"}`, `0/admin,`, `0[]`, `0{"token":7}`)
		for _, want := range []string{`4{"message":"this hub accepts no tokens`, `4/admin,{"message":"the hub has no namespaces`, `"message":"auth: must be an object"`, `"message":"auth.token: must be a string"`} {
			if !strings.Contains(c.told(), want) {
				t.Errorf("%s is missing in\n%s", want, c.told())
			}
		}
		c.say(`0{"token":null}`)
		if !strings.Contains(c.told(), "\n0{\"sid\":") || !strings.Contains(c.told(), `2["hub:ready",{"session":`) || c.isClosed() {
			t.Errorf("the last one was told\n%s", c.told())
		}
		h.leave(t)
	})
}

func TestWhatIsNotTheProtocolClosesItsLinkAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, nil)
		other := h.connect()
		other.say("0")
		for _, packets := range [][]string{
			{"x"}, {"2[\"a\"]"}, {"0", "0"}, {"0", "4{}"}, {"0", "2{}"}, {"0", "2/x,[\"a\"]"}, {"0", "1"}, {"1"},
		} {
			c := h.connect()
			c.say(packets...)
			if !c.isClosed() {
				t.Errorf("%q: the link is open; it was told\n%s", packets, c.told())
			}
		}
		binary := h.connect()
		binary.say("0")
		binary.receiver.Binary()
		synctest.Wait()
		if !binary.isClosed() || !strings.Contains(binary.told(), `2["hub:ended",`) {
			t.Errorf("binary data: closed %v\n%s", binary.isClosed(), binary.told())
		}
		if other.isClosed() {
			t.Error("another link was closed too")
		}
		h.leave(t)
	})
}

func TestAttachmentsAreRefusedAndTheSessionLivesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, nil)
		c := h.connect()
		c.say("0", `51-7["room.said",{"_placeholder":true,"num":0}]`)
		c.receiver.Binary()
		c.say(`28["hub:subscribe","room.said"]`)
		if c.isClosed() || !strings.Contains(c.told(), `37[{"ok":false,"error":{"code":"INVALID_ARGUMENT","reason":"REQUEST_INVALID"`) ||
			!strings.Contains(c.told(), `38[{"ok":true,"channel":"room.said"`) {
			t.Errorf("closed %v\n%s", c.isClosed(), c.told())
		}
		h.leave(t)
	})
}

// A panic in a room is the end of the connection that met it. Here the room is
// missing altogether.
func TestAPanicEndsItsConnectionAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, func(cfg *socketio.Config) { cfg.Subscriptions = nil })
		other := h.connect()
		other.say("0")
		c := h.connect()
		c.say("0", `21["hub:subscribe","room.said"]`)
		if !c.isClosed() || other.isClosed() || !strings.Contains(c.told(), `"reason":"INTERNAL"`) || strings.Contains(c.told(), "nil pointer") {
			t.Errorf("closed %v, other closed %v\n%s", c.isClosed(), other.isClosed(), c.told())
		}
		if !strings.Contains(h.printed.String(), "nil pointer") {
			t.Errorf("the log has no cause: %s", h.printed)
		}
		h.stop() // the panic left a session that cannot leave
		synctest.Wait()
	})
}

func TestASessionThatLeavesWhileItJoinsIsGoneEverywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, nil)
		for range 200 {
			c := h.connect()
			c.receiver.Message([]byte("0"))
			for i := range 10 {
				c.receiver.Message(fmt.Appendf(nil, `2%d["hub:subscribe","room.said"]`, i))
			}
			go c.conn.Abort(wire.ReasonGone)
		}
		synctest.Wait()
		if n := h.sessions.Len(); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
		if _, err := h.log.Publish(t.Context(), &engine.Publication{Channel: "room.said"}, engine.PublishOptions{}); err != nil {
			t.Fatal(err)
		}
		if h.interest.heard > 0 {
			t.Error("the engine has an interest of nobody")
		}
		h.leave(t)
	})
}

// interest counts the publications that the engine still has a taker for.
type interest struct{ heard int }

func (i *interest) Publication(*engine.Publication) { i.heard++ }

func TestFailuresWithoutAnAckAreToldOnceASecondAndAllCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, nil)
		c := h.connect()
		fail := func(channel string, times int) {
			for range times {
				c.say(`2["hub:subscribe","` + channel + `"]`)
			}
		}
		c.say("0")
		fail("room.none", 3)
		fail("room.other", 1)
		if n := strings.Count(c.told(), `2["hub:error",`); n != 2 {
			t.Errorf("told %d times about two channels\n%s", n, c.told())
		}
		time.Sleep(time.Second) // in the bubble
		synctest.Wait()
		if n := strings.Count(c.told(), `2["hub:error",`); n != 3 || !strings.HasSuffix(c.told(), `"count":2}]`) {
			t.Errorf("nothing failed since, and the other two were told as\n%s", c.told())
		}
		fail("room.none", 1) // within the second of what was told just now
		if n := strings.Count(c.told(), `2["hub:error",`); n != 3 {
			t.Errorf("told twice in a second\n%s", c.told())
		}
		time.Sleep(time.Second) // in the bubble
		synctest.Wait()
		if n := strings.Count(c.told(), `2["hub:error",`); n != 4 || !strings.HasSuffix(c.told(), `"count":1}]`) {
			t.Errorf("the last was told as\n%s", c.told())
		}
		h.leave(t)
	})
}

// A browser that fails on ever new channels makes the hub count for few, and
// is told no more often; still none of its failures is left out.
func TestFailuresOnManyChannelsAreBoundedAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const channels, rounds = 200, 3
		h := open(t, nil)
		c := h.connect()
		c.say("0")
		for range rounds {
			for i := range channels {
				c.say(fmt.Sprintf(`2["hub:subscribe","room.none%d"]`, i))
			}
		}
		if n := strings.Count(c.told(), `2["hub:error",`); n > 65 {
			t.Errorf("told %d times within a moment", n)
		}
		time.Sleep(2 * time.Second) // in the bubble
		synctest.Wait()
		total := 0
		for _, m := range regexp.MustCompile(`"count":(\d+)`).FindAllStringSubmatch(c.told(), -1) {
			n, err := strconv.Atoi(m[1])
			if err != nil {
				t.Fatal(err)
			}
			total += n
		}
		if total != channels*rounds {
			t.Errorf("%d failures were told of %d", total, channels*rounds)
		}
		h.leave(t)
	})
}
