package socketio

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

func TestPacketsAreTakenApart(t *testing.T) {
	for in, want := range map[string]packet{
		`0`:                        {kind: connect, namespace: "/"},
		`0{"token":"x"}`:           {kind: connect, namespace: "/", data: []byte(`{"token":"x"}`)},
		`0/admin,`:                 {kind: connect, namespace: "/admin"},
		`0/admin`:                  {kind: connect, namespace: "/admin"},
		`0/admin?a=b,{"token":1}`:  {kind: connect, namespace: "/admin", data: []byte(`{"token":1}`)},
		`1`:                        {kind: disconnect, namespace: "/"},
		`2["a",1]`:                 {kind: event, namespace: "/", data: []byte(`["a",1]`)},
		`213["a"]`:                 {kind: event, namespace: "/", ack: "13", data: []byte(`["a"]`)},
		`2/x,7["a"]`:               {kind: event, namespace: "/x", ack: "7", data: []byte(`["a"]`)},
		`30[]`:                     {kind: ack, namespace: "/", ack: "0", data: []byte(`[]`)},
		`51-["a",{"num":0}]`:       {kind: binaryEvent, namespace: "/", attachments: 1, data: []byte(`["a",{"num":0}]`)},
		`52-/x,3["a"]`:             {kind: binaryEvent, namespace: "/x", attachments: 2, ack: "3", data: []byte(`["a"]`)},
		`61-4[{"_placeholder":1}]`: {kind: binaryAck, namespace: "/", attachments: 1, ack: "4", data: []byte(`[{"_placeholder":1}]`)},
	} {
		got, err := parsePacket([]byte(in))
		if err != nil || got.kind != want.kind || got.namespace != want.namespace || got.ack != want.ack ||
			got.attachments != want.attachments || !bytes.Equal(got.data, want.data) {
			t.Errorf("%s: got %+v, %v", in, got, err)
		}
	}
}

func TestWhatIsNoPacketIsRefused(t *testing.T) {
	for _, in := range []string{
		"", "7", "x", "\xff", "2[\"\xff\"]", "5", "5-[]", "5a-[]", "51[]", "517-[]", "599999999999999999999-[]",
		"2" + strings.Repeat("1", 16) + `["a"]`, "0/" + strings.Repeat("x", 200) + ",",
	} {
		if p, err := parsePacket([]byte(in)); err == nil {
			t.Errorf("%q was taken for %+v", in, p)
		}
	}
	for _, in := range []string{"", "{}", "[]", "[1]", "[null]", `["a"`, `["a",]`, `["a"]x`, `[["a"]]`} {
		if c, err := parseCall([]byte(in)); err == nil {
			t.Errorf("%q was taken for %+v", in, c)
		}
	}
}

func TestNumbersBeyond53BitsSurvive(t *testing.T) {
	c, err := parseCall([]byte(`["a",{"n":9007199254740993}]`))
	if err != nil || c.name != "a" || string(c.args[0]) != `{"n":9007199254740993}` {
		t.Errorf("got %+v, %v", c, err)
	}
}

func FuzzPacket(f *testing.F) {
	for _, seed := range []string{`0{"token":"x"}`, `213["a",{"b":[1,2]}]`, `52-/x,3["a",{"_placeholder":true,"num":0}]`, `2/x?y,`, `2 [ "a" , [ 1, "]" ] , {"b":[{}, "\\"]} ,null] `, `2[ ]`, "2[\"\\ud800\"]"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := parsePacket(data)
		if err != nil {
			return
		}
		if len(p.data) > len(data) || len(p.ack) > maxAckDigits || len(p.namespace) > maxNamespace || p.attachments > maxAttachments {
			t.Errorf("out of bounds: %+v", p)
		}
		var want []json.RawMessage
		got, ok := elements(p.data)
		if whole := json.Unmarshal(p.data, &want) == nil && want != nil; ok != whole || !slices.EqualFunc(got, want, func(a, b json.RawMessage) bool { return bytes.Equal(a, b) }) {
			t.Errorf("%q: its elements are %q, not %q", p.data, got, want)
		}
		if c, err := parseCall(p.data); err == nil {
			// What is sent back of it must be what our own frames can carry:
			// this panics for what is not UTF-8.
			eventFrame("hub:error", &hubv1.Failure{Event: clip(c.name)})
		}
	})
}
