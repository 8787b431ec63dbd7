package library

import (
	"strings"
	"testing"

	"github.com/zishang520/socket.io/parsers/engine/v3/packet"
	"github.com/zishang520/socket.io/parsers/engine/v3/parser"
	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/realtime-hub/hub/hub/internal/socketio"
)

var payloads3 = map[string]bool{
	"1:1":                  true,
	"1:2":                  true,
	"6:2probe":             true,
	"1:4":                  true,
	`7:42["a"]1:2`:         true,
	"3:4ä€":                true, // lengths count UTF-16 units
	"3:4👍":                 true,
	"6:b4AQID":             true,
	"4:4a:b":               true,
	"":                     false,
	":":                    false,
	"0:":                   false,
	"1:":                   false,
	"2:4":                  false,
	"1:4x":                 false,
	"+1:4":                 false,
	"-1:4":                 false,
	"1 :4":                 false,
	"0x1:4":                false,
	"1_0:4":                false,
	"9999999999:4":         false,
	"99999999999999999999": false,
	"2:4👍":                 false, // ends within the character
	"1:0":                  false,
	"1:3":                  false,
	"1:5":                  false,
	"1:9":                  false,
	"2:b4x":                false,
	"3:b4!":                false,
	"3:b2x":                false,
	"1:b":                  false,
	"2:4\xff":              false,
	"4x":                   false,
	"4a\x1e4b":             false,
}

func TestPayloadsOfVersion3(t *testing.T) {
	for body, want := range payloads3 {
		if validPayload(version3, []byte(body)) != want {
			t.Errorf("%q: not %v", body, want)
		}
	}
	if !validPayload3([]byte(strings.Repeat("1:6", socketio.MaxPackets))) {
		t.Error("as many packets as may be are too many")
	}
	if validPayload3([]byte(strings.Repeat("1:6", socketio.MaxPackets+1))) {
		t.Error("one packet too many is let through")
	}
}

// What was checked is what the library reads: packet by packet, to the end.
func FuzzPayloadOfVersion3(f *testing.F) {
	for body := range payloads3 {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if !validPayload3(body) {
			return
		}
		packets, err := parser.Parserv3().DecodePayload(types.NewStringBuffer(body))
		if err != nil {
			t.Fatalf("the library cannot read it: %v", err)
		}
		rest := body
		for i, p := range packets {
			var ours []byte
			var ok bool
			if ours, rest, ok = cutPacket(rest); !ok {
				t.Fatalf("packet %d is the library's alone", i)
			}
			if p.Type == packet.ERROR || p.Type == packet.OPEN || p.Type == packet.PONG || p.Type == packet.UPGRADE {
				t.Errorf("packet %d, %q, is a %s for the library", i, ours, p.Type)
			}
		}
		if len(rest) > 0 {
			t.Errorf("%q was not read", rest)
		}
	})
}
