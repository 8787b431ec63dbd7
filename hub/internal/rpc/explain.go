package rpc

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/dispatch"
	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/internal/gate"
	"github.com/realtime-hub/hub/hub/internal/session"
	"github.com/realtime-hub/hub/hub/schema"
)

// Explain asks each gate on behalf of a session that may or may not exist, and
// looks whether one like it is there. Under the handler scope a worker is asked, as
// it would be at a join, about a session without an id.
func (a adminService) Explain(ctx context.Context, req *hubv1.ExplainRequest) (*hubv1.ExplainResponse, error) {
	if err := callerFrom(ctx).May(gate.Admin, ""); err != nil {
		return nil, err
	}
	match, err := a.schema.Snapshot().Match(req.GetChannel())
	if err != nil {
		return (&explanation{}).say("channel", "", err).response(), nil
	}
	if err := callerFrom(ctx).May(gate.Admin, match.Channel.Name()); err != nil {
		return nil, err
	}
	id := identity(req.GetIdentity())
	e := &explanation{}
	e.say("channel", fmt.Sprintf("declared as %s by %s", match.Channel.Name(), match.Channel.Info().GetFile()), nil)
	admitted, err := a.gate.Admits(id)
	e.say("connect", admitted, err)
	_, err = a.gate.Join(ctx, id, match)
	e.say("join", "for "+schema.Within(match.Options.GetScope()), err)
	e.add(a.subscribed(ctx, id, match.Name))
	if match.Inbound == nil {
		return e.say("inbound", "", fault.New(fault.InboundNotAccepted, "the channel takes no messages from browsers")).response(), nil
	}
	e.say("inbound", fmt.Sprintf("takes %s", match.Channel.Info().GetInboundMessage()), nil)
	a.explainSend(ctx, e, id, match)
	takers := a.dispatch.Takers(match.Channel.Name())
	e.say("worker", takersText(takers), noTaker(takers))
	return e.response(), nil
}

func (a adminService) explainSend(ctx context.Context, e *explanation, id *gate.Identity, match schema.Match) {
	if match.Inbound.Options.GetScope().GetHandler() != nil {
		e.say("send", "whoever is subscribed may send: the channel's backend decided at the join", nil)
		return
	}
	e.say("send", "for "+schema.Within(match.Inbound.Options.GetScope()), a.gate.Send(ctx, id, match))
}

// subscribed looks at the sessions of this identity, which are all that exist of it.
func (a adminService) subscribed(ctx context.Context, id *gate.Identity, channel string) *hubv1.GateVerdict {
	same := func(s *session.Session) bool { return s.Identity().UserID == id.UserID }
	there := a.sessions.Select(session.Selector{Also: same})
	in := slices.DeleteFunc(slices.Clone(there), func(s *session.Session) bool { return !a.subscriptions.Holds(s, channel) })
	slow := 0
	for _, status := range a.statuses(ctx, in[:min(len(in), defaultPage)]) {
		if status.LastDrop != "" {
			slow++
		}
	}
	who := "anonymous sessions"
	if !id.Anonymous() {
		who = "sessions of " + id.UserID
	}
	detail := fmt.Sprintf("%s connected: %d, subscribed to %s: %d", who, len(there), channel, len(in))
	if slow > 0 {
		detail += fmt.Sprintf("; too slow for some messages: %d (ListSessions tells which)", slow)
	}
	return &hubv1.GateVerdict{Gate: "subscribed", Pass: len(in) > 0, Detail: clip(detail)}
}

func noTaker(takers []dispatch.Taker) error {
	if slices.ContainsFunc(takers, func(t dispatch.Taker) bool { return !t.Observes }) {
		return nil
	}
	return fault.New(fault.NoWorker, "nobody takes the channel's messages; start a worker that attaches to it")
}

func takersText(takers []dispatch.Taker) string {
	texts := make([]string, 0, len(takers))
	for _, t := range takers {
		text := fmt.Sprintf("group %s: %d attached", t.Group, t.Workers)
		if t.Observes {
			text += ", observing"
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, "; ")
}

// explanation is the gates' verdicts in their order.
type explanation struct{ gates []*hubv1.GateVerdict }

func (e *explanation) add(v *hubv1.GateVerdict) { e.gates = append(e.gates, v) }

func (e *explanation) say(name, detail string, err error) *explanation {
	v := &hubv1.GateVerdict{Gate: name, Pass: err == nil, Detail: clip(detail)}
	if err != nil {
		v.Error = fault.Of(err).Proto()
	}
	e.add(v)
	return e
}

func (e *explanation) response() *hubv1.ExplainResponse {
	return &hubv1.ExplainResponse{Gates: e.gates}
}

func identity(id *hubv1.Identity) *gate.Identity {
	out := &gate.Identity{UserID: id.GetUserId(), Roles: slices.Clone(id.GetRoles()), Attributes: maps.Clone(id.GetAttributes())}
	if at := id.GetExpiresAt(); at != nil {
		out.ExpiresAt = at.AsTime()
	}
	return out
}
