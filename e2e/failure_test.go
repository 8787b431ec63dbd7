package e2e_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// failure is contract §2's Error, as every door tells it.
type failure struct {
	Code       string      `json:"code"`
	Reason     string      `json:"reason"`
	Message    string      `json:"message"`
	Retryable  bool        `json:"retryable"`
	Violations []violation `json:"violations"`
}

type violation struct {
	Field   string `json:"field"`
	Rule    string `json:"rule"`
	Message string `json:"message"`
}

// codes are the contract's table of reasons, as far as they exist.
var codes = map[string]string{
	"CREDENTIALS_INVALID": "UNAUTHENTICATED", "CREDENTIALS_EXPIRED": "UNAUTHENTICATED", "CREDENTIALS_REQUIRED": "UNAUTHENTICATED",
	"SCOPE_DENIED":    "PERMISSION_DENIED",
	"CHANNEL_UNKNOWN": "NOT_FOUND", "NOT_FOUND": "NOT_FOUND", "CHANNEL_NAME_INVALID": "INVALID_ARGUMENT", "REQUEST_INVALID": "INVALID_ARGUMENT",
	"INBOUND_NOT_ACCEPTED": "FAILED_PRECONDITION", "NOT_ENABLED": "FAILED_PRECONDITION",
	"PAYLOAD_INVALID": "INVALID_ARGUMENT", "PAYLOAD_MALFORMED": "INVALID_ARGUMENT", "PAYLOAD_TOO_LARGE": "RESOURCE_EXHAUSTED",
	"TOO_MANY_SUBSCRIPTIONS": "RESOURCE_EXHAUSTED", "DRAINING": "UNAVAILABLE", "NOT_IMPLEMENTED": "UNIMPLEMENTED",
	"NO_WORKER": "UNAVAILABLE", "RATE_LIMITED": "RESOURCE_EXHAUSTED", "OVERLOADED": "RESOURCE_EXHAUSTED",
	"POSITION_UNRECOVERABLE": "OUT_OF_RANGE", "HANDLER_TIMEOUT": "DEADLINE_EXCEEDED", "HANDLER_FAILED": "INTERNAL",
}

// passing are the reasons that pass with time.
var passing = []string{"DRAINING", "NO_WORKER", "RATE_LIMITED", "OVERLOADED", "HANDLER_TIMEOUT"}

// failureOf reads an Error and holds its form: exactly the contract's fields,
// all of them present, also where they are empty.
func failureOf(t *testing.T, text json.RawMessage) failure {
	t.Helper()
	var fields map[string]json.RawMessage
	decode(t, string(text), &fields)
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	if want := []string{"code", "message", "reason", "retryable", "violations"}; !slices.Equal(names, want) {
		t.Errorf("the Error %s has the fields %v, not %v", text, names, want)
	}
	var f failure
	decode(t, string(text), &f)
	return f
}

// want holds a failure to its reason, the code that goes with it, and a
// message that a person can act on.
func (f failure) want(t *testing.T, reason string, violations ...violation) {
	t.Helper()
	code, known := codes[reason]
	if !known {
		t.Fatalf("the test's table lacks %s", reason)
	}
	if f.Reason != reason || f.Code != code {
		t.Errorf("refused with %s/%s (%s), not %s/%s", f.Code, f.Reason, f.Message, code, reason)
	}
	if len(strings.Fields(f.Message)) < 2 {
		t.Errorf("the message %q helps nobody", f.Message)
	}
	if f.Retryable != slices.Contains(passing, reason) {
		t.Errorf("%s is retryable: %v", reason, f.Retryable)
	}
	if violations == nil {
		violations = []violation{}
	}
	// A violation's own message is for people: it must be there, its words are free.
	got := slices.Clone(f.Violations)
	for i := range got {
		if got[i].Message == "" {
			t.Errorf("the violation of %s at %q has no message", got[i].Rule, got[i].Field)
		}
		got[i].Message = ""
	}
	if len(got) != len(violations) || len(got) > 0 && !reflect.DeepEqual(got, violations) {
		t.Errorf("%s has the violations %+v, not %+v", f.Reason, f.Violations, violations)
	}
}
