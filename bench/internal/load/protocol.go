package load

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
)

// A Protocol is how a client of one kind of server introduces itself and
// subscribes, as a script: what it says, and what it hears before it goes on.
type Protocol struct {
	// Path is of the WebSocket's request.
	Path string
	// Greeting is said as soon as the WebSocket is open; empty: the server begins.
	Greeting string
	// Script is walked through in order; after its last step the client is subscribed.
	Script []Step
	// Ping is the server's, Pong the answer that keeps the connection.
	Ping, Pong string
	// Noop means nothing; empty: there is no such message.
	Noop string
	// Lines says that a frame may hold several messages, one a line.
	Lines bool
	// Request asks for an answer without a broadcast; empty: the server has none.
	Request string
	// Answer is what an answer to Request begins with.
	Answer string
	// Keeps is how channels that keep something are spoken of; nil: there are none.
	Keeps *Keeps
}

// A Step waits for a message and answers it. CredentialHere in it is the
// connection's own credential.
type Step struct {
	Hear string // what the message begins with
	Say  string // empty: nothing
}

// CredentialHere stands in a script for the connection's credential.
const CredentialHere = "{credential}" //nolint:gosec // it is none

// Channel is what clients of the peers subscribe; the hub's are called as its
// schema wants it.
const Channel = "bench.feed"

const engineIO = "/socket.io/?EIO=4&transport=websocket"

// The protocols of the peers. Each is spoken as its own clients do, in the
// fewest messages.
var (
	// Hub subscribes with an identity.
	Hub = Protocol{
		Path: engineIO,
		Script: []Step{
			{Hear: `0{`, Say: `40{"token":"` + CredentialHere + `"}`},
			{Hear: `40{`},
			{Hear: `42["hub:ready",`, Say: `420["hub:subscribe","` + Channel + `"]`},
			{Hear: `430[{"ok":true`},
		},
		Ping: "2", Pong: "3", Noop: "6",
		// A channel that it is not in: an answer is given, the subscription stays.
		Request: `421["hub:unsubscribe","bench.none"]`, Answer: `431[{"ok":true`,
		Keeps: &hubKeeps,
	}
	// SocketIO subscribes by an event with an ack: the Node and library peers.
	SocketIO = Protocol{
		Path: engineIO,
		Script: []Step{
			{Hear: `0{`, Say: `40`},
			{Hear: `40{`, Say: `420["subscribe","` + Channel + `"]`},
			{Hear: `430[`},
		},
		Ping: "2", Pong: "3", Noop: "6",
		Request: `421["request","bench.none"]`, Answer: `431[`,
	}
	// Centrifuge is its JSON protocol.
	Centrifuge = Protocol{
		Path:     "/connection/websocket",
		Greeting: `{"id":1,"connect":{}}`,
		Script: []Step{
			{Hear: `{"id":1,"connect":`, Say: `{"id":2,"subscribe":{"channel":"` + Channel + `"}}`},
			{Hear: `{"id":2,"subscribe":`},
		},
		Ping: "{}", Pong: "{}", Lines: true,
		Request: `{"id":3,"rpc":{"method":"request","data":"bench.none"}}`, Answer: `{"id":3,"rpc":`,
		Keeps: &centrifugeKeeps,
	}
	// Raw is no protocol: a WebSocket, a word and its answer.
	Raw = Protocol{Path: "/", Greeting: "subscribe", Script: []Step{{Hear: "subscribed"}}}
)

// The channels on which the hub's browsers send; each message has 128 bytes,
// as a broadcast has.
const (
	AtLeastOnce = "bench.at_least_once"
	AtMostOnce  = "bench.at_most_once"
)

// Inbound is a message to the workers of a channel of the hub's. Its ack is
// the answer.
func Inbound(channel string) Question {
	say := func(data string) string { return `421["` + channel + `",{"data":"` + data + `"}]` }
	return Question{Say: say(strings.Repeat("x", 128-len(say("")))), Answer: `431[{"ok":true,`}
}

// hear is what a client says when it hears m at a step of its script, which
// may be nothing, and whether it is subscribed then.
func (p *Protocol) hear(step int, m []byte, credential string) (say string, subscribed bool, err error) {
	if step >= len(p.Script) {
		return "", true, fmt.Errorf("nobody knows what %.120q is for", m)
	}
	at := p.Script[step]
	if !bytes.HasPrefix(m, []byte(at.Hear)) {
		return "", false, fmt.Errorf("%q was to come, not %.120q", at.Hear, m)
	}
	return strings.ReplaceAll(at.Say, CredentialHere, credential), step+1 == len(p.Script), nil
}

// clientFrame masks, as RFC 6455 demands of clients. The mask is always the
// same: it protects proxies, and there are none here.
func clientFrame(message string) []byte {
	const mask = "\x37\xfa\x21\x3d"
	frame := make([]byte, 0, len(message)+14)
	frame = append(frame, finalText)
	switch n := len(message); {
	case n < 126:
		frame = append(frame, 0x80|byte(n))
	case n < 1<<16:
		frame = append(frame, 0x80|126)
		frame = binary.BigEndian.AppendUint16(frame, uint16(n))
	default:
		panic("load: a client has nothing so long to say")
	}
	frame = append(frame, mask...)
	for i := range len(message) {
		frame = append(frame, message[i]^mask[i%4])
	}
	return frame
}

// upgradeRequest opens a WebSocket. The key is always the same, and nobody
// checks the answer to it: the generator trusts its peers.
func upgradeRequest(host, path, extra string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" + extra + "\r\n"
}
