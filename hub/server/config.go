package server

import (
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// Config is everything a hub is told. The zero value is a working hub: browsers
// on 127.0.0.1:8080, backends on 127.0.0.1:8081, the operator on
// 127.0.0.1:9090, no channels, anonymous sessions only. It holds secrets, so it
// is never logged or printed.
//
// Nothing here is read from the environment or from flags: whoever embeds a hub
// fills it in. Only Channels names files, because they are read again at Reload.
type Config struct {
	// HTTP is the door to browsers.
	HTTP HTTPConfig
	// GRPC is the door to backends.
	GRPC GRPCConfig
	// Ops is the door to the operator.
	Ops OpsConfig
	// Channels are directories of .proto files, or compiled descriptor sets.
	// Default: none; backends may register theirs.
	Channels []string
	// Auth is who sessions are.
	Auth AuthConfig
	// Tokens are the backends' bearer tokens. Without Tokens and Clients every
	// caller may do everything, which New refuses beyond loopback.
	Tokens []ServiceToken
	// Clients are backends known by their certificates; they need
	// GRPC.TLS with ClientCAs.
	Clients []ServiceClient
	// Limits bound the hub.
	Limits Limits
	// DrainWindow is the time over which Run closes the sessions one by one.
	// Zero closes them at once. Default (nil): 30 s.
	DrainWindow *time.Duration
	// Log receives what the hub says. Default: slog.Default().
	Log *slog.Logger
	// Version is what the hub says it is, for the operator. Default: "devel".
	Version string
}

// HTTPConfig is the door to browsers: Socket.IO, /healthz and /readyz.
type HTTPConfig struct {
	// Address is host:port; port 0 takes a free one. Default: 127.0.0.1:8080.
	Address string
	// Listener is served in place of Address: a socket that another process
	// bound, or memory. Run closes it. Default (nil): Address is bound.
	Listener net.Listener
	// AllowedOrigins may connect beside the hub's own, as https://app.example;
	// "*" is any. A request without an Origin header is accepted: it is no
	// browser. Default: same origin.
	AllowedOrigins []string
	// TrustedProxies are the networks whose X-Forwarded-For is believed; anyone
	// else could write any address into it. Default: none.
	TrustedProxies []netip.Prefix
	// TLS serves https. Reload takes its certificates, not its other settings.
	// Default (nil): plain, a proxy in front.
	TLS *tls.Config
	// Door is which Engine.IO server carries browsers. Default: DoorOwn.
	Door Door
	// Page answers what is not the hub's own: everything but /socket.io/,
	// /healthz and /readyz, also while the hub drains. So the page that listens
	// can be of the hub's own origin. Default (nil): a line of text at /.
	Page http.Handler
}

// Door is an Engine.IO server that carries browsers.
type Door uint8

const (
	// DoorOwn is the hub's own. It speaks Engine.IO 4, of Socket.IO 3 and later.
	DoorOwn Door = iota
	// DoorLibrary is zishang520/socket.io's. It speaks Engine.IO 3 too, for
	// clients of Socket.IO 2, and costs a multiple of memory and time.
	DoorLibrary
)

// GRPCConfig is the door to backends: gRPC, and the same calls as HTTP JSON.
type GRPCConfig struct {
	// Address is host:port; port 0 takes a free one. An address that is not
	// loopback needs TLS and Tokens or Clients, or Insecure. Default: 127.0.0.1:8081.
	Address string
	// Listener is served in place of Address, and held to the same rule; a Unix
	// socket counts as loopback. Run closes it. Default (nil): Address is bound.
	Listener net.Listener
	// TLS serves TLS; ClientCAs and ClientAuth say whose client certificates
	// count. Reload takes certificates and CAs. Default (nil): plain.
	TLS *tls.Config
	// Insecure allows an address that is not loopback without TLS and
	// credentials: whoever reaches it may then broadcast. Default: false.
	Insecure bool
	// LogCalls logs a line for each call, which costs about a fifth of the
	// door's throughput. Default: false.
	LogCalls bool
}

// OpsConfig is the door to the operator: /metrics, /debug/pprof, /healthz, /readyz.
type OpsConfig struct {
	// Address is host:port; "off" is no such door. It asks for no credentials:
	// keep it on loopback or in a private network. Default: 127.0.0.1:9090.
	Address string
}

// AuthConfig is who sessions are.
type AuthConfig struct {
	// JWT is how sessions' tokens are checked. Default (nil): no token is accepted.
	JWT *JWTConfig
	// Worker asks workers who sessions are. Default (nil): they are not asked.
	Worker *WorkerAuth
	// Anonymous lets sessions without credentials connect; they see public
	// channels only. Default (nil): true.
	Anonymous *bool
}

// WorkerAuth has workers say who sessions are, where no bearer token does: by
// cookies, or by whatever the browser sent. Without an answer nobody connects.
type WorkerAuth struct {
	// Group is the workers'; their tokens need AUTHENTICATE. Required.
	Group string
	// Timeout is how long to wait for the answer. Default: 5 s.
	Timeout time.Duration
}

// JWTConfig is how sessions' tokens are checked. The user id is the claim sub;
// exp ends the session.
type JWTConfig struct {
	// Keys verify tokens: any of them suffices, so that keys can be rotated. Required.
	Keys []JWTKey
	// Issuer is the claim iss. Default: any.
	Issuer string
	// Audience is one of the claim aud. Default: any.
	Audience string
	// RolesClaim holds the roles: a list of strings, or one string of them
	// separated by spaces. Default: roles.
	RolesClaim string
	// AttributeClaims become the session's attributes. Default: none.
	AttributeClaims []string
	// Cookie names a cookie that holds a token. Default: none.
	Cookie string
}

// JWTKey verifies tokens of exactly one algorithm, so that a public key can
// never be taken for a secret. One of HMACSecret and PublicKeyPEM is set.
type JWTKey struct {
	// HMACSecret has at least 32 bytes.
	HMACSecret []byte
	// PublicKeyPEM is an RSA, ECDSA or Ed25519 public key, or a certificate.
	PublicKeyPEM []byte
	// Algorithm pins another algorithm of the key's type, as HS512 or PS256.
	// Default: HS256; RS256, ES256, ES384, ES512 or EdDSA as the key's type says.
	Algorithm string
}

// ServiceToken is a backend's bearer token.
type ServiceToken struct {
	// Name is who; it is logged and owns registered channels. Several tokens
	// may share one. Required.
	Name string
	// Token is the secret. Required.
	Token string
	// Allow are the rights by name: BROADCAST, HANDLE, AUTHENTICATE, AUTHORIZE,
	// REGISTER, ADMIN. Required.
	Allow []string
	// Channels are declared names, or a prefix and *, as blog.*; * is all.
	// Default: none.
	Channels []string
}

// ServiceClient is a backend known by its certificate.
type ServiceClient struct {
	// Name is who, as in ServiceToken. Required.
	Name string
	// SAN is the certificate's subject alternative name, DNS or URI. Required.
	SAN string
	// Allow are the rights, as in ServiceToken. Required.
	Allow []string
	// Channels are the channels, as in ServiceToken. Default: none.
	Channels []string
}

// Limits bound the hub. 0 is the default.
type Limits struct {
	// MaxConnections are browsers' connections; one more is refused with
	// OVERLOADED. Default: 100,000.
	MaxConnections int
	// MaxPayloadBytes is the size of a payload's canonical JSON, in both
	// directions. Default: 65,536; at most 16 MiB.
	MaxPayloadBytes int
	// MaxSubscriptions are those of one session. Default: 128.
	MaxSubscriptions int
	// MaxBacklogBytes is what may wait for one slow session before the arriving
	// frame's on_slow applies. Default: 1 MiB.
	MaxBacklogBytes int
	// MaxBacklogTotalBytes is what may wait for all slow sessions together.
	// Default: 256 MiB.
	MaxBacklogTotalBytes int64
	// MaxReplayBytes is what may be replayed to one session at a join, of payloads;
	// more than that it is told to reload. Default: 4 MiB.
	MaxReplayBytes int
	// MaxHistoryBytes is what all kept messages may take together; beyond it the
	// oldest go first. Default: 256 MiB.
	MaxHistoryBytes int64
	// MaxIDs are the idempotency keys remembered. Default: 262,144.
	MaxIDs int
}
