package rpc

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync/atomic"

	"google.golang.org/grpc/credentials"
)

// serverTLS is cfg with the protocols of this door. http/1.1 stands first, so
// that curl, which offers both, gets the HTTP server; grpc's clients offer h2 only.
func serverTLS(cfg *tls.Config) *tls.Config {
	own := cfg.Clone()
	own.NextProtos = []string{"http/1.1", protoHTTP2}
	ask := cfg.GetConfigForClient
	if ask == nil {
		return own
	}
	// A configuration that is replaced at run time must offer them too. The
	// last clone is kept: session tickets are bound to it.
	type pair struct{ given, own *tls.Config }
	var last atomic.Pointer[pair]
	own.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		given, err := ask(hello)
		if err != nil || given == nil {
			return nil, err
		}
		p := last.Load()
		if p == nil || p.given != given {
			p = &pair{given: given, own: given.Clone()}
			p.own.NextProtos = own.NextProtos
			last.Store(p)
		}
		return p.own, nil
	}
	return own
}

const protoHTTP2 = "h2"

// admitted are grpc's credentials for connections that admit has shaken hands
// with: they hand on the state, and with it the client's certificate.
type admitted struct{}

var _ credentials.TransportCredentials = admitted{}

// ServerHandshake takes over what admit did.
func (admitted) ServerHandshake(c net.Conn) (net.Conn, credentials.AuthInfo, error) {
	secure, ok := c.(*secureConn)
	if !ok {
		return c, plainInfo{credentials.CommonAuthInfo{SecurityLevel: credentials.NoSecurity}}, nil
	}
	return c, credentials.TLSInfo{
		State:          secure.state,
		CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity},
	}, nil
}

// ClientHandshake is never called: this is a server's.
func (admitted) ClientHandshake(context.Context, string, net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, errors.New("rpc: server credentials")
}

// Info names the protocol.
func (admitted) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls"}
}

// Clone is itself: there is no state.
func (a admitted) Clone() credentials.TransportCredentials { return a }

// OverrideServerName means nothing to a server.
func (admitted) OverrideServerName(string) error { return nil }

type plainInfo struct{ credentials.CommonAuthInfo }

// AuthType names the absence of TLS, as grpc's own insecure credentials do.
func (plainInfo) AuthType() string { return "insecure" }
