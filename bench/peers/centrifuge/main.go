// Command centrifuge is a peer on github.com/centrifugal/centrifuge: its
// WebSocket handler with its JSON protocol, its memory broker and presence,
// and the defaults of all. A channel's options are those of the hub's channel
// of that name.
package main

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/centrifugal/centrifuge"

	"github.com/realtime-hub/hub/bench/internal/control"
)

const channel = "bench.feed"

func main() { control.Main(serve()) }

func serve() error {
	node, err := centrifuge.New(centrifuge.Config{})
	if err != nil {
		return err
	}
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{Credentials: &centrifuge.Credentials{UserID: "reader"}}, nil
	})
	node.OnConnect(func(client *centrifuge.Client) {
		client.OnSubscribe(func(join centrifuge.SubscribeEvent, answer centrifuge.SubscribeCallback) {
			answer(centrifuge.SubscribeReply{Options: options(join.Channel)}, nil)
		})
		client.OnRPC(func(request centrifuge.RPCEvent, answer centrifuge.RPCCallback) {
			answer(centrifuge.RPCReply{Data: request.Data}, nil)
		})
		client.OnPresenceStats(func(_ centrifuge.PresenceStatsEvent, answer centrifuge.PresenceStatsCallback) {
			answer(centrifuge.PresenceStatsReply{}, nil)
		})
	})
	if err := node.Run(); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/connection/websocket", centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{}))
	payload := []byte(control.Payload(len(`{"push":{"channel":"bench.feed","pub":{"data":}}}`)))
	return control.Serve(mux, control.Orders{
		Broadcast: func(n int) error {
			for range n {
				if _, err := node.Publish(channel, payload); err != nil {
					return err
				}
			}
			return nil
		},
		Keep: func(k control.Keeping) (control.Position, error) { return publish(node, k) },
	})
}

// options are what testdata/channels declares of the hub's.
func options(name string) (o centrifuge.SubscribeOptions) {
	o.EnableRecovery = strings.HasPrefix(name, control.KeptPrefix)
	o.EmitPresence = name == control.Told || name == control.Listed
	o.EmitJoinLeave, o.PushJoinLeave = name == control.Told, name == control.Told
	return o
}

// publish gives every message bytes of its own, as those have that come from a backend.
func publish(node *centrifuge.Node, k control.Keeping) (first control.Position, err error) {
	history := centrifuge.WithHistory(control.KeptMessages, 10*time.Minute)
	for n := range k.Each {
		for i := range k.Channels {
			result, err := node.Publish(control.KeptChannel(k.First+i), []byte(control.Kept(n+1)), history)
			if err != nil {
				return first, err
			}
			if i == 0 {
				first = control.Position{Epoch: result.Epoch, Offset: result.Offset}
			}
		}
	}
	return first, nil
}
