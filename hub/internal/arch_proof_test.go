package internal_test

import (
	"os"
	"strings"
	"testing"
)

// TestEachRuleFires plants one wrong package at a time in front of the real
// plan: an inspector that never complains would pass every house.
func TestEachRuleFires(t *testing.T) {
	good := func(path string, imports ...string) pkg {
		return pkg{ImportPath: path, Name: path[strings.LastIndex(path, "/")+1:], Doc: "Package x is.", Imports: imports, files: []file{{name: "x.go"}}}
	}
	with := func(p pkg, change func(*pkg)) pkg {
		change(&p)
		return p
	}
	tested := func(path string, imports ...string) pkg {
		return with(good(path), func(p *pkg) { p.XTestImports = imports })
	}
	sized := func(f file) pkg { return with(good("hub/internal/gate"), func(p *pkg) { p.files = []file{f} }) }

	for name, c := range map[string]struct {
		p    pkg
		want string // "" is as planned
	}{
		"down":                     {good("hub/internal/session", "hub/internal/gate", "hub/schema", "gen/hub/v1", "sync"), ""},
		"a stair":                  {good("hub/internal/engine/memory", "hub/internal/engine"), ""},
		"words on words":           {good("hub/schema", "hub/channel"), ""},
		"words, the wrong way":     {good("hub/channel", "hub/schema"), "sideways"},
		"up":                       {good("hub/internal/engine", "hub/internal/broadcast"), "upwards (state to flows)"},
		"up to the roof":           {good("hub/internal/rpc", "hub/server"), "upwards"},
		"sideways":                 {good("hub/internal/broadcast", "hub/internal/subscription"), "sideways on the floor of flows"},
		"a stair from below":       {good("hub/internal/engine", "hub/internal/engine/memory"), "sideways"},
		"out of the house":         {good("hub/server", "sdk/go"), "outside the house"},
		"sideways in a test":       {tested("hub/internal/broadcast", "hub/internal/subscription"), ""},
		"no floor":                 {good("hub/internal/presence"), "no floor"},
		"no floor below a room":    {good("hub/internal/gate/jwt"), "no floor"},
		"no floor outside":         {good("pkg/hub"), "no floor"},
		"guest within bounds":      {good("cmd/hub/internal/scaffold", "hub/server", "cmd/hub/internal/plugin", "gen/hub/v1"), ""},
		"guest in private rooms":   {good("hub/hubtest", "hub/internal/gate"), "hub/hubtest may import"},
		"guest too deep":           {good("examples/blog", "hub/schema"), "examples may import"},
		"the SDK its test kit":     {good("sdk/go", "sdk/go/hubtest"), "sdk/go may import"},
		"guest's test and a hub":   {tested("sdk/go", "hub/hubtest"), ""},
		"guest's test, an example": {tested("sdk/go/hubtest", "examples/blog/gen/blog/v1"), ""},
		"guest on an example":      {good("sdk/go/hubtest", "examples/blog/gen/blog/v1"), "sdk/go/hubtest may import"},
		"guest's test inside":      {tested("sdk/go", "hub/server"), "sdk/go may import"},
		"generated, and leaning":   {good("gen/hub/v1", "hub/channel"), "is generated"},
		"generated":                {good("gen/hub/config/v1", "gen/hub/v1", "google.golang.org/grpc"), ""},
		"Socket.IO at home":        {good("hub/internal/socketio/library", "github.com/zishang520/socket.io/servers/engine/v3"), ""},
		"Socket.IO elsewhere":      {good("hub/internal/socketio", "github.com/zishang520/socket.io/v3/pkg/types"), "one package knows"},
		"Socket.IO in a test":      {tested("hub/server", "github.com/zishang520/socket.io/clients/socket/v3"), "one package knows"},
		"Socket.IO in e2e":         {tested("e2e", "github.com/zishang520/socket.io/clients/socket/v3"), ""},
		"gRPC in a flow":           {good("hub/internal/dispatch", "google.golang.org/grpc"), "rooms speak of faults"},
		"gRPC's parts in a flow":   {good("hub/internal/dispatch", "google.golang.org/grpc/metadata"), "rooms speak of faults"},
		"codes in a flow":          {good("hub/internal/broadcast", "google.golang.org/grpc/codes"), "one place"},
		"codes on the ground":      {good("hub/internal/fault", "google.golang.org/grpc/codes"), ""},
		"gRPC on the ground":       {good("hub/internal/fault", "google.golang.org/grpc"), "rooms speak of faults"},
		"gRPC at the door":         {good("hub/internal/rpc", "google.golang.org/grpc", "google.golang.org/grpc/codes"), ""},
		"NATS in a flow":           {good("hub/internal/subscription", "github.com/nats-io/nats.go"), "one driver"},
		"NATS in a test":           {tested("hub/internal/engine/memory", "github.com/nats-io/nats.go"), "one driver"},
		"sockets in a door":        {good("hub/internal/socketio", "golang.org/x/sys/unix"), "live in wire"},
		"sockets in the server":    {good("hub/server", "syscall"), "live in wire"},
		"signals in cmd":           {good("cmd/hub", "syscall"), ""},
		"a driver picked by flow":  {good("hub/internal/broadcast", "hub/internal/engine/memory"), "only server picks"},
		"a driver picked by test":  {tested("hub/internal/broadcast", "hub/internal/engine/memory"), ""},
		"the library, by its door": {good("hub/internal/socketio", "hub/internal/socketio/library"), "only server picks"},
		"testing shipped":          {good("hub/internal/gate", "testing"), "what is for tests"},
		"testing/synctest shipped": {good("hub/internal/gate", "testing/synctest"), "what is for tests"},
		"door to door":             {good("hub/internal/rpc", "hub/internal/socketio"), "never knows another door"},
		"door to door in a test":   {tested("hub/internal/socketio", "hub/internal/rpc"), "never knows another door"},
		"SDK on CEL":               {with(good("sdk/go"), func(p *pkg) { p.Deps = []string{"cel.dev/cel-go/cel"} }), "stay light"},
		"SDK on a compiler":        {with(good("sdk/go"), func(p *pkg) { p.Deps = []string{"github.com/bufbuild/protocompile"} }), "stay light"},
		"the recorder on CEL":      {with(good("sdk/go/hubtest"), func(p *pkg) { p.Deps = []string{"cel.dev/cel-go/cel"} }), ""},
		"an empty name":            {good("cmd/hub/internal/utils"), "is called utils"},
		"an empty name inside":     {with(good("cmd/hub/internal/x"), func(p *pkg) { p.Name = "helpers" }), "is called helpers"},
		"500 lines":                {sized(file{name: "x.go", lines: 500}), ""},
		"501 lines":                {sized(file{name: "x.go", lines: 501}), "x.go has 501 lines"},
		"501 lines of tests":       {sized(file{name: "x_test.go", lines: 501, test: true}), ""},
		"501 generated lines":      {sized(file{name: "x.pb.go", lines: 501, generated: true}), ""},
		"no comment":               {with(good("hub/server"), func(p *pkg) { p.Doc = " \n" }), "no package comment"},
	} {
		got := strings.Join(inspect(theHouse, []pkg{c.p}), "\n")
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: found %q, want %q", name, got, c.want)
		}
	}
}

// TestThePlanIsSound: a slip in the table would open a wall without a word.
func TestThePlanIsSound(t *testing.T) {
	known := func(path string) bool {
		return theHouse.floorOf(path) >= 0 || theHouse.guestOf(path) != nil || below(path, theHouse.street)
	}
	seen := map[string]bool{}
	for _, floor := range theHouse.floors {
		for _, room := range floor.rooms {
			if seen[room] {
				t.Errorf("%s stands twice", room)
			}
			seen[room] = true
		}
	}
	for from, to := range theHouse.stairs {
		if theHouse.floorOf(from) != theHouse.floorOf(to) || !known(from) {
			t.Errorf("stair %s to %s does not join two rooms of a floor", from, to)
		}
	}
	for _, wall := range theHouse.walls {
		for _, place := range wall.open {
			if !known(place) {
				t.Errorf("a wall is open for %s, which is not in the plan", place)
			}
		}
	}
	for _, guest := range theHouse.guests {
		for _, place := range guest.may {
			if !known(place) {
				t.Errorf("%s may import %s, which is not in the plan", guest.at, place)
			}
		}
	}
}

// TestTheReadmeShowsEveryRoom: the picture is what people read.
func TestTheReadmeShowsEveryRoom(t *testing.T) {
	picture, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, floor := range theHouse.floors {
		for _, room := range floor.rooms {
			name := strings.TrimPrefix(strings.TrimPrefix(room, "hub/"), "internal/")
			if !strings.Contains(string(picture), name) {
				t.Errorf("hub/README.md does not show %s", name)
			}
		}
	}
}
