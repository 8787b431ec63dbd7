package rpc

import (
	"context"
	"time"

	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/dispatch"
	"github.com/realtime-hub/hub/hub/internal/gate"
	"github.com/realtime-hub/hub/hub/internal/session"
	"github.com/realtime-hub/hub/hub/internal/subscription"
	"github.com/realtime-hub/hub/hub/schema"
	"github.com/realtime-hub/hub/hub/schema/compare"
)

type adminService struct {
	hubv1.UnimplementedAdminServiceServer

	schema        *schema.Registry
	gate          *gate.Gate
	sessions      *session.Table
	subscriptions *subscription.Service
	dispatch      *dispatch.Service
	backlog       func() int64
	changed       func(schema.Change)
	started       time.Time
	going         context.Context //nolint:containedctx // the door's own end, no call's context
}

// administered is the channel that a concrete name means, where the caller has
// the right ADMIN on it.
func (a adminService) administered(ctx context.Context, name string) (schema.Match, error) {
	caller := callerFrom(ctx)
	if err := caller.May(gate.Admin, ""); err != nil {
		return schema.Match{}, err
	}
	match, err := a.schema.Snapshot().Match(name)
	if err != nil {
		return schema.Match{}, err
	}
	return match, caller.May(gate.Admin, match.Channel.Name())
}

// ListChannels lists the channels on which the caller has the right ADMIN.
func (a adminService) ListChannels(ctx context.Context, _ *hubv1.ListChannelsRequest) (*hubv1.ListChannelsResponse, error) {
	caller := callerFrom(ctx)
	if err := caller.May(gate.Admin, ""); err != nil {
		return nil, err
	}
	res := &hubv1.ListChannelsResponse{}
	for _, c := range a.schema.Snapshot().Channels() {
		if caller.May(gate.Admin, c.Name()) == nil {
			res.Channels = append(res.Channels, c.Info())
		}
	}
	return res, nil
}

// GetChannel shows one channel, by its declared name or a concrete one.
func (a adminService) GetChannel(ctx context.Context, req *hubv1.GetChannelRequest) (*hubv1.GetChannelResponse, error) {
	caller := callerFrom(ctx)
	if err := caller.May(gate.Admin, ""); err != nil {
		return nil, err
	}
	known := a.schema.Snapshot()
	c, ok := known.Lookup(req.GetChannel())
	if !ok {
		match, err := known.Match(req.GetChannel())
		if err != nil {
			return nil, err
		}
		c = match.Channel
	}
	if err := caller.May(gate.Admin, c.Name()); err != nil {
		return nil, err
	}
	files := &fileSet{set: &descriptorpb.FileDescriptorSet{}, seen: map[string]bool{}}
	files.add(c.Payload.Descriptor().ParentFile())
	if c.Inbound != nil {
		files.add(c.Inbound.Message.Descriptor().ParentFile())
	}
	return &hubv1.GetChannelResponse{Channel: c.Info(), Files: files.set}, nil
}

// RegisterChannels declares the caller's channels; the caller's name owns them.
func (a adminService) RegisterChannels(ctx context.Context, req *hubv1.RegisterChannelsRequest) (*hubv1.RegisterChannelsResponse, error) {
	caller := callerFrom(ctx)
	// The right alone comes first: compiling a stranger's rules costs CPU
	// that nothing bounds.
	if err := caller.May(gate.Register, ""); err != nil {
		return nil, err
	}
	may := func(declared string) error { return caller.May(gate.Register, declared) }
	change, err := a.schema.Register(ctx, caller.Name(), req.GetFiles(), may, req.GetDryRun())
	if err != nil {
		return nil, err
	}
	if a.changed != nil && !req.GetDryRun() {
		a.changed(change)
	}
	res := &hubv1.RegisterChannelsResponse{
		Added: change.Added, Changed: change.Changed, Removed: change.Removed, Unchanged: change.Unchanged,
	}
	for _, finding := range compare.Channels(change.Before, change.After) {
		res.Findings = append(res.Findings, finding.Proto())
	}
	return res, nil
}

// fileSet gathers files, each after those that it imports.
type fileSet struct {
	set  *descriptorpb.FileDescriptorSet
	seen map[string]bool
}

func (f *fileSet) add(file protoreflect.FileDescriptor) {
	if f.seen[file.Path()] {
		return
	}
	f.seen[file.Path()] = true
	for i := range file.Imports().Len() {
		f.add(file.Imports().Get(i).FileDescriptor)
	}
	f.set.File = append(f.set.File, protodesc.ToFileDescriptorProto(file))
}
