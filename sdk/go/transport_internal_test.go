package hub

import (
	"crypto/tls"
	"testing"
)

func TestOnlyLoopbackIsPlain(t *testing.T) {
	for address, plain := range map[string]bool{
		"127.0.0.1:8081":          true,
		"127.8.9.1:8081":          true,
		"[::1]:8081":              true,
		"[::ffff:127.0.0.1]:8081": true,
		"localhost:8081":          true,
		"dns:///localhost:8081":   true,
		"unix:///run/hub.sock":    true,
		"hub:8081":                false,
		"10.0.0.5:8081":           false,
		"0.0.0.0:8081":            false,
		"localhost.example:8081":  false,
		"dns:///hub:8081":         false,
		"passthrough:///whatever": false,
	} {
		got := (&options{}).transport(address).Info().SecurityProtocol
		if want := map[bool]string{true: "insecure", false: "tls"}[plain]; got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
	if got := (&options{insecure: true}).transport("hub:8081").Info().SecurityProtocol; got != "insecure" {
		t.Errorf("WithInsecure: %s", got)
	}
	if got := (&options{hasTLS: true, tls: &tls.Config{}}).transport("localhost:8081").Info().SecurityProtocol; got != "tls" {
		t.Errorf("WithTLS to loopback: %s", got)
	}
}
