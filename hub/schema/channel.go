package schema

import (
	"google.golang.org/protobuf/proto"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/channel"
)

// Channel is a declared channel. It is shared: read-only.
type Channel struct {
	// Template is the declared name.
	Template channel.Template
	// Options are the declaration, defaults filled in.
	Options *hubv1.ChannelOptions
	// Payload is what subscribers receive.
	Payload *Message
	// Inbound is what browsers may send; nil: the channel takes no messages.
	Inbound *Inbound
	// Owner registered it; empty: the hub's own, from Load.
	Owner string
	// File is the proto file that declares it, by its import path.
	File string

	segments    []channel.Segment // of the template
	place       Problem           // of the name, for conflicts
	params      *params           // nil: any value
	fingerprint [32]byte
}

// Inbound is what browsers may send on a channel. It is shared: read-only.
type Inbound struct {
	// Options are the declaration, defaults filled in: the channel's scope, at
	// least once, a deadline of 10 s, an expiry of 60 s, 50 a second, bursts
	// of 100.
	Options *hubv1.InboundOptions
	// Message is the message's type.
	Message *Message
}

// Name is the declared name, params in braces.
func (c *Channel) Name() string { return c.Template.String() }

// Info is the channel as operators see it. The message is the caller's own.
func (c *Channel) Info() *hubv1.ChannelInfo {
	info := &hubv1.ChannelInfo{
		Name: c.Name(), Message: string(c.Payload.Name()), Options: clone(c.Options), Owner: c.Owner, File: c.File,
	}
	if c.Inbound != nil {
		info.InboundMessage = string(c.Inbound.Message.Name())
		info.Inbound = clone(c.Inbound.Options)
	}
	return info
}

func (d *draft) build(owner string, shared *rules) *Channel {
	c := &Channel{
		Template: d.template, segments: d.template.Segments(), Options: channelDefaults(d.channel),
		Payload: &Message{desc: d.message, rules: shared}, Owner: owner, File: d.message.ParentFile().Path(),
		place: d.at(channelOption(), "name"),
	}
	c.Options.Name = d.template.String()
	if d.taken != nil {
		c.Inbound = &Inbound{
			Options: inboundDefaults(d.taken.inbound, d.channel.GetScope()),
			Message: &Message{desc: d.taken.message, rules: shared},
		}
		c.Inbound.Options.Channel = d.template.String()
	}
	return c
}

func clone[M proto.Message](m M) M {
	out, _ := proto.Clone(m).(M)
	return out
}
