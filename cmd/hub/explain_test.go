package main

import (
	"testing"

	"google.golang.org/protobuf/proto"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

func passes(gate, detail string) *hubv1.GateVerdict {
	return &hubv1.GateVerdict{Gate: gate, Pass: true, Detail: detail}
}

func fails(gate, reason, message, detail string, violations ...*hubv1.Violation) *hubv1.GateVerdict {
	return &hubv1.GateVerdict{Gate: gate, Error: &hubv1.Error{Reason: reason, Message: message, Violations: violations}, Detail: detail}
}

func TestExplainTellsTheFirstThingInTheWay(t *testing.T) {
	const name = "notifications.user.user_42"
	declared, connected := passes("channel", "notifications.user.{user_id}, user-scoped"), passes("connect", "user_7")
	joined, subscribed := passes("join", ""), passes("subscribed", "1 of 2 sessions")
	for _, c := range []struct {
		name   string
		args   []string
		gates  []*hubv1.GateVerdict
		code   int
		stdout string
	}{
		{
			"no such channel", nil,
			[]*hubv1.GateVerdict{fails("channel", "CHANNEL_NAME_INVALID", "user_id: is wrong", "", &hubv1.Violation{Field: "user_id", Rule: "string.pattern", Message: "does not match"})},
			exitFailed, `An anonymous session, at ` + name + `:
  FAIL  channel  CHANNEL_NAME_INVALID: user_id: is wrong
                 user_id: does not match (string.pattern)

It gets nothing: the gate channel says no (CHANNEL_NAME_INVALID). Correct the name, as the line above says.
`,
		},
		{
			"anonymous", nil,
			[]*hubv1.GateVerdict{declared, passes("connect", "anonymous sessions may"), fails("join", "CREDENTIALS_REQUIRED", "the channel is not public", "")},
			exitFailed, `An anonymous session, at ` + name + `:
  pass  channel  notifications.user.{user_id}, user-scoped
  pass  connect  anonymous sessions may
  FAIL  join     CREDENTIALS_REQUIRED: the channel is not public

It gets nothing: the gate join says no (CREDENTIALS_REQUIRED). The browser has to connect with a token (auth.token), or the channel needs the scope public.
`,
		},
		{
			"another user",
			[]string{"--user", "user_7", "--role", "editor", "--role", "a,b", "--attribute", "tenant=a=b"},
			[]*hubv1.GateVerdict{declared, connected, fails("join", "SCOPE_DENIED", "the channel is \x1b[2Jfor one user", "user_id is\nuser_42"), fails("subscribed", "NOT_FOUND", "none", "")},
			exitFailed, `A session of user_7 with editor, a,b, tenant=a=b, at ` + name + `:
  pass  channel     notifications.user.{user_id}, user-scoped
  pass  connect     user_7
  FAIL  join        SCOPE_DENIED: the channel is �[2Jfor one user
                    user_id is user_42
  FAIL  subscribed  NOT_FOUND: none

It gets nothing: the gate join says no (SCOPE_DENIED). Give the session what the channel's scope asks for, or change the scope; hub channels shows it.
`,
		},
		{
			"not subscribed",
			[]string{"--user", "user_42"},
			[]*hubv1.GateVerdict{declared, connected, joined, fails("subscribed", "NOT_FOUND", "no session is subscribed", "2 sessions, none subscribed"), fails("inbound", "INBOUND_NOT_ACCEPTED", "none", "")},
			exitOK, `A session of user_42 with no roles, at ` + name + `:
  pass  channel     notifications.user.{user_id}, user-scoped
  pass  connect     user_7
  pass  join
  FAIL  subscribed  NOT_FOUND: no session is subscribed
                    2 sessions, none subscribed
  FAIL  inbound     INBOUND_NOT_ACCEPTED: none

It may join, but no such session is subscribed. The page has to connect, to emit hub:subscribe for ` + name + ` at every connect, and to read what the ack says.
`,
		},
		{
			"cannot send",
			[]string{"--user", "user_42"},
			[]*hubv1.GateVerdict{joined, subscribed, passes("inbound", ""), passes("send", ""), fails("worker", "NO_WORKER", "nobody is attached", "")},
			exitOK, `A session of user_42 with no roles, at ` + name + `:
  pass  join
  pass  subscribed  1 of 2 sessions
  pass  inbound
  pass  send
  FAIL  worker      NO_WORKER: nobody is attached

It gets what is sent, but cannot send: the gate worker says no (NO_WORKER). Whether anything is sent: hub tail ` + name + `
`,
		},
		{
			"all is well",
			[]string{"--user", "user_42"},
			[]*hubv1.GateVerdict{joined, subscribed, passes("send", "")},
			exitOK, `A session of user_42 with no roles, at ` + name + `:
  pass  join
  pass  subscribed  1 of 2 sessions
  pass  send

Nothing is in its way. Whether anything is sent: hub tail ` + name + `
`,
		},
		{
			"a hub of another time", nil,
			[]*hubv1.GateVerdict{passes("entry", "")},
			exitFailed, `An anonymous session, at ` + name + `:
  pass  entry

The hub did not say whether it may join; is this command as new as the hub? hub version
`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			address := (&fakeHub{gates: c.gates}).start(t)
			call{}.run(t.Context(), append([]string{"explain", name, "--hub", address}, c.args...)...).want(t, c.code, c.stdout, "")
		})
	}
}

func TestExplainAsksForWhoIsNamed(t *testing.T) {
	f := &fakeHub{gates: []*hubv1.GateVerdict{fails("join", "SCOPE_DENIED", "no", "")}}
	address := f.start(t)
	call{}.run(t.Context(), "explain", "a.b", "--user", "ann", "--role", "editor", "--attribute", "tenant=acme", "--hub", address, "--json").
		want(t, exitFailed, `{"gates":[{"gate":"join","pass":false,"error":{"code":"","reason":"SCOPE_DENIED","message":"no","retryable":false,"violations":[]},"detail":""}]}`+"\n", "")
	want := &hubv1.ExplainRequest{Channel: "a.b", Identity: &hubv1.Identity{UserId: "ann", Roles: []string{"editor"}, Attributes: map[string]string{"tenant": "acme"}}}
	if !proto.Equal(f.last(), want) {
		t.Errorf("the hub got %v", f.last())
	}
	call{}.run(t.Context(), "explain", "a.b", "--hub", address)
	if request := f.last().(*hubv1.ExplainRequest); request.GetIdentity() != nil {
		t.Errorf("the hub got %v", request)
	}
}
