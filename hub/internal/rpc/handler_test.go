package rpc_test

import (
	"context"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/anypb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/dispatch"
	"github.com/realtime-hub/hub/hub/internal/gate"
	"github.com/realtime-hub/hub/hub/internal/rpc"
	"github.com/realtime-hub/hub/hub/schema"
)

const patience = 10 * time.Second

// inbound is a door with channels that take messages, and what browsers do.
type inbound struct {
	*door
	*dispatch.Service

	schema *schema.Registry
}

// takesMessages has room.{id}.said (at least once), .moved (at most once), .brief.
func takesMessages(t testing.TB) rpc.Config {
	t.Helper()
	registry := schema.New(schema.Config{})
	if _, err := registry.Load(t.Context(), "../dispatch/testdata"); err != nil {
		t.Fatal(err)
	}
	return rpc.Config{Schema: registry, Dispatch: dispatch.New(dispatch.Config{Schema: registry})}
}

// submit sends a text, and gives what the sender is told.
func (i *inbound) submit(t testing.TB, session, channel, text string) <-chan error {
	t.Helper()
	match, err := i.schema.Snapshot().Match(channel)
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan error, 2)
	i.Submit(dispatch.Message{
		Match: match, ID: text[:min(len(text), 64)], Sender: &hubv1.Sender{Session: session},
		Payload: &anypb.Any{TypeUrl: "type.googleapis.com/t.v1.Said", Value: []byte(text)},
		Reply:   func(err error) { told <- err },
	})
	return told
}

func (i *inbound) told(t testing.TB, told <-chan error) error {
	t.Helper()
	select {
	case err := <-told:
		return err
	case <-time.After(patience):
		t.Fatal("the sender is told nothing")
		return nil
	}
}

type handleClient = grpc.BidiStreamingClient[hubv1.HandleRequest, hubv1.HandleResponse]

func attach(ctx context.Context, t testing.TB, conn *grpc.ClientConn, a *hubv1.Attach) handleClient {
	t.Helper()
	stream, err := hubv1.NewHandlerServiceClient(conn).Handle(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&hubv1.HandleRequest{Frame: &hubv1.HandleRequest_Attach{Attach: a}}); err != nil {
		t.Fatal(err)
	}
	if f, err := stream.Recv(); err != nil || f.GetAttached() == nil {
		t.Fatalf("attached by %v, %v", f, err)
	}
	return stream
}

func ack(id string) *hubv1.HandleRequest {
	return &hubv1.HandleRequest{Frame: &hubv1.HandleRequest_Ack{Ack: &hubv1.Ack{DeliveryId: id}}}
}

// counted counts what the server writes to its sockets.
type counted struct {
	net.Listener

	writes, bytes atomic.Int64
}

type countedConn struct {
	net.Conn

	of *counted
}

func (c *counted) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return countedConn{conn, c}, nil
}

func (c countedConn) Write(b []byte) (int, error) {
	c.of.writes.Add(1)
	c.of.bytes.Add(int64(len(b)))
	return c.Conn.Write(b)
}

// gRPC's writer gathers what was sent while it wrote, up to 32 KiB: under load
// a write carries many frames, without a timer that holds back a lone one.
func TestFramesAreBatched(t *testing.T) {
	const frames = 10_000
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	counting := &counted{Listener: l}
	cfg := takesMessages(t)
	i := &inbound{door: serveOn(t, counting, cfg), Service: cfg.Dispatch, schema: cfg.Schema}
	conn := i.dial(t)
	stream := attach(t.Context(), t, conn, &hubv1.Attach{Group: "g", Channels: []string{"room.{id}.said"}, Capacity: 1024})
	begin := counting.writes.Load()
	told := make(chan (<-chan error), frames)
	go func() {
		for n := range frames {
			told <- i.submit(t, "s"+strconv.Itoa(n), "room.1.said", "hello")
		}
	}()
	for range frames {
		f, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Send(ack(f.GetDelivery().GetDeliveryId())); err != nil {
			t.Fatal(err)
		}
	}
	for range frames {
		if err := i.told(t, <-told); err != nil {
			t.Fatal(err)
		}
	}
	writes := counting.writes.Load() - begin
	t.Logf("%d frames in %d writes, %.1f a write, %d bytes", frames, writes, frames/float64(writes), counting.bytes.Load())
	if writes > frames/4 {
		t.Errorf("%d writes for %d frames", writes, frames)
	}
}

// A worker that answers gRPC's pings but takes nothing would have everything
// that it lets pass wait for it, without an end.
func TestAWorkerThatDoesNotReadLosesItsStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := takesMessages(t)
		log := &lockedBuffer{}
		cfg.Dispatch = dispatch.New(dispatch.Config{Schema: cfg.Schema, Log: slog.New(slog.NewTextHandler(log, nil))})
		m := inMemory(t, cfg)
		i := &inbound{door: m.door, Service: cfg.Dispatch, schema: cfg.Schema}
		conn := m.dial(t, grpc.WithInitialWindowSize(1<<16), grpc.WithInitialConnWindowSize(1<<16))
		ctx, cancel := context.WithCancel(t.Context())
		stream := attach(ctx, t, conn, &hubv1.Attach{Group: "g", Channels: []string{"room.{id}.brief"}, Capacity: 8})
		rounds := 0
		for ; !strings.Contains(log.String(), "a worker is gone"); rounds++ {
			if rounds > 20 {
				t.Fatal("the stream goes on")
			}
			for session := range 8 {
				i.submit(t, "s"+strconv.Itoa(session), "room.1.brief", strings.Repeat("x", 32<<10))
			}
			time.Sleep(2100 * time.Millisecond) // in the bubble; the messages' expiry
			synctest.Wait()
		}
		if rounds < 2 {
			t.Errorf("the stream ended in round %d, when nothing more than its capacity could wait", rounds)
		}
		for {
			if _, err := stream.Recv(); err != nil {
				if info, _ := details(t, err); info.GetReason() != "OVERLOADED" || !strings.Contains(err.Error(), "does not read") {
					t.Errorf("told %v", err)
				}
				break
			}
		}
		cancel()
		m.end(t, conn)
	})
}

func TestDeadLettersAreListedToWhoMaySeeThem(t *testing.T) {
	cfg := takesMessages(t)
	cfg.Gate = newGate(t, gate.Config{Tokens: []gate.ServiceToken{
		{Name: "worker", Token: blogToken, Allow: []gate.Right{gate.Handle}, Channels: []string{"*"}},
		{Name: "ops", Token: adminToken, Allow: []gate.Right{gate.Admin}, Channels: []string{"*"}},
		{Name: "part", Token: "part-0123456789abcdef", Allow: []gate.Right{gate.Admin}, Channels: []string{"room.{id}.brief"}},
	}})
	i := &inbound{door: serve(t, cfg), Service: cfg.Dispatch, schema: cfg.Schema}
	conn := i.dial(t, grpc.WithPerRPCCredentials(bearer(blogToken)))
	stream := attach(t.Context(), t, conn, &hubv1.Attach{Group: "g", Channels: []string{"room.{id}.said", "room.{id}.brief"}})
	for n, channel := range []string{"room.1.said", "room.1.brief", "room.2.said"} {
		told := i.submit(t, "s1", channel, "text "+strconv.Itoa(n))
		f, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		nack := &hubv1.Nack{DeliveryId: f.GetDelivery().GetDeliveryId(), Error: &hubv1.Error{Message: "no"}}
		if err := stream.Send(&hubv1.HandleRequest{Frame: &hubv1.HandleRequest_Nack{Nack: nack}}); err != nil {
			t.Fatal(err)
		}
		if err := i.told(t, told); err == nil {
			t.Error("the sender was told ok")
		}
	}
	admin := hubv1.NewAdminServiceClient(i.dial(t))
	for name, test := range map[string]struct {
		token, want string
		req         *hubv1.ListDeadLettersRequest
	}{
		"all":         {adminToken, "text 2,text 1,text 0", &hubv1.ListDeadLettersRequest{}},
		"of one":      {adminToken, "text 0", &hubv1.ListDeadLettersRequest{Channel: "room.1.said"}},
		"the newest":  {adminToken, "text 2", &hubv1.ListDeadLettersRequest{Limit: 1}},
		"its own":     {"part-0123456789abcdef", "text 1", &hubv1.ListDeadLettersRequest{}},
		"not its own": {"part-0123456789abcdef", "", &hubv1.ListDeadLettersRequest{Channel: "room.1.said"}},
	} {
		res, err := admin.ListDeadLetters(with(t.Context(), "Bearer "+test.token), test.req)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, l := range res.GetDeadLetters() {
			ids = append(ids, l.GetMessageId())
		}
		if got := strings.Join(ids, ","); got != test.want {
			t.Errorf("%s: %s, not %s", name, got, test.want)
		}
	}
	_, err := admin.ListDeadLetters(with(t.Context(), "Bearer "+blogToken), &hubv1.ListDeadLettersRequest{})
	denied(t, "without ADMIN", err)
}

// bearer is a token that goes with each call.
type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

func (bearer) RequireTransportSecurity() bool { return false }
