package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/internal/gate"
	"github.com/realtime-hub/hub/hub/internal/rpc"
)

func TestEachReasonReachesTheBackend(t *testing.T) {
	var err error
	d := serve(t, rpc.Config{Broadcast: flow{
		send: func(context.Context, *gate.Caller, *hubv1.BroadcastRequest) (*hubv1.BroadcastResponse, error) {
			return nil, fmt.Errorf("around it: secret: %w", err)
		},
	}})
	client := hubv1.NewBroadcastServiceClient(d.dial(t))
	for number, name := range hubv1.Reason_name {
		reason := fault.Reason(strings.TrimPrefix(name, "REASON_"))
		if number == 0 || reason == fault.Internal {
			continue
		}
		told := fault.New(reason, "what to do", "key", "secret")
		err = told
		_, got := client.Broadcast(t.Context(), broadcast())
		if s := status.Convert(got); s.Code() != told.Code || s.Message() != "what to do" {
			t.Errorf("%s: told %v", reason, s)
		}
		if info, _ := details(t, got); info.GetReason() != string(reason) || len(info.GetMetadata()) != 0 {
			t.Errorf("%s: told %v", reason, info)
		}
		if strings.Contains(status.Convert(got).Proto().String(), "secret") {
			t.Errorf("%s: the wire has what is for the log: %v", reason, got)
		}
	}
	if d.log.String() != "" {
		t.Errorf("refusals were logged: %s", d.log)
	}
}

func TestViolationsNameFieldAndRule(t *testing.T) {
	d := serve(t, rpc.Config{Broadcast: fails(fault.Invalid(fault.PayloadInvalid, []fault.Violation{
		{Field: "items[2].displayName", Rule: "string.min_len", Message: "must be at least 1 character"},
	}))})
	_, err := hubv1.NewBroadcastServiceClient(d.dial(t)).Broadcast(t.Context(), broadcast())
	_, bad := details(t, err)
	v := bad.GetFieldViolations()
	if len(v) != 1 || v[0].GetField() != "items[2].displayName" || v[0].GetReason() != "string.min_len" ||
		v[0].GetDescription() != "must be at least 1 character" {
		t.Errorf("told %v", bad)
	}
}

func TestManyViolationsFitIntoTrailers(t *testing.T) {
	var all []fault.Violation
	for i := range 1000 {
		all = append(all, fault.Violation{Field: fmt.Sprintf("items[%d].\xff", i), Rule: "string.min_len", Message: strings.Repeat("x", 100)})
	}
	d := serve(t, rpc.Config{Broadcast: fails(fault.Invalid(fault.PayloadInvalid, all))})
	// What C-core's clients accept.
	_, err := hubv1.NewBroadcastServiceClient(d.dial(t, grpc.WithMaxHeaderListSize(8<<10))).Broadcast(t.Context(), broadcast())
	info, bad := details(t, err)
	if info.GetMetadata()["violations"] != "1000" || len(bad.GetFieldViolations()) == 0 {
		t.Errorf("told %v with %d violations", info, len(bad.GetFieldViolations()))
	}
}

func TestAnInternalErrorIsLoggedUnderTheIDThatThePeerGets(t *testing.T) {
	for name, err := range map[string]error{
		"foreign": errors.New("password=hunter2"),
		"fault":   fault.Wrap(errors.New("password=hunter2"), fault.Internal, "password=hunter2 too, by mistake? no: this is told"),
		// A status of another server is not ours to tell.
		"status":   status.Error(codes.NotFound, "password=hunter2"),
		"deadline": context.DeadlineExceeded, // of something inside, not of the call
	} {
		t.Run(name, func(t *testing.T) {
			d := serve(t, rpc.Config{Broadcast: fails(err)})
			_, got := hubv1.NewBroadcastServiceClient(d.dial(t)).Broadcast(t.Context(), broadcast())
			info, _ := details(t, got)
			if status.Code(got) != codes.Internal || info.GetReason() != "INTERNAL" {
				t.Errorf("told %v", got)
			}
			if name != "fault" && strings.Contains(got.Error(), "hunter2") {
				t.Errorf("the peer reads %v", got)
			}
			id := info.GetMetadata()["request_id"]
			if id == "" || !strings.Contains(d.log.String(), id) || !strings.Contains(d.log.String(), err.Error()[:8]) {
				t.Errorf("request id %q; the log has %s", id, d.log)
			}
		})
	}
}

func TestAPanicIsToldAsInternalAndLoggedWithItsPlace(t *testing.T) {
	d := serve(t, rpc.Config{Broadcast: flow{
		send: func(context.Context, *gate.Caller, *hubv1.BroadcastRequest) (*hubv1.BroadcastResponse, error) {
			panic("hunter2")
		},
	}})
	client := hubv1.NewBroadcastServiceClient(d.dial(t))
	for range 2 { // the door goes on
		_, err := client.Broadcast(t.Context(), broadcast())
		if info, _ := details(t, err); status.Code(err) != codes.Internal || info.GetMetadata()["request_id"] == "" || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("told %v", err)
		}
	}
	if log := d.log.String(); !strings.Contains(log, "hunter2") || !strings.Contains(log, "status_test.go") {
		t.Errorf("the log has %s", log)
	}
	res, body := d.post(t, pathBroadcast, validJSON)
	if res.StatusCode != 500 || strings.Contains(body, "hunter2") || !strings.Contains(body, "request_id") {
		t.Errorf("over HTTP: %d %s", res.StatusCode, body)
	}
}

func TestACallThatEndsInTimeOrByItsCallerSaysSo(t *testing.T) {
	ended := make(chan error, 1)
	d := serve(t, rpc.Config{Broadcast: flow{
		send: func(ctx context.Context, _ *gate.Caller, _ *hubv1.BroadcastRequest) (*hubv1.BroadcastResponse, error) {
			<-ctx.Done()
			ended <- ctx.Err()
			return nil, fmt.Errorf("publish: %w", ctx.Err())
		},
	}})
	// Over HTTP the status is the server's own; a gRPC client makes one itself.
	res, body := d.post(t, pathBroadcast, validJSON, "Connect-Timeout-Ms", "20")
	if res.StatusCode != 504 || !strings.Contains(body, `"deadline_exceeded"`) {
		t.Errorf("told %d %s", res.StatusCode, body)
	}
	if err := <-ended; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the flow saw %v", err)
	}
	if d.log.String() != "" {
		t.Errorf("logged: %s", d.log)
	}
}
