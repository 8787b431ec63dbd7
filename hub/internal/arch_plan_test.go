package internal_test

// plan is a house: where each package stands, and what it may use.
type plan struct {
	// floors, from the ground up. A room imports rooms of lower floors only.
	floors []floor
	// stairs are the imports within a floor that are allowed all the same.
	stairs map[string]string
	// street is what everyone may import, and what itself imports only its like.
	street string
	// guests use the house from outside.
	guests []guest
	walls  []wall
	// light packages must not reach heavy ones, through any number of imports.
	light, heavy []string
	// names are those that say nothing of what a package is for.
	names    []string
	maxLines int
}

type floor struct {
	name  string
	rooms []string
}

// guest is a subtree outside the floors and what it may import of the module,
// beside the street and itself. Its tests may also start a hub, stand in for
// one, and say what the example says.
type guest struct {
	at  string
	may []string
}

// wall keeps some imports in some places.
type wall struct {
	// what cannot be imported, with what is below it; but is what of it may.
	what, but []string
	// open are the subtrees that may.
	open []string
	// tests tells that the wall binds tests too.
	tests bool
	why   string
}

var theHouse = plan{
	floors: []floor{
		{"ground", []string{"hub/internal/fault", "hub/internal"}}, // hub/internal itself is the inspector's office
		{"words", []string{"hub/channel", "hub/schema", "hub/schema/compare", "hub/schema/sample"}},
		{"state", []string{
			"hub/internal/gate", "hub/internal/wire",
			"hub/internal/engine", "hub/internal/engine/memory", "hub/internal/engine/nats", "hub/internal/engine/enginetest",
		}},
		{"people", []string{"hub/internal/session"}},
		{"flows", []string{"hub/internal/subscription", "hub/internal/broadcast", "hub/internal/dispatch"}},
		{"doors", []string{"hub/internal/socketio", "hub/internal/socketio/engineio", "hub/internal/socketio/library", "hub/internal/rpc", "hub/internal/admin"}},
		{"roof", []string{"hub/server"}},
	},
	stairs: map[string]string{
		"hub/schema":                     "hub/channel", // declarations are made of names
		"hub/schema/compare":             "hub/schema",  // it compares them
		"hub/internal/engine/memory":     "hub/internal/engine",
		"hub/internal/engine/nats":       "hub/internal/engine",
		"hub/internal/engine/enginetest": "hub/internal/engine",
		"hub/internal/socketio/engineio": "hub/internal/socketio", // it implements the door's Link
		"hub/internal/socketio/library":  "hub/internal/socketio", // so does this one
	},
	street: "gen",
	guests: []guest{
		// `hub demo` is the example, run; `hub init` puts protos into users' repositories.
		{"cmd/hub", []string{"hub/server", "hub/schema", "hub/channel", "sdk/go", "examples/blog", "proto", "third_party"}},
		{"proto", nil},
		{"cmd/hubvet", []string{"sdk/go/hubvet"}},
		{"hub/hubtest", []string{"hub/server", "hub/channel", "sdk/go"}},
		{"sdk/go", []string{"hub/channel"}},
		{"sdk/go/hubvet", nil}, // reads sources of the SDK's users, and does not import it
		{"sdk/go/hubtest", []string{"hub/channel", "hub/schema", "sdk/go"}},
		{"examples", []string{"hub/channel", "sdk/go", "third_party"}},
		{"third_party", nil},
		{"docs", nil}, // what makes the reference reads sources, and what is generated
		{"e2e", []string{"hub/server", "hub/hubtest", "hub/schema", "hub/channel", "sdk/go", "examples", "third_party"}},
	},
	walls: []wall{
		{
			what: []string{"github.com/zishang520"}, open: []string{"hub/internal/socketio/library", "e2e"}, tests: true,
			why: "one package knows the Socket.IO library, so that the hub's own door can take its place",
		},
		{
			what: []string{"google.golang.org/grpc"},
			but:  []string{"google.golang.org/grpc/codes", "google.golang.org/grpc/status"},
			open: []string{"hub/internal/rpc", "hub/server", "hub/hubtest", "sdk/go", "cmd/hub", "examples", "e2e", "gen"},
			why:  "rooms speak of faults; gRPC is spoken at the door rpc and by clients",
		},
		{
			what: []string{"google.golang.org/grpc/codes", "google.golang.org/grpc/status"},
			open: []string{"hub/internal/fault", "hub/internal/rpc", "hub/server", "hub/hubtest", "sdk/go", "cmd/hub", "examples", "e2e", "gen"},
			why:  "a fault's reason settles its code, in one place",
		},
		{
			what: []string{"github.com/nats-io"}, open: []string{"hub/internal/engine/nats", "e2e"}, tests: true,
			why: "NATS is one driver of the engine",
		},
		{
			what: []string{"syscall", "golang.org/x/sys"}, open: []string{"hub/internal/wire", "cmd/hub", "examples"},
			why: "raw sockets and epoll live in wire (cmd and examples: the names of signals)",
		},
		{
			what: []string{"hub/internal/engine/memory", "hub/internal/engine/nats", "hub/internal/socketio/engineio", "hub/internal/socketio/library"}, open: []string{"hub/server"},
			why: "only server picks a driver; rooms see what it implements",
		},
		{
			what: []string{"hub/internal/engine/enginetest", "testing"},
			open: []string{"hub/internal/engine/enginetest", "hub/hubtest", "sdk/go/hubtest", "e2e"},
			why:  "what is for tests stays out of the hub",
		},
		{
			what: []string{"hub/internal/rpc"}, open: []string{"hub/internal/rpc", "hub/server"}, tests: true,
			why: "a door never knows another door",
		},
		{
			what: []string{"hub/internal/socketio"}, open: []string{"hub/internal/socketio", "hub/server"}, tests: true,
			why: "a door never knows another door",
		},
		{
			what: []string{"hub/internal/admin"}, open: []string{"hub/internal/admin", "hub/server"}, tests: true,
			why: "a door never knows another door",
		},
	},
	light:    []string{"sdk/go", "hub/channel"},
	heavy:    []string{"cel.dev/cel-go", "github.com/google/cel-go", "buf.build/go/protovalidate", "github.com/bufbuild/protocompile"},
	names:    []string{"util", "utils", "common", "helper", "helpers", "type", "types", "model", "models", "misc", "shared", "base", "lib", "impl"},
	maxLines: 500,
}
