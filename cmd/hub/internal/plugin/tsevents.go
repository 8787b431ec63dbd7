package plugin

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/realtime-hub/hub/hub/channel"
	"github.com/realtime-hub/hub/hub/schema"
)

// eventNames are what a file of events has of its own, beside the hub's objects.
//
//nolint:gochecknoglobals // a constant
var eventNames = strings.Fields(`
	ChannelName ChannelEvents HubEvents ServerToClientEvents ChannelMessages HubRequests ClientToServerEvents HubHistoryResult`)

// events writes the events of a directory, as socket.io-client wants them.
func (g *tsGenerator) events(dir string, channels []*schema.Channel) error {
	m := newModule(g, path.Join(dir, "hub_events"))
	m.own = protocolNames()
	for _, name := range eventNames {
		m.taken[name] = true
	}
	for _, name := range m.own {
		m.taken[name], m.taken[name+"Input"] = true, true
	}
	names := make([]string, len(channels))
	var taking []*schema.Channel
	for i, c := range channels {
		names[i] = m.use(typesPath(c.Payload.Descriptor().ParentFile()), tsName(c.Payload.Descriptor())+"ChannelName")
		if c.Inbound != nil {
			taking = append(taking, c)
		}
	}
	m.p()
	m.doc(0, "The names of this directory's channels.")
	m.p("export type ChannelName = ", strings.Join(names, " | "), ";")
	m.p()
	m.doc(0, "What subscribers of this directory's channels receive.")
	m.members("ChannelEvents", channels, func(c *schema.Channel) string {
		return m.name(c.Payload.Descriptor(), "")
	}, func(payload string) string { return "(payload: " + payload + ", meta: HubMeta)" })
	m.hubEvents()
	m.p()
	m.doc(0, "For socket.io-client: Socket<ServerToClientEvents, ClientToServerEvents>.", "",
		"Channels of several directories: Socket<A.ChannelEvents & B.ChannelEvents & A.HubEvents,",
		"A.ChannelMessages & B.ChannelMessages & A.HubRequests<A.ChannelName | B.ChannelName>>.")
	m.p("export interface ServerToClientEvents extends ChannelEvents, HubEvents {}")
	m.p()
	m.doc(0, "What browsers may send on this directory's channels.", "",
		"The ack is not optional: socket.io-client would not see the payload's type in emitWithAck. A refusal without an ack is hub:error.")
	m.members("ChannelMessages", taking, func(c *schema.Channel) string {
		return m.name(c.Inbound.Message.Descriptor(), "Input")
	}, func(payload string) string { return "(...args: Sent$<" + payload + ">)" })
	m.hubRequests()
	m.p()
	m.doc(0, "For socket.io-client; see ServerToClientEvents.")
	m.p("export interface ClientToServerEvents extends ChannelMessages, HubRequests {}")
	if len(taking) > 0 {
		m.p()
		m.p("type Ack$ = (result: HubInboundResult | HubErrorResult) => void;")
		m.p("type Sent$<In> = [payload: In, ack: Ack$] | [payload: In, meta: HubInboundMetaInput, ack: Ack$];")
	}
	if err := m.protocol(); err != nil {
		return err
	}
	g.write(m, "")
	return nil
}

// members writes an interface with a member for each channel. TypeScript's
// patterns are wider than templates: `a.${string}` matches a.x.y as well, which
// is another channel's name. Of channels that it cannot tell apart the
// patterns have one type, of all their payloads, and must have: of two that
// match TypeScript takes both. A method's parameters may be narrower, so that a
// listener still names the payload that it means; literals keep their own.
func (m *module) members(name string, channels []*schema.Channel, payload func(*schema.Channel) string, signature func(string) string) {
	var shared []string
	m.p("export interface ", name, " {")
	for _, c := range channels {
		all := alike(c, channels)
		if len(c.Template.Params()) == 0 {
			m.p("  ", quote(c.Name()), ": ", signature(payload(c)), " => void;")
			continue
		}
		kind := signature(payload(c)) + " => void"
		if len(all) > 1 {
			payloads := make([]string, len(all))
			for i, one := range all {
				payloads[i] = payload(one)
			}
			slices.Sort(payloads)
			text := fmt.Sprintf(`{ any%s: void }["any"]`, signature(strings.Join(slices.Compact(payloads), " | ")))
			at := slices.Index(shared, text)
			if at < 0 {
				at = len(shared)
				shared = append(shared, text)
			}
			kind = sharedName(name, at)
		}
		m.p("  [name: ", tsChannelName(c), "]: ", kind, ";")
	}
	m.p("}")
	for i, text := range shared {
		m.p()
		m.doc(0, "Of channels whose names TypeScript cannot tell apart.")
		m.p("type ", sharedName(name, i), " = ", text, ";")
	}
}

// sharedName is no import's: of those $ comes before a number.
func sharedName(name string, i int) string { return fmt.Sprintf("%s$Any%d", name, i+1) }

// alike are the channels that TypeScript cannot tell from c, c among them, and
// those that it cannot tell from these. Two literals are never alike.
func alike(c *schema.Channel, channels []*schema.Channel) []*schema.Channel {
	found := []*schema.Channel{c}
	for i := 0; i < len(found); i++ {
		if len(found[i].Template.Params()) == 0 {
			continue // it joins no two patterns: its own type is narrower than both
		}
		for _, other := range channels {
			if !slices.Contains(found, other) && globs(found[i].Template, other.Template) {
				found = append(found, other)
			}
		}
	}
	return found
}

// globs tells whether one string matches both names, where a param is any text.
func globs(a, b channel.Template) bool {
	return meet(glob(a), glob(b))
}

// glob is the name with a 0 for each param.
func glob(t channel.Template) string {
	parts := make([]string, 0, len(t.Segments()))
	for _, segment := range t.Segments() {
		if segment.Param != "" {
			parts = append(parts, "\x00")
		} else {
			parts = append(parts, segment.Literal)
		}
	}
	return strings.Join(parts, ".")
}

// meet goes through both at once; seen[i][j] is that a[:i] and b[:j] match one
// text.
func meet(a, b string) bool {
	seen := make([][]bool, len(a)+1)
	for i := range seen {
		seen[i] = make([]bool, len(b)+1)
		for j := range seen[i] {
			switch {
			case i == 0 && j == 0:
				seen[i][j] = true
			case i > 0 && a[i-1] == 0 && (seen[i-1][j] || j > 0 && seen[i][j-1]):
				seen[i][j] = true
			case j > 0 && b[j-1] == 0 && (seen[i][j-1] || i > 0 && seen[i-1][j]):
				seen[i][j] = true
			default:
				seen[i][j] = i > 0 && j > 0 && a[i-1] == b[j-1] && seen[i-1][j-1]
			}
		}
	}
	return seen[len(a)][len(b)]
}

// descriptors writes the channels of a directory for the hub's client.
func (g *tsGenerator) descriptors(dir string, channels []*schema.Channel) {
	m := newModule(g, path.Join(dir, "hub_channels"))
	m.taken["channel"], m.taken["template"] = true, true
	declared := map[string]*schema.Channel{}
	var makers []string
	for _, c := range channels {
		name := tsName(c.Payload.Descriptor()) + "Channel"
		if other := declared[name]; other != nil {
			g.refuse(c.Payload.Descriptor(), "the descriptor", name, "that of "+described(other.Payload.Descriptor()))
		}
		declared[name] = c
		m.taken[name] = true
		maker := "channel"
		if len(c.Template.Params()) > 0 {
			maker = "template"
		}
		if !slices.Contains(makers, maker) {
			makers = append(makers, maker)
		}
	}
	for _, name := range sortedKeys(declared) {
		c := declared[name]
		lines := append([]string{fmt.Sprintf("The channel %s.", c.Name())}, list(channelFacts(c))...)
		types := m.name(c.Payload.Descriptor(), "")
		if c.Inbound != nil {
			lines = append(append(lines, "", "It takes "+tsName(c.Inbound.Message.Descriptor())+"."), list(inboundFacts(c))...)
			types += ", " + m.name(c.Inbound.Message.Descriptor(), "Input")
		}
		m.p()
		m.doc(0, lines...)
		if len(c.Template.Params()) == 0 {
			m.p("export const ", name, " = channel<", types, ">(", quote(c.Name()), ");")
		} else {
			m.p("export const ", name, " = template<", types, ">()(", quote(c.Name()), ");")
		}
	}
	slices.Sort(makers)
	g.write(m, "// Without "+g.client+": opt client=none.", fmt.Sprintf("import { %s } from %s;", strings.Join(makers, ", "), quote(g.client)))
}
