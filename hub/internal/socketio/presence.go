package socketio

import (
	"context"
	"strconv"
	"time"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/subscription"
	"github.com/realtime-hub/hub/hub/internal/wire"
)

var _ subscription.Audience = (*Sink)(nil)

// presence answers hub:presence.
func (r *request) presence(ctx context.Context) error {
	var args hubv1.PresenceArguments
	match, err := r.readable(ctx, &args)
	if err != nil {
		return err
	}
	return r.door.cfg.Subscriptions.Members(match, args.GetCursor(), int(args.GetLimit()), func(page subscription.Page) {
		if r.ack != "" {
			r.out.Send(membersFrame(r.ack, match.Name, page))
		}
	})
}

// Changed implements subscription.Audience.
func (s *Sink) Changed(channel string, joined, left []subscription.Member) {
	s.aside(channel, changeFrame(channel, joined, left))
}

// Unsettled implements subscription.Audience.
func (s *Sink) Unsettled(channel string) {
	s.aside(channel, eventFrame("hub:gap", &hubv1.Gap{Channel: channel, Reason: gapPresence}))
}

// aside tells all subscribers something about their channel. Who does not take it
// is ended as by every event of the hub's, except where the channel drops what
// is not taken: there presence is no more than its messages are.
func (s *Sink) aside(channel string, f *wire.Frame) {
	slow := wire.SlowDisconnect
	if s.slow(channel) == wire.SlowDrop {
		slow = wire.SlowDrop
	}
	s.wire.Broadcast(channel, wire.Message{Frame: f, Slow: slow, Aside: true})
}

// Presence is written by hand, as protojson would: a page for a stranger and an event
// for a crowd of newcomers have a thousand members, and cost a tenth so.

// memberBytes is what a member has beside the user id: its names, the sessions, a
// time, and what may be escaped.
const memberBytes = 80

// membersFrame is the ack {ok, channel, members, anonymous, cursor?}.
func membersFrame(id, channel string, page subscription.Page) *wire.Frame {
	f := append(begin(ack, sizeOf(page.Members)), id...)
	f = append(f, `[{"ok":true,"channel":`...)
	f = appendString(f, channel)
	f = append(f, `,"members":`...)
	f = appendMembers(f, page.Members)
	f = append(f, `,"anonymous":`...)
	f = strconv.AppendInt(f, int64(page.Anonymous), 10)
	if page.Next != "" {
		f = append(f, `,"cursor":`...)
		f = appendString(f, page.Next)
	}
	return wire.NewFrame(append(f, `}]`...))
}

// changeFrame is the event {channel, joined, left}.
func changeFrame(channel string, joined, left []subscription.Member) *wire.Frame {
	f := append(begin(event, sizeOf(joined)+sizeOf(left)), `["hub:presence",{"channel":`...)
	f = appendString(f, channel)
	f = append(f, `,"joined":`...)
	f = appendMembers(f, joined)
	f = append(f, `,"left":`...)
	f = appendMembers(f, left)
	return wire.NewFrame(append(f, `}]`...))
}

func sizeOf(members []subscription.Member) int {
	n := 2 * memberBytes // for what is around them
	for i := range members {
		n += len(members[i].UserID) + memberBytes
	}
	return n
}

func appendMembers(f []byte, members []subscription.Member) []byte {
	f = append(f, '[')
	for i := range members {
		if i > 0 {
			f = append(f, ',')
		}
		m := &members[i]
		f = append(f, `{"userId":`...)
		f = appendString(f, m.UserID)
		f = append(f, `,"sessions":`...)
		f = strconv.AppendInt(f, int64(m.Sessions), 10)
		f = append(f, `,"since":"`...)
		f = appendTime(f, m.Since)
		f = append(f, `"}`...)
	}
	return append(f, ']')
}

// appendTime writes whole seconds without a fraction, as protojson does.
func appendTime(f []byte, t time.Time) []byte {
	layout := "2006-01-02T15:04:05.000Z"
	if t.Nanosecond() == 0 {
		layout = "2006-01-02T15:04:05Z"
	}
	return t.UTC().AppendFormat(f, layout)
}
