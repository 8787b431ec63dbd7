package main

import (
	"context"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

// letterHub has dead letters, of channels that nobody declares any more.
type letterHub struct {
	fakeHub

	letters []*hubv1.DeadLetter
	dropped uint64
	asked   *hubv1.ListDeadLettersRequest
}

func (f *letterHub) ListDeadLetters(ctx context.Context, request *hubv1.ListDeadLettersRequest) (*hubv1.ListDeadLettersResponse, error) {
	f.keep(ctx, nil)
	f.asked = request
	return &hubv1.ListDeadLettersResponse{DeadLetters: f.letters, Dropped: f.dropped}, f.refuse
}

// start serves it on loopback for the time of the test.
func (f *letterHub) start(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	hubv1.RegisterAdminServiceServer(s, f)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.Serve(l)
	}()
	t.Cleanup(func() { s.Stop(); <-ended })
	return l.Addr().String()
}

func TestDeadLettersAreListed(t *testing.T) {
	f := &letterHub{dropped: 1, letters: []*hubv1.DeadLetter{
		{
			MessageId: "7\x1b[31m", Channel: "blog.article.feed", Group: "blog", Attempts: 5, Sender: &hubv1.Sender{Session: "abc", UserId: "ann"},
			Message: &anypb.Any{TypeUrl: "type.googleapis.com/blog.v1.Gone", Value: []byte("x")},
			Error:   &hubv1.Error{Code: "INTERNAL", Reason: "HANDLER_FAILED", Message: "two\n\tlines"}, At: timestamppb.New(time.Unix(0, 0)),
		},
		{MessageId: "8", Channel: "a.b", Group: "g", Sender: &hubv1.Sender{Session: "def"}, Error: &hubv1.Error{Reason: "NO_WORKER", Message: "no"}, At: timestamppb.New(time.Unix(1, 0))},
	}}
	address := f.start(t)
	call{}.run(t.Context(), "dead-letters", "--hub", address, "--channel", "blog.article.feed", "--limit", "2").want(t, exitOK,
		"AT                    CHANNEL            ID      GROUP  ATTEMPTS  SENDER     ERROR\n"+
			"1970-01-01T00:00:00Z  blog.article.feed  7\uFFFD[31m  blog   5         abc (ann)  HANDLER_FAILED: two lines\n"+
			"1970-01-01T00:00:01Z  a.b                8       g      0         def        NO_WORKER: no\n",
		"1 older one was dropped to make room.\n")
	if f.asked.GetChannel() != "blog.article.feed" || f.asked.GetLimit() != 2 {
		t.Errorf("asked %v", f.asked)
	}
	asJSON := call{}.run(t.Context(), "dead-letters", "--hub", address, "--json")
	if !strings.Contains(asJSON.stdout, `"message":{"@type":"type.googleapis.com/blog.v1.Gone","value":"eA=="}`) || strings.Count(asJSON.stdout, "\n") != 1 {
		t.Errorf("%+v", asJSON)
	}
}

func TestNoDeadLetters(t *testing.T) {
	address := (&letterHub{}).start(t)
	call{}.run(t.Context(), "dead-letters", "--hub", address).want(t, exitOK, "", "No message has failed for good, of the channels that this token covers.\n")
	call{}.run(t.Context(), "dead-letters", "--hub", address, "--json").want(t, exitOK, "[]\n", "")
	call{}.run(t.Context(), "dead-letters", "--limit", "-1").want(t, exitUsage, "", "~hub: ")
}

// What a browser sent and a worker refused is listed, as JSON by its declaration.
func TestRealHubKeepsItsDeadLetters(t *testing.T) {
	inFiles(t, map[string]string{"proto/blog/v1/feed.proto": feedProto + `
message ArticleViewed {
  option (hub.v1.inbound) = { channel: "blog.article.feed" };
  string id = 1;
}
`})
	h := startHub(t, nil, "--channels", "proto")
	conn, err := grpc.NewClient(h.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	stream, err := hubv1.NewHandlerServiceClient(conn).Handle(ctx)
	if err != nil {
		t.Fatal(err)
	}
	attach := &hubv1.Attach{Group: "blog", Channels: []string{"blog.article.feed"}}
	if err := stream.Send(&hubv1.HandleRequest{Frame: &hubv1.HandleRequest_Attach{Attach: attach}}); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	browse(t, h, `421["blog.article.feed",{"id":"42"},{"id":"once"}]`)
	d, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	nack := &hubv1.Nack{DeliveryId: d.GetDelivery().GetDeliveryId(), Error: &hubv1.Error{Message: "the database is gone"}}
	if err := stream.Send(&hubv1.HandleRequest{Frame: &hubv1.HandleRequest_Nack{Nack: nack}}); err != nil {
		t.Fatal(err)
	}
	list := call{}.run(ctx, "dead-letters", "--hub", h.grpc, "--json")
	for list.stdout == "[]\n" { // until the nack has arrived
		list = call{}.run(ctx, "dead-letters", "--hub", h.grpc, "--json")
	}
	for _, part := range []string{
		`"message":{"@type":"type.googleapis.com/blog.v1.ArticleViewed","id":"42"}`, `"messageId":"once"`, `"group":"blog"`, `"the database is gone"`,
	} {
		if !strings.Contains(list.stdout, part) {
			t.Errorf("%s is not in %+v", part, list)
		}
	}
	if table := (call{}).run(t.Context(), "dead-letters", "--hub", h.grpc); !strings.Contains(table.stdout, "  HANDLER_FAILED: the database is gone\n") {
		t.Errorf("%+v", table)
	}
	call{}.run(t.Context(), "dead-letters", "--hub", h.grpc, "--limit", "1001").want(t, exitFailed, "", "~hub: REQUEST_INVALID: ")
}

// browse sends one Socket.IO packet, as a browser.
func browse(t *testing.T, h *realHub, packet string) {
	t.Helper()
	at := regexp.MustCompile(`browsers connect to" address=http://(\S+)`).FindStringSubmatch(h.stderr.lines())
	if at == nil {
		t.Fatalf("the hub said:\n%s", h.stderr.lines())
	}
	browser, _, err := websocket.DefaultDialer.DialContext(t.Context(), "ws://"+at[1]+"/socket.io/?EIO=4&transport=websocket", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = browser.Close() })
	for _, message := range []string{"40", packet} {
		if err := browser.WriteMessage(websocket.TextMessage, []byte(message)); err != nil {
			t.Fatal(err)
		}
	}
}
