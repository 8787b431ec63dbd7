package socketio

import (
	"context"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/engine"
	"github.com/realtime-hub/hub/hub/internal/wire"
)

// maxPageBytes is what a page of history has of payloads, unless one alone is
// larger: a quarter of what may wait for a browser by default.
const maxPageBytes = 256 << 10

// history answers hub:history.
func (r *request) history(ctx context.Context) error {
	var args hubv1.HistoryArguments
	match, err := r.readable(ctx, &args)
	if err != nil {
		return err
	}
	page, err := r.door.cfg.Subscriptions.History(ctx, match, engine.PositionOf(args.GetSince()), int(args.GetLimit()), maxPageBytes)
	if err != nil || r.ack == "" {
		return err
	}
	r.out.Send(historyFrame(r.ack, match.Name, page))
	return nil
}

// historyFrame is the ack {ok, channel, position, messages: [{payload, meta}]}.
// Payloads are spliced in as they are, which no message of protobuf could carry.
func historyFrame(id, channel string, page engine.History) *wire.Frame {
	f := append(begin(ack, maxPageBytes/16), id...)
	f = append(f, `[{"ok":true,"channel":`...)
	f = appendString(f, channel)
	f = append(f, `,"position":`...)
	f = append(f, controlJSON(page.Position.Proto())...)
	f = append(f, `,"messages":[`...)
	for i := range page.Items {
		if i > 0 {
			f = append(f, ',')
		}
		f = append(f, `{"payload":`...)
		f = append(f, page.Items[i].Payload...)
		f = append(f, `,"meta":`...)
		f = append(f, metaJSON(&page.Items[i])...)
		f = append(f, '}')
	}
	return wire.NewFrame(append(f, `]}]`...))
}
