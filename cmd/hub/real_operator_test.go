package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/realtime-hub/hub/hub/hubtest"
	"github.com/realtime-hub/hub/hub/server"
)

const boardProto = `syntax = "proto3";
package board.v1;
import "hub/v1/channel.proto";
message Moved {
  option (hub.v1.channel) = { name: "board.{board_id}.moved" scope: { role: { any_of: ["editor"] } } };
  option (hub.v1.inbound) = {};
  int32 x = 1;
}
`

const moved = "board.b_1.moved"

// matches compares what no test can foresee, as ids and times, by a pattern.
func (r result) matches(t *testing.T, code int, stdout, stderr string) {
	t.Helper()
	if r.code != code || !regexp.MustCompile("^"+stdout+"$").MatchString(r.stdout) || !regexp.MustCompile("^"+stderr+"$").MatchString(r.stderr) {
		t.Errorf("%+v\nwant exit code %d, stdout:\n%s\nstderr:\n%s", r, code, stdout, stderr)
	}
}

func TestRealHubTellsWhoIsThereAndEndsIt(t *testing.T) {
	inFiles(t, map[string]string{"proto/board/v1/board.proto": boardProto})
	h := hubtest.Start(t, hubtest.Channels("proto"))
	ask := func(args ...string) result {
		return call{environment: []string{"HUB_HUB=" + h.GRPC()}}.run(t.Context(), args...)
	}
	ask("sessions").want(t, exitOK, "", "The hub has no sessions. Browsers connect to its other address, http.address.\n")
	ask("sessions", "--channel", moved).want(t, exitOK, "", "No session is subscribed to "+moved+". Why: hub explain "+moved+" --user USER\n")

	ann := h.Browser(t, hubtest.As("ann", "editor"))
	ann.Subscribe(moved)
	h.Browser(t)
	ask("sessions", "--channel", moved).matches(t, exitOK, `SESSION .*\n`+regexp.QuoteMeta(ann.Session())+` +ann +editor +\d+s +websocket +127\.0\.0\.1\S* +0 B +- +1: board\.b_1\.moved\n`, "")
	if all := ask("sessions"); strings.Count(all.stdout, "\n") != 3 {
		t.Errorf("%+v", all)
	}
	ask("stats").matches(t, exitOK, `hub +\S+\nup +\d+s, since \S+\nsessions +2\nsubscriptions +1\nchannels +1 with subscribers\nworkers +0\nbacklog +0 B\n`, "")

	ask("unsubscribe", moved, "--session", ann.Session(), "--message", "You left.").want(t, exitOK, "1 subscription ended\n", "")
	if e := ann.Next(); e.Name != "hub:unsubscribed" || !strings.Contains(string(e.Payload), "You left.") {
		t.Errorf("ann was told %v", e)
	}
	ask("unsubscribe", moved, "--user", "ann").want(t, exitFailed, "", "hub: there was no such subscription to end; hub sessions --channel "+moved+" lists its subscribers\n")
	ask("disconnect", "--user", "ann").want(t, exitOK, "1 session ended\n", "")
	if e := ann.Next(); e.Name != "hub:ended" {
		t.Errorf("ann was told %v", e)
	}
	ask("disconnect", "--session", "nobody").want(t, exitFailed, "", "~hub: NOT_FOUND: this hub has no such session")
	ask("disconnect", "--user", "").want(t, exitFailed, "", "~hub: REQUEST_INVALID: ")
}

func TestRealHubExplainsEachGate(t *testing.T) {
	inFiles(t, map[string]string{"proto/board/v1/board.proto": boardProto})
	h := hubtest.Start(t, hubtest.Channels("proto"))
	ask := func(args ...string) result {
		return call{environment: []string{"HUB_HUB=" + h.GRPC()}}.run(t.Context(), append([]string{"explain"}, args...)...)
	}
	ask(moved, "--user", "ann", "--role", "editor").want(t, exitOK, `A session of ann with editor, at board.b_1.moved:
  pass  channel     declared as board.{board_id}.moved by board/v1/board.proto
  pass  connect     by a token of auth.jwt
  pass  join        for the roles editor
  FAIL  subscribed  sessions of ann connected: 0, subscribed to board.b_1.moved: 0
  pass  inbound     takes board.v1.Moved
  pass  send        for the roles editor
  FAIL  worker      NO_WORKER: nobody takes the channel's messages; start a worker that attaches to it

It may join, but no such session is subscribed. The page has to connect, to emit hub:subscribe for board.b_1.moved at every connect, and to read what the ack says.
`, "")
	h.Browser(t, hubtest.As("ann", "editor")).Subscribe(moved)
	ask(moved, "--user", "ann", "--role", "editor").matches(t, exitOK, `(?s).*pass  subscribed .*
It gets what is sent, but cannot send: the gate worker says no \(NO_WORKER\)\. .*`, "")
	ask(moved, "--user", "bob").matches(t, exitFailed, `(?s).*FAIL  join +SCOPE_DENIED: .*
It gets nothing: the gate join says no \(SCOPE_DENIED\)\. .*`, "")
	ask(moved).matches(t, exitFailed, `(?s).*FAIL  join +CREDENTIALS_REQUIRED: .*
It gets nothing: the gate join says no \(CREDENTIALS_REQUIRED\)\. .*`, "")
	ask("no.such").matches(t, exitFailed, `(?s).*FAIL  channel +CHANNEL_UNKNOWN: .*
It gets nothing: the gate channel says no \(CHANNEL_UNKNOWN\)\. Declare the channel, .*`, "")
}

func TestRealHubIsFollowedUntilItDrains(t *testing.T) {
	inFiles(t, map[string]string{"proto/blog/v1/feed.proto": feedProto})
	h := startHub(t, nil, "--channels", "proto")
	stdout, stderr, code := watch(), watch(), make(chan int, 1)
	go func() {
		code <- run(t.Context(), []string{"tail", "blog.article.feed", "--hub", h.grpc}, process{stdout: stdout, stderr: stderr})
	}()
	stderr.until(t, "Following blog.article.feed at "+h.grpc)
	call{}.run(t.Context(), "broadcast", "blog.article.feed", `{"title":"Hello"}`, "--id", "once", "--hub", h.grpc).want(t, exitOK, "once\n", "")
	stdout.until(t, `  once  {"title":"Hello"}`)
	if drained := h.stop(); drained != exitOK {
		t.Errorf("the hub ended with %d", drained)
	}
	if got, said := <-code, stderr.lines(); got != exitFailed || !strings.Contains(said, "hub: DRAINING: ") || !strings.HasSuffix(said, missed) {
		t.Errorf("exit code %d, said:\n%s", got, said)
	}
	call{}.run(t.Context(), "tail", "no.such", "--hub", h.grpc).want(t, exitFailed, "", "~hub: no hub answers at "+h.grpc)
}

// Each command without a token, with a wrong one, and with one that has not the right.
func TestRealHubRefusesTokens(t *testing.T) {
	inFiles(t, map[string]string{"proto/board/v1/board.proto": boardProto})
	h := hubtest.Start(t, hubtest.Channels("proto"), hubtest.Tokens(
		server.ServiceToken{Name: "worker", Token: "t0ken-of-the-worker", Allow: []string{"HANDLE"}, Channels: []string{"*"}},
	))
	for _, c := range []struct{ token, stderr string }{
		{"", "hub: CREDENTIALS_REQUIRED: "},
		{"wr0ng", "hub: CREDENTIALS_INVALID: "},
		{"t0ken-of-the-worker", "hub: SCOPE_DENIED: "},
	} {
		for _, command := range remoteCommands {
			args := append([]string{}, command...)
			for i := range args {
				args[i] = strings.Replace(args[i], "a.b", moved, 1)
			}
			got := call{environment: []string{"HUB_TOKEN=" + c.token}}.run(t.Context(), append(args, "--hub", h.GRPC())...)
			if got.code != exitFailed || got.stdout != "" || !strings.HasPrefix(got.stderr, c.stderr) || c.token != "" && strings.Contains(got.stderr, c.token) {
				t.Errorf("%v with %q: %+v", args, c.token, got)
			}
		}
	}
}
