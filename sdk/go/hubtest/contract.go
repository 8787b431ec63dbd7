package hubtest

import (
	"errors"
	"strings"
	"testing"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/realtime-hub/hub/hub/channel"
	"github.com/realtime-hub/hub/hub/schema"
	"github.com/realtime-hub/hub/hub/schema/sample"
	hub "github.com/realtime-hub/hub/sdk/go"
)

// Contract holds a channel's message to its own rules: payloads are made of them
// that keep all, at their edges, and for each rule one that breaks it alone. The
// hub's code and protovalidate, which backends in other languages have too, have
// to accept and refuse them alike, for the same field and rule. So it fails
// where a rule says something else in the program than at a hub, or where no
// payload passes at all: then the rules contradict each other. A rule that no payload
// was found for is logged with the reason; `hub samples` prints all of them.
//
// Which rules there should be it does not know: that is for tests with payloads of
// your own.
func Contract[M proto.Message](t testing.TB, ch channel.Of[M]) {
	t.Helper()
	c := declaredChannel(t, ch.Declared())
	contract[M](t, c.Name(), c.Payload)
}

// ContractInbound is [Contract] for what browsers may send on a channel.
func ContractInbound[M proto.Message](t testing.TB, in channel.Inbound[M]) {
	t.Helper()
	c := declaredChannel(t, in.Declared())
	if c.Inbound == nil {
		t.Fatalf("hubtest: %s takes no messages: no message that is linked into this test has the option (hub.v1.inbound) for it", c.Name())
	}
	contract[M](t, c.Name(), c.Inbound.Message)
}

func declaredChannel(t testing.TB, name string) *schema.Channel {
	t.Helper()
	channels, err := linked()
	if err != nil {
		t.Fatalf("hubtest: a hub would not take the channels that are linked into this test: %v", err)
	}
	c, ok := channels.Lookup(name)
	if !ok {
		t.Fatalf("hubtest: no message that is linked into this test declares the channel %q", name)
	}
	return c
}

func contract[M proto.Message](t testing.TB, name string, message *schema.Message) {
	t.Helper()
	var of M
	if got := of.ProtoReflect().Descriptor().FullName(); got != message.Name() {
		t.Fatalf("hubtest: the message of %s is %s, not %s", name, message.Name(), got)
	}
	set, err := sample.Of(t.Context(), message.Descriptor(), sample.Config{})
	if err != nil {
		t.Fatalf("hubtest: %s: %v", message.Name(), err)
	}
	if _, ok := set.Passing(); !ok {
		t.Errorf("hubtest: %s: no payload was found that keeps all rules. Either they contradict each other, "+
			"or they are hard to guess: then give the fields `example` values, which are tried first\n%s", message.Name(), listed(set.Untested))
		return
	}
	for _, c := range set.Cases {
		want := verdict(c)
		if _, err := message.FromJSON(c.JSON); judged(refusal(err)) != want {
			t.Errorf("hubtest: %s: %s: %.300s\nshould be %s, and a hub says: %v", message.Name(), c.Name, c.JSON, want, err)
		}
		into := of.ProtoReflect().New().Interface()
		if err := protojson.Unmarshal(c.JSON, into); err != nil {
			t.Errorf("hubtest: %s: %s: %.300s\nis no message of the program: %v", message.Name(), c.Name, c.JSON, err)
			continue
		}
		c.Field = c.Path // protovalidate tells fields by the proto's names
		if err := protovalidate.Validate(into); validated(err) != verdict(c) {
			t.Errorf("hubtest: %s: %s: %.300s\nshould be %s, and protovalidate says: %v", message.Name(), c.Name, c.JSON, verdict(c), err)
		}
	}
	if len(set.Untested) > 0 {
		t.Logf("hubtest: %s: %d rules are not tested:\n%s", message.Name(), len(set.Untested), listed(set.Untested))
	}
}

func listed(all []sample.Untested) string {
	lines := make([]string, len(all))
	for i, u := range all {
		lines[i] = "  " + u.String()
	}
	return strings.Join(lines, "\n")
}

// accepted is the verdict on what keeps all rules; another one is the fields and rules
// that a payload breaks.
const accepted = "accepted"

func verdict(c sample.Case) string {
	if c.Accepted {
		return accepted
	}
	return broken(c.Field, c.Rule)
}

func broken(field, rule string) string {
	return strings.TrimSpace("refused, for " + field + " " + rule)
}

// judged is a hub's verdict. Another error than broken rules is no verdict.
func judged(err error) string {
	refused, ok := errors.AsType[*hub.Error](err)
	switch {
	case err == nil:
		return accepted
	case !ok || refused.Reason != "PAYLOAD_INVALID" || len(refused.Violations) == 0:
		return err.Error()
	}
	texts := make([]string, len(refused.Violations))
	for i, v := range refused.Violations {
		texts[i] = broken(v.Field, v.Rule)
	}
	return strings.Join(texts, "; ")
}

// validated is protovalidate's verdict.
func validated(err error) string {
	refused, ok := errors.AsType[*protovalidate.ValidationError](err)
	switch {
	case err == nil:
		return accepted
	case !ok:
		return err.Error()
	}
	texts := make([]string, len(refused.Violations))
	for i, v := range refused.Violations {
		texts[i] = broken(protovalidate.FieldPathString(v.Proto.GetField()), v.Proto.GetRuleId())
	}
	return strings.Join(texts, "; ")
}
