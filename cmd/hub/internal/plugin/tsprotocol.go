package plugin

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

// What the hub itself says and is asked, beside the channels: the control
// objects of hub/v1/client.proto, as any other message, called HubReady and so
// on. They stand in each file of events, which then needs no other.

// hubEvents are the hub's events with what they carry.
//
//nolint:gochecknoglobals // a table
var hubEvents = []struct {
	name, doc string
	carries   protoreflect.ProtoMessage
}{
	{"hub:ready", "The first event of every session.", &hubv1.Ready{}},
	{"hub:presence", "Who came into a channel, and who left.", &hubv1.PresenceChange{}},
	{"hub:gap", "Continuity of a channel is lost: reload its state.", &hubv1.Gap{}},
	{"hub:unsubscribed", "The hub ended a subscription.", &hubv1.Unsubscribed{}},
	{"hub:expiring", "The identity ends in 60 s: send hub:refresh.", &hubv1.Expiring{}},
	{"hub:draining", "The hub is about to close the session: it may come back.", &hubv1.DrainingNotice{}},
	{"hub:ended", "The hub ends the session.", &hubv1.Ended{}},
	{"hub:error", "A request without an ack failed.", &hubv1.Failure{}},
}

// hubRequests are the hub's requests with what they take and answer.
//
//nolint:gochecknoglobals // a table
var hubRequests = []struct {
	name    string
	takes   protoreflect.ProtoMessage
	named   bool // a channel's name may stand for the object
	answers protoreflect.ProtoMessage
}{
	{"hub:subscribe", &hubv1.SubscribeArguments{}, true, &hubv1.SubscribeResult{}},
	{"hub:unsubscribe", &hubv1.UnsubscribeArguments{}, true, &hubv1.UnsubscribeResult{}},
	{"hub:presence", &hubv1.PresenceArguments{}, false, &hubv1.PresenceResult{}},
	{"hub:history", &hubv1.HistoryArguments{}, false, nil}, // its payloads are of any type: see historyResult
	{"hub:refresh", &hubv1.RefreshArguments{}, false, &hubv1.RefreshResult{}},
}

// historyResult has no message: its payloads are JSON of the channel's own type.
const historyResult = `
/** The ack of hub:history. */
export interface HubHistoryResult {
  ok: true;
  channel: string;
  position: HubPosition;
  messages: { payload: unknown; meta: HubMeta }[];
}
`

// always are fields with presence that the hub always sets.
var always = []protoreflect.FullName{
	"hub.v1.ErrorResult.error", "hub.v1.LostSubscription.error", "hub.v1.Unsubscribed.error", "hub.v1.Ended.error",
	"hub.v1.Failure.error", "hub.v1.Ready.limits", "hub.v1.Expiring.expires_at", "hub.v1.Member.since",
}

// okType tells the acks of failures and of the rest apart.
func okType(f protoreflect.FieldDescriptor) string {
	switch {
	case f.Name() != "ok":
		return "boolean"
	case f.Parent().FullName() == "hub.v1.ErrorResult":
		return "false"
	default:
		return "true"
	}
}

func descriptorOf(m protoreflect.ProtoMessage) protoreflect.MessageDescriptor {
	return m.ProtoReflect().Descriptor()
}

func descriptorsOf(messages ...protoreflect.ProtoMessage) []protoreflect.MessageDescriptor {
	out := make([]protoreflect.MessageDescriptor, 0, len(messages))
	for _, m := range messages {
		out = append(out, descriptorOf(m))
	}
	return out
}

// protocol writes the control objects, each in the form in which it travels.
func (m *module) protocol() error {
	comes := descriptorsOf(&hubv1.Meta{}, &hubv1.ErrorResult{}, &hubv1.InboundResult{})
	goes := descriptorsOf(&hubv1.InboundMeta{})
	for _, e := range hubEvents {
		comes = append(comes, descriptorOf(e.carries))
	}
	for _, r := range hubRequests {
		goes = append(goes, descriptorOf(r.takes))
		if r.answers != nil {
			comes = append(comes, descriptorOf(r.answers))
		}
	}
	for _, half := range []struct {
		form  form
		roots []protoreflect.MessageDescriptor
	}{{received, comes}, {sent, goes}} {
		for _, d := range reachable(half.roots) {
			must, err := m.g.mustGive(d)
			if err != nil {
				return err
			}
			for i := range d.Fields().Len() {
				if f := d.Fields().Get(i); slices.Contains(always, f.FullName()) {
					must.fields[f.Number()] = true
				}
			}
			m.p()
			m.form(d, m.name(d, half.form.suffix()), half.form, must)
		}
	}
	m.body.WriteString(historyResult)
	return nil
}

// protocolNames are the control objects' names in a file of events.
func protocolNames() map[protoreflect.FullName]string {
	names := map[protoreflect.FullName]string{}
	for _, file := range []protoreflect.FileDescriptor{
		hubv1.File_hub_v1_client_proto, hubv1.File_hub_v1_broadcast_proto, hubv1.File_hub_v1_reason_proto,
	} {
		for _, d := range tsMessages(file.Messages()) {
			names[d.FullName()] = "Hub" + tsName(d)
		}
	}
	return names
}

// reachable are the messages and all of the hub's in their fields, each once.
func reachable(roots []protoreflect.MessageDescriptor) []protoreflect.MessageDescriptor {
	var out []protoreflect.MessageDescriptor
	for len(roots) > 0 {
		d := roots[0]
		roots = roots[1:]
		if slices.Contains(out, d) {
			continue
		}
		out = append(out, d)
		for i := range d.Fields().Len() {
			if inner := d.Fields().Get(i).Message(); inner != nil && !inner.IsMapEntry() && inner.ParentFile().Package() == "hub.v1" {
				roots = append(roots, inner)
			}
		}
	}
	return out
}

// hubEvents writes what the hub itself tells.
func (m *module) hubEvents() {
	m.p()
	m.doc(0, "What the hub itself tells.")
	m.p("export interface HubEvents {")
	for _, e := range hubEvents {
		m.doc(2, e.doc)
		m.p("  ", quote(e.name), ": (event: ", m.name(descriptorOf(e.carries), ""), ") => void;")
	}
	m.p("}")
}

// hubRequests writes what it is asked. Names are those of this directory, unless
// a user has more.
func (m *module) hubRequests() {
	m.p()
	m.doc(0, "What the hub itself is asked.")
	m.p("export interface HubRequests<Name extends string = ChannelName> {")
	for _, r := range hubRequests {
		takes, answer := fmt.Sprintf("%s & { channel: Name }", m.name(descriptorOf(r.takes), "Input")), "HubHistoryResult"
		if r.answers != nil {
			answer = m.name(descriptorOf(r.answers), "")
		}
		if r.named {
			takes = "Name | (" + takes + ")"
		}
		if r.name == "hub:refresh" {
			takes = m.name(descriptorOf(r.takes), "Input")
		}
		m.p("  ", quote(r.name), ": (request: ", takes, ", ack: (result: ", answer, " | HubErrorResult) => void) => void;")
	}
	m.p("}")
}
