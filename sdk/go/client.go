// Package hub is how a Go backend speaks to the hub.
//
//	client, err := hub.Dial("hub:8081", hub.WithToken(token))
//	_, err = hub.Broadcast(ctx, client, blogv1.ArticleFeedChannel, &blogv1.ArticleFeed{…})
//
// A descriptor ties a channel to its message, so that a payload of the wrong
// type does not compile. Use cases depend on [Broadcaster], not on [Client].
//
// A broadcast's promise is that the hub accepted it, not that anyone received
// it: a channel without subscribers is no error. The hub checks every payload
// against its declared rules; what breaks them reaches nobody, and the [*Error]
// says which field and which rule.
//
// Every broadcast has an id, made here unless given, and a call that finds no
// hub is tried again with the same id until the context ends, so that a
// restart of the hub costs time, not messages or duplicates. Without a deadline a call
// ends after 10 s.
//
// A worker takes what browsers send. It dials in, so that it needs no port of
// its own, and shares the work with the others of its [Group]:
//
//	reg := hub.NewRegistry(hub.Use(hub.Span(tracer), hub.Capture(logger)))
//	err = reg.Register(hub.Handle(blogv1.ArticleFeedInbound, onArticleViewed(presence)))
//	err = client.Serve(ctx, hub.Group("blog"), reg)
//
// Handlers get each message at least once, and those of one session and channel
// in order; their nil is the browser's ack. [Retry] asks for the message again,
// [Reject] is what the browser may read, and the text of every other error
// stays here. A registry also answers who a session is ([Authenticate]) and
// whether it may join ([Authorize]), and hears what becomes of sessions
// ([OnEvent]). [Client.Serve] outlives its hub, and finishes what it has when
// its context ends.
//
// Everything here may be used by many goroutines at once. The package needs the
// generated code of hub/v1, gRPC and protobuf, and neither a rules engine nor a compiler.
package hub

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

// Client is a connection to a hub. It connects when it is first used and again
// whenever it has to.
type Client struct {
	conn       *grpc.ClientConn
	broadcasts hubv1.BroadcastServiceClient
}

var _ Broadcaster = (*Client)(nil)

// Option changes how Dial connects.
type Option func(*options)

type options struct {
	token    string
	hasToken bool
	insecure bool
	tls      *tls.Config
	hasTLS   bool
	dial     func(ctx context.Context, address string) (net.Conn, error)
}

// WithToken sends a service token with every call. Over a connection without
// TLS whoever listens can read it. Default: none.
func WithToken(token string) Option {
	return func(o *options) { o.token, o.hasToken = token, true }
}

// WithInsecure connects without TLS to an address that is not loopback: anyone
// in between can read and change everything. Default: TLS.
func WithInsecure() Option {
	return func(o *options) { o.insecure = true }
}

// WithTLS connects with TLS as config says, also to loopback: own roots, a
// client certificate, another server name. Nil is the system's roots. At least
// TLS 1.2 is used. Default: the system's roots, except to loopback.
func WithTLS(config *tls.Config) Option {
	return func(o *options) { o.tls, o.hasTLS = config, true }
}

// WithDialer connects by dial, as through a tunnel, or by memory in a test. It is
// given the address that Dial has, a name's as gRPC has looked it up; whether
// TLS is used depends on Dial's address as ever. Default: TCP, or a Unix socket.
func WithDialer(dial func(ctx context.Context, address string) (net.Conn, error)) Option {
	return func(o *options) { o.dial = dial }
}

// Dial prepares a client of the hub's gRPC address, as hub:8081, or of any
// target that gRPC knows, as dns:///hub:8081. It uses TLS except to loopback and
// Unix sockets. It does not wait for a connection: a hub that is not there
// shows at the first call. An error is a mistake in the arguments. Close the
// client when it is no longer needed.
func Dial(address string, opts ...Option) (*Client, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	if err := o.check(address); err != nil {
		return nil, fmt.Errorf("hub: %w", err)
	}
	dial := []grpc.DialOption{
		grpc.WithTransportCredentials(o.transport(address)),
		// gRPC's own pause between two attempts grows to two minutes, for which a
		// call would fail at once although the hub is back. 2 s fits a 10 s deadline.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 2 * time.Second},
			MinConnectTimeout: 5 * time.Second,
		}),
		// Finds a hub that vanished without a word (a cut cable, a NAT that forgot
		// the connection), also between calls: else the first call after a quiet
		// hour would spend its deadline on a dead connection. The hub allows it.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second, PermitWithoutStream: true}),
		grpc.WithChainUnaryInterceptor(unaryErrors),
		grpc.WithChainStreamInterceptor(streamErrors),
	}
	if o.dial != nil {
		dial = append(dial, grpc.WithContextDialer(o.dial))
	}
	if o.hasToken {
		dial = append(dial, grpc.WithPerRPCCredentials(bearer(o.token)))
	}
	conn, err := grpc.NewClient(address, dial...)
	if err != nil {
		return nil, fmt.Errorf("hub: address %q: %w", address, err)
	}
	return &Client{conn: conn, broadcasts: hubv1.NewBroadcastServiceClient(conn)}, nil
}

// Conn is the connection, for the services of hub/v1 that this package does not
// wrap, as hubv1.NewAdminServiceClient(client.Conn()). Its errors are [*Error],
// too; its calls are tried once.
func (c *Client) Conn() grpc.ClientConnInterface { return c.conn }

// Close ends the connection. Calls that run end with an error of code Canceled.
func (c *Client) Close() error { return c.conn.Close() }

func (o *options) check(address string) error {
	switch {
	case address == "":
		return errors.New("no address; it is host:port, as hub:8081")
	case !strings.Contains(address, ":"):
		// gRPC would take port 443.
		return fmt.Errorf("address %q has no port; it is host:port, as hub:8081", address)
	case o.insecure && o.hasTLS:
		return errors.New("WithInsecure and WithTLS exclude each other")
	case o.hasToken && o.token == "":
		return errors.New("WithToken: the token is empty")
	case strings.ContainsFunc(o.token, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		// Mostly the line feed at the end of a file. The text is a secret.
		return errors.New("WithToken: the token holds white space or characters that no header can carry")
	}
	return nil
}

func (o *options) transport(address string) credentials.TransportCredentials {
	if !o.hasTLS && (o.insecure || loopback(address)) {
		return insecure.NewCredentials()
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.tls != nil {
		config = o.tls.Clone()
		config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	}
	return credentials.NewTLS(config)
}

// loopback tells whether nobody beyond this machine can listen. A name that
// merely resolves to loopback does not count: who answers for it may change.
func loopback(target string) bool {
	if strings.HasPrefix(target, "unix:") || strings.HasPrefix(target, "unix-abstract:") {
		return true
	}
	host, _, err := net.SplitHostPort(target[strings.LastIndexByte(target, '/')+1:])
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// bearer is the token as gRPC sends it with each call. Whether it may go over
// a plain connection has been decided at Dial.
type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

func (bearer) RequireTransportSecurity() bool { return false }
