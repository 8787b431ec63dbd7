package samples_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os/exec"
	"testing"
	"time"

	"buf.build/go/protovalidate"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/hubtest"
	hub "github.com/realtime-hub/hub/sdk/go"
)

// patience is how long a judge may take.
const patience = 60 * time.Second

// broadcasting is a hub's door for backends, by gRPC.
func broadcasting(t *testing.T, h *hubtest.Hub) func(channel string, payload []byte) verdict {
	t.Helper()
	backend := hubv1.NewBroadcastServiceClient(h.Client(t).Conn())
	return func(channel string, payload []byte) verdict {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		_, err := backend.Broadcast(ctx, &hubv1.BroadcastRequest{Channel: channel, Payload: &hubv1.BroadcastRequest_Json{Json: string(payload)}})
		if err == nil {
			return ""
		}
		var all []string
		for _, detail := range status.Convert(err).Details() {
			if bad, ok := detail.(*errdetails.BadRequest); ok {
				for _, v := range bad.GetFieldViolations() {
					all = append(all, broken(v.GetField(), v.GetReason()))
				}
			}
		}
		if len(all) == 0 {
			return verdict(err.Error())
		}
		return verdictOf(all...)
	}
}

// refusal is the verdict that a browser is told.
func refusal(err error) verdict {
	refused, ok := errors.AsType[*hub.Error](err)
	switch {
	case err == nil:
		return ""
	case !ok || refused.Reason != "PAYLOAD_INVALID" || len(refused.Violations) == 0:
		return verdict(err.Error())
	}
	all := make([]string, len(refused.Violations))
	for i, v := range refused.Violations {
		all[i] = broken(v.Field, v.Rule)
	}
	return verdictOf(all...)
}

// serve is a worker that says yes to everything, so that a message that passes is
// acked. It speaks the wire's own words: there is no generated code of these protos.
func serve(t *testing.T, h *hubtest.Hub, everything []said) {
	t.Helper()
	attach := &hubv1.Attach{Group: "samples"}
	for _, s := range everything {
		if s.inbound {
			attach.Channels = append(attach.Channels, declared(s.channel))
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := hubv1.NewHandlerServiceClient(h.Client(t).Conn()).Handle(ctx)
	if err == nil {
		err = stream.Send(&hubv1.HandleRequest{Frame: &hubv1.HandleRequest_Attach{Attach: attach}})
	}
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	if first, err := stream.Recv(); err != nil || first.GetAttached() == nil {
		cancel()
		t.Fatalf("%v, %v", first, err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			frame, err := stream.Recv()
			if err != nil {
				return
			}
			if d := frame.GetDelivery(); d != nil {
				_ = stream.Send(&hubv1.HandleRequest{Frame: &hubv1.HandleRequest_Ack{Ack: &hubv1.Ack{DeliveryId: d.GetDeliveryId()}}})
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

func declared(concrete string) string {
	for template, name := range names {
		if name == concrete {
			return template
		}
	}
	return concrete
}

// descriptors are the messages' files with all that they import, as buf build makes
// them.
func descriptors(t *testing.T, everything []said) *descriptorpb.FileDescriptorSet {
	t.Helper()
	set, added := &descriptorpb.FileDescriptorSet{}, map[string]bool{}
	var add func(file protoreflect.FileDescriptor)
	add = func(file protoreflect.FileDescriptor) {
		if added[file.Path()] {
			return
		}
		added[file.Path()] = true
		for i := range file.Imports().Len() {
			add(file.Imports().Get(i).FileDescriptor)
		}
		set.File = append(set.File, protodesc.ToFileDescriptorProto(file))
	}
	for _, s := range everything {
		add(s.message.Descriptor().ParentFile())
	}
	return set
}

// newGoJudge is protovalidate on messages of the set: nothing of the hub's.
func newGoJudge(t *testing.T, set *descriptorpb.FileDescriptorSet) func(name protoreflect.FullName, payload []byte) verdict {
	t.Helper()
	files, err := protodesc.NewFiles(set)
	if err != nil {
		t.Fatal(err)
	}
	types := dynamicpb.NewTypes(files)
	validator, err := protovalidate.New(protovalidate.WithExtensionTypeResolver(types))
	if err != nil {
		t.Fatal(err)
	}
	return func(name protoreflect.FullName, payload []byte) verdict {
		of, err := types.FindMessageByName(name)
		if err != nil {
			t.Fatal(err)
		}
		m := of.New().Interface()
		if err := (protojson.UnmarshalOptions{Resolver: types}).Unmarshal(payload, m); err != nil {
			return verdict(err.Error())
		}
		err = validator.Validate(m)
		refused, ok := errors.AsType[*protovalidate.ValidationError](err)
		switch {
		case err == nil:
			return ""
		case !ok:
			return verdict(err.Error())
		}
		all := make([]string, len(refused.Violations))
		for i, v := range refused.Violations {
			all[i] = broken(protovalidate.FieldPathString(v.Proto.GetField()), v.Proto.GetRuleId())
		}
		return verdictOf(all...)
	}
}

// typescript are @bufbuild/protovalidate's verdicts, in the same order.
func typescript(t *testing.T, set *descriptorpb.FileDescriptorSet, everything []said) [][]verdict {
	t.Helper()
	type message struct {
		Name     string            `json:"name"`
		Payloads []json.RawMessage `json:"payloads"`
	}
	data, err := proto.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	asked := struct {
		Set      string    `json:"set"`
		Messages []message `json:"messages"`
	}{Set: base64.StdEncoding.EncodeToString(data)}
	for _, s := range everything {
		m := message{Name: string(s.message.Name())}
		for _, c := range s.cases {
			m.Payloads = append(m.Payloads, c.JSON)
		}
		asked.Messages = append(asked.Messages, m)
	}
	in, err := json.Marshal(asked)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "../driver/validate.mjs")
	var complaint bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &complaint
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, complaint.String())
	}
	var judged [][]struct {
		Error      string
		Violations []struct{ Path, Rule string }
	}
	if err := json.Unmarshal(out, &judged); err != nil || len(judged) != len(everything) {
		t.Fatalf("%v: %.200s", err, out)
	}
	verdicts := make([][]verdict, len(judged))
	for i, payloads := range judged {
		if len(payloads) != len(everything[i].cases) {
			t.Fatalf("%s: %d verdicts on %d payloads", everything[i], len(payloads), len(everything[i].cases))
		}
		for _, p := range payloads {
			var all []string
			for _, v := range p.Violations {
				all = append(all, broken(v.Path, v.Rule))
			}
			one := verdictOf(all...)
			if p.Error != "" {
				one = verdict(p.Error)
			}
			verdicts[i] = append(verdicts[i], one)
		}
	}
	return verdicts
}
