// Package hub stands in for the SDK.
package hub

import (
	"context"

	"github.com/realtime-hub/hub/hub/channel"
)

type Inbound struct{}

type Handler[M any] func(ctx context.Context, in M, m Inbound) error

type Registration struct{}

func Handle[M any](in channel.Inbound[M], h Handler[M]) Registration { return Registration{} }

func OnEvent(h func(ctx context.Context) error) Registration { return Registration{} }

func Reject(code int, reason, text string) error { return nil }

func Use(h Handler[any]) Handler[any] { return h }
