package main

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

// remoteCommands are all that talk to a running hub, called the right way.
var remoteCommands = [][]string{
	{"channels"},
	{"broadcast", "a.b", "{}"},
	{"tail", "a.b"},
	{"explain", "a.b", "--user", "ann"},
	{"sessions"},
	{"disconnect", "--user", "ann"},
	{"unsubscribe", "a.b", "--user", "ann"},
	{"stats"},
}

// Each of them says the same of the same failure: the address, what was wrong
// and what to do.
func TestFailingHubSaysWhatToDo(t *testing.T) {
	cert, key := testCertificate(t)
	inFiles(t, map[string]string{"ca.pem": cert, "client.pem": cert, "client.key": key})
	pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	withTLS := grpc.Creds(credentials.NewServerTLSFromCert(&pair))
	withClients := grpc.Creds(credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13, ClientAuth: tls.RequireAnyClientCert,
	}))
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	refused := func(code codes.Code, reason, message string) string {
		return (&fakeHub{refuse: refusal(t, code, reason, message)}).start(t)
	}
	older := func() string {
		s := grpc.NewServer() // no service at all
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go s.Serve(l)
		t.Cleanup(s.Stop)
		return l.Addr().String()
	}
	named := func(address string) string { return strings.Replace(address, "127.0.0.1", "localhost", 1) }

	for _, c := range []struct {
		name, address string
		flags         []string
		environment   []string
		stderr        string // {} is the address
	}{
		{
			"no hub", closedPort(t), nil, nil,
			"hub: no hub answers at {}; start one with hub serve, or name another with --hub\n  Error while dialing: ",
		},
		{
			"no token", refused(codes.Unauthenticated, "CREDENTIALS_REQUIRED", "this hub knows its backends"), nil, nil,
			"hub: CREDENTIALS_REQUIRED: this hub knows its backends\n" +
				"  HUB_TOKEN is not set; give it one of the hub's service tokens (grpc.tokens in its configuration)\n",
		},
		{
			"wrong token", refused(codes.Unauthenticated, "CREDENTIALS_INVALID", "none of this hub's"), nil,
			[]string{"HUB_TOKEN=wr0ng"},
			"hub: CREDENTIALS_INVALID: none of this hub's\n  Set HUB_TOKEN to one of the hub's service tokens (grpc.tokens in its configuration)\n",
		},
		{
			"broken token", closedPort(t), nil,
			[]string{"HUB_TOKEN=wr0ng\n"},
			"hub: HUB_TOKEN holds white space or characters that no header can carry; is there a line feed at its end?\n",
		},
		{
			"missing right", refused(codes.PermissionDenied, "SCOPE_DENIED", "blog has no right ADMIN"), nil,
			[]string{"HUB_TOKEN=wr0ng"},
			"hub: SCOPE_DENIED: blog has no right ADMIN\n",
		},
		{
			"the hub has TLS", (&fakeHub{}).start(t, withTLS), nil, nil,
			"hub: what listens at {} ended the connection; a hub with TLS wants --ca-file and no --insecure,\n" +
				"and one that knows its backends by certificates --cert-file and --key-file\n",
		},
		{
			"the hub has no TLS", named((&fakeHub{}).start(t)),
			[]string{"--ca-file", "ca.pem"},
			nil,
			"hub: what listens at {} has no TLS; leave out --ca-file, or connect with --insecure if nobody in between can listen\n",
		},
		{
			"another's certificate", (&fakeHub{}).start(t, withTLS),
			[]string{"--ca-file", "ca.pem"},
			nil,
			"hub: the certificate of the hub at {} is not trusted; name one that vouches for it with --ca-file,\nor call the hub by a name that the certificate has\n",
		},
		{
			"the hub wants a certificate", named((&fakeHub{}).start(t, withClients)),
			[]string{"--ca-file", "ca.pem"},
			nil,
			"hub: what listens at {} ended the connection; a hub with TLS wants --ca-file and no --insecure,\n" +
				"and one that knows its backends by certificates --cert-file and --key-file\n",
		},
		{
			"the door to browsers", web.Listener.Addr().String(), nil, nil,
			"hub: what listens at {} is not a hub's gRPC port; --hub is its address for backends, not for browsers\n",
		},
		{
			"an older hub", older(), nil, nil,
			"hub: what answers at {} does not know this call; is it an older hub, or none?\n  unknown service ",
		},
		{
			"it is slow", (&fakeHub{refuse: status.Error(codes.DeadlineExceeded, "context deadline exceeded")}).start(t), nil, nil,
			"hub: the hub at {} did not answer within 10s\n",
		},
	} {
		for _, command := range remoteCommands {
			t.Run(c.name+"/"+command[0], func(t *testing.T) {
				args := append(slices.Concat(command, c.flags), "--hub", c.address)
				got := call{environment: c.environment}.run(t.Context(), args...)
				if want := strings.ReplaceAll(c.stderr, "{}", c.address); got.code != exitFailed || got.stdout != "" || !strings.HasPrefix(got.stderr, want) {
					t.Errorf("%+v, want %s", got, want)
				}
				if strings.Contains(got.stderr, "wr0ng") {
					t.Error("the token was printed")
				}
			})
		}
	}
}

// The hub dies with the question in its hands.
func TestHubThatGoesAwayIsSaid(t *testing.T) {
	for _, command := range remoteCommands {
		t.Run(command[0], func(t *testing.T) {
			var server *grpc.Server
			die := func(ctx context.Context) error {
				go server.Stop()
				<-ctx.Done()
				return ctx.Err()
			}
			var address string
			server, address = (&fakeHub{}).serve(t,
				grpc.UnaryInterceptor(func(ctx context.Context, _ any, _ *grpc.UnaryServerInfo, _ grpc.UnaryHandler) (any, error) {
					return nil, die(ctx)
				}),
				grpc.StreamInterceptor(func(_ any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, _ grpc.StreamHandler) error {
					return die(stream.Context())
				}),
			)
			got := call{}.run(t.Context(), append(command, "--hub", address)...)
			if want := "hub: the hub at " + address + " went away before it was done; try again when it is back\n"; got.code != exitFailed || !strings.HasPrefix(got.stderr, want) {
				t.Errorf("%+v, want %s", got, want)
			}
		})
	}
}

func TestInterruptedCommandExitsWith130(t *testing.T) {
	for _, command := range remoteCommands {
		t.Run(command[0], func(t *testing.T) {
			ctx, interrupt := context.WithCancel(t.Context())
			address := (&fakeHub{}).start(t,
				grpc.UnaryInterceptor(func(ctx context.Context, _ any, _ *grpc.UnaryServerInfo, _ grpc.UnaryHandler) (any, error) {
					interrupt()
					<-ctx.Done()
					return nil, ctx.Err()
				}),
				grpc.StreamInterceptor(func(_ any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, _ grpc.StreamHandler) error {
					interrupt()
					<-stream.Context().Done()
					return stream.Context().Err()
				}),
			)
			call{}.run(ctx, append(command, "--hub", address)...).want(t, exitInterrupted, "", "")
		})
	}
}

func TestClientCertificateIsShown(t *testing.T) {
	cert, key := testCertificate(t)
	inFiles(t, map[string]string{"ca.pem": cert, "client.pem": cert, "client.key": key})
	pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	address := (&fakeHub{channels: []*hubv1.ChannelInfo{}}).start(t, grpc.Creds(credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13, ClientAuth: tls.RequireAnyClientCert,
	})))
	args := []string{"channels", "--json", "--hub", strings.Replace(address, "127.0.0.1", "localhost", 1), "--ca-file", "ca.pem"}
	call{}.run(t.Context(), append(args, "--cert-file", "client.pem", "--key-file", "client.key")...).want(t, exitOK, "[]\n", "")
	call{}.run(t.Context(), append(args, "--cert-file", "client.pem", "--key-file", "none.key")...).
		want(t, exitFailed, "", "hub: --cert-file and --key-file: open none.key: no such file or directory\n")
	call{}.run(t.Context(), append(args, "--cert-file", "client.pem")...).want(t, exitUsage, "", "~must all be set")
}
