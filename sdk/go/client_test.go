package hub_test

import (
	"crypto/tls"
	"strings"
	"testing"

	hub "github.com/realtime-hub/hub/sdk/go"
)

func TestDialRefusesMistakes(t *testing.T) {
	for name, c := range map[string]struct {
		address string
		opts    []hub.Option
		want    string
	}{
		"no address":       {"", nil, "no address"},
		"no port":          {"hub", nil, "no port"},
		"both":             {"hub:8081", []hub.Option{hub.WithInsecure(), hub.WithTLS(&tls.Config{})}, "exclude"},
		"empty token":      {"hub:8081", []hub.Option{hub.WithToken("")}, "empty"},
		"token of a file":  {"hub:8081", []hub.Option{hub.WithToken("s3cret\n")}, "white space"},
		"malformed target": {"dns://%zz/hub:1", nil, "address"},
	} {
		client, err := hub.Dial(c.address, c.opts...)
		if err == nil {
			client.Close()
			t.Errorf("%s: no error", name)
		} else if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v, want %q and no secret", name, err, c.want)
		}
	}
}
