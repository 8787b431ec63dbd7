package main

import (
	"fmt"
	"path"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

// source is a proto file that has a page in docs/reference.
type source struct {
	file  protoreflect.FileDescriptor
	title string
	about string // ' for `
}

// sources are in the order in which they are read: those who write declarations
// come first, then backends, workers, browsers, operators.
var sources = []source{
	{hubv1.File_hub_v1_channel_proto, "Declaring a channel", "The options that your own protos carry. [How](../guide/declare.md)."},
	{hubv1.File_hub_v1_broadcast_proto, "Broadcast", "How backends reach browsers. [How](../guide/broadcast.md)."},
	{
		hubv1.File_hub_v1_handler_proto, "Handle",
		"How workers take what browsers send. The Go SDK speaks it for you ([how](../guide/handle.md)), other languages speak this.",
	},
	{
		hubv1.File_hub_v1_client_proto, "What browsers see",
		"The control objects of the Socket.IO protocol, as JSON. [The protocol](../protocol.md) says which comes when.",
	},
	{
		hubv1.File_hub_v1_admin_proto, "Operators' calls",
		"For operators, and for backends that declare channels at run time. The commands of 'hub' call it ([how](../operations.md)).",
	},
	{
		hubv1.File_hub_v1_reason_proto, "Errors",
		"What a refusal carries. [Every reason has a page](../errors/README.md) with its cause and cure.",
	},
}

// path is the page's, from the repository's root.
func (s source) path() string { return "docs/reference/" + pageOf(s.file) }

// pageOf is a proto file's page within docs/reference.
func pageOf(file protoreflect.FileDescriptor) string {
	return strings.TrimSuffix(path.Base(file.Path()), ".proto") + ".md"
}

const indexHead = `<!-- Made by docs/internal/reference of proto/hub/v1: run 'make generate'. -->
# Reference

Every message, field and call of 'hub.v1', made of the protos' comments and rules ([proto/hub/v1](../../proto/hub/v1)).
The configuration has [a page of its own](../configuration.md).

| page | made of | |
|---|---|---|
`

const indexFoot = `
**Names and JSON.** A field has its proto name, and where that differs its JSON name: browsers and [HTTP JSON](../guide/http-backend.md) see
JSON names, protos and the configuration proto names.

| type | in JSON |
|---|---|
| 'uint64' | a string, as '"42"': a number loses digits beyond 2^53 |
| an enum | its value's name |
| 'bytes' | base64 |
| 'Duration' | seconds, as '"30s"' or '"0.5s"'; in protos '{ seconds: 30 }' |
| 'Timestamp' | RFC 3339, as '"2026-01-01T00:00:00Z"' |
| 'Any' | the message with '"@type": "type.googleapis.com/blog.v1.ArticleFeed"' beside its fields |
| 'Struct' | any object |

**Absent and default.** A field that is left out has its default: what the column says, else the type's zero. Browsers see default values
present; a message, an 'optional' field and a member of a oneof that is not set is absent.

**Rules** hold before anything happens: what breaks one is [REQUEST_INVALID](../errors/REQUEST_INVALID.md), with the field and the rule.
Those of [channel.proto](channel.md) are held by 'hub check' and by a hub that loads declarations.
`

// referenceIndex lists the pages.
func referenceIndex() (string, error) {
	var out strings.Builder
	out.WriteString(ticks(indexHead))
	for _, s := range sources {
		fmt.Fprintf(&out, "| [%s](%s) | `%s` | %s |\n", s.title, pageOf(s.file), s.file.Path(), ticks(s.about))
	}
	out.WriteString(ticks(indexFoot))
	return out.String(), nil
}

// ticks is text with ` for ', which Go's raw strings cannot hold.
func ticks(text string) string { return strings.ReplaceAll(text, "'", "`") }

// page is a proto file's.
func (s source) page() (string, error) {
	said, err := comments(s.file.Path())
	if err != nil {
		return "", err
	}
	p := &protoPage{writer: writer{said: said}}
	fmt.Fprintf(p, ticks("<!-- Made by docs/internal/reference of proto/%s: run 'make generate'. -->\n"), s.file.Path())
	fmt.Fprintf(p, "# %s\n\n%s Names and JSON: [reference](README.md).\n", s.title, ticks(s.about))
	p.extensions(s.file.Extensions())
	each(s.file.Services(), p.service)
	each(s.file.Messages(), p.message)
	each(s.file.Enums(), p.enum)
	if len(p.silent) > 0 {
		return "", fmt.Errorf("proto/%s: no comment says what this is: %s", s.file.Path(), strings.Join(p.silent, ", "))
	}
	return p.String(), nil
}
