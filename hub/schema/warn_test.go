package schema_test

import (
	"slices"
	"testing"

	"github.com/realtime-hub/hub/hub/schema"
)

func TestALiteralThatShadowsANarrowerTemplateIsWarnedOf(t *testing.T) {
	r := loaded(t, schema.Config{}, `
message One { option (hub.v1.channel) = { name: "users.{id}" scope: { user: { param: "id" } } }; }
message All { option (hub.v1.channel) = { name: "users.all" scope: { public: {} } }; }
message Known { option (hub.v1.channel) = { name: "users.known" scope: { authenticated: {} } }; }
message Mods { option (hub.v1.channel) = { name: "users.mods" scope: { role: { any_of: ["mod"] } } }; }
message Deep { option (hub.v1.channel) = { name: "rooms.{id}.{what}" scope: { authenticated: {} } }; }
message DeepToo { option (hub.v1.channel) = { name: "rooms.{id}.open" scope: { public: {} } }; }
message Wide { option (hub.v1.channel) = { name: "open.{id}" scope: { public: {} } }; }
message Narrow { option (hub.v1.channel) = { name: "open.staff" scope: { role: { any_of: ["staff"] } } }; }
`)
	const (
		file  = "t/v1/t.proto: "
		taken = "; is that meant?"
	)
	want := []string{
		file + `"rooms.{id}.open" of message t.v1.DeepToo takes names out of "rooms.{id}.{what}", whose scope is narrower` + taken,
		file + `"users.all" of message t.v1.All takes names out of "users.{id}", whose scope is narrower` + taken,
		file + `"users.known" of message t.v1.Known takes names out of "users.{id}", whose scope is narrower` + taken,
	}
	if got := r.Snapshot().Warnings(); !slices.Equal(got, want) {
		t.Errorf("warned of %q", got)
	}
}
