package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	hub "github.com/realtime-hub/hub/sdk/go"
)

// remoteTimeout bounds one question to a running hub; a person is waiting.
const remoteTimeout = 10 * time.Second

const defaultHub = "127.0.0.1:8081"

const remoteHelp = `The hub is --hub, or HUB_HUB. Its service token is HUB_TOKEN; there is no flag
for it, since flags are seen by everyone on the machine. The connection has TLS
except to loopback, where --ca-file asks for it.`

// remote is how the commands that talk to a running hub reach it.
type remote struct {
	hub               string
	insecure          bool
	caFile            string
	certFile, keyFile string
}

func (r *remote) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&r.hub, "hub", "", "gRPC address of the hub (default "+defaultHub+", or HUB_HUB)")
	cmd.Flags().BoolVar(&r.insecure, "insecure", false, "no TLS, also beyond loopback")
	cmd.Flags().StringVar(&r.caFile, "ca-file", "", "PEM certificates that vouch for the hub, instead of the system's")
	cmd.Flags().StringVar(&r.certFile, "cert-file", "", "PEM client certificate, for a hub that knows its backends by them")
	cmd.Flags().StringVar(&r.keyFile, "key-file", "", "PEM key of the client certificate")
	cmd.MarkFlagsMutuallyExclusive("insecure", "ca-file")
	cmd.MarkFlagsMutuallyExclusive("insecure", "cert-file")
	cmd.MarkFlagsRequiredTogether("cert-file", "key-file")
}

func (r *remote) address(env environment) string {
	return or(or(r.hub, env["HUB_HUB"]), defaultHub)
}

// connect connects, works for as long as it takes and disconnects. Each call is
// tried once: a person rather reads at once that no hub answers.
func (r *remote) connect(ctx context.Context, env environment, work func(context.Context, *hub.Client) error) error {
	opts, err := r.options(env)
	if err != nil {
		return err
	}
	client, err := hub.Dial(r.address(env), opts...)
	if err != nil {
		return usageError{err}
	}
	defer func() { _ = client.Close() }() // it is done; there is nothing to save
	return reach(r.address(env), work(ctx, client))
}

// ask is for one exchange, for which a person waits.
func (r *remote) ask(ctx context.Context, env environment, exchange func(context.Context, *hub.Client) error) error {
	return r.connect(ctx, env, func(ctx context.Context, client *hub.Client) error {
		ctx, cancel := context.WithTimeout(ctx, remoteTimeout)
		defer cancel()
		return exchange(ctx, client)
	})
}

func (r *remote) options(env environment) ([]hub.Option, error) {
	var opts []hub.Option
	if token := env["HUB_TOKEN"]; token != "" {
		if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			return nil, errors.New("HUB_TOKEN holds white space or characters that no header can carry; is there a line feed at its end?")
		}
		opts = append(opts, hub.WithToken(token))
	}
	if r.insecure {
		return append(opts, hub.WithInsecure()), nil
	}
	if r.caFile == "" && r.certFile == "" {
		return opts, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if r.caFile != "" {
		pem, err := os.ReadFile(r.caFile)
		if err != nil {
			return nil, fmt.Errorf("--ca-file: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--ca-file: no PEM certificate in %s", r.caFile)
		}
	}
	if r.certFile != "" {
		pair, err := tls.LoadX509KeyPair(r.certFile, r.keyFile)
		if err != nil {
			return nil, fmt.Errorf("--cert-file and --key-file: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return append(opts, hub.WithTLS(config)), nil
}

// writeJSON prints a message in one line. protojson varies its white space on
// purpose; scripts and tests that compare lines want it gone.
func writeJSON(w io.Writer, message proto.Message) error {
	data, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(message)
	if err != nil {
		return err
	}
	return json.NewEncoder(w).Encode(json.RawMessage(data))
}
