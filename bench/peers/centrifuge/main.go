// Command centrifuge is a peer on github.com/centrifugal/centrifuge: its
// WebSocket handler with its JSON protocol, its memory broker, and the
// defaults of both.
package main

import (
	"context"
	"net/http"

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
		client.OnSubscribe(func(_ centrifuge.SubscribeEvent, answer centrifuge.SubscribeCallback) {
			answer(centrifuge.SubscribeReply{}, nil)
		})
		client.OnRPC(func(request centrifuge.RPCEvent, answer centrifuge.RPCCallback) {
			answer(centrifuge.RPCReply{Data: request.Data}, nil)
		})
	})
	if err := node.Run(); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/connection/websocket", centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{}))
	payload := []byte(control.Payload(len(`{"push":{"channel":"bench.feed","pub":{"data":}}}`)))
	return control.Serve(mux, func(n int) error {
		for range n {
			if _, err := node.Publish(channel, payload); err != nil {
				return err
			}
		}
		return nil
	})
}
