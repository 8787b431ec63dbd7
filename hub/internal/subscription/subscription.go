// Package subscription is flow 3: a session joins a channel, and leaves it.
// It owns membership's meaning: that the channel exists, that the gate lets
// the session in, how many subscriptions it may have, and the engine's
// interest, counted per channel.
//
// A join is atomic: what the caller places, the replay, the ack and the delivery,
// comes after every broadcast that was accepted before and before every later one.
// A join with a position is replayed what was missed, all of it or nothing.
// Who is subscribed is present, where the channel declares it: see Members.
// Joining twice changes nothing. Errors are faults, written for the browser.
// One session's calls must come one after the other, as its inbox does it;
// those of different sessions are concurrent.
package subscription

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/channel"
	"github.com/realtime-hub/hub/hub/internal/engine"
	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/internal/gate"
	"github.com/realtime-hub/hub/hub/internal/session"
	"github.com/realtime-hub/hub/hub/schema"
)

const (
	// defaultMax is contract §4's limits.max_subscriptions.
	defaultMax = 128
	// maxReplay is contract §2's bound of messages in a replay.
	maxReplay = 300
	// defaultReplayBytes is limits.max_replay_bytes: 300 messages of 14 KiB.
	defaultReplayBytes = 4 << 20
)

// Config is what the flow asks and what it reaches.
type Config struct {
	Gate   *gate.Gate
	Schema *schema.Registry
	Engine engine.Log
	// Sink hears the channels' publications; it delivers to browsers.
	Sink engine.Sink
	// Audience hears what becomes of presence; it tells browsers. Default: nobody.
	Audience Audience
	// Max is how many subscriptions a session may have. Default: 128.
	Max int
	// MaxReplayBytes is what may be replayed to one at a join. Default: 4 MiB.
	MaxReplayBytes int
	// Metrics counts joins. Default: not counted.
	Metrics *Metrics
}

// Service is the flow.
type Service struct {
	cfg      Config // static after New
	watchers atomic.Int32
	presence presence

	mu   sync.Mutex
	held map[*session.Session][]subscription // guarded by mu. A list: most sessions have one
}

// subscription is a session's of one channel.
type subscription struct {
	channel string // the concrete one
	present int64  // since when it counts in presence, Unix ms; 0: it does not
}

// New makes the flow.
func New(cfg Config) *Service {
	if cfg.Max <= 0 {
		cfg.Max = defaultMax
	}
	if cfg.MaxReplayBytes <= 0 {
		cfg.MaxReplayBytes = defaultReplayBytes
	}
	if cfg.Metrics == nil {
		cfg.Metrics = NewMetrics(nil)
	}
	v := &Service{cfg: cfg, held: make(map[*session.Session][]subscription)}
	v.presence = presence{audience: cfg.Audience, declared: v.declaresPresence, metrics: cfg.Metrics, crowds: make(map[string]*crowd)}
	return v
}

// Join makes s a subscriber, and tells until when it may be; zero: as long as
// it is who it is. place runs between two publications and must not block.
func (v *Service) Join(ctx context.Context, s *session.Session, args *hubv1.SubscribeArguments, place Place) (until time.Time, err error) {
	until, err = v.join(ctx, s, args, place)
	v.cfg.Metrics.count(err)
	return until, err
}

// Place puts what was missed, the result and the membership into a connection's
// queue, in this order.
type Place func(result *hubv1.SubscribeResult, replay []*engine.Publication)

func (v *Service) join(ctx context.Context, s *session.Session, args *hubv1.SubscribeArguments, place Place) (until time.Time, err error) {
	match, err := v.cfg.Schema.Snapshot().Match(args.GetChannel())
	if err != nil {
		return until, err
	}
	if until, err = v.cfg.Gate.Join(ctx, s.Identity(), match); err != nil {
		return until, err
	}
	if args.GetSince() != nil && match.Options.GetHistory() == nil {
		return until, fault.New(fault.NotEnabled, "the channel keeps no history; subscribe without since", "channel", match.Name)
	}
	if v.Holds(s, match.Name) { // it has missed nothing, and what it asks for again it has
		place(&hubv1.SubscribeResult{Ok: true, Channel: match.Name}, nil)
		v.appear(s, match) // the declaration may have none when it subscribed
		return until, nil
	}
	if err := v.reserve(s, match.Name); err != nil {
		return until, err
	}
	opts := engine.ReadOptions{
		Keep:     engine.RetentionOf(match.Options.GetHistory()),
		Since:    engine.PositionOf(args.GetSince()),
		MaxItems: maxReplay, MaxBytes: v.cfg.MaxReplayBytes,
	}
	err = v.cfg.Engine.Join(ctx, match.Name, v.cfg.Sink, opts, func(r engine.Replay) {
		place(v.result(match.Name, opts.Since, r), r.Items)
	})
	if err != nil {
		v.release(s, match.Name)
		return until, err
	}
	v.appear(s, match)
	return until, nil
}

// result says where a subscription starts and, where it was asked, whether anything
// is missing.
func (v *Service) result(channel string, since *engine.Position, r engine.Replay) *hubv1.SubscribeResult {
	out := &hubv1.SubscribeResult{Ok: true, Channel: channel, Position: r.Position.Proto()}
	if since == nil {
		return out
	}
	out.Recovered = new(r.Lost == "")
	out.Replayed = new(uint32(len(r.Items))) //nolint:gosec // at most maxReplay
	if r.Lost != "" {
		out.Reason = new(string(r.Lost))
	}
	v.cfg.Metrics.countRecovery(r)
	return out
}

// Leave ends a subscription. place takes the membership back and puts the
// result into the connection's queue. Without a subscription only the result
// is placed: the browser has what it asked for. The channel need not be
// declared any more.
func (v *Service) Leave(s *session.Session, name string, place func(*hubv1.UnsubscribeResult)) error {
	if _, err := channel.Split(name); err != nil {
		return fault.New(fault.ChannelNameInvalid, err.Error())
	}
	place(&hubv1.UnsubscribeResult{Ok: true, Channel: name})
	if held, was := v.release(s, name); was {
		v.cfg.Engine.Leave(name, v.cfg.Sink)
		v.vanish(s, held)
	}
	return nil
}

// LeaveAll ends all subscriptions of a session that is gone.
func (v *Service) LeaveAll(s *session.Session) {
	v.mu.Lock()
	all := v.held[s]
	delete(v.held, s)
	v.mu.Unlock()
	for _, held := range all {
		v.cfg.Engine.Leave(held.channel, v.cfg.Sink)
		v.vanish(s, held)
	}
	v.cfg.Metrics.subscriptions.Sub(float64(len(all)))
}

// Channels are the concrete channels that s is subscribed to, by name.
func (v *Service) Channels(s *session.Session) []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := make([]string, 0, len(v.held[s]))
	for _, held := range v.held[s] {
		out = append(out, held.channel)
	}
	slices.Sort(out)
	return out
}

// Holds tells whether s is subscribed to the concrete channel.
func (v *Service) Holds(s *session.Session, name string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return find(v.held[s], name) >= 0
}

func find(all []subscription, name string) int {
	return slices.IndexFunc(all, func(held subscription) bool { return held.channel == name })
}

// Count is how many subscriptions there are, and on how many channels.
func (v *Service) Count() (subscriptions, channels int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	distinct := make(map[string]struct{})
	for _, all := range v.held {
		subscriptions += len(all)
		for _, held := range all {
			distinct[held.channel] = struct{}{}
		}
	}
	return subscriptions, len(distinct)
}

// reserve counts the subscription before the engine is asked, so that the
// limit holds whatever the engine does.
func (v *Service) reserve(s *session.Session, name string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	all := v.held[s]
	if len(all) >= v.cfg.Max {
		return fault.New(fault.TooManySubscriptions, "the session has as many subscriptions as it may; unsubscribe from another channel first", "channel", name)
	}
	if all == nil {
		all = make([]subscription, 0, 1)
	}
	v.held[s] = append(all, subscription{channel: name})
	v.cfg.Metrics.subscriptions.Inc()
	return nil
}

func (v *Service) release(s *session.Session, name string) (held subscription, was bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	all := v.held[s]
	i := find(all, name)
	if i < 0 {
		return subscription{}, false
	}
	held = all[i]
	if len(all) == 1 {
		delete(v.held, s)
	} else {
		v.held[s] = slices.Delete(all, i, i+1)
	}
	v.cfg.Metrics.subscriptions.Dec()
	return held, true
}
