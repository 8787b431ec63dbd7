package bridge_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	blogv1 "github.com/realtime-hub/hub/examples/blog/gen/blog/v1"
	"github.com/realtime-hub/hub/hub/channel"
	hub "github.com/realtime-hub/hub/sdk/go"
	"go.uber.org/goleak"

	"github.com/realtime-hub/hub/sdk/go/bridge"
)

// No goroutine of a test outlives it.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait; nothing takes this long on a machine that works.
const patience = 20 * time.Second

var feed = hub.NewChannel[*blogv1.ArticleFeed]("blog.article.feed")

func notification(userID string) channel.Of[*blogv1.UserNotification] {
	return channel.Filled[*blogv1.UserNotification]("blog.notifications.{user_id}", channel.Params{"user_id": userID})
}

// bus is a Subscriber and Publisher that offers a topic's events one after the
// other, the next when the last was acked, and again when it was nacked: what
// Kafka does with a partition, without Kafka.
type bus struct {
	mu       sync.Mutex
	events   map[string][]*message.Message // guarded by mu; what was not acked yet
	more     chan struct{}                 // guarded by mu; closed at a change
	acked    []string                      // guarded by mu; UUIDs
	nacked   []string                      // guarded by mu; UUIDs
	topics   []string                      // guarded by mu; that were subscribed to
	refusals []error                       // guarded by mu; of the next publications
	fails    error                         // static
}

func newBus() *bus { return &bus{events: map[string][]*message.Message{}, more: make(chan struct{})} }

func (b *bus) Publish(topic string, messages ...*message.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.refusals) > 0 {
		err := b.refusals[0]
		b.refusals = b.refusals[1:]
		return err
	}
	for _, msg := range messages {
		b.events[topic] = append(b.events[topic], msg.Copy())
	}
	close(b.more)
	b.more = make(chan struct{})
	return nil
}

func (b *bus) Close() error { return nil }

func (b *bus) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.topics = append(b.topics, topic)
	if b.fails != nil {
		return nil, b.fails
	}
	out := make(chan *message.Message)
	go func() {
		defer close(out)
		for b.offer(ctx, topic, out) {
		}
	}()
	return out, nil
}

// offer is one delivery of the topic's first event.
func (b *bus) offer(ctx context.Context, topic string, out chan<- *message.Message) bool {
	b.mu.Lock()
	more, waiting := b.more, b.events[topic]
	b.mu.Unlock()
	if len(waiting) == 0 {
		select {
		case <-ctx.Done():
			return false
		case <-more:
			return true
		}
	}
	msg := waiting[0].Copy()
	of, end := context.WithCancel(ctx)
	defer end()
	msg.SetContext(of)
	select {
	case <-ctx.Done():
		return false
	case out <- msg:
	}
	select {
	case <-msg.Acked():
		b.mu.Lock()
		b.acked, b.events[topic] = append(b.acked, msg.UUID), b.events[topic][1:]
		b.mu.Unlock()
	case <-msg.Nacked():
		b.mu.Lock()
		b.nacked = append(b.nacked, msg.UUID)
		b.mu.Unlock()
	case <-ctx.Done():
		return false
	}
	return true
}

// waiting are a topic's events that were not acked.
func (b *bus) waiting(topic string) []*message.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.events[topic])
}

// answers are the UUIDs that were acked and nacked so far.
func (b *bus) answers() (acked, nacked string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.acked, " "), strings.Join(b.nacked, " ")
}

func (b *bus) publish(t testing.TB, topic string, messages ...*message.Message) {
	t.Helper()
	if err := b.Publish(topic, messages...); err != nil {
		t.Fatal(err)
	}
}

// event is a message with a JSON payload.
func event(id, payload string, metadata ...string) *message.Message {
	msg := message.NewMessage(id, []byte(payload))
	for pair := range slices.Chunk(metadata, 2) {
		msg.Metadata.Set(pair[0], pair[1])
	}
	return msg
}

// broadcaster is a hub that answers what it is told to.
type broadcaster struct {
	mu     sync.Mutex
	sent   []string                          // guarded by mu; channel, id of what was accepted
	seen   map[string]bool                   // guarded by mu
	answer func(out hub.Outgoing) error      // static; nil: yes
	during func(context.Context) (sent bool) // static; nil: at once
}

func (f *broadcaster) SendBroadcast(ctx context.Context, out hub.Outgoing) (hub.Receipt, error) {
	if f.during != nil && !f.during(ctx) {
		return hub.Receipt{}, ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.answer != nil {
		if err := f.answer(out); err != nil {
			return hub.Receipt{}, err
		}
	}
	name := out.Channel + " " + out.ID
	if f.seen[name] {
		return hub.Receipt{ID: out.ID, Duplicate: true}, nil
	}
	if f.seen == nil {
		f.seen = map[string]bool{}
	}
	f.seen[name] = true
	f.sent = append(f.sent, name)
	return hub.Receipt{ID: out.ID}, nil
}

func (f *broadcaster) accepted() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.sent, ", ")
}

// quiet logs where the test does.
func quiet(t testing.TB) bridge.Option {
	t.Helper()
	return bridge.Log(slog.New(slog.NewTextHandler(t.Output(), nil)))
}

// running is a Bridge that runs until its test ends, or is stopped.
type running struct {
	t       testing.TB
	results chan bridge.Result
	ended   chan error
	end     context.CancelFunc
}

// watched are the options that let a test wait for what becomes of events.
func watched(t testing.TB) (*running, bridge.Option) {
	t.Helper()
	r := &running{t: t, results: make(chan bridge.Result, 1000), ended: make(chan error, 1)}
	return r, bridge.Watch(func(result bridge.Result) {
		r.results <- result
	})
}

func (r *running) run(b *bridge.Bridge, s message.Subscriber) *running {
	r.t.Helper()
	ctx, end := context.WithCancel(context.WithoutCancel(r.t.Context()))
	r.end = end
	go func() { r.ended <- b.Run(ctx, s) }()
	r.t.Cleanup(func() { _ = r.stop() })
	return r
}

// next is what became of the next event, as `forwarded 1`.
func (r *running) next() string {
	r.t.Helper()
	say := func(result bridge.Result) string {
		return strings.TrimSpace(string(result.Outcome) + " " + result.ID + " " + result.Reason)
	}
	select {
	case result := <-r.results:
		return say(result)
	default:
	}
	select {
	case result := <-r.results:
		return say(result)
	case err := <-r.ended:
		r.ended <- err
		r.t.Fatalf("the bridge ended: %v", err)
	case <-time.After(patience):
		r.t.Fatalf("nothing became of an event within %v", patience)
	}
	return ""
}

// want waits for what becomes of the next events.
func (r *running) want(want ...string) {
	r.t.Helper()
	for _, w := range want {
		if got := r.next(); got != w {
			r.t.Errorf("what became of the event is %q, not %q", got, w)
		}
	}
}

// result is what Run returns.
func (r *running) result() error {
	r.t.Helper()
	select {
	case err := <-r.ended:
		r.ended <- err
		return err
	case <-time.After(patience):
		r.t.Fatalf("the bridge does not end within %v", patience)
		return nil
	}
}

func (r *running) stop() error {
	r.t.Helper()
	r.end()
	return r.result()
}

// journal is a log whose lines a test can wait for.
type journal struct {
	slog.Handler
	lines chan string
}

func newJournal(t testing.TB) journal {
	t.Helper()
	return journal{slog.NewTextHandler(t.Output(), nil), make(chan string, 1000)}
}

func (j journal) WithAttrs([]slog.Attr) slog.Handler { return j }

func (j journal) Handle(ctx context.Context, r slog.Record) error {
	select {
	case j.lines <- r.Message:
	default:
	}
	return j.Handler.Handle(ctx, r)
}

func (j journal) wait(t testing.TB, line string) {
	t.Helper()
	late := time.After(patience)
	for {
		select {
		case got := <-j.lines:
			if got == line {
				return
			}
		case <-late:
			t.Fatalf("no line %q is logged within %v", line, patience)
		}
	}
}

// door is an address that leads to a hub, to another, or to none.
type door struct {
	t       testing.TB
	address string
	close   func()
}

func newDoor(t testing.TB) *door {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d := &door{t: t, address: l.Addr().String(), close: func() {}}
	t.Cleanup(func() { d.close() })
	return d
}

func (d *door) open(to string) {
	d.t.Helper()
	l, err := net.Listen("tcp", d.address)
	if err != nil {
		d.t.Fatal(err)
	}
	var mu sync.Mutex
	conns := map[net.Conn]bool{}
	shut := false
	var copying sync.WaitGroup
	pass := func(from net.Conn) {
		onward, err := net.Dial("tcp", to)
		if err != nil {
			from.Close()
			return
		}
		mu.Lock()
		defer mu.Unlock()
		conns[from], conns[onward] = true, true
		for dst, src := range map[net.Conn]net.Conn{from: onward, onward: from} {
			copying.Go(func() {
				_, _ = io.Copy(dst, src)
				dst.Close()
			})
		}
		if shut {
			from.Close()
			onward.Close()
		}
	}
	copying.Go(func() {
		for {
			conn, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			} else if err == nil {
				pass(conn)
			}
		}
	})
	d.close = func() {
		l.Close()
		mu.Lock()
		shut = true
		for conn := range maps.Keys(conns) {
			conn.Close()
		}
		mu.Unlock()
		copying.Wait()
		d.close = func() {}
	}
}

// started tells a journal when a topic was subscribed to.
type started struct {
	message.Subscriber
	to journal
}

func (s started) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	events, err := s.Subscriber.Subscribe(ctx, topic)
	s.to.lines <- "subscribed to " + topic
	return events, err
}
