package hub

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/channel"
)

// The contract's bounds of an identity.
const (
	maxUserID     = 256 // bytes
	maxRoles      = 64
	maxRole       = 128 // bytes
	maxAttributes = 64
)

// Question is what a connecting session brings to prove who it is.
type Question struct {
	// Headers are the request's, names in lower case.
	Headers map[string]string
	// Cookies are the request's.
	Cookies map[string]string
	// Auth is the CONNECT packet's auth object, as encoding/json would read it;
	// nil without one.
	Auth map[string]any
	// RemoteAddress is the browser's, as far as proxies are trusted.
	RemoteAddress string
}

// Identity is who a session is.
type Identity struct {
	// UserID is required, 1–256 bytes.
	UserID string
	// Roles are at most 64, each 1–128 bytes. Default: none.
	Roles []string
	// Attributes are for workers, which see them in [Sender]; browsers do not.
	// At most 64. Default: none.
	Attributes map[string]string
	// ExpiresAt is when the identity ends. Default: never.
	ExpiresAt time.Time
}

// Authenticate registers who answers the hub's question of who a connecting
// session is, mostly by a cookie. An identity lets it in as that, nil without
// an error as anonymous (where the hub allows it), and any error keeps it out:
// the browser reads what a [Reject] says, else HANDLER_FAILED, and that it may
// come again after a [Retry]. The context ends after 5 s, by when the hub has
// said no. At most one for each registry; the worker's token needs the right
// AUTHENTICATE.
func Authenticate(answer func(ctx context.Context, q *Question) (*Identity, error)) Registration {
	return Registration{add: func(r *Registry) error {
		if answer == nil {
			return errors.New("Authenticate: the function is nil")
		}
		if r.authenticate != nil {
			return errors.New("Authenticate: there is one already")
		}
		r.authenticate = r.wrap(func(ctx context.Context, in proto.Message, _ Inbound) error {
			q, ok := in.(*hubv1.Authenticate)
			if !ok {
				return fmt.Errorf("a middleware made a %T of the question", in)
			}
			question := &Question{Headers: q.GetHeaders(), Cookies: q.GetCookies(), RemoteAddress: q.GetRemoteAddress()}
			if q.GetAuth() != nil {
				question.Auth = q.GetAuth().AsMap()
			}
			identity, err := answer(ctx, question)
			if err != nil || identity == nil {
				return err
			}
			return give(ctx, identity, identity.check())
		})
		return nil
	}}
}

// check is what the hub would end the stream for.
func (i *Identity) check() error {
	if i.UserID == "" || len(i.UserID) > maxUserID || len(i.Roles) > maxRoles || len(i.Attributes) > maxAttributes {
		return errors.New("the identity needs a user id of 1 to 256 bytes, at most 64 roles and at most 64 attributes")
	}
	valid := utf8.ValidString(i.UserID)
	for _, role := range i.Roles {
		if role == "" || len(role) > maxRole {
			return errors.New("a role of the identity has no byte, or more than 128")
		}
		valid = valid && utf8.ValidString(role)
	}
	for name, value := range i.Attributes {
		valid = valid && utf8.ValidString(name) && utf8.ValidString(value)
	}
	if !valid {
		return errors.New("the identity is not UTF-8")
	}
	return nil
}

func (i *Identity) proto() *hubv1.Identity {
	if i == nil {
		return nil
	}
	return &hubv1.Identity{UserId: i.UserID, Roles: i.Roles, Attributes: i.Attributes, ExpiresAt: timestamp(i.ExpiresAt)}
}

// Join is a session that asks to join a channel of handler scope.
type Join struct {
	// Channel is the concrete name.
	Channel string
	// Params are the values of its params, not escaped; nil without any.
	Params channel.Params
	// Sender is who asks.
	Sender Sender
}

// Decision answers a Join. The zero value is no.
type Decision struct {
	// Allow lets the session in.
	Allow bool
	// Message is for the browser, when the answer is no; cut beyond 1,024 bytes.
	// Default: none.
	Message string
	// ExpiresAt is until when the answer holds. Default: while subscribed.
	ExpiresAt time.Time
}

// Authorize registers who decides which sessions may join a declared channel of
// handler scope, and with that send on it. An error is no: the browser reads
// the text of a [Reject], and nothing of another. The context ends after 5 s,
// by when the hub has said no. One for each channel; the worker's token needs
// the right AUTHORIZE. The hub asks any worker with that right: those of one
// group answer for the same channels, and a channel that none was registered
// for is a no.
func Authorize(declared string, decide func(ctx context.Context, j *Join) (Decision, error)) Registration {
	return Registration{add: func(r *Registry) error {
		if decide == nil {
			return fmt.Errorf("Authorize: channel %q: the function is nil", declared)
		}
		wrapped := r.wrap(func(ctx context.Context, in proto.Message, m Inbound) error {
			if _, ok := in.(*hubv1.Authorize); !ok {
				return fmt.Errorf("a middleware made a %T of the question", in)
			}
			decision, err := decide(ctx, &Join{Channel: m.Channel, Params: m.Params, Sender: m.Sender})
			return give(ctx, decision, err)
		})
		if err := r.joins.add(declared, wrapped); err != nil {
			return fmt.Errorf("Authorize: %w", err)
		}
		r.authorizes = true
		return nil
	}}
}

func (d Decision) proto(question string) *hubv1.Decide {
	return &hubv1.Decide{QuestionId: question, Allow: d.Allow, Message: clip(d.Message, maxDecision), ExpiresAt: timestamp(d.ExpiresAt)}
}

func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// An answer passes the middleware, which knows errors only, in the context.
type answerKey[A any] struct{}

func withAnswer[A any](ctx context.Context) (context.Context, *A) {
	answer := new(A)
	return context.WithValue(ctx, answerKey[A]{}, answer), answer
}

func give[A any](ctx context.Context, answer A, err error) error {
	if err != nil {
		return err
	}
	place, ok := ctx.Value(answerKey[A]{}).(*A)
	if !ok {
		return errors.New("a middleware made a context of its own")
	}
	*place = answer
	return nil
}
