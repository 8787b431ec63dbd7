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
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	hub "github.com/realtime-hub/hub/sdk/go"
)

// remoteTimeout bounds one question to a running hub; a person is waiting.
const remoteTimeout = 10 * time.Second

const defaultHub = "127.0.0.1:8081"

const remoteHelp = `The hub is --hub, or HUB_HUB. Its service token is HUB_TOKEN; there is no flag
for it, since flags are seen by everyone on the machine. The connection has TLS
except to loopback.`

// remote is how the commands that talk to a running hub reach it.
type remote struct {
	address  string
	insecure bool
	caFile   string
}

func (r *remote) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&r.address, "hub", "", "gRPC address of the hub (default "+defaultHub+", or HUB_HUB)")
	cmd.Flags().BoolVar(&r.insecure, "insecure", false, "no TLS, also beyond loopback")
	cmd.Flags().StringVar(&r.caFile, "ca-file", "", "PEM certificates that vouch for the hub, instead of the system's")
	cmd.MarkFlagsMutuallyExclusive("insecure", "ca-file")
}

// ask connects, runs one exchange and disconnects. It is tried once: a person
// rather reads at once that no hub answers.
func (r *remote) ask(ctx context.Context, env environment, exchange func(context.Context, *hub.Client) error) error {
	address := or(or(r.address, env["HUB_HUB"]), defaultHub)
	opts, err := r.options(env)
	if err != nil {
		return err
	}
	client, err := hub.Dial(address, opts...)
	if err != nil {
		return usageError{err}
	}
	defer func() { _ = client.Close() }() // it is done; there is nothing to save
	ctx, cancel := context.WithTimeout(ctx, remoteTimeout)
	defer cancel()
	return reach(address, exchange(ctx, client))
}

func (r *remote) options(env environment) ([]hub.Option, error) {
	var opts []hub.Option
	if token := env["HUB_TOKEN"]; token != "" {
		opts = append(opts, hub.WithToken(token))
	}
	if r.insecure {
		opts = append(opts, hub.WithInsecure())
	}
	if r.caFile != "" {
		pem, err := os.ReadFile(r.caFile)
		if err != nil {
			return nil, fmt.Errorf("--ca-file: %w", err)
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--ca-file: no PEM certificate in %s", r.caFile)
		}
		opts = append(opts, hub.WithTLS(&tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}))
	}
	return opts, nil
}

// unreachable is a hub that did not answer, with what to do about it.
type unreachable struct {
	address string
	cause   *hub.Error
}

func (e *unreachable) Error() string {
	if e.cause.Code == codes.DeadlineExceeded {
		return fmt.Sprintf("the hub at %s did not answer within %s", e.address, remoteTimeout)
	}
	return fmt.Sprintf("no hub answers at %s; start one with hub serve, or name another with --hub\n  %s", e.address, e.cause.Message)
}

// reach tells a hub that refused from one that is not there.
func reach(address string, err error) error {
	failure, ok := errors.AsType[*hub.Error](err)
	if !ok || failure.Reason != "" {
		return err
	}
	if failure.Code == codes.Unavailable || failure.Code == codes.DeadlineExceeded {
		return &unreachable{address: address, cause: failure}
	}
	return err
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
