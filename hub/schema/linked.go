package schema

import (
	"strings"
	"sync"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/apipb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/sourcecontextpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/typepb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

// linked is what the hub brings itself, static after newLinked. It is seeded
// into every source before anything of others: a set that redeclares one of
// these files is given the hub's, and one that declares their names in
// another file does not load.
type linked struct {
	files map[string]protoreflect.FileDescriptor
	// types has the options' extensions and nothing else. Declarations are
	// decoded with it, never with the global registry: there an extension may
	// be anything that some package of the program links in.
	types *protoregistry.Types
}

// optionRules holds declarations to the rules of hub/v1/channel.proto. They are the
// same for every hub of a process; compiled for each, they would be a third of
// what the start of one with channels takes, and tests start many.
var optionRules = sync.OnceValues(func() (protovalidate.Validator, error) { //nolint:gochecknoglobals // of constant messages
	return protovalidate.New(protovalidate.WithMessages(&hubv1.ChannelOptions{}, &hubv1.InboundOptions{}), protovalidate.WithDisableLazy())
})

func newLinked() *linked {
	l := &linked{files: map[string]protoreflect.FileDescriptor{}, types: &protoregistry.Types{}}
	for _, file := range []protoreflect.FileDescriptor{
		descriptorpb.File_google_protobuf_descriptor_proto,
		anypb.File_google_protobuf_any_proto,
		apipb.File_google_protobuf_api_proto,
		durationpb.File_google_protobuf_duration_proto,
		emptypb.File_google_protobuf_empty_proto,
		fieldmaskpb.File_google_protobuf_field_mask_proto,
		sourcecontextpb.File_google_protobuf_source_context_proto,
		structpb.File_google_protobuf_struct_proto,
		timestamppb.File_google_protobuf_timestamp_proto,
		typepb.File_google_protobuf_type_proto,
		wrapperspb.File_google_protobuf_wrappers_proto,
		validate.File_buf_validate_validate_proto,
		hubv1.File_hub_v1_admin_proto,
		hubv1.File_hub_v1_broadcast_proto,
		hubv1.File_hub_v1_channel_proto,
		hubv1.File_hub_v1_client_proto,
		hubv1.File_hub_v1_handler_proto,
		hubv1.File_hub_v1_reason_proto,
	} {
		l.files[file.Path()] = file
	}
	for _, extension := range []protoreflect.ExtensionType{
		validate.E_Message, validate.E_Oneof, validate.E_Field, validate.E_Predefined,
		hubv1.E_Channel, hubv1.E_Inbound,
	} {
		// It fails only for a name or number that is there twice.
		_ = l.types.RegisterExtension(extension)
	}
	return l
}

// has tells whether the import path is the hub's own.
func (l *linked) has(path string) bool { return l.files[path] != nil }

// hasCopy tells whether the path ends in one of the hub's own, as
// third_party/protovalidate/buf/validate/validate.proto does: a copy that
// others vendored, which would define every name a second time.
func (l *linked) hasCopy(path string) bool {
	for own := range l.files {
		if strings.HasSuffix(path, "/"+own) {
			return true
		}
	}
	return false
}

// seed is a registry with the hub's own files.
func (l *linked) seed() (*protoregistry.Files, error) {
	files := &protoregistry.Files{}
	for _, file := range l.files {
		if err := files.RegisterFile(file); err != nil {
			return nil, err
		}
	}
	return files, nil
}
