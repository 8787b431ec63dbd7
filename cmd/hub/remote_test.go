package main

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

// fakeHub answers the calls of the commands; those for operators are in
// operator_test.go.
type fakeHub struct {
	hubv1.UnimplementedAdminServiceServer
	hubv1.UnimplementedBroadcastServiceServer

	channels []*hubv1.ChannelInfo
	sessions []*hubv1.SessionInfo
	gates    []*hubv1.GateVerdict
	ended    uint32
	// watch follows a channel.
	watch  func(hubv1.AdminService_WatchServer) error
	refuse error

	asked []proto.Message // guarded by mu, as what follows

	mu      sync.Mutex
	request *hubv1.BroadcastRequest
	token   string
}

func (f *fakeHub) ListChannels(ctx context.Context, _ *hubv1.ListChannelsRequest) (*hubv1.ListChannelsResponse, error) {
	f.keep(ctx, nil)
	return &hubv1.ListChannelsResponse{Channels: f.channels}, f.refuse
}

func (f *fakeHub) Broadcast(ctx context.Context, request *hubv1.BroadcastRequest) (*hubv1.BroadcastResponse, error) {
	f.keep(ctx, request)
	if f.refuse != nil {
		return nil, f.refuse
	}
	id := request.GetId()
	return &hubv1.BroadcastResponse{Id: or(id, "made-by-the-hub"), Duplicate: id == "old"}, nil
}

func (f *fakeHub) keep(ctx context.Context, request *hubv1.BroadcastRequest) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.request = request
	md, _ := metadata.FromIncomingContext(ctx)
	f.token = strings.Join(md.Get("authorization"), ",")
}

// start serves the fake on loopback for the time of the test.
func (f *fakeHub) start(t *testing.T, opts ...grpc.ServerOption) (address string) {
	t.Helper()
	_, address = f.serve(t, opts...)
	return address
}

// serve is start for tests that stop the server themselves.
func (f *fakeHub) serve(t *testing.T, opts ...grpc.ServerOption) (*grpc.Server, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(opts...)
	hubv1.RegisterAdminServiceServer(s, f)
	hubv1.RegisterBroadcastServiceServer(s, f)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.Serve(l)
	}()
	t.Cleanup(func() { s.Stop(); <-ended })
	return s, l.Addr().String()
}

// closedPort is an address at which nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	return l.Addr().String()
}

func TestChannelsAreListed(t *testing.T) {
	f := &fakeHub{channels: []*hubv1.ChannelInfo{
		{
			Name: "blog.article.feed", Message: "blog.v1.ArticleFeed", InboundMessage: "blog.v1.ArticleViewed",
			Options: &hubv1.ChannelOptions{
				Scope:    &hubv1.Scope{Kind: &hubv1.Scope_Public{}},
				History:  &hubv1.History{Size: 100, Ttl: durationpb.New(5 * time.Minute)},
				Presence: &hubv1.Presence{}, OnSlow: hubv1.ChannelOptions_SLOW_DROP,
			},
			Inbound: &hubv1.InboundOptions{
				Scope:    &hubv1.Scope{Kind: &hubv1.Scope_Authenticated{}},
				Delivery: hubv1.InboundOptions_DELIVERY_AT_MOST_ONCE,
			},
		},
		{
			Name: "board.{board_id}.cursor", Message: "board.v1.CursorMoved", Owner: "board",
			Options: &hubv1.ChannelOptions{Scope: &hubv1.Scope{Kind: &hubv1.Scope_Role{Role: &hubv1.RoleScope{AnyOf: []string{"editor", "admin"}}}}},
		},
		{
			Name: "notifications.user.{user_id}", Message: "n.v1.U",
			Options: &hubv1.ChannelOptions{Scope: &hubv1.Scope{Kind: &hubv1.Scope_User{User: &hubv1.UserScope{Param: "user_id"}}}, OnSlow: hubv1.ChannelOptions_SLOW_LATEST},
		},
	}}
	address := f.start(t)
	c := call{environment: []string{"HUB_TOKEN=s3cret", "HUB_HUB=" + address}}
	c.run(t.Context(), "channels").want(t, exitOK, `NAME                          SCOPE                MESSAGE               INBOUND                OPTIONS                                                                             OWNER
blog.article.feed             public               blog.v1.ArticleFeed   blog.v1.ArticleViewed  history=100/5m presence slow=drop inbound=at-most-once inbound-scope=authenticated  -
board.{board_id}.cursor       role:editor,admin    board.v1.CursorMoved  -                      -                                                                                   board
notifications.user.{user_id}  user-scoped:user_id  n.v1.U                -                      slow=latest                                                                         -
`, "")
	if f.token != "Bearer s3cret" {
		t.Errorf("token %q", f.token)
	}
	asJSON := c.run(t.Context(), "channels", "--json")
	if !strings.HasPrefix(asJSON.stdout, `[{"name":"blog.article.feed","message":"blog.v1.ArticleFeed","options":{`) || strings.Count(asJSON.stdout, "\n") != 1 {
		t.Errorf("%+v", asJSON)
	}
}

func TestNoChannelsSaysWhatToDo(t *testing.T) {
	address := (&fakeHub{}).start(t)
	call{}.run(t.Context(), "channels", "--hub", address).want(t, exitOK, "", "The hub has no channels that this token covers. Declare some: hub serve --channels ./proto\n")
	call{}.run(t.Context(), "channels", "--hub", address, "--json").want(t, exitOK, "[]\n", "")
}

func TestBroadcastPrintsTheID(t *testing.T) {
	f := &fakeHub{}
	address := f.start(t)
	inFiles(t, map[string]string{"article.json": `{"id":"file"}`})
	for _, c := range []struct {
		args           []string
		stdout, stored string
	}{
		{[]string{`{"id":"argument"}`}, "made-by-the-hub\n", `{"id":"argument"}`},
		{[]string{"@article.json", "--id", "new"}, "new\n", `{"id":"file"}`},
		{[]string{"-", "--id", "old", "--except", "a", "--except", "b"}, "old  duplicate: the hub had this id already, nothing was sent now\n", `{"id":"stdin"}`},
		{[]string{"{}", "--id", "old", "--json"}, `{"id":"old","duplicate":true}` + "\n", "{}"},
	} {
		got := call{stdin: `{"id":"stdin"}`}.run(t.Context(), append([]string{"broadcast", "blog.article.feed", "--hub", address}, c.args...)...)
		got.want(t, exitOK, c.stdout, "")
		if f.request.GetJson() != c.stored || f.request.GetChannel() != "blog.article.feed" {
			t.Errorf("the hub got %v", f.request)
		}
		if strings.Contains(c.stdout, "duplicate:") && strings.Join(f.request.GetExceptSessions(), " ") != "a b" {
			t.Errorf("except %v", f.request.GetExceptSessions())
		}
	}
	call{}.run(t.Context(), "broadcast", "a.b", "@none.json").want(t, exitFailed, "", "hub: open none.json: no such file or directory\n")
}

func TestRefusalNamesFieldsAndRules(t *testing.T) {
	s, err := status.New(codes.InvalidArgument, "title: too \x1b[31mshort").WithDetails(
		&errdetails.ErrorInfo{Reason: "PAYLOAD_INVALID", Domain: "hub"},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
			{Field: "title", Reason: "string.min_len", Description: "too short"},
			{Reason: "article.whole", Description: "does not fit together"},
		}},
	)
	if err != nil {
		t.Fatal(err)
	}
	address := (&fakeHub{refuse: s.Err()}).start(t)
	call{}.run(t.Context(), "broadcast", "a.b", "{}", "--hub", address).want(t, exitFailed, "", "hub: PAYLOAD_INVALID: title: too \uFFFD[31mshort\n"+
		"  title: too short (string.min_len)\n  does not fit together (article.whole)\n")
}

func TestInterruptedQuestionExitsWith130(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := (call{}).run(ctx, "channels", "--hub", (&fakeHub{}).start(t)); got.code != exitInterrupted {
		t.Errorf("%+v", got)
	}
}

func TestOwnCertificateAuthorityVouchesForTheHub(t *testing.T) {
	cert, key := testCertificate(t)
	inFiles(t, map[string]string{"ca.pem": cert, "bad.pem": "x"})
	pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	address := (&fakeHub{}).start(t, grpc.Creds(credentials.NewServerTLSFromCert(&pair)))
	_, port, _ := net.SplitHostPort(address)
	call{}.run(t.Context(), "channels", "--hub", "localhost:"+port, "--ca-file", "ca.pem", "--json").want(t, exitOK, "[]\n", "")
	call{}.run(t.Context(), "channels", "--hub", "localhost:"+port, "--ca-file", "bad.pem").want(t, exitFailed, "", "hub: --ca-file: no PEM certificate in bad.pem\n")
}
