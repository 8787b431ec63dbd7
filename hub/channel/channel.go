// Package channel is the grammar of channel names, and the descriptors that
// generated code hands to its users: all that a backend needs to name a
// channel without the hub's rules, compiler or servers.
//
// A declared name is a [Template]: dot-separated segments, some of which may
// be params. Filled in, it is a concrete name, which browsers subscribe to.
// Values are escaped in the concrete name, each in exactly one way, so that
// one value has one name and two names never mean one channel.
//
// Errors are plain, say what is wrong and in which segment, and quote at most
// what the caller gave; whoever knows the peer turns them into faults.
// Everything here is a value or a pure function, safe for concurrent use.
package channel

import (
	"errors"
	"fmt"
	"maps"

	"google.golang.org/protobuf/proto"
)

// Params are a template's values by param, decoded.
type Params map[string]string

// Of is a concrete channel whose payload is M. Generated code makes them; the
// type ties the payload to the channel, so that another message does not
// compile. The zero value names no channel.
type Of[M proto.Message] struct {
	_        [0]M // holds M in the type: Of[A] does not convert to Of[B]
	name     string
	declared string
	params   Params
	err      error
}

// New is the channel of a declared name without params. It panics on a
// malformed name or one with params: that is the programmer's mistake, as with
// regexp.MustCompile.
func New[M proto.Message](declared string) Of[M] {
	t, err := ParseTemplate(declared)
	if err == nil && len(t.params) > 0 {
		err = errors.New("it has params; use channel.Fill")
	}
	if err != nil {
		panic(fmt.Sprintf("channel: New(%q): %v", declared, err))
	}
	return Of[M]{name: declared, declared: declared}
}

// Fill is the channel of a declared name with its params filled in. A
// malformed name, a missing, unknown or empty value, and one that is too long
// or not UTF-8 are errors.
func Fill[M proto.Message](declared string, p Params) (Of[M], error) {
	t, err := ParseTemplate(declared)
	if err != nil {
		return Of[M]{}, fmt.Errorf("channel %q: %w", declared, err)
	}
	name, err := t.Fill(p)
	if err != nil {
		return Of[M]{}, fmt.Errorf("channel %q: %w", declared, err)
	}
	return Of[M]{name: name, declared: declared, params: maps.Clone(p)}, nil
}

// Filled is Fill with the error kept inside, for generated functions that are
// used as an argument. Whoever takes an Of asks Err before Name.
func Filled[M proto.Message](declared string, p Params) Of[M] {
	c, err := Fill[M](declared, p)
	if err != nil {
		return Of[M]{declared: declared, params: maps.Clone(p), err: err}
	}
	return c
}

// Name is the concrete name, escaped. It is empty where Err is not nil.
func (c Of[M]) Name() string { return c.name }

// Declared is the name as declared, params in braces.
func (c Of[M]) Declared() string { return c.declared }

// Params are the decoded values; nil where the name has none. The map is the
// caller's own.
func (c Of[M]) Params() Params { return maps.Clone(c.params) }

// Err says why there is no concrete name: the values given to Filled do not
// fit, or c is the zero value.
func (c Of[M]) Err() error {
	if c.err == nil && c.name == "" {
		return errUnnamed
	}
	return c.err
}

var errUnnamed = errors.New("channel: the zero value names no channel")

// Inbound says that browsers may send M on a declared channel. Generated code
// makes them.
type Inbound[M proto.Message] struct {
	_        [0]M // as in Of
	declared string
}

// NewInbound is the inbound descriptor of a declared name, with or without
// params. It panics on a malformed name.
func NewInbound[M proto.Message](declared string) Inbound[M] {
	if _, err := ParseTemplate(declared); err != nil {
		panic(fmt.Sprintf("channel: NewInbound(%q): %v", declared, err))
	}
	return Inbound[M]{declared: declared}
}

// Declared is the channel's name as declared.
func (i Inbound[M]) Declared() string { return i.declared }
