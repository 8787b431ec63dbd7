package socketio

import (
	"bytes"
	"encoding/json"
	"strconv"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/engine"
	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/internal/wire"
)

// publicationFrame is the one frame that every subscriber of a publication
// gets, live or replayed: 2["channel",payload,meta]. The payload's JSON is spliced
// in as it is, and from then on is a part of the frame: what is kept to be replayed
// again, is kept once.
// The channel's lock is held.
func publicationFrame(p *engine.Publication) *wire.Frame {
	if f, made := p.Frame.(*wire.Frame); made {
		return f
	}
	meta := metaJSON(p)
	// A name has no character that JSON would escape.
	f := begin(event, len(p.Channel)+len(p.Payload)+len(meta)+len(`["",,]`))
	f = append(f, '[')
	f = appendString(f, p.Channel)
	f = append(f, ',')
	at := len(f)
	f = append(f, p.Payload...)
	p.Payload = f[at:len(f):len(f)]
	f = append(f, ',')
	f = append(f, meta...)
	frame := wire.NewFrame(append(f, ']'))
	p.Frame = frame
	return frame
}

// metaJSON is the second argument of a channel's event: hubv1.Meta's ProtoJSON,
// written by hand, since who returns to a hundred messages may be the first to
// need it of each.
func metaJSON(p *engine.Publication) []byte {
	const around = len(`{"id":"","position":{"epoch":"","offset":"18446744073709551615"}}`)
	f := make([]byte, 0, around+len(p.ID)+len(p.Position.Epoch))
	f = append(f, `{"id":`...)
	f = appendString(f, p.ID)
	if at := p.Position; at.Epoch != "" {
		f = append(f, `,"position":{"epoch":`...)
		f = appendString(f, at.Epoch)
		f = append(f, `,"offset":"`...)
		f = strconv.AppendUint(f, at.Offset, 10)
		f = append(f, `"}`...)
	}
	return append(f, '}')
}

// begin is the beginning of a packet's frame, with room for size bytes more.
func begin(kind packetType, size int) []byte {
	return append(make([]byte, wire.Headroom, wire.Headroom+2+size), Message, byte(kind))
}

// eventFrame is one of the hub's own events: 2["hub:…",object].
func eventFrame(name string, m proto.Message) *wire.Frame {
	object := controlJSON(m)
	f := append(begin(event, len(name)+len(object)+len(`["",]`)), '[')
	f = appendString(f, name)
	f = append(f, ',')
	f = append(f, object...)
	return wire.NewFrame(append(f, ']'))
}

// ackFrame answers the request with the ack id: 3<id>[object].
func ackFrame(id string, m proto.Message) *wire.Frame {
	object := controlJSON(m)
	f := append(begin(ack, len(id)+len(object)+len(`[]`)), id...)
	f = append(f, '[')
	f = append(f, object...)
	return wire.NewFrame(append(f, ']'))
}

// connectFrame accepts the session: 0{"sid":…}.
func connectFrame(session string) *wire.Frame {
	f := append(begin(connect, len(session)+len(`{"sid":""}`)), `{"sid":`...)
	f = appendString(f, session)
	return wire.NewFrame(append(f, '}'))
}

// connectErrorFrame refuses it: 4[/namespace,]{"message":…,"data":Error}.
func connectErrorFrame(namespace string, why *fault.Error) *wire.Frame {
	f := begin(connectError, 0)
	if namespace != "/" {
		f = append(f, namespace...)
		f = append(f, ',')
	}
	f = append(f, `{"message":`...)
	f = appendString(f, why.Message)
	f = append(f, `,"data":`...)
	f = append(f, controlJSON(why.Proto())...)
	return wire.NewFrame(append(f, '}'))
}

// disconnectFrame ends the session for good: its client stays away.
var disconnectFrame = wire.NewFrame(begin(disconnect, 0)) //nolint:gochecknoglobals // a frame never changes

// Why there is a gap: contract §2's reasons.
const (
	gapSlow     = "SLOW"     // broadcasts were dropped, and perhaps changes of presence
	gapPresence = "PRESENCE" // changes of presence alone were not told
)

// GapFrame tells that broadcasts of the channel were dropped because the
// browser did not take them in time: wire.Config.Gap. Its position is the one right
// before the first of them: what is kept from there on is what was missed. Where none
// was a message, presence alone has a gap.
func GapFrame(channel string, first *wire.Frame) *wire.Frame {
	gap := &hubv1.Gap{Channel: channel, Reason: gapSlow}
	var event []json.RawMessage
	var meta struct {
		Position *struct {
			Epoch  string `json:"epoch"`
			Offset uint64 `json:"offset,string"`
		} `json:"position"`
	}
	// It is a frame of ours, behind Engine.IO's type and Socket.IO's.
	if err := json.Unmarshal(first.Payload()[2:], &event); err != nil {
		return eventFrame("hub:gap", gap)
	}
	if len(event) != 3 { // one of the hub's own
		gap.Reason = gapPresence
		return eventFrame("hub:gap", gap)
	}
	if err := json.Unmarshal(event[2], &meta); err == nil && meta.Position != nil {
		gap.Position = &hubv1.Position{Epoch: meta.Position.Epoch, Offset: meta.Position.Offset - 1}
	}
	return eventFrame("hub:gap", gap)
}

// controlJSON is a control object as browsers get it: canonical ProtoJSON,
// default values present, compact (protojson adds white space at random).
func controlJSON(m proto.Message) []byte {
	spaced, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(m)
	if err != nil {
		// Only invalid UTF-8 can get here; every string of ours was checked where it came in.
		panic("a control object that is not UTF-8: " + err.Error())
	}
	var compact bytes.Buffer
	compact.Grow(len(spaced))
	if err := json.Compact(&compact, spaced); err != nil {
		panic("protojson wrote what is not JSON: " + err.Error())
	}
	return compact.Bytes()
}

func appendString(b []byte, s string) []byte {
	if plain(s) {
		b = append(b, '"')
		b = append(b, s...)
		return append(b, '"')
	}
	quoted, _ := json.Marshal(s) // a string always marshals
	return append(b, quoted...)
}

// plain tells whether JSON has the string as it is: channels and most ids are so.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			return false
		}
	}
	return true
}
