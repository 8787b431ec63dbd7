package main

import (
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"

	hub "github.com/realtime-hub/hub/sdk/go"
)

// unreachable is a hub that did not answer, with what to do about it.
type unreachable struct {
	address string
	cause   *hub.Error
	// gone: it was there, and is no longer.
	gone bool
}

func (e *unreachable) Error() string {
	if e.cause.Code == codes.DeadlineExceeded {
		return fmt.Sprintf("the hub at %s did not answer within %s", e.address, remoteTimeout)
	}
	return fmt.Sprintf(e.advice(), e.address) + "\n  " + e.cause.Message
}

// advice is what to do, with a place for the address. gRPC's errors have no
// kinds, so it goes by their words: a new word costs the better advice, not the error.
func (e *unreachable) advice() string {
	said := func(words string) bool { return strings.Contains(e.cause.Message, words) }
	switch {
	case e.cause.Code == codes.Unimplemented:
		return "what answers at %s does not know this call; is it an older hub, or none?"
	case e.gone, said("error reading from server"), said("closing transport"):
		return "the hub at %s went away before it was done; try again when it is back"
	case said("HTTP/1.1 header"):
		return "what listens at %s is not a hub's gRPC port; --hub is its address for backends, not for browsers"
	case said("server preface"), said("broken pipe"), said("connection reset"), said("certificate required"), said("bad certificate"):
		// How TLS ends what is no TLS, or has no certificate, is often no more than a broken pipe.
		return "what listens at %s ended the connection; a hub with TLS wants --ca-file and no --insecure,\n" +
			"and one that knows its backends by certificates --cert-file and --key-file"
	case said("does not look like a TLS handshake"):
		return "what listens at %s has no TLS; leave out --ca-file, or connect with --insecure if nobody in between can listen"
	case said("x509: "):
		return "the certificate of the hub at %s is not trusted; name one that vouches for it with --ca-file,\n" +
			"or call the hub by a name that the certificate has"
	default:
		return "no hub answers at %s; start one with hub serve, or name another with --hub"
	}
}

// reach tells a hub that refused from one that is not there.
func reach(address string, err error) error {
	failure, ok := errors.AsType[*hub.Error](err)
	if !ok || failure.Reason != "" {
		return err
	}
	switch failure.Code {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Unimplemented:
		return &unreachable{address: address, cause: failure}
	default:
		return err
	}
}
