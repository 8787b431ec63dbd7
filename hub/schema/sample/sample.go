// Package sample makes payloads of a message's rules: some that keep all of
// them, at their edges, and for each rule one that breaks it and nothing else.
//
// What is meant to be broken comes from reading the declaration: each rule of
// each field at any depth, of oneofs, and of messages. Payloads come from values
// that are near to what the rules say, put together and tried out. A payload
// counts only when protovalidate names exactly the rule that was meant, so what
// is here is what the rules say, not what this package believes of them. A rule
// that nothing was found to break, and a message that nothing was found to
// keep, are listed with the reason ([Untested]), and so is a contradiction.
//
// The same message has the same samples, but for times close to now, which rules
// as timestamp.within ask for. Payloads fit into the hub's default limit.
package sample

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Config bounds what is made. The zero value works.
type Config struct {
	// MaxPayloadBytes is what a payload may have as canonical JSON. Default:
	// 65,536, the hub's.
	MaxPayloadBytes int
	// MaxCases is how many payloads a message has at most, of each kind.
	// Rules beyond it are untested. Default: 4,096.
	MaxCases int
	// Now is the time that rules with now are held to, and a minute later still. Default:
	// the clock's.
	Now time.Time
}

// Set is what was made of one message.
type Set struct {
	// Message is the message's full name.
	Message protoreflect.FullName
	// Cases has those that pass first. The first of all is the smallest.
	Cases []Case
	// Untested are the rules without a case.
	Untested []Untested
}

// Case is a payload and what becomes of it.
type Case struct {
	// Name says what is special about it, for people.
	Name string
	// JSON is the payload as ProtoJSON, without what is not set.
	JSON []byte
	// Accepted tells whether it keeps all rules.
	Accepted bool
	// Field is the path of the one field that breaks its rule, in JSON names,
	// as the hub tells it; empty for the whole message. Path is the same in the
	// proto's names, as protovalidate tells it.
	Field, Path string
	// Rule is the id of the broken rule, as string.min_len.
	Rule string
}

// Untested is a rule that no payload was found for.
type Untested struct {
	// Field is in JSON names, with [] for any item; empty for the whole message.
	Field string
	// Rule is the rule's id; empty: no value at all was found that passes.
	Rule string
	// Reason is why.
	Reason string
}

// String is the rule and the reason on one line.
func (u Untested) String() string {
	switch {
	case u.Field == "" && u.Rule == "":
		return u.Reason
	case u.Field == "":
		return u.Rule + ": " + u.Reason
	case u.Rule == "":
		return u.Field + ": " + u.Reason
	}
	return u.Field + " " + u.Rule + ": " + u.Reason
}

// Passing is the first payload that keeps all rules; ok is false where none
// was found.
func (s Set) Passing() (c Case, ok bool) {
	if len(s.Cases) > 0 && s.Cases[0].Accepted {
		return s.Cases[0], true
	}
	return Case{}, false
}

// Of makes the samples of a message. The descriptor's file and its imports are
// all that is known: an Any holds messages of these. An error is that the rules
// do not compile, or that ctx ended: rules in CEL may take any time.
func Of(ctx context.Context, m protoreflect.MessageDescriptor, cfg Config) (Set, error) {
	cfg.MaxPayloadBytes = cmp.Or(cfg.MaxPayloadBytes, 64<<10)
	cfg.MaxCases = cmp.Or(cfg.MaxCases, 4096)
	if cfg.Now.IsZero() {
		cfg.Now = time.Now()
	}
	types := dynamicpb.NewTypes(filesOf(m.ParentFile()))
	validator, err := protovalidate.New(protovalidate.WithMessageDescriptors(m), protovalidate.WithExtensionTypeResolver(types))
	if err != nil {
		return Set{}, fmt.Errorf("protovalidate: %w", err)
	}
	k := &maker{
		ended: ctx.Err, cfg: cfg, types: types, validator: validator,
		made: map[protoreflect.FullName]*kind{}, bare: map[protoreflect.FullName]*kind{},
	}
	if _, err := k.judge(dynamicpb.NewMessage(m), nil); isCompilation(err) {
		return Set{}, err
	}
	made := k.set(m)
	if err := ctx.Err(); err != nil {
		return Set{}, fmt.Errorf("the samples of %s are not made: %w", m.FullName(), err)
	}
	return made, nil
}

// filesOf are a file and all that it imports.
func filesOf(file protoreflect.FileDescriptor) *protoregistry.Files {
	files := &protoregistry.Files{}
	var add func(file protoreflect.FileDescriptor)
	add = func(file protoreflect.FileDescriptor) {
		if _, err := files.FindFileByPath(file.Path()); err == nil || file.IsPlaceholder() {
			return
		}
		_ = files.RegisterFile(file) // it fails only for names that are there twice, which a linked file has not
		for i := range file.Imports().Len() {
			add(file.Imports().Get(i).FileDescriptor)
		}
	}
	add(file)
	return files
}

// maker makes the samples of one message and of those within it.
type maker struct {
	// ended is not nil when nobody waits any more: then nothing is judged, and the
	// making comes to its end by itself.
	ended func() error

	cfg       Config
	types     *dynamicpb.Types
	validator protovalidate.Validator

	// made are the messages that are made or being made; bare those that are
	// within themselves, as short as they can be.
	made, bare map[protoreflect.FullName]*kind
}

// set turns what was made into payloads: as JSON, each once, and judged again
// as who reads them will.
func (k *maker) set(m protoreflect.MessageDescriptor) Set {
	of := k.message(m)
	out := Set{Message: m.FullName()}
	seen := map[string]bool{}
	for _, c := range of.valid {
		data, _, ok := k.finish(m, c, nil)
		if ok && !seen[string(data)] {
			seen[string(data)] = true
			out.Cases = append(out.Cases, Case{Name: c.why, JSON: data, Accepted: true})
		}
	}
	said, lost := map[string]bool{}, map[string]Untested{}
	for _, c := range of.broken {
		data, broken, ok := k.finish(m, c, c.breaks)
		if !ok {
			lost[c.breaks.key()] = Untested{
				Field: patternPath(c.breaks.path, m), Rule: c.breaks.rule,
				Reason: "what breaks it cannot be said in JSON, or is larger than a payload may be",
			}
			continue
		}
		said[c.breaks.key()] = true
		out.Cases = append(out.Cases, Case{
			Name: c.why, JSON: data, Field: jsonPath(broken.path, m), Path: broken.String(), Rule: broken.rule,
		})
	}
	out.Untested = of.untested
	for key, u := range lost {
		if !said[key] {
			out.Untested = append(out.Untested, u)
		}
	}
	slices.SortFunc(out.Untested, func(a, b Untested) int {
		return cmp.Or(cmp.Compare(a.Field, b.Field), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Reason, b.Reason))
	})
	out.Untested = slices.Compact(out.Untested)
	return out
}

// finish encodes a payload, reads it back and judges what was read: rounding,
// ranges and sizes of JSON may differ from the value's.
func (k *maker) finish(m protoreflect.MessageDescriptor, c candidate, want *breach) (data []byte, broken *breach, ok bool) {
	message, isMessage := c.value.Message().Interface().(*dynamicpb.Message)
	if !isMessage {
		return nil, nil, false
	}
	full, err := protojson.MarshalOptions{EmitDefaultValues: true, Resolver: k.types}.Marshal(message)
	if err != nil {
		return nil, nil, false
	}
	var compact bytes.Buffer
	if json.Compact(&compact, full) != nil || compact.Len() > k.cfg.MaxPayloadBytes {
		return nil, nil, false
	}
	spaced, err := protojson.MarshalOptions{Resolver: k.types}.Marshal(message)
	if err != nil {
		return nil, nil, false
	}
	compact.Reset()
	if json.Compact(&compact, spaced) != nil {
		return nil, nil, false
	}
	again := dynamicpb.NewMessage(m)
	if (protojson.UnmarshalOptions{Resolver: k.types, RecursionLimit: 100}).Unmarshal(compact.Bytes(), again) != nil {
		return nil, nil, false
	}
	found, err := k.judge(again, nil)
	if err != nil || !isJust(found, want) || !k.lasts(again, nil, found) {
		return nil, nil, false
	}
	if want != nil {
		broken = &found[0]
	}
	return compact.Bytes(), broken, true
}
