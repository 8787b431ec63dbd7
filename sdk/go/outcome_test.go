package hub_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	hub "github.com/realtime-hub/hub/sdk/go"
)

const secret = "s3cret of the worker"

// outcome serves one delivery and returns what the worker said of it and wrote in its log.
func outcome(t *testing.T, h hub.Handler[text], change ...func(*hubv1.Delivery)) (answer *hubv1.HandleRequest, log string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var written bytes.Buffer
		s := serve(t, newHandlerHub(), registry(t, h), hub.Capacity(1), hub.Log(slog.New(slog.NewTextHandler(&written, &slog.HandlerOptions{Level: slog.LevelDebug}))))
		stream := s.attached()
		stream.deliver("d", "s", "blog.article.feed", change...)
		answer = stream.next(t)
		stream.deliver("next", "s", "board.1.cursor", func(d *hubv1.Delivery) { d.Message = pack(wrapperspb.String("fine")) })
		stream.next(t) // whatever happened, the worker goes on
		s.ends()
		log = written.String()
	})
	return answer, log
}

func TestWhatAHandlerSaysIsWhatTheHubHears(t *testing.T) {
	private := errors.New(secret)
	for name, c := range map[string]struct {
		h hub.Handler[text]
		// want is code, reason, message, public, retry, after.
		want string
	}{
		"an error": {
			func(context.Context, text, hub.Inbound) error { return private },
			"INTERNAL HANDLER_FAILED  false false 0s",
		},
		"the hub's own error": {
			func(context.Context, text, hub.Inbound) error {
				return &hub.Error{Code: codes.NotFound, Reason: "CHANNEL_UNKNOWN", Message: secret}
			},
			"INTERNAL HANDLER_FAILED  false false 0s",
		},
		"a panic": {
			func(context.Context, text, hub.Inbound) error { panic(secret) },
			"INTERNAL HANDLER_FAILED  false false 0s",
		},
		"an end of the goroutine": {
			func(context.Context, text, hub.Inbound) error { runtime.Goexit(); return nil },
			"INTERNAL HANDLER_FAILED  false false 0s",
		},
		"retry": {
			func(context.Context, text, hub.Inbound) error { return hub.Retry(private, 3*time.Second) },
			"INTERNAL HANDLER_FAILED  false true 3s",
		},
		"retry, when the hub likes": {
			func(context.Context, text, hub.Inbound) error { return fmt.Errorf("more: %w", hub.Retry(private, 0)) },
			"INTERNAL HANDLER_FAILED  false true 0s",
		},
		"retry before now": {
			func(context.Context, text, hub.Inbound) error { return hub.Retry(private, -time.Hour) },
			"INTERNAL HANDLER_FAILED  false true 0s",
		},
		"retry much later": {
			func(context.Context, text, hub.Inbound) error { return hub.Retry(private, time.Hour) },
			"INTERNAL HANDLER_FAILED  false true 30s",
		},
		"retry without a cause": {
			func(context.Context, text, hub.Inbound) error { return hub.Retry(nil, time.Second) },
			"INTERNAL HANDLER_FAILED  false true 1s",
		},
		"reject": {
			func(context.Context, text, hub.Inbound) error {
				return fmt.Errorf("%s: %w", secret, hub.Reject(codes.FailedPrecondition, "ARTICLE_GONE", "the article was withdrawn"))
			},
			"FAILED_PRECONDITION ARTICLE_GONE the article was withdrawn true false 0s",
		},
		"reject without a reason": {
			func(context.Context, text, hub.Inbound) error { return hub.Reject(codes.Canceled, "", "no") },
			"CANCELLED HANDLER_FAILED no true false 0s",
		},
		"reject as OK": {
			func(context.Context, text, hub.Inbound) error { return hub.Reject(codes.OK, "R", "no") },
			"INTERNAL R no true false 0s",
		},
		"reject with a code that does not exist": {
			func(context.Context, text, hub.Inbound) error { return hub.Reject(99, "R", "no\xff") },
			"INTERNAL R no\uFFFD true false 0s",
		},
		"retry, then reject": {
			func(context.Context, text, hub.Inbound) error {
				return hub.Retry(hub.Reject(codes.Unavailable, "BUSY", "later"), time.Second)
			},
			"UNAVAILABLE BUSY later true true 1s",
		},
	} {
		only := func(ctx context.Context, in text, m hub.Inbound) error {
			if in.GetValue() == "fine" {
				return nil
			}
			return c.h(ctx, in, m)
		}
		answer, log := outcome(t, only)
		nack := answer.GetNack()
		got := fmt.Sprintln(nack.GetError().GetCode(), nack.GetError().GetReason(), nack.GetError().GetMessage(),
			nack.GetPublic(), nack.GetRetry(), nack.GetRetryAfter().AsDuration())
		if strings.TrimSuffix(got, "\n") != c.want || nack.GetDeliveryId() != "d" {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if strings.Contains(answer.String(), secret) {
			t.Errorf("%s: the worker's text is on the wire", name)
		}
		if strings.Contains(c.want, "HANDLER_FAILED  ") && !strings.Contains(log, secret) && !strings.Contains(name, "without") && !strings.Contains(log, "ended its goroutine") {
			t.Errorf("%s: the text is not in the log:\n%s", name, log)
		}
	}
}

func TestWhatCannotBeHandledIsAFinalNo(t *testing.T) {
	for name, change := range map[string]func(*hubv1.Delivery){
		"an unknown channel":   func(d *hubv1.Delivery) { d.Channel = "blog.other" },
		"a channel too deep":   func(d *hubv1.Delivery) { d.Channel = "blog.article.feed.x" },
		"a channel too short":  func(d *hubv1.Delivery) { d.Channel = "blog.article" },
		"no channel":           func(d *hubv1.Delivery) { d.Channel = "" },
		"no message":           func(d *hubv1.Delivery) { d.Message = nil },
		"another message":      func(d *hubv1.Delivery) { d.Message = pack(wrapperspb.Int32(1)) },
		"garbage":              func(d *hubv1.Delivery) { d.Message.Value = []byte{0xff} },
		"a type without names": func(d *hubv1.Delivery) { d.Message = &anypb.Any{TypeUrl: "x"} },
	} {
		answer, log := outcome(t, func(_ context.Context, in text, _ hub.Inbound) error {
			if in.GetValue() != "fine" {
				t.Errorf("%s: the handler was called", name)
			}
			return nil
		}, change)
		nack := answer.GetNack()
		if nack.GetDeliveryId() != "d" || nack.GetError().GetReason() != "HANDLER_FAILED" || nack.GetRetry() || nack.GetPublic() {
			t.Errorf("%s: %v; want a final nack", name, answer)
		}
		if !strings.Contains(log, "level=ERROR") {
			t.Errorf("%s: nothing in the log:\n%s", name, log)
		}
	}
}

func TestAfterItsDeadlineAHandlerMayStillMeanNo(t *testing.T) {
	for name, c := range map[string]struct {
		h     hub.Handler[text]
		retry bool
	}{
		"an error": {func(context.Context, text, hub.Inbound) error { return errors.New("broken pipe") }, true},
		"a reject": {func(context.Context, text, hub.Inbound) error { return hub.Reject(codes.NotFound, "GONE", "gone") }, false},
		"a panic":  {func(context.Context, text, hub.Inbound) error { panic("x") }, false},
	} {
		answer, _ := outcome(t, func(ctx context.Context, in text, m hub.Inbound) error {
			if in.GetValue() == "fine" {
				return nil
			}
			<-ctx.Done()
			return c.h(ctx, in, m)
		})
		if nack := answer.GetNack(); nack == nil || nack.GetRetry() != c.retry {
			t.Errorf("%s: %v", name, answer)
		}
	}
}

func TestLongTextsAreCut(t *testing.T) {
	err, ok := errors.AsType[*hub.RejectError](hub.Reject(codes.Aborted, strings.Repeat("é", 100), strings.Repeat("€", 2000)))
	if !ok || len(err.Reason) != 128 || len(err.Message) != 4095 || !utf8.ValidString(err.Reason+err.Message) {
		t.Errorf("reason of %d bytes, message of %d", len(err.Reason), len(err.Message))
	}
}

func TestTheOutcomeOfAHandlerCanBeTested(t *testing.T) {
	cause := errors.New("busy")
	err := hub.Retry(cause, time.Second)
	if again, ok := errors.AsType[*hub.RetryError](err); !ok || again.After != time.Second || !errors.Is(err, cause) {
		t.Errorf("retry %v", err)
	}
	no, ok := errors.AsType[*hub.RejectError](hub.Reject(codes.NotFound, "GONE", "gone"))
	if !ok || no.Code != codes.NotFound || no.Error() != "rejected: GONE: gone" {
		t.Errorf("reject %v", no)
	}
}
