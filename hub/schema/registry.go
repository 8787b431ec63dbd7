package schema

import (
	"context"
	"maps"
	"slices"
	"sync/atomic"

	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/realtime-hub/hub/hub/internal/fault"
)

// Registry holds what is declared now.
type Registry struct {
	// Static after New.
	cfg    Config
	linked *linked

	// current is read by everyone, without waiting.
	current atomic.Pointer[Snapshot]

	// writing holds one token: who has it may load. It is a channel, so that
	// waiting ends with the context; compiling one set at a time also keeps a
	// burst of registrations from taking every core.
	writing chan struct{}
	// Owned by who holds the token: the sources of the current snapshot.
	own     *source // nil before the first Load
	backend map[string]*source
}

// New is an empty registry.
func New(cfg Config) *Registry {
	r := &Registry{cfg: cfg.withDefaults(), linked: newLinked(), writing: make(chan struct{}, 1), backend: map[string]*source{}}
	empty, _ := merge(nil) // nothing conflicts with nothing
	r.current.Store(empty)
	return r
}

// Snapshot is what is declared now. It never waits.
func (r *Registry) Snapshot() *Snapshot { return r.current.Load() }

// Load reads the hub's own channels and replaces the former ones whole. A path
// is a directory, whose .proto files are read recursively and which is the
// root of their imports; one .proto file; or a compiled FileDescriptorSet. No
// paths: no channels. On an error, which are [Problems] of all paths at once,
// what was loaded before stays.
func (r *Registry) Load(ctx context.Context, paths ...string) (Change, error) {
	if err := r.begin(ctx); err != nil {
		return Change{}, err
	}
	defer r.end()
	var next *source
	if len(paths) > 0 {
		set, err := r.linked.read(ctx, paths)
		if err != nil {
			return Change{}, err
		}
		if next, err = r.linked.compile(ctx, r.cfg, "", set); err != nil {
			return Change{}, err
		}
		if len(next.channels) == 0 {
			return Change{}, noChannels(paths)
		}
	}
	snapshot, err := merge(append(r.backends(""), next))
	if err != nil {
		return Change{}, err
	}
	change := compare(r.own, next)
	r.own = next
	r.current.Store(snapshot)
	return change, nil
}

// Register declares all channels of one owner and replaces what it had; an
// empty set takes all of them away. The owner is whoever the caller's
// credentials name; it is required. may is asked for each declared name, and
// its error is returned as it is; nil allows every name. With dryRun nothing
// changes, and the answer is what would. On an error nothing changes.
//
// A set holds its files with all their imports; those of google/protobuf,
// buf/validate and hub/v1 may be left out, and count for nothing if they are
// there.
func (r *Registry) Register(
	ctx context.Context, owner string, files *descriptorpb.FileDescriptorSet, may func(declared string) error, dryRun bool,
) (Change, error) {
	if owner == "" {
		return Change{}, fault.New(fault.RequestInvalid, "channels are registered for an owner; the caller has no name")
	}
	if err := checkLimits(files, r.cfg); err != nil {
		return Change{}, err
	}
	if err := r.begin(ctx); err != nil {
		return Change{}, err
	}
	defer r.end()
	next, err := r.linked.compile(ctx, r.cfg, owner, files)
	if err != nil {
		return Change{}, err
	}
	if err := r.admit(next, files, may); err != nil {
		return Change{}, err
	}
	snapshot, err := merge(append(r.backends(owner), r.own, next))
	if err != nil {
		return Change{}, err
	}
	change := compare(r.backend[owner], next)
	if dryRun {
		return change, nil
	}
	r.backend[owner] = next
	if len(next.channels) == 0 {
		delete(r.backend, owner)
	}
	r.current.Store(snapshot)
	return change, nil
}

// admit decides whether the owner may declare what it declares.
func (r *Registry) admit(s *source, files *descriptorpb.FileDescriptorSet, may func(string) error) error {
	if n := len(s.channels); n > r.cfg.MaxSetChannels {
		return tooLarge("declares %d channels; at most %d are allowed", n, r.cfg.MaxSetChannels)
	}
	if len(s.channels) == 0 && len(files.GetFile()) > 0 {
		// A mistake, most likely; an empty set is how to take all away.
		return fault.New(fault.SchemaInvalid, "no message of the set has the option (hub.v1.channel)")
	}
	if may == nil {
		return nil
	}
	for _, c := range s.channels {
		if err := may(c.Name()); err != nil {
			return err
		}
	}
	return nil
}

// backends are the registered sources but one's, in a fixed order.
func (r *Registry) backends(but string) []*source {
	var out []*source
	for _, owner := range slices.Sorted(maps.Keys(r.backend)) {
		if owner != but {
			out = append(out, r.backend[owner])
		}
	}
	return out
}

func (r *Registry) begin(ctx context.Context) error {
	select {
	case r.writing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *Registry) end() { <-r.writing }
