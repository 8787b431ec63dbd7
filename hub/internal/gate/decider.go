package gate

import (
	"context"
	"time"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/channel"
	"github.com/realtime-hub/hub/hub/internal/fault"
)

// defaultQuestionTime is contract §3's time for an answer.
const defaultQuestionTime = 5 * time.Second

// Decider answers what only a backend knows. Whatever keeps it from answering
// is an error, and that is no.
type Decider interface {
	// Identify says who a connecting session is: neither identity nor error is
	// an anonymous one.
	Identify(ctx context.Context, group string, ask *hubv1.Authenticate) (*hubv1.Identify, error)
	// Decide says whether a session may join a channel.
	Decide(ctx context.Context, ask *hubv1.Authorize) (*hubv1.Decide, error)
}

// Bind gives the gate its decider, before the first question. Without one what
// a decider decides is no.
func (g *Gate) Bind(d Decider) { g.decider = d }

// identify is gate 1 where a worker decides it.
func (g *Gate) identify(ctx context.Context, s *state, c Credentials) (Admission, error) {
	if g.decider == nil || c.Ask == nil {
		return Admission{}, fault.New(fault.NoWorker, "nobody is there who knows sessions; try again later")
	}
	ctx, cancel := context.WithTimeout(ctx, s.questionTime)
	defer cancel()
	answer, err := g.decider.Identify(ctx, s.worker, c.Ask())
	if err != nil {
		return Admission{}, err
	}
	if no := answer.GetError(); no != nil {
		return Admission{}, fault.New(fault.CredentialsInvalid, "the session is not known; sign in again").InWordsOf(no)
	}
	if answer.GetIdentity() == nil {
		if s.anonymous {
			return Admission{}, nil
		}
		return Admission{}, fault.New(fault.CredentialsRequired, "this hub admits no anonymous sessions; sign in first")
	}
	id := Identity{
		UserID: answer.GetIdentity().GetUserId(), Roles: answer.GetIdentity().GetRoles(), Attributes: answer.GetIdentity().GetAttributes(),
	}
	if at := answer.GetIdentity().GetExpiresAt(); at != nil {
		id.ExpiresAt = at.AsTime()
		if !s.now().Before(id.ExpiresAt) {
			return Admission{}, fault.New(fault.CredentialsExpired, "the session has expired; sign in again")
		}
	}
	return Admission{Identity: id}, nil
}

// decide is gate 2 where a worker decides it.
func (g *Gate) decide(ctx context.Context, id *Identity, name string, params channel.Params) (until time.Time, err error) {
	if g.decider == nil {
		return until, fault.New(fault.NoWorker, "a worker decides about this channel, and none is there; try again later", "channel", name)
	}
	ctx, cancel := context.WithTimeout(ctx, defaultQuestionTime)
	defer cancel()
	answer, err := g.decider.Decide(ctx, &hubv1.Authorize{Channel: name, Params: params, Sender: id.Sender()})
	if at := answer.GetExpiresAt(); at != nil {
		until = at.AsTime()
	}
	switch {
	case err != nil:
		return until, err
	case answer.GetAllow() && !until.IsZero() && !g.state.Load().now().Before(until):
		return until, denied(name, id, "the channel's backend let this session in, but no longer")
	case answer.GetAllow():
		return until, nil
	case answer.GetMessage() != "":
		return until, denied(name, id, answer.GetMessage())
	default:
		return until, denied(name, id, "the channel's backend does not let this session in")
	}
}

// Sender is the session as workers know it.
func (id *Identity) Sender() *hubv1.Sender {
	return &hubv1.Sender{Session: id.Session, UserId: id.UserID, Roles: id.Roles, Attributes: id.Attributes}
}
