package rpc

import (
	"context"

	"google.golang.org/protobuf/types/known/timestamppb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/internal/gate"
	"github.com/realtime-hub/hub/hub/internal/session"
)

// defaultPage is how many sessions a page has where the caller does not say.
const defaultPage = 100

// everywhere is the pattern that covers every channel. A session belongs to no
// channel, so whoever lists or ends all of them needs the right on all.
const everywhere = "*"

// ListSessions lists sessions by id. Of a channel's the caller sees the
// subscriptions that its token covers.
func (a adminService) ListSessions(ctx context.Context, req *hubv1.ListSessionsRequest) (*hubv1.ListSessionsResponse, error) {
	which := session.Selector{User: req.GetUserId()}
	if req.GetChannel() == "" {
		if err := callerFrom(ctx).May(gate.Admin, everywhere); err != nil {
			return nil, err
		}
	} else {
		match, err := a.administered(ctx, req.GetChannel())
		if err != nil {
			return nil, err
		}
		which.Also = func(s *session.Session) bool { return a.subscriptions.Holds(s, match.Name) }
	}
	limit := defaultPage
	if n := int(req.GetLimit()); n > 0 {
		limit = n
	}
	page, more := a.sessions.Page(which, req.GetCursor(), limit)
	res := &hubv1.ListSessionsResponse{Sessions: make([]*hubv1.SessionInfo, len(page))}
	statuses := a.statuses(ctx, page)
	for i, s := range page {
		res.Sessions[i] = a.sessionInfo(ctx, s, statuses[i])
	}
	if more {
		res.Cursor = page[len(page)-1].ID
	}
	return res, nil
}

func (a adminService) sessionInfo(ctx context.Context, s *session.Session, status session.Status) *hubv1.SessionInfo {
	info := &hubv1.SessionInfo{
		Sender:        s.Sender(),
		ConnectedAt:   timestamppb.New(s.Since),
		RemoteAddress: s.Remote,
		Transport:     status.Transport,
		BacklogBytes:  uint64(max(status.Backlog, 0)),
		LastDrop:      status.LastDrop,
	}
	if ends := s.Identity().ExpiresAt; !ends.IsZero() {
		info.ExpiresAt = timestamppb.New(ends)
	}
	for _, channel := range a.subscriptions.Channels(s) {
		if a.sees(ctx, channel) {
			info.Subscriptions = append(info.Subscriptions, channel)
		}
	}
	return info
}

// sees tells whether the caller may administer the channel. One that is not
// declared any more is seen by who sees all.
func (a adminService) sees(ctx context.Context, channel string) bool {
	if callerFrom(ctx).May(gate.Admin, everywhere) == nil {
		return true
	}
	_, err := a.administered(ctx, channel)
	return err == nil
}

// statuses asks all of a page's connections at once. One that does not tell in
// time, because the hub is at its end, has none.
func (a adminService) statuses(ctx context.Context, page []*session.Session) []session.Status {
	type told struct {
		at     int
		status session.Status
	}
	answers := make(chan told, len(page))
	for i, s := range page {
		s.Status(func(status session.Status) { answers <- told{i, status} })
	}
	out := make([]session.Status, len(page))
	for range page {
		select {
		case t := <-answers:
			out[t.at] = t.status
		case <-ctx.Done():
			return out
		}
	}
	return out
}

// DisconnectSession ends sessions for good: their clients stay away.
func (a adminService) DisconnectSession(
	ctx context.Context, req *hubv1.DisconnectSessionRequest,
) (*hubv1.DisconnectSessionResponse, error) {
	if err := callerFrom(ctx).May(gate.Admin, everywhere); err != nil {
		return nil, err
	}
	found, err := a.selected(req.GetSessions())
	if err != nil {
		return nil, err
	}
	why := ended(req.GetMessage(), "the session was ended by an operator")
	for _, s := range found {
		s.End(why, false)
	}
	return &hubv1.DisconnectSessionResponse{Sessions: uint32(len(found))}, nil //nolint:gosec // a process has fewer than 2³² sessions
}

// Unsubscribe ends subscriptions, and returns when they have ended.
func (a adminService) Unsubscribe(ctx context.Context, req *hubv1.UnsubscribeRequest) (*hubv1.UnsubscribeResponse, error) {
	match, err := a.administered(ctx, req.GetChannel())
	if err != nil {
		return nil, err
	}
	found, err := a.selected(req.GetSessions())
	if err != nil {
		return nil, err
	}
	why := ended(req.GetMessage(), "the subscription was ended by an operator")
	done := make(chan bool, len(found))
	for _, s := range found {
		s.Unsubscribe(match.Name, why, func(was bool) { done <- was })
	}
	res := &hubv1.UnsubscribeResponse{}
	for range found {
		select {
		case was := <-done:
			if was {
				res.Subscriptions++
			}
		case <-ctx.Done():
			return nil, fault.Wrap(ctx.Err(), fault.Internal, "not all sessions have answered in time; their subscriptions end when they do")
		}
	}
	return res, nil
}

// selected are the sessions that are meant; a session that is named must be there.
func (a adminService) selected(by *hubv1.SessionSelector) ([]*session.Session, error) {
	which := session.Selector{ID: by.GetSession(), User: by.GetUserId(), Role: by.GetRole()}
	found := a.sessions.Select(which)
	if which.ID != "" && len(found) == 0 {
		return nil, fault.New(fault.NotFound, "this hub has no such session; it may have ended, or be another hub's", "session", which.ID)
	}
	return found, nil
}

// ended is what a browser hears of an end that an operator chose.
func ended(message, otherwise string) *fault.Error {
	if message == "" {
		message = otherwise
	}
	return fault.New(fault.ScopeDenied, message)
}

// GetStats counts what this hub has now.
func (a adminService) GetStats(ctx context.Context, _ *hubv1.GetStatsRequest) (*hubv1.GetStatsResponse, error) {
	if err := callerFrom(ctx).May(gate.Admin, ""); err != nil {
		return nil, err
	}
	subscriptions, channels := a.subscriptions.Count()
	return &hubv1.GetStatsResponse{
		HubId:         a.dispatch.HubID(),
		Sessions:      uint64(a.sessions.Len()),     //nolint:gosec // not negative
		Subscriptions: uint64(subscriptions),        //nolint:gosec // not negative
		Channels:      uint64(channels),             //nolint:gosec // not negative
		Workers:       uint64(a.dispatch.Workers()), //nolint:gosec // not negative
		BacklogBytes:  uint64(max(0, a.backlog())),
		StartedAt:     timestamppb.New(a.started),
	}, nil
}
