package handlers

import (
	"context"

	"github.com/realtime-hub/hub/hub/channel"
	hub "github.com/realtime-hub/hub/sdk/go"
)

type Viewed struct{}

type Alias = hub.Handler[*Viewed]

var inbound channel.Inbound[*Viewed]

func OnViewed() hub.Handler[*Viewed] { return onViewed() } // want `OnViewed makes a handler and is exported: a handler is private \(R1\)`

func OnAlias() (Alias, error) { return nil, nil } // want `OnAlias makes a handler`

func onViewed() hub.Handler[*Viewed] { return nil }

var Kept hub.Handler[*Viewed] // want `Kept is a handler and exported`

var kept hub.Handler[*Viewed]

// Logged wraps one, as middleware does.
func Logged(next hub.Handler[*Viewed]) hub.Handler[*Viewed] { return next }

func Plain(ctx context.Context, in *Viewed, m hub.Inbound) error { return nil }

func plain(ctx context.Context, in *Viewed, m hub.Inbound) error { return nil }

func Generic[M any](ctx context.Context, in M, m hub.Inbound) error { return nil }

type Service struct{}

func (*Service) On(ctx context.Context, in *Viewed, m hub.Inbound) error { return nil }

func (*Service) OnMade() hub.Handler[*Viewed] { return nil } // want `OnMade makes a handler`

func (*Service) Ended(ctx context.Context) error { return nil }

func (*Service) ended(ctx context.Context) error { return nil }

type hidden struct{}

func (hidden) On(ctx context.Context, in *Viewed, m hub.Inbound) error { return nil }

func (hidden) Made() hub.Handler[*Viewed] { return nil }

func bind(s *Service) {
	hub.Handle(inbound, onViewed())
	hub.Handle(inbound, OnViewed()) // said where it is declared
	hub.Handle(inbound, plain)
	hub.Handle(inbound, kept)
	hub.Handle(inbound, Logged(plain))
	hub.Handle(inbound, Logged(Plain)) // want `Plain is registered as a handler`
	hub.Handle(inbound, hidden{}.On)
	hub.Handle(inbound, func(ctx context.Context, in *Viewed, m hub.Inbound) error { return Plain(ctx, in, m) })
	hub.Handle(inbound, Plain)                         // want `Plain is registered as a handler and exported`
	hub.Handle(inbound, hub.Handler[*Viewed]((Plain))) // want `Plain is registered as a handler`
	hub.Handle(inbound, Generic[*Viewed])              // want `Generic is registered as a handler`
	hub.Handle(inbound, s.On)                          // want `On is registered as a handler`
	hub.OnEvent(s.Ended)                               // want `Ended is registered as a handler`
	hub.OnEvent(s.ended)
}
