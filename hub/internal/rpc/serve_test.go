package rpc_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/gate"
	"github.com/realtime-hub/hub/hub/internal/rpc"
)

const (
	up   = healthpb.HealthCheckResponse_SERVING
	down = healthpb.HealthCheckResponse_NOT_SERVING
)

func TestHealthFollowsTheHub(t *testing.T) {
	d := serve(t, rpc.Config{})
	client := healthpb.NewHealthClient(d.dial(t))
	check := func(want healthpb.HealthCheckResponse_ServingStatus) {
		t.Helper()
		for _, service := range []string{"", "hub.v1.BroadcastService", "hub.v1.HandlerService", "hub.v1.AdminService"} {
			res, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{Service: service})
			if err != nil || res.GetStatus() != want {
				t.Errorf("%q: %v, %v", service, res, err)
			}
		}
	}
	check(up)
	d.SetServing(false)
	check(down)
	d.SetServing(true)
	check(up)
	if _, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{Service: "x"}); status.Code(err) != codes.NotFound {
		t.Errorf("unknown service: %v", err)
	}
}

func TestWatchersLearnThatTheHubGoesAndDoNotHoldItUp(t *testing.T) {
	for _, before := range []bool{true, false} { // serving when the end comes
		d := serve(t, rpc.Config{StopTimeout: time.Hour})
		d.SetServing(before)
		client := healthpb.NewHealthClient(d.dial(t))
		var watches []grpc.ServerStreamingClient[healthpb.HealthCheckResponse]
		for range 20 { // whom the end and the news reach together
			watch, err := client.Watch(t.Context(), &healthpb.HealthCheckRequest{})
			if err != nil {
				t.Fatal(err)
			}
			if res, err := watch.Recv(); err != nil || (res.GetStatus() == up) != before {
				t.Fatalf("%v, %v", res, err)
			}
			watches = append(watches, watch)
		}
		if err := d.stop(); err != nil {
			t.Error(err)
		}
		for _, watch := range watches {
			res, err := watch.Recv()
			if before {
				if err != nil || res.GetStatus() != down {
					t.Fatalf("not told: %v, %v", res, err)
				}
				_, err = watch.Recv()
			}
			if info, _ := details(t, err); info.GetReason() != "DRAINING" {
				t.Fatalf("the end was told as %v", err)
			}
		}
	}
}

// held is a flow that says when it was called and waits to be released.
type held struct{ called, release chan struct{} }

func (h held) Send(ctx context.Context, _ *gate.Caller, _ *hubv1.BroadcastRequest) (*hubv1.BroadcastResponse, error) {
	h.called <- struct{}{}
	select {
	case <-h.release:
		return &hubv1.BroadcastResponse{Id: "done"}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (h held) SendBatch(context.Context, *gate.Caller, []*hubv1.BroadcastRequest) []*hubv1.BroadcastResult {
	return nil
}

func TestCallsUnderWayFinishWhenTheDoorCloses(t *testing.T) {
	h := held{called: make(chan struct{}), release: make(chan struct{})}
	d := serve(t, rpc.Config{Broadcast: h, StopTimeout: time.Hour})
	health := healthpb.NewHealthClient(d.dial(t))
	watch, err := health.Watch(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	client := hubv1.NewBroadcastServiceClient(d.dial(t))
	byGRPC, byHTTP := make(chan error, 1), make(chan string, 1)
	go func() {
		_, err := client.Broadcast(t.Context(), broadcast())
		byGRPC <- err
	}()
	go func() {
		_, body := d.post(t, pathBroadcast, validJSON)
		byHTTP <- body
	}()
	<-h.called
	<-h.called
	stopped := make(chan error, 1)
	go func() { stopped <- d.stop() }()
	for err == nil { // until the door says that it closes
		_, err = watch.Recv()
	}
	select {
	case err := <-stopped:
		t.Fatalf("closed over calls: %v", err)
	default:
	}
	close(h.release)
	if err := <-byGRPC; err != nil {
		t.Error(err)
	}
	if body := <-byHTTP; !strings.Contains(body, "done") {
		t.Error(body)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestCallsThatDoNotFinishAreCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := held{called: make(chan struct{}), release: make(chan struct{})}
		// Less than an idle connection has until its settings.
		m := inMemory(t, rpc.Config{Broadcast: h, StopTimeout: 2 * time.Second})
		client := m.dial(t)
		byGRPC := make(chan error, 1)
		go func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			_, err := hubv1.NewBroadcastServiceClient(client).Broadcast(ctx, broadcast())
			byGRPC <- err
		}()
		<-h.called
		raw := m.raw(t, "POST "+pathBroadcast+" HTTP/1.1\r\nHost: x\r\nConnect-Timeout-Ms: 3600000\r\nContent-Type: application/json\r\nContent-Length: "+length(validJSON)+"\r\n\r\n"+validJSON)
		<-h.called
		half := m.raw(t, "PRI * HTTP/2.0\r\n") // never sends the rest
		silent := m.raw(t, "")
		synctest.Wait()
		start := time.Now()
		if err := m.stop(); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("took %v", took)
		}
		if err := <-byGRPC; status.Code(err) != codes.Unavailable && status.Code(err) != codes.Canceled {
			t.Errorf("gRPC: %v", err)
		}
		for _, c := range []net.Conn{raw, half, silent} {
			if _, err := io.ReadAll(c); errors.Is(err, context.DeadlineExceeded) {
				t.Error("left open")
			}
			_ = c.Close()
		}
		m.end(t, client)
	})
}

func TestASilentConnectionIsClosedAndHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := inMemory(t, rpc.Config{})
		client := m.dial(t)
		start := time.Now()
		var slow []net.Conn
		for _, head := range []string{"", "P", "PRI", "POS", "PRI * HTTP/2.0\r\n", "GET / HTTP/1.1\r\nX: "} {
			slow = append(slow, m.raw(t, head))
		}
		if _, err := hubv1.NewBroadcastServiceClient(client).Broadcast(t.Context(), broadcast()); err != nil || time.Since(start) != 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		for _, c := range slow {
			_, _ = io.ReadAll(c) // until the door closes it
			if took := time.Since(start); took < 5*time.Second || took > 6*time.Second {
				t.Errorf("closed after %v", took)
			}
			_ = c.Close()
		}
		m.end(t, client)
	})
}

func TestThoseWhoShowNothingAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := inMemory(t, rpc.Config{})
		var silent []net.Conn
		for range 1024 {
			silent = append(silent, m.raw(t, ""))
		}
		client := m.dial(t)
		start := time.Now()
		if _, err := hubv1.NewBroadcastServiceClient(client).Broadcast(t.Context(), broadcast()); err != nil || time.Since(start) != 5*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		for _, c := range silent {
			_ = c.Close()
		}
		m.end(t, client)
	})
}

// failing is a listener that fails before it works.
type failing struct {
	net.Listener

	err  error
	left atomic.Int32
}

func (f *failing) Accept() (net.Conn, error) {
	if f.left.Add(-1) >= 0 {
		return nil, f.err
	}
	return f.Listener.Accept()
}

type tooManyFiles struct{ error }

func (tooManyFiles) Temporary() bool { return true }

func TestTheDoorSurvivesALackOfFileDescriptors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{listener: newPipe()}
		l := &failing{Listener: m.listener, err: tooManyFiles{errors.New("too many open files")}}
		l.left.Store(5)
		m.door = serveOn(t, l, rpc.Config{})
		client := m.dial(t)
		if _, err := hubv1.NewBroadcastServiceClient(client).Broadcast(t.Context(), broadcast()); err != nil {
			t.Error(err)
		}
		if n := strings.Count(m.log.String(), "too many open files"); n != 5 {
			t.Errorf("%d lines in the log", n)
		}
		m.end(t, client)
	})
}

func TestServeEndsWithItsListenersFailure(t *testing.T) {
	broken := errors.New("the network is gone")
	l := &failing{Listener: newPipe(), err: broken}
	l.left.Store(1)
	s, err := rpc.New(rpc.Config{Gate: newGate(t, gate.Config{}), Broadcast: flow{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(t.Context(), l); !errors.Is(err, broken) {
		t.Errorf("Serve: %v", err)
	}
}
