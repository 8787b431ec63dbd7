// Package schema says what may be said: it learns declared channels, finds
// the one that a concrete name means, and turns payloads between JSON and
// protobuf while holding them to their rules.
//
// Channels are learnt at run time, so that the hub needs no generated code of
// its users. There is one way in: directories of .proto files, a compiled
// descriptor set, or a backend's registration become a FileDescriptorSet,
// which is compiled into a source. Each source (the hub's own, and one for
// each owner) has its own descriptors, types and rules, and can neither see
// nor redefine another's, nor what is linked into the hub: google/protobuf,
// buf/validate and hub/v1 are always the hub's own, so that nobody can give
// the word scope another meaning. A [Snapshot] merges the sources; it is
// immutable, and a change replaces it whole or, on any error, not at all.
//
// Errors are faults. Those of a name or payload are for its sender. Those of
// declarations are [Problems]: all of a load at once, a line each with its
// place; fault.Of turns them into SCHEMA_INVALID or CHANNEL_CONFLICT.
//
// All is safe for concurrent use. Reading never waits for a load; loads wait
// for each other. Payload and channel values that are handed out are shared:
// treat them as read-only.
package schema

import "cmp"

// Config bounds what a registry takes in. The zero value works: each field
// that is 0 has its default.
type Config struct {
	// MaxPayloadBytes bounds a payload's canonical JSON. Default: 65,536.
	MaxPayloadBytes int
	// The rest bounds one registered set; whoever has the right REGISTER may
	// be wrong or worse, and a set is compiled inside the hub. What the
	// operator loads with Load is not bounded.

	// MaxSetBytes is the set's encoded size. Default: 4 MiB, gRPC's own limit
	// of a message, which no set of hand-written files comes near.
	MaxSetBytes int
	// MaxSetFiles counts files, imports included. Default: 512.
	MaxSetFiles int
	// MaxSetMessages counts messages and enums, nested ones included; a rule
	// set of each is compiled, at about 0.3 ms. Default: 4,096.
	MaxSetMessages int
	// MaxSetFields counts fields, enum values and oneofs; the descriptors of
	// each hold its full name. Default: 65,536.
	MaxSetFields int
	// MaxSetChannels counts declared channels. Default: 1,024.
	MaxSetChannels int
}

const (
	defaultPayloadBytes = 64 << 10
	defaultSetBytes     = 4 << 20
	defaultSetFiles     = 512
	defaultSetMessages  = 4096
	defaultSetFields    = 65536
	defaultSetChannels  = 1024
)

func (c Config) withDefaults() Config {
	c.MaxPayloadBytes = cmp.Or(c.MaxPayloadBytes, defaultPayloadBytes)
	c.MaxSetBytes = cmp.Or(c.MaxSetBytes, defaultSetBytes)
	c.MaxSetFiles = cmp.Or(c.MaxSetFiles, defaultSetFiles)
	c.MaxSetMessages = cmp.Or(c.MaxSetMessages, defaultSetMessages)
	c.MaxSetFields = cmp.Or(c.MaxSetFields, defaultSetFields)
	c.MaxSetChannels = cmp.Or(c.MaxSetChannels, defaultSetChannels)
	return c
}
