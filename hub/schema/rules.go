package schema

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
)

// rules are what all messages of a source share. They are immutable once
// compiled.
type rules struct {
	types *dynamicpb.Types
	// validator belongs to this source alone: its cache is keyed by
	// descriptor and never forgets, so that one for all would grow with every
	// reload.
	validator protovalidate.Validator
	// limit is of canonical JSON, in bytes.
	limit int
	// sizes are the bytes of JSON that a message has at least.
	sizes map[protoreflect.FullName]int
}

// compile compiles the rules of all messages that payloads can hold, and of
// all params. protovalidate tells what does not compile only when a message
// is validated, so each is, empty; what is not a ValidationError then is a
// mistake of the declaration.
func (r *rules) compile(ctx context.Context, channels []*Channel, files *protoregistry.Files, found *collector) error {
	reachable := reachableMessages(channels)
	synthetic, err := paramMessages(channels, files)
	if err != nil {
		return err
	}
	all := slices.Concat(reachable, synthetic)
	r.validator, err = protovalidate.New(
		protovalidate.WithMessageDescriptors(all...),
		// Without it an unknown descriptor would take a lock and grow the cache.
		protovalidate.WithDisableLazy(),
		protovalidate.WithExtensionTypeResolver(r.types),
	)
	if err != nil {
		return fmt.Errorf("protovalidate: %w", err)
	}
	for _, m := range reachable {
		if err := ctx.Err(); err != nil {
			return err
		}
		r.check(m, found)
	}
	for _, c := range channels {
		if c.params != nil {
			c.params.check(r.validator, found)
		}
	}
	return nil
}

// check reports the rules of a message that do not compile, by field.
func (r *rules) check(m protoreflect.MessageDescriptor, found *collector) {
	empty := dynamicpb.NewMessage(m)
	if compiled(r.validator.Validate(empty)) == nil {
		return
	}
	at := Problem{File: m.ParentFile().Path(), Line: messageLine(m), Message: string(m.FullName())}
	reported := len(found.list)
	only := func(d protoreflect.Descriptor) error {
		return compiled(r.validator.Validate(empty, protovalidate.WithFilter(protovalidate.FilterFunc(
			func(_ protoreflect.Message, asked protoreflect.Descriptor) bool { return asked == d },
		))))
	}
	if err := only(m); err != nil {
		at.Option = "option (buf.validate.message)"
		found.add(with(at, rulesText(err)))
	}
	for i := range m.Fields().Len() {
		field := m.Fields().Get(i)
		// What an embedded message cannot compile is reported with that one.
		if err := only(field); err != nil && !strings.Contains(err.Error(), "failed to compile embedded type") {
			at.Line, at.Option = fieldLine(field), fmt.Sprintf("option (buf.validate.field) of %s", field.Name())
			found.add(with(at, rulesText(err)))
		}
	}
	if len(found.list) == reported && !embedsBroken(r.validator.Validate(empty)) {
		at.Option = "option (buf.validate)"
		found.add(with(at, rulesText(compiled(r.validator.Validate(empty)))))
	}
}

func embedsBroken(err error) bool {
	return err != nil && strings.Contains(err.Error(), "failed to compile embedded type")
}

// compiled is nil where rules could be evaluated, whatever they said.
func compiled(err error) error {
	if _, ok := errors.AsType[*protovalidate.ValidationError](err); ok {
		return nil
	}
	return err
}

// rulesText makes one line of an error of CEL, without the excerpt of the
// source that it draws over several.
func rulesText(err error) string {
	var kept []string
	for line := range strings.Lines(err.Error()) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "|") {
			kept = append(kept, line)
		}
	}
	text := strings.ReplaceAll(strings.Join(kept, "; "), "ERROR: <input>:", "at ")
	if _, ok := errors.AsType[*protovalidate.RuntimeError](err); ok {
		return "the rules fail on an empty message, instead of judging it; guard them with has() or size(): " +
			strings.TrimPrefix(text, "runtime error: ")
	}
	return "the rules do not compile: " + strings.TrimPrefix(text, "compilation error: ")
}

// reachableMessages are the payloads of channels and all messages in their
// fields, each once.
func reachableMessages(channels []*Channel) []protoreflect.MessageDescriptor {
	seen := map[protoreflect.FullName]bool{}
	var out []protoreflect.MessageDescriptor
	for _, c := range channels {
		out = appendReachable(out, seen, c.Payload.desc)
		if c.Inbound != nil {
			out = appendReachable(out, seen, c.Inbound.Message.desc)
		}
	}
	return out
}

func appendReachable(
	out []protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool, m protoreflect.MessageDescriptor,
) []protoreflect.MessageDescriptor {
	if seen[m.FullName()] {
		return out
	}
	seen[m.FullName()] = true
	out = append(out, m)
	for i := range m.Fields().Len() {
		if inner := m.Fields().Get(i).Message(); inner != nil {
			out = appendReachable(out, seen, inner)
		}
	}
	return out
}
