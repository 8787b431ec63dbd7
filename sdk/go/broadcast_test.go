package hub_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/channel"
	hub "github.com/realtime-hub/hub/sdk/go"
)

var feed = hub.NewChannel[*wrapperspb.StringValue]("blog.article.feed")

func TestBroadcastSendsTheMessageOnce(t *testing.T) {
	f := &fakeHub{}
	client := dial(t, f, hub.WithToken("s3cret"))
	user, err := hub.FillChannel[*wrapperspb.StringValue]("notifications.user.{user_id}", channel.Params{"user_id": "ann@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	receipt, err := hub.Broadcast(t.Context(), client, user, wrapperspb.String("hello"), hub.WithID("job-7"), hub.ExceptSessions("a"), hub.ExceptSessions("b"))
	if err != nil {
		t.Fatal(err)
	}
	if receipt != (hub.Receipt{ID: "job-7"}) {
		t.Errorf("receipt %+v", receipt)
	}
	again, err := hub.Broadcast(t.Context(), client, user, wrapperspb.String("hello"), hub.WithID("job-7"))
	if err != nil || !again.Duplicate {
		t.Errorf("the second time: %+v, %v; want a duplicate", again, err)
	}
	request := f.got()[0]
	if want := "notifications.user.ann@example%2Ecom"; request.GetChannel() != want {
		t.Errorf("channel %q, want %q", request.GetChannel(), want)
	}
	var payload wrapperspb.StringValue
	if err := request.GetMessage().UnmarshalTo(&payload); err != nil || payload.GetValue() != "hello" {
		t.Errorf("payload %v, %v", &payload, err)
	}
	if !slices.Equal(request.GetExceptSessions(), []string{"a", "b"}) {
		t.Errorf("except %v", request.GetExceptSessions())
	}
	if f.authorizations[0] != "Bearer s3cret" {
		t.Error("the token did not arrive")
	}
}

func TestEachBroadcastHasItsOwnID(t *testing.T) {
	f := &fakeHub{}
	client := dial(t, f)
	seen := map[string]bool{}
	for range 3 {
		receipt, err := hub.Broadcast(t.Context(), client, feed, wrapperspb.String("x"))
		if err != nil {
			t.Fatal(err)
		}
		if len(receipt.ID) < 22 || seen[receipt.ID] {
			t.Errorf("id %q is short or not new", receipt.ID)
		}
		seen[receipt.ID] = true
	}
}

func TestUnavailableHubIsAskedAgainWithTheSameID(t *testing.T) {
	f := &fakeHub{answer: func(n int) error {
		switch n {
		case 0:
			return refusal(codes.Unavailable, "DRAINING", "the hub is shutting down")
		case 1:
			return status.Error(codes.Unavailable, "a proxy's words")
		}
		return nil
	}}
	client := dial(t, f)
	if _, err := hub.Broadcast(t.Context(), client, feed, wrapperspb.String("x")); err != nil {
		t.Fatal(err)
	}
	got := f.got()
	if len(got) != 3 || got[0].GetId() == "" || got[1].GetId() != got[0].GetId() || got[2].GetId() != got[0].GetId() {
		t.Errorf("requests %v; want three with one id", got)
	}
}

func TestOtherRefusalsAreNotRepeated(t *testing.T) {
	for _, code := range []codes.Code{codes.InvalidArgument, codes.ResourceExhausted, codes.Internal, codes.DeadlineExceeded} {
		f := &fakeHub{answer: func(int) error { return refusal(code, "X", "no") }}
		client := dial(t, f)
		_, err := hub.Broadcast(t.Context(), client, feed, wrapperspb.String("x"))
		if e, ok := errors.AsType[*hub.Error](err); !ok || e.Code != code {
			t.Errorf("%v: error %v", code, err)
		}
		if n := len(f.got()); n != 1 {
			t.Errorf("%v: %d calls, want 1", code, n)
		}
	}
}

func TestGivesUpWithTheContextAndSaysWhy(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	f := &fakeHub{answer: func(n int) error {
		if n == 2 {
			cancel()
		}
		return refusal(codes.Unavailable, "ENGINE_UNAVAILABLE", "the engine is out of reach")
	}}
	client := dial(t, f)
	_, err := hub.Broadcast(ctx, client, feed, wrapperspb.String("x"))
	e, ok := errors.AsType[*hub.Error](err)
	if !ok || e.Reason != "ENGINE_UNAVAILABLE" || !e.Retryable || !errors.Is(err, context.Canceled) {
		t.Errorf("error %v; want the hub's last word and the context's", err)
	}
}

func TestCallWithoutDeadlineEndsByItself(t *testing.T) {
	f := &deadlineHub{left: make(chan time.Duration, 1)}
	if _, err := hub.Broadcast(t.Context(), dial(t, f), feed, wrapperspb.String("x")); err != nil {
		t.Fatal(err)
	}
	if left := <-f.left; left <= 0 || left > 10*time.Second {
		t.Errorf("the call had %v; want at most 10 s", left)
	}
}

func TestMistakesNeedNoHub(t *testing.T) {
	client, err := hub.Dial("127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	many := make([]string, 101)
	for name, c := range map[string]struct {
		call   func() error
		reason string
	}{
		"nil payload": {func() error {
			_, err := hub.Broadcast(t.Context(), client, feed, nil)
			return err
		}, "PAYLOAD_MALFORMED"},
		"bad UTF-8": {func() error {
			_, err := hub.Broadcast(t.Context(), client, feed, wrapperspb.String("\xff"))
			return err
		}, "PAYLOAD_MALFORMED"},
		"no channel": {func() error {
			_, err := hub.Broadcast(t.Context(), client, channel.Of[*wrapperspb.StringValue]{}, wrapperspb.String("x"))
			return err
		}, "CHANNEL_NAME_INVALID"},
		"a param's value is empty": {func() error {
			ch := channel.Filled[*wrapperspb.StringValue]("a.{b}", channel.Params{"b": ""})
			_, err := hub.Broadcast(t.Context(), client, ch, wrapperspb.String("x"))
			return err
		}, "CHANNEL_NAME_INVALID"},
		"many sessions": {func() error {
			_, err := hub.Broadcast(t.Context(), client, feed, wrapperspb.String("x"), hub.ExceptSessions(many...))
			return err
		}, "REQUEST_INVALID"},
		"long id": {func() error {
			_, err := hub.Broadcast(t.Context(), client, feed, wrapperspb.String("x"), hub.WithID(strings.Repeat("x", 129)))
			return err
		}, "REQUEST_INVALID"},
	} {
		e, ok := errors.AsType[*hub.Error](c.call())
		if !ok || e.Reason != c.reason || e.Code != codes.InvalidArgument {
			t.Errorf("%s: %v, want %s", name, e, c.reason)
		}
	}
}

func TestErrorSaysWhatTheHubSaid(t *testing.T) {
	f := &fakeHub{answer: func(int) error {
		return refusal(codes.InvalidArgument, "PAYLOAD_INVALID", "title: too short", &errdetails.BadRequest{
			FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "title", Reason: "string.min_len", Description: "too short"}},
		})
	}}
	_, err := hub.Broadcast(t.Context(), dial(t, f), feed, wrapperspb.String("x"))
	e, ok := errors.AsType[*hub.Error](err)
	if !ok {
		t.Fatalf("error %v", err)
	}
	if want := "hub: PAYLOAD_INVALID: title: too short"; e.Error() != want {
		t.Errorf("text %q, want %q", e.Error(), want)
	}
	if e.Retryable || !slices.Equal(e.Violations, []hub.Violation{{Field: "title", Rule: "string.min_len", Message: "too short"}}) {
		t.Errorf("error %+v", e)
	}
	if status.Code(err) != codes.InvalidArgument {
		t.Errorf("gRPC's code %v", status.Code(err))
	}
}

func TestRetryableIsWhatTheHubTells(t *testing.T) {
	for _, c := range []struct {
		code   codes.Code
		reason string
		told   string
		want   bool
	}{
		{codes.ResourceExhausted, "RATE_LIMITED", "", true},
		{codes.ResourceExhausted, "PAYLOAD_TOO_LARGE", "", false},
		{codes.ResourceExhausted, "RATE_LIMITED", "false", false},
		{codes.Internal, "NEW_REASON", "true", true},
	} {
		info := &errdetails.ErrorInfo{Reason: c.reason, Domain: "hub"}
		if c.told != "" {
			info.Metadata = map[string]string{"retryable": c.told}
		}
		s, _ := status.New(c.code, "no").WithDetails(info)
		f := &fakeHub{answer: func(int) error { return s.Err() }}
		_, err := hub.Broadcast(t.Context(), dial(t, f), feed, wrapperspb.String("x"))
		if e, ok := errors.AsType[*hub.Error](err); !ok || e.Retryable != c.want {
			t.Errorf("%+v: retryable %v", c, e)
		}
	}
}

func TestOtherServicesHaveTheSameErrors(t *testing.T) {
	client := dial(t, &fakeHub{})
	admin := hubv1.NewAdminServiceClient(client.Conn())
	_, err := admin.ListChannels(t.Context(), &hubv1.ListChannelsRequest{})
	if e, ok := errors.AsType[*hub.Error](err); !ok || e.Code != codes.Unimplemented || e.Reason != "" {
		t.Errorf("unary: %v", err)
	}
	stream, err := admin.Watch(t.Context(), &hubv1.WatchRequest{Channel: "a.b"})
	if err == nil {
		_, err = stream.Recv()
	}
	if e, ok := errors.AsType[*hub.Error](err); !ok || e.Code != codes.Unimplemented {
		t.Errorf("stream: %v", err)
	}
}
