package socketio

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"google.golang.org/protobuf/types/known/timestamppb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/internal/gate"
)

// connect is gate 1: CONNECT becomes a session, or connect_error says why not.
// A refused client may send CONNECT again until the link's time runs out.
func (c *conn) connect(ctx context.Context, p packet) {
	if c.session != nil && p.namespace == "/" {
		c.violate("a second CONNECT")
		return
	}
	if c.door.draining.Load() {
		c.out.End() // not connect_error: after that a client does not come back by itself
		return
	}
	admission, err := c.admit(ctx, p)
	c.door.cfg.Metrics.countConnect(err)
	if err != nil {
		why := fault.Of(err)
		if why.Reason == fault.Internal {
			c.door.cfg.Log.Error("a session could not connect", "error", err)
		}
		c.out.Send(connectErrorFrame(p.namespace, why))
		return
	}
	c.door.lobby.leave(c)
	id := newID()
	c.out.SetName(id)
	c.session = c.door.cfg.Sessions.Open(id, admission.Identity, c.req.RemoteAddr, c)
	accepted := c.req.accepted(id)
	c.req = nil
	c.door.cfg.Metrics.sessions.Inc()
	c.door.cfg.Log.Debug("session opened", "session", id, "user", admission.Identity.UserID)
	c.tell(hubv1.SessionEventKind_SESSION_EVENT_KIND_CONNECTED, "", "")
	c.out.Send(accepted, eventFrame("hub:ready", c.ready(admission)))
	if c.door.draining.Load() {
		// Drain has looked at the table before this session was in it.
		c.End(fault.New(fault.Draining, "the hub is shutting down; connect again"), true)
	}
}

func (c *conn) admit(ctx context.Context, p packet) (gate.Admission, error) {
	if p.namespace != "/" {
		return gate.Admission{}, fault.New(fault.RequestInvalid, "the hub has no namespaces beside /; a channel is what you want", "namespace", p.namespace)
	}
	credentials, err := c.credentials(p.data)
	if err != nil {
		return gate.Admission{}, err
	}
	return c.door.cfg.Gate.Connect(ctx, credentials)
}

// credentials collects what CONNECT's auth object and the handshake's headers
// say. Which of them counts is the gate's to decide.
func (c *conn) credentials(data []byte) (gate.Credentials, error) {
	out := gate.Credentials{
		Authorization: c.req.Header.Get("Authorization"),
		Cookie: func(name string) (string, bool) {
			cookie, err := (&http.Request{Header: c.req.Header}).Cookie(name)
			if err != nil {
				return "", false
			}
			return cookie.Value, true
		},
	}
	c.req.present(&out)
	out.Ask = func() *hubv1.Authenticate { return c.req.question(data) }
	if len(data) == 0 {
		return out, nil
	}
	var auth map[string]json.RawMessage
	if err := json.Unmarshal(data, &auth); err != nil {
		return out, fault.New(fault.RequestInvalid, "auth: must be an object")
	}
	token, present := auth["token"]
	if !present || bytes.Equal(token, []byte("null")) {
		return out, nil
	}
	if err := json.Unmarshal(token, &out.Token); err != nil {
		return out, fault.New(fault.RequestInvalid, "auth.token: must be a string")
	}
	out.HasToken = true
	return out, nil
}

func (c *conn) ready(a gate.Admission) *hubv1.Ready {
	ready := &hubv1.Ready{Session: c.session.ID, Roles: a.Identity.Roles, Limits: c.door.cfg.Limits}
	if !a.Identity.Anonymous() {
		ready.UserId = &a.Identity.UserID
	}
	if !a.Identity.ExpiresAt.IsZero() {
		ready.ExpiresAt = timestamppb.New(a.Identity.ExpiresAt)
	}
	if a.Notice != nil {
		ready.Credentials = a.Notice.Proto()
	}
	return ready
}
