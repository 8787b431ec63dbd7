package main

import (
	"fmt"
	"regexp"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// protoPage is one of docs/reference that is being written.
type protoPage struct {
	writer

	silent []string // what has no comment
}

// comment is what is said of d, its reasons linked. One that is missing fails
// the page.
func (p *protoPage) comment(d protoreflect.Descriptor) string {
	return linked(p.meaning(d, p.said[d.FullName()]))
}

func (p *protoPage) meaning(d protoreflect.Descriptor, text string) string {
	if text == "" {
		p.silent = append(p.silent, string(d.FullName()))
	}
	return text
}

// extensions are the options that a message may carry.
func (p *protoPage) extensions(list protoreflect.ExtensionDescriptors) {
	if list.Len() == 0 {
		return
	}
	fmt.Fprint(p, "\n## Options of a message\n| option | type | number | meaning |\n|---|---|---|---|\n")
	each(list, func(x protoreflect.ExtensionDescriptor) {
		fmt.Fprintf(p, "| `(%s)` | %s | %d | %s |\n", x.FullName(), protoType(x), x.Number(), cell(p.comment(x)))
	})
}

// needs is how a call's comment names the right that it takes.
var needs = regexp.MustCompile(`\s*Needs (the right .+?)\.(?:\s|$)`)

func (p *protoPage) service(s protoreflect.ServiceDescriptor) {
	fmt.Fprintf(p, "\n## %s\n%s\n", s.Name(), sentence(p.comment(s), string(s.Name())))
	fmt.Fprint(p, "\n| call | request | response | what it does | needs |\n|---|---|---|---|---|\n")
	each(s.Methods(), func(m protoreflect.MethodDescriptor) {
		how := fmt.Sprintf("`POST /%s/%s`", s.FullName(), m.Name())
		if m.IsStreamingClient() || m.IsStreamingServer() {
			how = "gRPC only: a stream"
		}
		text, right := p.said[m.FullName()], ""
		if found := needs.FindStringSubmatch(text); found != nil {
			right = found[1]
			text = strings.TrimSpace(strings.Replace(text, found[0], " ", 1))
		} else {
			p.silent = append(p.silent, string(m.FullName())+" (which right it needs)")
		}
		fmt.Fprintf(p, "| `%s`<br>%s | %s | %s | %s | %s |\n", m.Name(), how,
			streamed(m.Input(), m.IsStreamingClient()), streamed(m.Output(), m.IsStreamingServer()),
			cell(linked(sentence(p.meaning(m, text), string(m.Name())))), right)
	})
}

func streamed(message protoreflect.MessageDescriptor, stream bool) string {
	if stream {
		return "stream of " + reference(message)
	}
	return reference(message)
}

func (p *protoPage) message(m protoreflect.MessageDescriptor) {
	if m.IsMapEntry() {
		return
	}
	fmt.Fprintf(p, "\n## %s\n%s\n", inFile(m), linked(sentence(p.meaning(m, p.said[m.FullName()]), string(m.Name()))))
	if m.Fields().Len() == 0 {
		fmt.Fprint(p, "\nIt has no fields.\n")
	} else {
		fmt.Fprint(p, "\n| field | type | default | meaning |\n|---|---|---|---|\n")
	}
	var oneof protoreflect.OneofDescriptor
	each(m.Fields(), func(f protoreflect.FieldDescriptor) {
		within := f.ContainingOneof()
		if within != nil && within.IsSynthetic() {
			within = nil
		}
		if within != nil && within != oneof {
			p.oneof(within)
		}
		oneof = within
		p.field(f, within != nil)
	})
	each(m.Enums(), p.enum)
	each(m.Messages(), p.message)
}

// oneof is the row above its members.
func (p *protoPage) oneof(o protoreflect.OneofDescriptor) {
	meaning, standard := withoutDefault(p.comment(o))
	if rule, ok := proto.GetExtension(o.Options(), validate.E_Oneof).(*validate.OneofRules); ok && rule.GetRequired() {
		standard = "required"
	}
	fmt.Fprintf(p, "| *%s*: | one of the next | %s | %s |\n", o.Name(), standard, cell(meaning))
}

func (p *protoPage) field(f protoreflect.FieldDescriptor, inOneof bool) {
	meaning, standard := withoutDefault(p.said[f.FullName()])
	meaning = linked(p.meaning(f, meaning))
	if rules := rulesOf(f); rules != "" {
		meaning += " Rule: " + rules + "."
	}
	name := fmt.Sprintf("%#q", f.Name())
	if inOneof {
		name = "· " + name
	}
	if f.JSONName() != string(f.Name()) {
		name += fmt.Sprintf("<br>JSON %#q", f.JSONName())
	}
	fmt.Fprintf(p, "| %s | %s | %s | %s |\n", name, protoType(f), cell(standard), cell(meaning))
}

func (p *protoPage) enum(e protoreflect.EnumDescriptor) {
	fmt.Fprintf(p, "\n## %s\n%s\n\n| value | number | meaning |\n|---|---|---|\n", inFile(e),
		linked(sentence(p.meaning(e, p.said[e.FullName()]), string(e.Name()))))
	each(e.Values(), func(v protoreflect.EnumValueDescriptor) {
		if v.Number() == 0 {
			return // the unspecified one is no choice
		}
		name := fmt.Sprintf("%#q", v.Name())
		if reason := strings.TrimPrefix(string(v.Name()), "REASON_"); isReason(reason) {
			name = fmt.Sprintf("[%#q](../errors/%s.md)", v.Name(), reason)
		}
		fmt.Fprintf(p, "| %s | %d | %s |\n", name, v.Number(), cell(p.meaning(v, p.said[v.FullName()])))
	})
}
