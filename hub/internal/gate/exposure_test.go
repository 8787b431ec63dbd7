package gate_test

import (
	"strings"
	"testing"

	"github.com/realtime-hub/hub/hub/internal/gate"
)

func TestOnlyLoopbackIsOpen(t *testing.T) {
	for address, loopback := range map[string]bool{
		"127.0.0.1:8081": true, "127.255.0.9:8081": true, "localhost:8081": true, "LOCALHOST:8081": true,
		"[::1]:8081": true, "[::ffff:127.0.0.1]:8081": true, "127.0.0.1:0": true,
		":8081": false, "0.0.0.0:8081": false, "[::]:8081": false, "10.0.0.5:8081": false, "[fe80::1%eth0]:8081": false,
		"hub:8081": false, "hub.example:8081": false, "localhost.example:8081": false, "localhost.:8081": false,
		"127.1:8081": false, "2130706433:8081": false, "128.0.0.1:8081": false, "[::ffff:10.0.0.1]:8081": false,
	} {
		for _, tls := range []bool{false, true} {
			for _, credentials := range []bool{false, true} {
				for _, insecure := range []bool{false, true} {
					err := gate.Exposure(address, tls, credentials, insecure)
					if want := loopback || insecure || tls && credentials; (err == nil) != want {
						t.Errorf("%s tls=%v credentials=%v insecure=%v: %v", address, tls, credentials, insecure, err)
					}
				}
			}
		}
	}
}

func TestExposureTellsTheWaysOut(t *testing.T) {
	for _, test := range []struct {
		tls, credentials bool
		want             string
	}{
		{false, false, "without TLS and without credentials"},
		{true, false, "machines without credentials"},
		{false, true, "machines without TLS;"},
	} {
		err := gate.Exposure("0.0.0.0:8081", test.tls, test.credentials, false)
		for _, want := range []string{"0.0.0.0:8081", test.want, "127.0.0.1:8081", "grpc.tls", "grpc.tokens", "grpc.clients", "--insecure"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v; want %q", err, want)
			}
		}
	}
	for _, address := range []string{"", "8081", "localhost", "::1:8081"} {
		if err := gate.Exposure(address, true, true, true); err == nil || !strings.Contains(err.Error(), "host:port") {
			t.Errorf("%q: %v", address, err)
		}
	}
}
