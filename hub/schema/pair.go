package schema

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/channel"
)

// The defaults of hub.v1.inbound, as its comments tell them.
const (
	defaultDeadline  = 10 * time.Second
	defaultExpiry    = time.Minute
	defaultPerSecond = 50
	defaultBurst     = 100
)

// pair brings channels and inbound messages together and returns the channels
// by name. Two of one name, or two names that one concrete name could mean,
// are refused, as is an inbound message without its channel.
func (d *declarations) pair() []*draft {
	slices.SortStableFunc(d.channels, func(a, b *draft) int { return strings.Compare(a.template.String(), b.template.String()) })
	byName := make(map[string]*draft, len(d.channels))
	names := newTrie[*draft]()
	for _, c := range d.channels {
		name := c.template.String()
		if first := byName[name]; first != nil {
			d.found.addf(c.at(channelOption(), "name"), "%q is declared by %v too; a channel has one message", name, first.declared)
			continue
		}
		for other := range names.overlaps(c.template) {
			if ambiguous(other.template, c.template) {
				d.found.add(with(c.at(channelOption(), "name"), ambiguousText(c.template, other.template, other.declared.String())))
			}
		}
		byName[name] = c
		names.insert(c.template, c)
	}
	for i := range d.inbounds {
		d.take(&d.inbounds[i], byName)
	}
	return slices.SortedFunc(maps.Values(byName), func(a, b *draft) int { return strings.Compare(a.template.String(), b.template.String()) })
}

func ambiguousText(name, other channel.Template, owner string) string {
	return fmt.Sprintf("%q and %q of %s could mean the same channel, and neither is more specific from the left", name, other, owner)
}

// take finds the channel of an inbound message and checks what only both
// together can tell.
func (d *declarations) take(one *declared, byName map[string]*draft) {
	name, problem := one.inboundChannel()
	if problem != "" {
		d.found.add(with(one.at(inboundOption(), "channel"), problem))
		return
	}
	c := byName[name]
	switch {
	case c == nil && (one.channel != nil || d.refused[name]):
		return // the declaration is wrong, and that is said
	case c == nil:
		d.found.addf(one.at(inboundOption(), "channel"),
			"no message of this set declares the channel %q; name it as declared, params in braces", name)
		return
	case c.message.ParentFile().Package() != one.message.ParentFile().Package():
		d.found.addf(one.at(inboundOption(), "channel"),
			"%q is declared in another proto package, by %v; who declares a channel says what it takes", name, c.declared)
		return
	case c.taken != nil:
		d.found.addf(one.at(inboundOption(), "channel"), "%q takes %v already; a channel takes one message", name, *c.taken)
		return
	}
	if param := one.inbound.GetScope().GetUser().GetParam(); param != "" && !slices.Contains(c.template.Params(), param) {
		d.found.addf(one.at(inboundOption(), "scope.user.param"), "%s", missingParam(c.template, param))
	}
	filled := inboundDefaults(one.inbound, c.channel.GetScope())
	if filled.GetDeadline().AsDuration() > filled.GetExpiry().AsDuration() {
		d.found.addf(one.at(inboundOption(), "deadline"), "%v is longer than the message's whole life, expiry %v",
			filled.GetDeadline().AsDuration(), filled.GetExpiry().AsDuration())
	}
	c.taken = one
}

// inboundChannel is the name of the channel that an inbound message is for.
func (d declared) inboundChannel() (name, problem string) {
	name = d.inbound.GetChannel()
	own := d.channel.GetName()
	switch {
	case d.channel == nil && name == "":
		return "", `missing; name the channel, as channel: "blog.article.feed"; only beside hub.v1.channel it may be left out`
	case d.channel != nil && name != "" && name != own:
		return "", fmt.Sprintf("%q differs from the message's own channel %q; leave it out", name, own)
	case d.channel != nil:
		return own, ""
	}
	return name, ""
}

func channelDefaults(o *hubv1.ChannelOptions) *hubv1.ChannelOptions {
	o = clone(o)
	if o.GetOnSlow() == hubv1.ChannelOptions_SLOW_UNSPECIFIED {
		o.OnSlow = hubv1.ChannelOptions_SLOW_DISCONNECT
	}
	return o
}

func inboundDefaults(o *hubv1.InboundOptions, scope *hubv1.Scope) *hubv1.InboundOptions {
	o = clone(o)
	if o.GetScope() == nil {
		o.Scope = clone(scope)
	}
	if o.GetDelivery() == hubv1.InboundOptions_DELIVERY_UNSPECIFIED {
		o.Delivery = hubv1.InboundOptions_DELIVERY_AT_LEAST_ONCE
	}
	if o.GetDeadline() == nil {
		o.Deadline = durationpb.New(defaultDeadline)
	}
	if o.GetExpiry() == nil {
		o.Expiry = durationpb.New(defaultExpiry)
	}
	if o.GetRate() == nil {
		o.Rate = &hubv1.Rate{}
	}
	if o.GetRate().GetPerSecond() == 0 {
		o.Rate.PerSecond = defaultPerSecond
	}
	if o.GetRate().GetBurst() == 0 {
		o.Rate.Burst = defaultBurst
	}
	return o
}
