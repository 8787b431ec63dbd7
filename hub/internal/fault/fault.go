// Package fault is an error that knows its code, its reason and what may be
// told of it.
//
// A fault is born once, where the fact is known, and travels as an error;
// context is added around it with %w. A door turns whatever arrives into the
// wire's form with Of: a fault keeps its reason and message, anything else
// becomes INTERNAL to the peer, and its full text belongs in the hub's log.
// So nothing that was not written to be told can leak. A fault is immutable
// once made and safe to share.
package fault

import (
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

// Error is a refusal or failure that its receiver may read.
type Error struct {
	// Code is the canonical code that goes with the reason.
	Code codes.Code
	// Reason names the cause for programs.
	Reason Reason
	// Message says, for people, what was wrong and what to do.
	Message string
	// Retryable tells whether the same request may succeed later.
	Retryable bool
	// Violations are the rules that were broken, where that is the cause.
	Violations []Violation

	attrs []any
	cause error
}

// Violation is one field that broke one rule.
type Violation struct {
	// Field is the path in JSON names; empty for the whole message.
	Field string
	// Rule is the rule's id, as `string.min_len`.
	Rule string
	// Message is for people.
	Message string
}

// New makes a fault. The reason settles code and retryability. The message is
// shown to the peer; the key-value pairs are for the log only.
func New(reason Reason, message string, keyValues ...any) *Error {
	kind, known := kinds[reason]
	if !known {
		kind = kinds[Internal]
	}
	return &Error{Code: kind.code, Reason: reason, Message: message, Retryable: kind.retryable, attrs: keyValues}
}

// Wrap makes a fault with a cause that only the log sees.
func Wrap(cause error, reason Reason, message string, keyValues ...any) *Error {
	e := New(reason, message, keyValues...)
	e.cause = cause
	return e
}

// Invalid makes a fault of broken rules. Its message is made of the first few
// violations, so that a reader of the message alone knows what to mend.
func Invalid(reason Reason, violations []Violation, keyValues ...any) *Error {
	const shown = 3
	texts := make([]string, 0, shown+1)
	for i, v := range violations {
		if i == shown {
			texts = append(texts, fmt.Sprintf("and %d more", len(violations)-shown))
			break
		}
		texts = append(texts, v.String())
	}
	e := New(reason, strings.Join(texts, "; "), keyValues...)
	e.Violations = violations
	return e
}

// InWordsOf is the fault as a worker told it to a browser; where the worker is
// silent, e has the word. What a worker says is bounded by the rules of
// hub.v1.Error, which hold where it comes in.
func (e *Error) InWordsOf(said *hubv1.Error) *Error {
	told := *e
	told.Retryable = said.GetRetryable()
	if code, ok := ParseCode(said.GetCode()); ok {
		told.Code = code
	}
	if said.GetReason() != "" {
		told.Reason = Reason(said.GetReason())
	}
	if said.GetMessage() != "" {
		told.Message = said.GetMessage()
	}
	for _, v := range said.GetViolations() {
		told.Violations = append(told.Violations, Violation{Field: v.GetField(), Rule: v.GetRule(), Message: v.GetMessage()})
	}
	return &told
}

// String is `field: message`.
func (v Violation) String() string {
	if v.Field == "" {
		return v.Message
	}
	return v.Field + ": " + v.Message
}

// Of finds the fault in err's chain. What is not a fault is INTERNAL with a
// message that tells nothing, and err as its cause for the log.
func Of(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return Wrap(err, Internal, "internal error; the hub's log has the detail")
}

// Is tells whether err is a fault of the reason.
func Is(err error, reason Reason) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Reason == reason
}

// Outcome is what became of a request, as the rooms' metrics label it: OK, or
// the reason. A worker's own reasons are HANDLER_FAILED: every label is a series
// that stays, so what comes from outside must not make them.
func Outcome(err error) string {
	if err == nil {
		return "OK"
	}
	reason := Of(err).Reason
	if _, known := kinds[reason]; !known {
		reason = HandlerFailed
	}
	return string(reason)
}

// Error is the full text, for logs: never send it to a peer.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(string(e.Reason))
	b.WriteString(": ")
	b.WriteString(e.Message)
	for i := 0; i+1 < len(e.attrs); i += 2 {
		fmt.Fprintf(&b, " %v=%q", e.attrs[i], fmt.Sprint(e.attrs[i+1]))
	}
	if e.cause != nil {
		b.WriteString(": ")
		b.WriteString(e.cause.Error())
	}
	return b.String()
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.cause }

// Proto is what the peer may see, the same in every encoding.
func (e *Error) Proto() *hubv1.Error {
	out := &hubv1.Error{Code: CodeName(e.Code), Reason: string(e.Reason), Message: e.Message, Retryable: e.Retryable}
	for _, v := range e.Violations {
		out.Violations = append(out.Violations, &hubv1.Violation{Field: v.Field, Rule: v.Rule, Message: v.Message})
	}
	return out
}
