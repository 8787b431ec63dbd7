package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/anypb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

// A broadcast that is refused says what is wrong with it, in its sender's
// words, and reaches nobody.
func TestBadPayloadsReachNobody(t *testing.T) {
	const everything, period, here = "e2e.everything", "e2e.period", "e2e.room.payloads"
	broken := func(fieldAndRule ...string) []violation {
		var all []violation
		for i := 0; i < len(fieldAndRule); i += 2 {
			all = append(all, violation{Field: fieldAndRule[i], Rule: fieldAndRule[i+1]})
		}
		return all
	}
	h := common.get(t)
	c := h.connect(t, modern, options{})
	for _, channel := range []string{everything, period, here} {
		c.subscribe(channel)
	}
	for _, b := range []struct {
		channel, json, reason string
		violations            []violation
	}{
		{here, `{"text":"forbidden"}`, "PAYLOAD_INVALID", broken("text", "string.not_in")},
		{period, `{"first":2,"last":1}`, "PAYLOAD_INVALID", broken("", "period.order")},
		{period, `{}`, "PAYLOAD_INVALID", broken("first", "int32.gte")},
		{period, `{"first":0,"last":40}`, "PAYLOAD_INVALID", broken("first", "int32.gte", "last", "int32.lte")},
		{everything, `{"color":7}`, "PAYLOAD_INVALID", broken("color", "enum.defined_only")},
		{everything, `{"parts":[{"partName":"a"},{"partName":""}]}`, "PAYLOAD_INVALID", broken("parts[1].partName", "string.min_len")},
		{everything, `{"right":{}}`, "PAYLOAD_INVALID", broken("right.partName", "string.min_len")},
		{everything, `{"parts":[{"partName":"a"},{"partName":"a"},{"partName":"a"},{"partName":"a"}]}`, "PAYLOAD_INVALID", broken("parts", "repeated.max_items")},

		{here, ``, "PAYLOAD_MALFORMED", nil},
		{here, `null`, "PAYLOAD_MALFORMED", nil},
		{here, `[]`, "PAYLOAD_MALFORMED", nil},
		{here, `"x"`, "PAYLOAD_MALFORMED", nil},
		{here, `{`, "PAYLOAD_MALFORMED", nil},
		{here, `{} {}`, "PAYLOAD_MALFORMED", nil},
		{here, `{"text":'x'}`, "PAYLOAD_MALFORMED", nil},
		{here, `{"text":"x",}`, "PAYLOAD_MALFORMED", nil},
		{here, `{"text":1}`, "PAYLOAD_MALFORMED", nil},
		{here, `{"text":"x","txet":"x"}`, "PAYLOAD_MALFORMED", nil},
		{here, `{"text":"x","text":"y"}`, "PAYLOAD_MALFORMED", nil},
		{here, `{"text":"\ud800"}`, "PAYLOAD_MALFORMED", nil},
		{here, `{"n":1.5}`, "PAYLOAD_MALFORMED", nil},
		{here, `{"n":"x"}`, "PAYLOAD_MALFORMED", nil},
		{here, `{"n":9223372036854775808}`, "PAYLOAD_MALFORMED", nil},
		{here, `{"@type":"type.googleapis.com/e2e.v1.Room"}`, "PAYLOAD_MALFORMED", nil},
		{everything, `{"color":"COLOR_BLUE"}`, "PAYLOAD_MALFORMED", nil},
		{everything, `{"raw":"!"}`, "PAYLOAD_MALFORMED", nil},
		{everything, `{"happenedAt":"yesterday"}`, "PAYLOAD_MALFORMED", nil},
		{everything, `{"left":"x","right":{"partName":"a"}}`, "PAYLOAD_MALFORMED", nil},
		{everything, `{"counts":{"a":1,"a":2}}`, "PAYLOAD_MALFORMED", nil},
		{everything, `{"parts":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}`, "PAYLOAD_MALFORMED", nil},

		{here, fmt.Sprintf(`{"n":"0","text":%q}`, strings.Repeat("x", 65537-len(`{"n":"0","text":""}`))), "PAYLOAD_TOO_LARGE", nil},
		// The defaults that browsers get count, too.
		{here, fmt.Sprintf(`{"text":%q}`, strings.Repeat("x", 65536-len(`{"text":""}`))), "PAYLOAD_TOO_LARGE", nil},
	} {
		t.Run(fmt.Sprintf("%.60s", b.json), func(t *testing.T) {
			h.refuses(t, onJSON(b.channel, b.json)).want(t, b.reason, b.violations...)
		})
	}
	h.silence(t, c, everything, period, here)
}

func TestAnyOfTheWrongTypeReachesNobody(t *testing.T) {
	const here = "e2e.room.any"
	h := common.get(t)
	c := h.connect(t, modern, options{})
	c.subscribe(here)
	types := compile(t)
	message := func(name, json string) *anypb.Any {
		m := dynamicpb.NewMessage(types.FindMessageByName(protoreflect.FullName(name)))
		if err := protojson.Unmarshal([]byte(json), m); err != nil {
			t.Fatal(err)
		}
		return inAny(t, m).Message
	}
	right := message("e2e.v1.Room", `{"text":"x"}`)
	as := func(url string, value []byte) *anypb.Any { return &anypb.Any{TypeUrl: url, Value: value} }
	for _, b := range []struct {
		name, reason string
		payload      *anypb.Any
		violations   []violation
	}{
		{"another channel's message", "PAYLOAD_MALFORMED", message("e2e.v1.Members", `{"text":"x"}`), nil},
		{"a message of the hub's", "PAYLOAD_MALFORMED", inAny(t, &hubv1.Meta{Id: "x"}).Message, nil},
		{"a message that nobody knows", "PAYLOAD_MALFORMED", as("type.googleapis.com/none.Such", right.GetValue()), nil},
		{"no type", "PAYLOAD_MALFORMED", as("", right.GetValue()), nil},
		{"a type without a prefix", "PAYLOAD_MALFORMED", as("Room", right.GetValue()), nil},
		{"bytes that are no message", "PAYLOAD_MALFORMED", as(right.GetTypeUrl(), []byte{0xff, 0xff}), nil},
		{"an unknown field", "PAYLOAD_MALFORMED", as(right.GetTypeUrl(), protowire.AppendVarint(protowire.AppendTag(nil, 99, protowire.VarintType), 1)), nil},
		{"text that is not UTF-8", "PAYLOAD_MALFORMED", as(right.GetTypeUrl(), protowire.AppendString(protowire.AppendTag(nil, 2, protowire.BytesType), "\xff")), nil},
		{"a broken rule", "PAYLOAD_INVALID", message("e2e.v1.Room", `{"text":"forbidden"}`), []violation{{Field: "text", Rule: "string.not_in"}}},
		{"too large", "PAYLOAD_TOO_LARGE", message("e2e.v1.Room", `{"text":"`+strings.Repeat("x", 65536)+`"}`), nil},
	} {
		t.Run(b.name, func(t *testing.T) {
			f := h.refuses(t, &hubv1.BroadcastRequest{Channel: here, Payload: &hubv1.BroadcastRequest_Message{Message: b.payload}})
			f.want(t, b.reason, b.violations...)
		})
	}
	h.silence(t, c, here)
	if _, err := h.send(t, &hubv1.BroadcastRequest{Channel: here, Payload: &hubv1.BroadcastRequest_Message{Message: right}}); err != nil {
		t.Fatal(err)
	}
	same(t, "the payload", string(c.next(here).arg(0)), `{"n":"0","text":"x"}`)
}

func TestBadBroadcastRequestsAreRefused(t *testing.T) {
	h := common.get(t)
	here := room()
	c := h.connect(t, modern, options{})
	c.subscribe(here)
	many := make([]string, 101)
	for i := range many {
		many[i] = "x"
	}
	for _, b := range []struct {
		name, field, rule string
		request           *hubv1.BroadcastRequest
	}{
		{"no channel", "channel", "string.min_bytes", onJSON("", `{}`)},
		{"no payload", "payload", "required", &hubv1.BroadcastRequest{Channel: here}},
		{"a long id", "id", "string.max_bytes", with(onJSON(here, `{}`), func(r *hubv1.BroadcastRequest) { r.Id = strings.Repeat("x", 129) })},
		{"many exceptions", "exceptSessions", "repeated.max_items", with(onJSON(here, `{}`), func(r *hubv1.BroadcastRequest) { r.ExceptSessions = many })},
		{"an empty exception", "exceptSessions[0]", "string.min_bytes", with(onJSON(here, `{}`), func(r *hubv1.BroadcastRequest) { r.ExceptSessions = []string{""} })},
	} {
		t.Run(b.name, func(t *testing.T) {
			h.refuses(t, b.request).want(t, "REQUEST_INVALID", violation{Field: b.field, Rule: b.rule})
		})
	}
	h.silence(t, c, here)
}

func with(r *hubv1.BroadcastRequest, edit func(*hubv1.BroadcastRequest)) *hubv1.BroadcastRequest {
	edit(r)
	return r
}
