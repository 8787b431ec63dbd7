// Command library is a peer on the Go Socket.IO library
// github.com/zishang520/socket.io, as it comes: its own server, Engine.IO and
// adapter, with their defaults.
package main

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/realtime-hub/hub/bench/internal/control"
)

const channel = "bench.feed"

func main() { control.Main(serve()) }

func serve() error {
	io := socket.NewServer(nil, nil)
	err := io.On("connection", func(args ...any) {
		if client, ok := args[0].(*socket.Socket); ok {
			connected(client)
		}
	})
	// What a user of the library would give it: not bytes that are JSON already.
	var payload map[string]any
	if err := errors.Join(err, json.Unmarshal([]byte(control.Payload(len(`42["bench.feed",]`))), &payload)); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", io.ServeHandler(nil))
	return control.Serve(mux, control.Orders{Broadcast: func(n int) error {
		for range n {
			if err := io.To(channel).Emit(channel, payload); err != nil {
				return err
			}
		}
		return nil
	}})
}

func connected(client *socket.Socket) {
	_ = client.On("subscribe", func(args ...any) {
		client.Join(channel)
		acknowledge(args)
	})
	_ = client.On("request", func(args ...any) { acknowledge(args) })
}

// acknowledge answers an event; the ack is its last argument. Without one the
// generator waits in vain, and says so.
func acknowledge(args []any) {
	if ack, ok := args[len(args)-1].(socket.Ack); ok {
		ack([]any{map[string]any{"ok": true}}, nil)
	}
}
