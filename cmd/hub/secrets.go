package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"os"
	"strings"

	configv1 "github.com/realtime-hub/hub/gen/hub/config/v1"
)

// minSecretBytes is what HS256 asks for (RFC 7518, 3.2): a shorter secret can
// be searched for offline with any one token.
const minSecretBytes = 32

// Secrets come from variables and files only. What goes wrong is said with the
// field and the variable or file, never with what it holds.

// token is a backend's bearer token.
func (a *assembler) token(field string, t *configv1.ServiceToken) string {
	if name := t.GetTokenEnv(); name != "" {
		token := a.variable(field+".token_env", name)
		if token != strings.TrimSpace(token) {
			a.refusef(field+".token_env", "the variable %s begins or ends with white space, which no header can carry", name)
		}
		return token
	}
	at := field + ".token_file"
	data := a.file(at, t.GetTokenFile())
	token := strings.TrimRight(string(data), " \t\r\n")
	if data != nil && token == "" {
		a.refusef(at, "the file %s is empty", a.resolve(at, t.GetTokenFile()))
	}
	return token
}

// hmacSecret is nil for a key that is not a secret. A line feed at a file's end
// does not count: editors put it there.
func (a *assembler) hmacSecret(field string, key *configv1.JwtKey) []byte {
	var secret []byte
	switch {
	case key.GetHmacSecretEnv() != "":
		field += ".hmac_secret_env"
		secret = []byte(a.variable(field, key.GetHmacSecretEnv()))
	case key.GetHmacSecretFile() != "":
		field += ".hmac_secret_file"
		data := a.file(field, key.GetHmacSecretFile())
		if secret = bytes.TrimSuffix(data, []byte("\n")); data != nil && len(secret) == 0 {
			a.refusef(field, "the file %s is empty", a.resolve(field, key.GetHmacSecretFile()))
		}
	}
	if len(secret) > 0 && len(secret) < minSecretBytes {
		a.refusef(field, "the secret is shorter than %d bytes", minSecretBytes)
	}
	return secret
}

func (a *assembler) variable(field, name string) string {
	a.used[name] = true
	value, ok := a.env[name]
	switch {
	case !ok:
		a.refusef(field, "the variable %s is not set", name)
	case value == "":
		a.refusef(field, "the variable %s is empty", name)
	}
	return value
}

// file reads what the field names; nil without one, or with a mistake.
func (a *assembler) file(field, path string) []byte {
	if path == "" {
		return nil
	}
	data, err := os.ReadFile(a.resolve(field, path))
	if err != nil {
		a.refusef(field, "cannot be read: %v", err)
		return nil
	}
	if data == nil {
		data = []byte{} // empty, not absent
	}
	return data
}

// webTLS is the browsers' door's. HTTP/2 is left out: a WebSocket cannot be
// upgraded to on it.
func (a *assembler) webTLS(c *configv1.WebTls) *tls.Config {
	if c == nil {
		return nil
	}
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: a.certificate("http.tls", c.GetCertFile(), c.GetKeyFile()),
		NextProtos:   []string{"http/1.1"},
	}
}

// grpcTLS is the backends' door's. A client certificate is required where
// there is no other way in, else it is checked where one is given.
func (a *assembler) grpcTLS(c *configv1.Grpc) *tls.Config {
	if c.GetTls() == nil {
		return nil
	}
	out := &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: a.certificate("grpc.tls", c.GetTls().GetCertFile(), c.GetTls().GetKeyFile()),
	}
	const field = "grpc.tls.client_ca_file"
	pem := a.file(field, c.GetTls().GetClientCaFile())
	if pem == nil {
		return out
	}
	out.ClientCAs = x509.NewCertPool()
	if !out.ClientCAs.AppendCertsFromPEM(pem) {
		a.refusef(field, "no PEM certificate in %s", a.resolve(field, c.GetTls().GetClientCaFile()))
	}
	out.ClientAuth = tls.RequireAndVerifyClientCert
	if len(c.GetTokens()) > 0 {
		out.ClientAuth = tls.VerifyClientCertIfGiven
	}
	return out
}

// certificate is nil after a mistake. tls's errors name neither file, and
// nothing of a key's content.
func (a *assembler) certificate(field, certFile, keyFile string) []tls.Certificate {
	cert := a.file(field+".cert_file", certFile)
	key := a.file(field+".key_file", keyFile)
	if cert == nil || key == nil {
		return nil
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		a.refusef(field, "certificate and key cannot be used: %v", err)
		return nil
	}
	return []tls.Certificate{pair}
}
