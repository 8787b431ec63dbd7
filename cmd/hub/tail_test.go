package main

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

func published(id, text string) *hubv1.WatchResponse {
	return &hubv1.WatchResponse{Event: &hubv1.WatchResponse_Publication{Publication: &hubv1.Publication{Id: id, Json: text}}}
}

// sends is a hub that follows, sends, and then does what after does.
func sends(after func(hubv1.AdminService_WatchServer) error, responses ...*hubv1.WatchResponse) func(hubv1.AdminService_WatchServer) error {
	return func(stream hubv1.AdminService_WatchServer) error {
		if err := stream.SendHeader(metadata.MD{}); err != nil {
			return err
		}
		for _, r := range responses {
			if err := stream.Send(r); err != nil {
				return err
			}
		}
		return after(stream)
	}
}

func waits(stream hubv1.AdminService_WatchServer) error {
	<-stream.Context().Done()
	return nil
}

func refusal(t *testing.T, code codes.Code, reason, message string) error {
	t.Helper()
	s, err := status.New(code, message).WithDetails(&errdetails.ErrorInfo{Reason: reason, Domain: "hub"})
	if err != nil {
		t.Fatal(err)
	}
	return s.Err()
}

func TestTailShowsMessagesUntilItHasEnough(t *testing.T) {
	f := &fakeHub{watch: sends(waits,
		published("1", "{ \"title\": \"Hel\\u001b[2Jlo\",\n \"n\": 1 }"),
		&hubv1.WatchResponse{Event: &hubv1.WatchResponse_Dropped{Dropped: 3}},
		published("2\x1b[2J", `{"title":"a\tb"}`),
		published("3", `{}`),
	)}
	address := f.start(t)
	got := call{}.run(t.Context(), "tail", "a.b", "--count", "2", "--hub", address)
	got.stdout = regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d\.\d{3}`).ReplaceAllString(got.stdout, "TIME")
	got.want(t, exitOK, "TIME  1  {\"title\":\"Hel\\u001b[2Jlo\",\"n\":1}\nTIME  2�[2J  {\"title\":\"a\\tb\"}\n",
		"Following a.b at "+address+"; Ctrl-C ends\nhub: 3 messages dropped: tail is slower than the channel\n")
	if r := f.last().(*hubv1.WatchRequest); r.GetChannel() != "a.b" {
		t.Errorf("the hub got %v", r)
	}

	asJSON := call{}.run(t.Context(), "tail", "a.b", "--count", "2", "--hub", address, "--json")
	lines := strings.Split(asJSON.stdout, "\n")
	if len(lines) != 4 || !strings.HasPrefix(lines[0], `{"publication":{"id":"1",`) || lines[1] != `{"dropped":"3"}` {
		t.Errorf("%+v", asJSON)
	}
}

const missed = "  What is sent now is missed; --retry waits for the hub and goes on\n"

func TestTailSaysThatTheHubDied(t *testing.T) {
	server, address := (&fakeHub{watch: sends(waits)}).serve(t)
	stderr := watch()
	code := make(chan int, 1)
	go func() {
		code <- run(t.Context(), []string{"tail", "a.b", "--hub", address}, process{stdout: watch(), stderr: stderr})
	}()
	stderr.until(t, "Following a.b")
	server.Stop()
	got, said := <-code, stderr.lines()
	if want := "hub: the hub at " + address + " went away before it was done; try again when it is back\n"; got != exitFailed || !strings.Contains(said, want) || !strings.HasSuffix(said, missed) {
		t.Errorf("exit code %d, said:\n%s", got, said)
	}
}

func TestTailSaysThatTheHubEndsIt(t *testing.T) {
	for _, c := range []struct {
		name   string
		after  func(hubv1.AdminService_WatchServer) error
		stderr string
	}{
		{"the stream ends", func(hubv1.AdminService_WatchServer) error { return nil }, "went away before it was done; try again when it is back\n  the stream ended\n"},
		{"it drains", func(hubv1.AdminService_WatchServer) error {
			return refusal(t, codes.Unavailable, "DRAINING", "the hub is shutting down")
		}, "hub: DRAINING: the hub is shutting down\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			address := (&fakeHub{watch: sends(c.after, published("1", "{}"))}).start(t)
			got := call{}.run(t.Context(), "tail", "a.b", "--hub", address)
			if got.code != exitFailed || !strings.HasSuffix(got.stderr, c.stderr+missed) || !strings.HasSuffix(got.stdout, "  1  {}\n") {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestTailGoesOnWithAHubThatIsBack(t *testing.T) {
	calls := 0 // one stream at a time
	f := &fakeHub{watch: func(stream hubv1.AdminService_WatchServer) error {
		calls++
		switch calls {
		case 1:
			return sends(func(hubv1.AdminService_WatchServer) error {
				return refusal(t, codes.Unavailable, "DRAINING", "the hub is shutting down")
			}, published("1", "{}"))(stream)
		default:
			return sends(waits, published("2", "{}"))(stream)
		}
	}}
	address := f.start(t)
	got := call{}.run(t.Context(), "tail", "a.b", "--retry", "--count", "2", "--hub", address)
	following := "Following a.b at " + address + "; Ctrl-C ends\n"
	if want := following + "hub: DRAINING: the hub is shutting down\nWaiting for the hub; Ctrl-C ends\n" + following; got.code != exitOK || got.stderr != want {
		t.Errorf("%+v, want %s", got, want)
	}
}

// What waiting does not mend ends tail also with --retry.
func TestTailDoesNotRetryARefusal(t *testing.T) {
	address := (&fakeHub{refuse: refusal(t, codes.NotFound, "CHANNEL_UNKNOWN", "no channel matches")}).start(t)
	call{}.run(t.Context(), "tail", "a.b", "--retry", "--hub", address).want(t, exitFailed, "", "hub: CHANNEL_UNKNOWN: no channel matches\n")
}

func TestInterruptedTailExitsWith130(t *testing.T) {
	for _, args := range [][]string{{"tail", "a.b"}, {"tail", "a.b", "--retry"}} {
		ctx, interrupt := context.WithCancel(t.Context())
		address := (&fakeHub{watch: sends(waits)}).start(t)
		stdout, stderr := watch(), watch()
		code := make(chan int, 1)
		go func() {
			code <- run(ctx, append(args, "--hub", address), process{stdout: stdout, stderr: stderr})
		}()
		stderr.until(t, "Following a.b at "+address)
		interrupt()
		if got := <-code; got != exitInterrupted {
			t.Errorf("exit code %d, said:\n%s", got, stderr.lines())
		}
	}
}

func TestInterruptedWaitForTheHubExitsWith130(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	stderr := watch()
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, []string{"tail", "a.b", "--retry", "--hub", closedPort(t)}, process{stdout: watch(), stderr: stderr})
	}()
	stderr.until(t, "Waiting for the hub")
	interrupt()
	if got := <-code; got != exitInterrupted {
		t.Errorf("exit code %d, said:\n%s", got, stderr.lines())
	}
}
