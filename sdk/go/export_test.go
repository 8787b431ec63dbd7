package hub

import (
	"context"
	"net"

	"google.golang.org/grpc"
)

// WithDialer connects by dial, so that tests need no socket.
func WithDialer(dial func() (net.Conn, error)) Option {
	return func(o *options) {
		o.grpc = append(o.grpc, grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return dial() }))
	}
}
