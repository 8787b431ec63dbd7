package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/realtime-hub/hub/hub/server"
)

// peers are whom the conformance suite runs against; another configuration of
// the hub is one more line. Node's Socket.IO is the oracle: a statement that it
// does not hold is wrong, or one of its knownDeviations.
var peers = []peer{
	hubPeer(hubName()),
	{name: "node", start: startOracle},
}

// knownDeviations are the statements that a peer does not hold though it should,
// and why. Where it holds one of them after all, the suite fails: the line must go.
var knownDeviations = map[string]map[string]string{
	"hub": {
		"polling is refused after the upgrade, and does no harm": "it keeps no sid that is of no use any more: 400 with code 1, unknown, instead of 3",
		"a session is not reached by polling, nor harmed":        "as above",
	},
	"hub, by the library": {
		"polling without EIO, or with another version, is answered by 400":                  "it carries Engine.IO 3 too",
		"a WebSocket without EIO, or with another version, is closed":                       "as above",
		"a second poll at a time is answered by 400 and closes the session":                 "the first is answered as every poll that waits at a link's end: by 400, session unknown",
		"a second POST at a time is answered by 400 and closes the session":                 "the door reads each body before the library sees its POST, so that of two at a time both are taken",
		"a close packet closes the session, and nothing behind it is taken, on a WebSocket": "the library reads close packets from polling only",
		"5.2 a length may not have its highest bit":                                         "the library ends the connection without a close frame",
		"7.4.1 a close frame of one byte is refused by 1002":                                "the library takes it for an empty one",
		"8.1 text that is no UTF-8 is refused by 1007":                                      "the library does not look; the door does, and ends the session by hub:ended and 1000",
	},
	"node": {
		"a payload that is none is answered by 400":                                         "it closes the session and says ok, or nothing",
		"a close packet closes the session, and nothing behind it is taken, on a WebSocket": "it reads close packets from polling only",
		"an event's payload is mandatory, or the connection is closed":                      "it takes the event for one without a name",
		"a session has one WebSocket: a second is closed, and does no harm":                 "it takes the second for an upgrade, whoever's it is",
	},
}

// hubName tells the doors apart: each has its own deviations.
func hubName() string {
	if door() == server.DoorLibrary {
		return "hub, by the library"
	}
	return "hub"
}

// A peer is a server of Engine.IO 4 and Socket.IO 5.
type peer struct {
	name  string
	ours  bool // it is the hub: where a statement has a variant for it, that is held
	start func(t *testing.T) map[pace]*party
}

// pace says which of a peer's servers a statement needs, by its times.
type pace string

const (
	steady pace = ""      // the times are no matter
	quick  pace = "quick" // the heartbeat and the upgrade's time-out are short
	hasty  pace = "hasty" // the time until CONNECT is short
)

// party is a running server.
type party struct {
	url   string
	slack time.Duration // its times, where they are long; zero where they are not
	// push sends an event from the server to whom subscribed to the channel.
	push func(t testing.TB, channel, payload string)
}

// home is the page that may reach every party from another origin.
const home = "https://app.example"

// hubPeer is the hub, as configured. Its times cannot be shortened: statements
// about them are a long run.
func hubPeer(name string, edit ...func(*server.Config)) peer {
	return peer{name: name, ours: true, start: func(t *testing.T) map[pace]*party {
		t.Helper()
		h := startHub(t, append(edit, func(cfg *server.Config) { cfg.HTTP.AllowedOrigins = []string{home} })...)
		push := func(t testing.TB, channel, payload string) {
			t.Helper()
			if _, err := h.backend.Broadcast(t.Context(), onJSON(channel, payload)); err != nil {
				t.Fatalf("broadcast on %s: %v", channel, err)
			}
		}
		return map[pace]*party{
			steady: {url: h.url, push: push},
			quick:  {url: h.url, push: push, slack: 45 * time.Second},
			hasty:  {url: h.url, push: push, slack: 10 * time.Second},
		}
	}}
}

// statement is what a protocol's document says, as a sentence.
type statement struct {
	says  string
	pace  pace
	holds func(s *trial)
	hub   *variant
}

// variant is what the hub does instead, on purpose.
type variant struct {
	because string
	holds   func(s *trial) // nil: the statement is about what the hub does not have
}

// section is a chapter of one of the documents.
type section struct {
	document   string
	name       string
	statements []statement
}

// TestConformance holds every statement of the public documents
// (github.com/socketio/engine.io-protocol and socket.io-protocol, in their
// versions 4 and 5), and those of RFC 6455 that they stand on, against every peer.
func TestConformance(t *testing.T) {
	sections := []section{
		{"engine.io", "handshake", handshakes},
		{"engine.io", "polling", pollings},
		{"engine.io", "origins", origins},
		{"engine.io", "heartbeat", heartbeats},
		{"engine.io", "upgrade", upgrades},
		{"engine.io", "websocket", websockets},
		{"engine.io", "frames", frames},
		{"socket.io", "connect", connects},
		{"socket.io", "packets", packets},
	}
	stated := make(map[string]int)
	for _, p := range peers {
		t.Run(p.name, func(t *testing.T) {
			t.Cleanup(http.DefaultClient.CloseIdleConnections)
			parties, held := p.start(t), 0
			for _, sec := range sections {
				for _, st := range sec.statements {
					stated[st.says]++
					held++
					t.Run(sec.document+"/"+sec.name+"/"+st.says, func(t *testing.T) { p.hold(t, st, parties[st.pace]) })
				}
			}
			t.Logf("%d statements, %d of them known deviations", held, len(knownDeviations[p.name]))
		})
	}
	for name, deviations := range knownDeviations {
		for says := range deviations {
			if n := stated[says]; n != len(peers) {
				t.Errorf("%s is said to deviate from %q, which is stated %d times to %d peers", name, says, n, len(peers))
			}
		}
	}
}

// hold holds one statement against the peer.
func (p peer) hold(t *testing.T, st statement, on *party) {
	t.Helper()
	holds := st.holds
	if p.ours && st.hub != nil {
		if st.hub.holds == nil {
			t.Skip("not the hub's: ", st.hub.because)
		}
		t.Log("the hub differs: ", st.hub.because)
		holds = st.hub.holds
	}
	if on.slack > 0 {
		if os.Getenv("HUB_LONG") == "" && os.Getenv("LONG") == "" {
			t.Skip("a long run; `make e2e LONG=1` has it")
		}
		t.Parallel() // it only waits
	}
	s := &trial{TB: t, party: on, http: &http.Client{Transport: &http.Transport{}}, bound: patience + on.slack}
	t.Cleanup(s.http.CloseIdleConnections)
	why, deviates := knownDeviations[p.name][st.says]
	if !deviates {
		holds(s)
		return
	}
	s.tolerant, s.bound = true, time.Second
	done := make(chan struct{})
	go func() { // which the first failure ends, and not the test
		defer close(done)
		holds(s)
	}()
	<-done
	if s.failure == "" {
		t.Errorf("it holds, though %q is one of the knownDeviations: take it off", why)
		return
	}
	t.Skipf("deviates: %s: %s", why, s.failure)
}

// trial is one statement's run against one party. Where the statement is a
// known deviation, its failure is expected and only noted.
type trial struct {
	testing.TB
	*party

	http     *http.Client
	bound    time.Duration // of every wait
	tolerant bool
	failure  string
}

func (s *trial) Errorf(format string, args ...any) {
	s.Helper()
	if s.tolerant {
		s.failure = fmt.Sprintf(format, args...)
		return
	}
	s.TB.Errorf(format, args...)
}

func (s *trial) Fatalf(format string, args ...any) {
	s.Helper()
	if s.tolerant {
		s.Errorf(format, args...)
		runtime.Goexit()
	}
	s.TB.Fatalf(format, args...)
}
