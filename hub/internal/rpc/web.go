package rpc

import (
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"connectrpc.com/connect"
	"connectrpc.com/vanguard"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/schema"
)

// This file is all that knows vanguard, which makes gRPC of HTTP JSON (as
// Connect has it) and of gRPC-Web, in process. It has no REST rules: one for a
// method would also match every method whose name starts alike.

// maxDepth is how deep JSON may nest; protojson's own limit of 10,000 is a
// stack's worth of work for a few bytes.
const maxDepth = 100

func newTranscoder(server *grpc.Server, limit int, known *schema.Registry) (http.Handler, error) {
	types := &messageTypes{schema: known}
	offered := make([]*vanguard.Service, 0, len(services))
	for _, desc := range services {
		offered = append(offered, vanguard.NewService(desc.ServiceName, server))
	}
	return vanguard.NewTranscoder(offered,
		vanguard.WithCodec(newCodec),
		vanguard.WithCompression(vanguard.CompressionGzip,
			func() connect.Compressor { return gzip.NewWriter(io.Discard) },
			func() connect.Decompressor { return &gunzip{limit: int64(limit)} }),
		vanguard.WithDefaultServiceOptions(
			vanguard.WithTargetProtocols(vanguard.ProtocolGRPC),
			vanguard.WithTargetCodecs(vanguard.CodecProto),
			vanguard.WithNoTargetCompression(),
			vanguard.WithTypeResolver(types),
			vanguard.WithMaxMessageBufferBytes(uint32(min(limit, 1<<31-1))), //nolint:gosec // bounded
		))
}

// codec is JSON as the contract has it: unknown fields are refused, default
// values are present, and what is malformed is the caller's mistake.
type codec struct{ vanguard.JSONCodec }

func newCodec(types vanguard.TypeResolver) vanguard.Codec {
	return codec{vanguard.JSONCodec{
		MarshalOptions:   protojson.MarshalOptions{Resolver: types, EmitDefaultValues: true},
		UnmarshalOptions: protojson.UnmarshalOptions{Resolver: types, RecursionLimit: maxDepth},
	}}
}

// Unmarshal decodes a request. The transcoder answers 500 to any other error
// than connect's own.
func (c codec) Unmarshal(data []byte, m proto.Message) error {
	err := c.JSONCodec.Unmarshal(data, m)
	if err == nil {
		return nil
	}
	s := statusOf(fault.Wrap(err, fault.RequestInvalid, "the body is not the request's JSON: "+schema.JSONProblem(err)), nil)
	out := connect.NewError(connect.Code(s.Code()), errors.New(s.Message()))
	for _, d := range s.Proto().GetDetails() {
		if detail, err := connect.NewErrorDetail(d); err == nil {
			out.AddDetail(detail)
		}
	}
	return out
}

// MarshalAppend encodes an answer. protojson's white space is random.
func (c codec) MarshalAppend(base []byte, m proto.Message) ([]byte, error) {
	return c.MarshalAppendStable(base, m)
}

// messageTypes finds the messages of Any fields: linked-in ones first, then
// those that channels declare.
type messageTypes struct{ schema *schema.Registry }

func (t *messageTypes) FindMessageByName(name protoreflect.FullName) (protoreflect.MessageType, error) {
	if known, err := protoregistry.GlobalTypes.FindMessageByName(name); err == nil {
		return known, nil
	}
	for _, c := range t.schema.Snapshot().Channels() {
		if c.Payload.Name() == name {
			return dynamicpb.NewMessageType(c.Payload.Descriptor()), nil
		}
	}
	return nil, protoregistry.NotFound
}

func (t *messageTypes) FindMessageByURL(url string) (protoreflect.MessageType, error) {
	return t.FindMessageByName(protoreflect.FullName(url[strings.LastIndexByte(url, '/')+1:]))
}

func (t *messageTypes) FindExtensionByName(name protoreflect.FullName) (protoreflect.ExtensionType, error) {
	return protoregistry.GlobalTypes.FindExtensionByName(name)
}

func (t *messageTypes) FindExtensionByNumber(of protoreflect.FullName, n protoreflect.FieldNumber) (protoreflect.ExtensionType, error) {
	return protoregistry.GlobalTypes.FindExtensionByNumber(of, n)
}

// gunzip stops where a message must end. The transcoder bounds what it reads,
// not what comes out: a few KiB can unpack to gigabytes.
type gunzip struct {
	gzip.Reader

	limit, left int64
}

// Reset starts over.
func (g *gunzip) Reset(r io.Reader) error {
	g.left = g.limit
	return g.Reader.Reset(r)
}

// Read unpacks.
func (g *gunzip) Read(p []byte) (int, error) {
	n, err := g.Reader.Read(p)
	if g.left -= int64(n); g.left < 0 {
		return 0, connect.NewError(connect.CodeResourceExhausted, tooLarge(nil, int(g.limit)))
	}
	return n, err
}

// writeFault answers a request that did not become a call, as Connect would.
func writeFault(w http.ResponseWriter, code int, e *fault.Error) {
	s := statusOf(e, nil)
	type detail struct {
		Type  string          `json:"type"`
		Value string          `json:"value"`
		Debug json.RawMessage `json:"debug,omitempty"`
	}
	body := struct {
		Code    string   `json:"code"`
		Message string   `json:"message"`
		Details []detail `json:"details"`
	}{Code: connect.Code(s.Code()).String(), Message: s.Message()}
	for _, d := range s.Proto().GetDetails() {
		body.Details = append(body.Details, detail{
			Type: string(d.MessageName()), Value: base64.RawStdEncoding.EncodeToString(d.GetValue()), Debug: debugOf(d),
		})
	}
	text, err := json.Marshal(body)
	if err != nil { // no value in it can fail
		code = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", typeJSON)
	w.WriteHeader(code)
	_, _ = w.Write(text) // it fails when the peer has gone
}

func debugOf(d *anypb.Any) json.RawMessage {
	m, err := d.UnmarshalNew()
	if err != nil {
		return nil
	}
	text, err := protojson.Marshal(m)
	if err != nil {
		return nil
	}
	return text
}
