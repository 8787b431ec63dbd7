package rpc

import (
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
)

const (
	defaultPayloadBytes = 65536
	defaultStopTimeout  = 5 * time.Second
	// defaultDeadline ends a unary call that came without a deadline: a
	// forgotten one must not hold a handler for ever. Broadcasts take
	// milliseconds; the SDK's own default is the same.
	defaultDeadline = 10 * time.Second

	// maxBatch is the contract's bound for BroadcastBatch.
	maxBatch = 1000
	// minRequest is grpc's own default; registrations are small but not tiny.
	minRequest = 4 << 20
	// maxRequest bounds what one request may occupy. A full batch of messages
	// of the largest size would be more: its sender splits it.
	maxRequest = 32 << 20
	// requestOverhead is what a request has beside its payload: the channel's
	// name, an id and up to 100 sessions of 128 bytes, rounded up.
	requestOverhead = 32 << 10

	// admitTimeout is a new connection's time for its TLS handshake and its
	// first four bytes.
	admitTimeout = 5 * time.Second
	// maxAdmitting bounds connections that have not shown yet what they are.
	// Beyond it new ones wait in the kernel's queue, not in our memory.
	maxAdmitting = 1024
	// settingsTimeout is a gRPC connection's time from preface to settings.
	settingsTimeout = 5 * time.Second
	// maxStreams is how many calls one connection may have open. Go clients
	// queue beyond it; grpc's default is no limit.
	maxStreams = 1000

	headerTimeout = 5 * time.Second
	bodyTimeout   = 30 * time.Second
	// answerTimeout counts from the request's header, so it has room for the
	// body and the default deadline; in a stream from each piece's beginning.
	answerTimeout  = 60 * time.Second
	idleTimeout    = 120 * time.Second
	maxHeaderBytes = 32 << 10
)

// maxRequestBytes is the limit of one request: a batch of the largest
// payloads, as far as bounded, but at least one payload with white space.
func maxRequestBytes(payload int) int {
	batch := min(maxRequest, maxBatch*min(payload, maxRequest))
	return max(minRequest, batch, 2*payload+requestOverhead)
}

// transportOptions are for connections on grpc's own transport.
func transportOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.Creds(admitted{}),
		grpc.ConnectionTimeout(settingsTimeout),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			// A backend that vanished without a FIN is noticed within 40 s.
			// Connections have no greatest age: workers' streams are long.
			Time:    30 * time.Second,
			Timeout: 10 * time.Second,
		}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{
			// The SDK pings each 30 s, also between calls. grpc's clients never
			// ping more often than each 10 s, so half of it cuts off none of
			// them, whatever the network does to the spacing. grpc's default
			// of 5 min would answer the SDK with GOAWAY too_many_pings.
			MinTime:             5 * time.Second,
			PermitWithoutStream: true,
		}),
	}
}
