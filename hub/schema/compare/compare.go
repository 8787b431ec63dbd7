// Package compare answers: what does a change of the declarations break, and for
// whom?
//
// It holds two sets of channels against each other: names, scopes, what is kept,
// what browsers may send, and the messages themselves, as their JSON and their wire
// form (the rules that buf calls WIRE_JSON) and as what their protovalidate rules
// refuse. A finding says who is concerned; its severity is what a build acts on. What
// can only be judged by a person, a changed pattern or CEL expression, counts as
// breaking: it may refuse what passed.
//
// It knows declarations alone: a change that no channel's payload can hold does not
// concern it. All functions may be called concurrently.
package compare

import (
	"cmp"
	"fmt"
	"slices"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/schema"
)

// Channels are the findings of a change, by channel, the gravest first.
func Channels(before, after []*schema.Channel) []Finding {
	c := &comparison{}
	was, is := byName(before), byName(after)
	for _, old := range before {
		if is[old.Name()] == nil {
			c.gone(old, after, was)
		}
	}
	for _, now := range after {
		if old := was[now.Name()]; old != nil {
			c.channel(old, now)
		} else {
			c.sayf(Note, "CHANNEL_ADDED", now.Name(), "", Everybody,
				"the channel is new; the hub has to know it before anybody uses it")
		}
	}
	slices.SortStableFunc(c.found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Channel, b.Channel), cmp.Compare(b.Severity, a.Severity),
			cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Field, b.Field))
	})
	return slices.Compact(c.found)
}

// comparison gathers findings.
type comparison struct{ found []Finding }

func (c *comparison) sayf(s Severity, kind Kind, channel, field string, whom Whom, format string, args ...any) {
	c.found = append(c.found, Finding{
		Severity: s, Kind: kind, Channel: channel, Field: field, Whom: whom, Message: fmt.Sprintf(format, args...),
	})
}

func byName(channels []*schema.Channel) map[string]*schema.Channel {
	out := make(map[string]*schema.Channel, len(channels))
	for _, c := range channels {
		out[c.Name()] = c
	}
	return out
}

// gone says what became of a channel that is not declared any more by its name.
func (c *comparison) gone(old *schema.Channel, after []*schema.Channel, was map[string]*schema.Channel) {
	for _, now := range after {
		if was[now.Name()] != nil {
			continue
		}
		switch {
		case shape(now.Name()) == shape(old.Name()):
			c.sayf(Breaking, "PARAM_RENAMED", old.Name(), "", Backends|Workers,
				"the channel is declared as %s now; workers attach to it, and tokens name it, by its declared name", now.Name())
			c.channel(old, now)
			return
		case now.Payload.Name() == old.Payload.Name():
			c.sayf(Breaking, "CHANNEL_RENAMED", old.Name(), "", Everybody,
				"its message is the channel %s now; declare both until nobody uses the old name", now.Name())
			return
		}
	}
	c.sayf(Breaking, "CHANNEL_REMOVED", old.Name(), "", Everybody,
		"the channel is gone: joins, broadcasts and messages answer CHANNEL_UNKNOWN")
}

// channel compares two declarations of one channel.
func (c *comparison) channel(old, now *schema.Channel) {
	name := old.Name()
	called := renamed(old.Name(), now.Name())
	c.scope(name, "join", Browsers, called.within(old.Options.GetScope()), now.Options.GetScope())
	c.params(name, called.of(old.Options.GetParams()), now.Options.GetParams())
	c.history(name, old.Options.GetHistory(), now.Options.GetHistory())
	switch {
	case old.Options.GetPresence() != nil && now.Options.GetPresence() == nil:
		c.sayf(Breaking, "PRESENCE_REMOVED", name, "", Browsers, "hub:presence answers NOT_ENABLED")
	case old.Options.GetPresence() == nil && now.Options.GetPresence() != nil:
		c.sayf(Security, "PRESENCE_ADDED", name, "", Browsers, "whoever may join sees who is there")
	}
	if old.Options.GetOnSlow() != now.Options.GetOnSlow() {
		c.sayf(Note, "ON_SLOW_CHANGED", name, "", Browsers,
			"a browser that cannot keep up meets %v instead of %v", now.Options.GetOnSlow(), old.Options.GetOnSlow())
	}
	c.payload(name, outbound, old.Payload, now.Payload)
	c.inbound(name, called, old.Inbound, now.Inbound)
}

func (c *comparison) history(name string, old, now *hubv1.History) {
	switch {
	case old != nil && now == nil:
		c.sayf(Breaking, "HISTORY_REMOVED", name, "", Browsers,
			"nothing is kept any more: hub:history, and hub:subscribe with since, answer NOT_ENABLED")
	case old == nil && now != nil:
		c.sayf(Note, "HISTORY_ADDED", name, "", Browsers,
			"%d messages are kept for %v", now.GetSize(), now.GetTtl().AsDuration())
	case now.GetSize() < old.GetSize() || now.GetTtl().AsDuration() < old.GetTtl().AsDuration():
		c.sayf(Warning, "HISTORY_SHORTENED", name, "", Browsers,
			"less is kept, %d messages for %v instead of %d for %v: who was away that long reloads",
			now.GetSize(), now.GetTtl().AsDuration(), old.GetSize(), old.GetTtl().AsDuration())
	}
}

// inbound compares what browsers may send.
func (c *comparison) inbound(name string, called renaming, old, now *schema.Inbound) {
	switch {
	case old == nil && now == nil:
		return
	case now == nil:
		c.sayf(Breaking, "INBOUND_REMOVED", name, "", Browsers|Workers,
			"the channel takes no messages any more: INBOUND_NOT_ACCEPTED")
		return
	case old == nil:
		c.sayf(Security, "INBOUND_ADDED", name, "", Workers,
			"browsers may send %s; %s", now.Message.Name(), schema.Within(now.Options.GetScope()))
		return
	}
	c.scope(name, "send", Browsers, called.within(old.Options.GetScope()), now.Options.GetScope())
	if old.Options.GetDelivery() != now.Options.GetDelivery() {
		severity, text := Warning, "a message may reach workers more than once"
		if now.Options.GetDelivery() == hubv1.InboundOptions_DELIVERY_AT_MOST_ONCE {
			text = "a message may be lost, and its ack does not say that it was handled"
		}
		c.sayf(severity, "DELIVERY_CHANGED", name, "", Browsers|Workers,
			"%v instead of %v: %s", now.Options.GetDelivery(), old.Options.GetDelivery(), text)
	}
	had, lasted := old.Options.GetDeadline().AsDuration(), old.Options.GetExpiry().AsDuration()
	has, lasts := now.Options.GetDeadline().AsDuration(), now.Options.GetExpiry().AsDuration()
	if has < had || lasts < lasted {
		c.sayf(Warning, "TIME_SHORTENED", name, "", Workers,
			"workers have less time: %v for a delivery and %v in all, instead of %v and %v",
			has, lasts, had, lasted)
	}
	if o, n := old.Options.GetRate(), now.Options.GetRate(); n.GetPerSecond() < o.GetPerSecond() || n.GetBurst() < o.GetBurst() {
		c.sayf(Warning, "RATE_LOWERED", name, "", Browsers,
			"a session may send %v a second and %d at once, instead of %v and %d: RATE_LIMITED",
			n.GetPerSecond(), n.GetBurst(), o.GetPerSecond(), o.GetBurst())
	}
	c.payload(name, inward, old.Message, now.Message)
}
