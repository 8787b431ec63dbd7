package rpc_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/gate"
	"github.com/realtime-hub/hub/hub/internal/rpc"
)

// authority signs certificates for a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{pool: x509.NewCertPool()}
	pair := a.sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	a.cert, a.key = pair.Leaf, pair.PrivateKey.(*ecdsa.PrivateKey)
	a.pool.AddCert(a.cert)
	return a
}

func (a *authority) sign(t *testing.T, c *x509.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber = big.NewInt(time.Now().UnixNano())
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := c, key
	if a.cert != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func (a *authority) server(t *testing.T) *tls.Config {
	t.Helper()
	cert := a.sign(t, &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	return &tls.Config{Certificates: []tls.Certificate{cert}, ClientCAs: a.pool, ClientAuth: tls.VerifyClientCertIfGiven, MinVersion: tls.VersionTLS12}
}

func (a *authority) client(t *testing.T, san string) *tls.Config {
	t.Helper()
	cfg := &tls.Config{RootCAs: a.pool, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}
	if san != "" {
		cfg.Certificates = []tls.Certificate{a.sign(t, &x509.Certificate{
			DNSNames: []string{san}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		})}
	}
	return cfg
}

// byGRPC and byHTTP are one broadcast over TLS; they give the code's name.
func byGRPC(t *testing.T, d *door, cfg *tls.Config) codes.Code {
	t.Helper()
	client := d.dial(t, grpc.WithTransportCredentials(credentials.NewTLS(cfg)))
	_, err := hubv1.NewBroadcastServiceClient(client).Broadcast(t.Context(), broadcast())
	return status.Code(err)
}

func byHTTP(t *testing.T, d *door, cfg *tls.Config) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+d.address+pathBroadcast, strings.NewReader(validJSON))
	if err != nil {
		t.Fatal(err)
	}
	cfg = cfg.Clone()
	cfg.NextProtos = []string{"h2", "http/1.1"} // as curl offers them
	res, body := do(t, &http.Transport{TLSClientConfig: cfg}, req)
	return res.StatusCode, body
}

func TestClientCertificatesSayWhoCallsOverBothProtocols(t *testing.T) {
	var name atomic.Value
	own, other := newAuthority(t), newAuthority(t)
	g := newGate(t, gate.Config{Clients: []gate.ServiceClient{
		{Name: "blog", SAN: "blog.internal", Allow: []gate.Right{gate.Broadcast}, Channels: []string{"blog.*"}},
	}})
	cfg := own.server(t)
	d := serve(t, rpc.Config{Gate: g, TLS: cfg, Broadcast: named(&name)})
	stranger := other.client(t, "blog.internal")
	stranger.RootCAs = own.pool

	if code := byGRPC(t, d, own.client(t, "blog.internal")); code != codes.OK || name.Swap("") != "blog" {
		t.Errorf("gRPC: %v", code)
	}
	if code, body := byHTTP(t, d, own.client(t, "blog.internal")); code != 200 || name.Swap("") != "blog" {
		t.Errorf("HTTP: %d %s", code, body)
	}
	if code := byGRPC(t, d, own.client(t, "")); code != codes.Unauthenticated {
		t.Errorf("gRPC without certificate: %v", code)
	}
	if code, body := byHTTP(t, d, own.client(t, "")); code != 401 || !strings.Contains(body, "CREDENTIALS_REQUIRED") {
		t.Errorf("HTTP without certificate: %d %s", code, body)
	}
	if code := byGRPC(t, d, own.client(t, "shop.internal")); code != codes.Unauthenticated {
		t.Errorf("gRPC, unknown name: %v", code)
	}
	if code := byGRPC(t, d, stranger); code != codes.Unavailable {
		t.Errorf("gRPC, another authority: %v", code)
	}

	// Asked for and not verified is as good as none.
	loose := own.server(t)
	loose.ClientAuth = tls.RequestClientCert
	d = serve(t, rpc.Config{Gate: g, TLS: loose})
	if code := byGRPC(t, d, stranger); code != codes.Unauthenticated {
		t.Errorf("gRPC, unverified: %v", code)
	}
	if code, _ := byHTTP(t, d, stranger); code != 401 {
		t.Errorf("HTTP, unverified: %d", code)
	}
}

func named(name *atomic.Value) flow {
	return flow{send: func(_ context.Context, c *gate.Caller, _ *hubv1.BroadcastRequest) (*hubv1.BroadcastResponse, error) {
		name.Store(c.Name())
		return &hubv1.BroadcastResponse{}, nil
	}}
}

func TestReplacedCertificatesServeBothProtocols(t *testing.T) {
	first, second := newAuthority(t), newAuthority(t)
	var current atomic.Pointer[tls.Config]
	current.Store(first.server(t))
	cfg := first.server(t)
	cfg.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return current.Load(), nil }
	d := serve(t, rpc.Config{TLS: cfg})
	check := func(a *authority) {
		t.Helper()
		for range 2 {
			if code := byGRPC(t, d, a.client(t, "")); code != codes.OK {
				t.Errorf("gRPC: %v", code)
			}
			if code, body := byHTTP(t, d, a.client(t, "")); code != 200 {
				t.Errorf("HTTP: %d %s", code, body)
			}
		}
	}
	check(first)
	current.Store(second.server(t))
	check(second)
}

// Older clients speak HTTP/2 over TLS without saying so in the handshake.
func TestTLSWithoutALPNIsToldByItsPreface(t *testing.T) {
	a := newAuthority(t)
	d := serve(t, rpc.Config{TLS: a.server(t)})
	cfg := a.client(t, "")
	dial := func(ctx context.Context, _ string) (net.Conn, error) {
		return (&tls.Dialer{Config: cfg}).DialContext(ctx, "tcp", d.address)
	}
	client := d.dial(t, grpc.WithContextDialer(dial))
	if _, err := hubv1.NewBroadcastServiceClient(client).Broadcast(t.Context(), broadcast()); err != nil {
		t.Error(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+d.address+pathBroadcast, strings.NewReader(validJSON))
	if err != nil {
		t.Fatal(err)
	}
	res, body := do(t, &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, "") }}, req)
	if res.StatusCode != 200 {
		t.Errorf("HTTP: %d %s", res.StatusCode, body)
	}
}

func TestAPlainClientAtATLSDoorIsCutOff(t *testing.T) {
	d := serve(t, rpc.Config{TLS: newAuthority(t).server(t)})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+d.address+pathBroadcast, strings.NewReader(validJSON))
	if err != nil {
		t.Fatal(err)
	}
	if res, err := http.DefaultTransport.RoundTrip(req); err == nil {
		_ = res.Body.Close()
		t.Errorf("answered %d", res.StatusCode)
	} else if errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}
