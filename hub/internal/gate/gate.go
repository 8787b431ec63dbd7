// Package gate answers: may you?
//
// Gate 1, Connect, tells who a browser's session is. Gate 2, Join, tells
// whether it may subscribe. Caller tells which backend calls, and what it may
// do. Each says no unless something that was configured or declared says yes:
// an unknown scope, algorithm, right or pattern admits nobody.
//
// Every refusal is a fault with a message for the peer, which says what is
// needed and never what the hub knows: no key, no token, no other user's name.
// Mistakes in the configuration are plain errors in the words of hub.yaml,
// without the secrets. Tokens are kept as hashes only, and whatever here holds
// a secret hides it from fmt and log/slog.
//
// The gate keeps nothing between two questions and never blocks. All functions
// are safe to call concurrently. Reload swaps everything at once: a question
// is answered wholly by the old state or wholly by the new one.
package gate

import (
	"cmp"
	"errors"
	"sync/atomic"
	"time"
)

// Config is what the gate decides by. The zero value accepts no tokens of
// sessions and no anonymous sessions, and lets any backend do everything.
type Config struct {
	// JWT is how sessions' tokens are checked. Default: none are accepted.
	JWT *JWTConfig
	// Anonymous lets sessions without credentials connect.
	Anonymous bool
	// Tokens are backends' bearer tokens.
	Tokens []ServiceToken
	// Clients are backends known by their certificates. Without Tokens and
	// Clients every caller may do everything; Exposure keeps that on loopback.
	Clients []ServiceClient
	// Worker is the group whose workers say who sessions are, where no bearer
	// token does. Default: nobody is asked.
	Worker string
	// WorkerTimeout is how long to wait for the answer. Default: 5 s.
	WorkerTimeout time.Duration
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// Gate decides. Make it with New.
type Gate struct {
	state   atomic.Pointer[state]
	decider Decider // static after Bind
}

// state is one configuration, compiled; it never changes.
type state struct {
	sessions  *verifier // nil: no tokens of sessions are accepted
	anonymous bool
	backends  backends
	now       func() time.Time

	worker       string // empty: workers are not asked who sessions are
	questionTime time.Duration
}

// New makes a gate. The error names the option, as `grpc.tokens[2]`.
func New(cfg Config) (*Gate, error) {
	g := &Gate{}
	if err := g.Reload(cfg); err != nil {
		return nil, err
	}
	return g, nil
}

// Reload replaces the whole configuration. On an error the old one stays.
// Identities and Callers that were handed out keep what they were given.
func (g *Gate) Reload(cfg Config) error {
	next, err := compile(cfg)
	if err != nil {
		return err
	}
	g.state.Store(next)
	return nil
}

// compile reports every mistake at once: whoever mends one sees the next
// without another start.
func compile(cfg Config) (*state, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	next := &state{anonymous: cfg.Anonymous, now: cfg.Now, worker: cfg.Worker, questionTime: cmp.Or(cfg.WorkerTimeout, defaultQuestionTime)}
	var jwtErr error
	if cfg.JWT != nil {
		next.sessions, jwtErr = newVerifier(*cfg.JWT, cfg.Now)
	}
	var backendsErr error
	next.backends, backendsErr = newBackends(cfg.Tokens, cfg.Clients)
	if err := errors.Join(jwtErr, backendsErr); err != nil {
		return nil, err
	}
	return next, nil
}
