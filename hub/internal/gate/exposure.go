package gate

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// Exposure is the loopback rule for the gRPC address (host:port): where other
// machines can reach it, it needs TLS and credentials (service tokens or client
// certificates), or somebody who says `insecure` on purpose. Without it a hub
// that was tried out on a laptop and then bound to 0.0.0.0 would let everybody
// broadcast. Loopback are localhost, 127.0.0.0/8 and ::1. No other name is: it
// could resolve to anything, and to something else tomorrow. The error tells
// the three ways out.
func Exposure(address string, tls, credentials, insecure bool) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q is not host:port, as 127.0.0.1:8081", address)
	}
	if insecure || tls && credentials || loopback(host) {
		return nil
	}
	missing := "without TLS and without credentials"
	switch {
	case tls:
		missing = "without credentials"
	case credentials:
		missing = "without TLS"
	}
	return fmt.Errorf("%s can be reached from other machines %s; either listen on loopback (127.0.0.1:8081), "+
		"or set grpc.tls and grpc.tokens or grpc.clients, or say --insecure if the network keeps strangers out", address, missing)
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
