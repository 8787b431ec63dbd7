package gate

import (
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"github.com/realtime-hub/hub/hub/internal/fault"
)

// Caller is a backend and what it may do. It never changes; a stream that
// outlives a Reload asks the gate again if it wants the new rights.
type Caller struct {
	name     string
	rights   rights
	channels []string // patterns
}

// everyone is the caller of a hub without tokens and clients.
var everyone = &Caller{name: "anyone", rights: allRights, channels: []string{"*"}}

// Caller tells who calls: by the bearer token of the authorization header,
// else by the client certificate. A token that is not known is an error
// whatever the certificate says, as at gate 1. peer must be the leaf of a chain
// that the TLS stack verified (ConnectionState.VerifiedChains), or nil: here
// only its names are read.
//
// Without tokens and clients configured anyone may do everything, and a token
// that is sent anyway is ignored: a backend moves between such a hub, a
// developer's, and others unchanged. Errors are faults: CREDENTIALS_REQUIRED,
// CREDENTIALS_INVALID.
func (g *Gate) Caller(authorization string, peer *x509.Certificate) (*Caller, error) {
	b := g.state.Load().backends
	if b.none() {
		return everyone, nil
	}
	if token := bearer(authorization); token != "" {
		if caller := b.byToken(token); caller != nil {
			return caller, nil
		}
		return nil, fault.New(fault.CredentialsInvalid, "the bearer token is none of this hub's service tokens (grpc.tokens)")
	}
	if peer == nil {
		return nil, fault.New(fault.CredentialsRequired, "this hub knows its backends; call with `authorization: Bearer TOKEN`, or with a client certificate")
	}
	if caller := b.byCertificate(peer); caller != nil {
		return caller, nil
	}
	return nil, fault.New(fault.CredentialsInvalid, "none of the certificate's names is a client of this hub (grpc.clients)",
		"dns", peer.DNSNames, "uri", peer.URIs)
}

// Open tells whether anyone may do everything: no tokens and clients are
// configured.
func (g *Gate) Open() bool { return g.state.Load().backends.none() }

func (b backends) none() bool { return len(b.tokens) == 0 && len(b.clients) == 0 }

// byToken compares with all tokens, whichever matches. Equal-length hashes,
// compared in constant time and without an early exit: the time tells neither
// how much of a guess was right nor which token it is near.
func (b backends) byToken(token string) *Caller {
	sum := sha256.Sum256([]byte(token))
	found := -1
	for i := range b.tokens {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(sum[:], b.tokens[i].sum[:]), i, found)
	}
	if found < 0 {
		return nil
	}
	return b.tokens[found].caller
}

// byCertificate is the first client, in the configuration's order, that the
// certificate names.
func (b backends) byCertificate(peer *x509.Certificate) *Caller {
	for _, client := range b.clients {
		if names(peer, client.san) {
			return client.caller
		}
	}
	return nil
}

// names tells whether the certificate has the name, byte by byte. A wildcard
// is no more than its own text. DNS names and URIs are kept apart, because a CA
// that checks one kind may let the other pass; a URI has a colon, a DNS name none.
func names(peer *x509.Certificate, san string) bool {
	if !strings.Contains(san, ":") {
		return slices.Contains(peer.DNSNames, san)
	}
	for _, uri := range peer.URIs {
		if uri.String() == san {
			return true
		}
	}
	return false
}

// Name is the token's or client's, for logs and as the owner of channels that
// it registers.
func (c *Caller) Name() string {
	if c == nil {
		return ""
	}
	return c.name
}

// May tells whether the caller has the right on the declared channel; without
// one ("") whether it has it at all. The declared name counts, never a filled
// in one: of a template a caller may all channels or none. The error is a
// fault, SCOPE_DENIED. A nil Caller may nothing.
func (c *Caller) May(right Right, declared string) error {
	switch {
	case c == nil:
		return fault.New(fault.ScopeDenied, fmt.Sprintf("an unknown caller may not %v", right))
	case !c.rights.has(right):
		what := right.String()
		if declared != "" {
			what += " on " + declared
		}
		return fault.New(fault.ScopeDenied, fmt.Sprintf("%s may not %s: it lacks the right %v (allow)", c.name, what, right))
	case declared != "" && !c.covers(declared):
		return fault.New(fault.ScopeDenied, fmt.Sprintf("%s may not %v on %s: none of its channels covers that", c.name, right, declared))
	}
	return nil
}

func (c *Caller) covers(declared string) bool {
	return slices.ContainsFunc(c.channels, func(pattern string) bool { return matches(pattern, declared) })
}

// matches: `*` is all, `blog.*` all below blog at any depth, and anything else
// only itself. The dot belongs to the prefix, so that blog.* is not blogger.feed.
func matches(pattern, declared string) bool {
	if pattern == "*" {
		return true
	}
	prefix, isPrefix := strings.CutSuffix(pattern, "*")
	if !isPrefix {
		return pattern == declared
	}
	return len(declared) > len(prefix) && strings.HasPrefix(declared, prefix)
}
