package hub

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

// The contract's bounds of an answer.
const (
	maxRetryAfter = 30 * time.Second
	maxReason     = 128  // bytes
	maxText       = 4096 // bytes
	maxDecision   = 1024 // bytes
)

// RetryError is the error of [Retry], for tests of a handler: find it with
// errors.AsType.
type RetryError struct {
	// After is when, not before; 0 is the hub's backoff.
	After time.Duration

	cause error
}

// Retry asks for the message again, from this worker or another, not before
// after has passed: 0 is the hub's backoff, more than 30 s is 30 s. The hub
// delivers a message at most 5 times and within its expiry (60 s unless
// declared); then its sender is told HANDLER_TIMEOUT, and operators see err among
// the dead letters if it is a [Reject]. The text of any other err stays in the
// worker's log. A nil err asks all the same.
func Retry(err error, after time.Duration) error {
	return &RetryError{After: min(max(after, 0), maxRetryAfter), cause: err}
}

// Error is the cause's text, and that the message is to come again.
func (r *RetryError) Error() string {
	if r.cause == nil {
		return "retry"
	}
	return "retry: " + r.cause.Error()
}

// Unwrap is what was given to Retry.
func (r *RetryError) Unwrap() error { return r.cause }

// RejectError is the error of [Reject], for tests of a handler: find it with
// errors.AsType.
type RejectError struct {
	// Code is the canonical code.
	Code codes.Code
	// Reason names the cause for programs.
	Reason string
	// Message is for people.
	Message string
}

// Reject is a final no that the browser may read: its ack's error has this
// code, reason and text. The reason is a word of yours for programs, as
// ARTICLE_GONE; empty is HANDLER_FAILED. Beyond 128 and 4,096 bytes reason and
// text are cut. The code OK, which would be no refusal, and codes that do not
// exist become INTERNAL.
func Reject(c codes.Code, reason, text string) error {
	if _, known := code.Code_name[int32(c)]; !known || c == codes.OK { //nolint:gosec // an unknown code is what is looked for
		c = codes.Internal
	}
	return &RejectError{Code: c, Reason: clip(reason, maxReason), Message: clip(text, maxText)}
}

// Error is `rejected: ARTICLE_GONE: the article was withdrawn`.
func (r *RejectError) Error() string { return "rejected: " + r.name() + ": " + r.Message }

func (r *RejectError) name() string {
	if r.Reason == "" {
		return handlerFailed
	}
	return r.Reason
}

const handlerFailed = "HANDLER_FAILED"

// verdict is what the wire tells of a handler's error.
type verdict struct {
	told   *hubv1.Error
	public bool
	retry  bool
	after  time.Duration
}

// judge makes a verdict. interrupted tells that the handler's context had
// ended: what it then says is a consequence, so that another may try, unless it
// meant what it said.
func judge(err error, interrupted bool) verdict {
	v := verdict{told: &hubv1.Error{Code: code.Code_INTERNAL.String(), Reason: handlerFailed}}
	rejection, rejected := errors.AsType[*RejectError](err)
	if rejected {
		v.public = true
		v.told = &hubv1.Error{
			Code:      code.Code(rejection.Code).String(), //nolint:gosec // Reject has checked it
			Reason:    rejection.name(),
			Message:   rejection.Message,
			Retryable: retryable(rejection.Code, rejection.Reason),
		}
	}
	redelivery, again := errors.AsType[*RetryError](err)
	_, broken := errors.AsType[*panicError](err)
	switch {
	case again:
		v.retry, v.after = true, redelivery.After
	case interrupted && !rejected && !broken:
		v.retry = true
	}
	return v
}

// answerTo is the frame that says how a delivery went.
func answerTo(delivery string, err error, interrupted bool) *hubv1.HandleRequest {
	if err == nil {
		return &hubv1.HandleRequest{Frame: &hubv1.HandleRequest_Ack{Ack: &hubv1.Ack{DeliveryId: delivery}}}
	}
	v := judge(err, interrupted)
	nack := &hubv1.Nack{DeliveryId: delivery, Error: v.told, Retry: v.retry, Public: v.public}
	if v.after > 0 {
		nack.RetryAfter = durationpb.New(v.after)
	}
	return &hubv1.HandleRequest{Frame: &hubv1.HandleRequest_Nack{Nack: nack}}
}

// refusalOf is the error of a question that found no answer. A question is
// never asked twice, but its browser may come again.
func refusalOf(err error, interrupted bool) *hubv1.Error {
	v := judge(err, interrupted)
	if v.retry && !v.public {
		v.told.Code, v.told.Retryable = code.Code_UNAVAILABLE.String(), true
	}
	return v.told
}

// panicError is a panic as an error.
type panicError struct {
	value any
	stack []byte
}

func (p *panicError) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// clip makes text fit for the wire: valid UTF-8, at most limit bytes.
func clip(text string, limit int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= limit {
		return text
	}
	for !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}
