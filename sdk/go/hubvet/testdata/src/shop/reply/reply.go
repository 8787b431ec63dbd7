package reply

import (
	"context"
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/realtime-hub/hub/hub/channel"
	hub "github.com/realtime-hub/hub/sdk/go"
)

type Order struct{ ID string }

func (*Order) ProtoReflect() int { return 0 }

func (*Order) String() string { return "" }

type OrderReply struct{ Order }

var (
	orders  channel.Inbound[*Order]
	replies channel.Inbound[*OrderReply]
)

type text string

func on(o *Order) error {
	encoded, _ := json.Marshal(o)
	switch o.ID {
	case "1":
		return hub.Reject(1, "SOLD_OUT", string(encoded)) // want `the text of hub.Reject has bytes made a string: it is for people, and carries no payload \(R0\)`
	case "2":
		return hub.Reject(1, "SOLD_OUT", "order "+protojson.Format(o)) // want `something encoded by protojson`
	case "3":
		return hub.Reject(1, "SOLD_OUT", o.String()) // want `a printed message`
	case "4":
		return hub.Reject(1, "SOLD_OUT", fmt.Sprintf("%v", o)) // want `a printed message`
	case "5":
		return hub.Reject(1, "SOLD_OUT", fmt.Sprintf("order %s is sold out", o.ID))
	default:
		return hub.Reject(1, "SOLD_OUT", string(text("sold out")))
	}
}

func bind() {
	hub.Handle(orders, func(ctx context.Context, in *Order, m hub.Inbound) error { return on(in) })
	hub.Handle(replies, nil) // want `browsers send OrderReply on this channel, which is called as an answer \(R0\)`
}
