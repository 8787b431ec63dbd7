package fault_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/fault"
)

func TestEveryReasonOfTheContractHasAKind(t *testing.T) {
	for number, name := range hubv1.Reason_name {
		if number == 0 {
			continue
		}
		reason := strings.TrimPrefix(name, "REASON_")
		e := fault.New(fault.Reason(reason), "x")
		if e.Code == codes.Internal && reason != "INTERNAL" && reason != "HANDLER_FAILED" {
			t.Errorf("%s has no code of its own", reason)
		}
		// The proto's comment ends with the code in brackets; docs are made from it.
	}
}

func TestAForeignErrorTellsThePeerNothing(t *testing.T) {
	err := fmt.Errorf("dial db: %w", errors.New("password=hunter2"))
	got := fault.Of(err)
	if got.Reason != fault.Internal || strings.Contains(got.Proto().String(), "hunter2") {
		t.Errorf("told %v", got.Proto())
	}
	if !strings.Contains(got.Error(), "hunter2") {
		t.Errorf("the log lost the cause: %v", got)
	}
}

func TestContextAroundAFaultDoesNotReachThePeer(t *testing.T) {
	err := fmt.Errorf("join 7f3a: %w", fault.New(fault.ScopeDenied, "not for you", "user", "ann"))
	got := fault.Of(err).Proto()
	if got.GetMessage() != "not for you" || got.GetCode() != "PERMISSION_DENIED" || got.GetReason() != "SCOPE_DENIED" {
		t.Errorf("told %v", got)
	}
}

func TestManyViolationsMakeAShortMessage(t *testing.T) {
	var vs []fault.Violation
	for i := range 5 {
		vs = append(vs, fault.Violation{Field: fmt.Sprintf("f%d", i), Rule: "required", Message: "value is required"})
	}
	e := fault.Invalid(fault.PayloadInvalid, vs)
	want := "f0: value is required; f1: value is required; f2: value is required; and 2 more"
	if e.Message != want || len(e.Proto().GetViolations()) != 5 {
		t.Errorf("message %q, %d violations", e.Message, len(e.Proto().GetViolations()))
	}
}

// A label that a worker chooses would be a series in memory for ever.
func TestAWorkersReasonsAreOneOutcome(t *testing.T) {
	for want, err := range map[string]error{
		"OK": nil, "INTERNAL": errors.New("x"), "NO_WORKER": fault.New(fault.NoWorker, "x"),
		"HANDLER_FAILED": fault.New(fault.HandlerFailed, "x").InWordsOf(&hubv1.Error{Reason: "ARTICLE_GONE"}),
	} {
		if got := fault.Outcome(err); got != want {
			t.Errorf("%v is %s, not %s", err, got, want)
		}
	}
}
