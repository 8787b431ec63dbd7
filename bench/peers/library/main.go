// Command library is a peer on the Go Socket.IO library
// github.com/zishang520/socket.io, as it comes: its own server, Engine.IO and
// adapter, with their defaults.
package main

import (
	"encoding/json"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"

	"github.com/realtime-hub/hub/bench/internal/control"
)

const channel = "bench.feed"

func main() {
	log.SetFlags(0)
	if err := serve(); err != nil {
		log.Fatal(err)
	}
}

func serve() error {
	io := socket.NewServer(nil, nil)
	if err := io.On("connection", func(args ...any) { connected(args[0].(*socket.Socket)) }); err != nil {
		return err
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0") //nolint:noctx // for the process' life
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", io.ServeHandler(nil))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { log.Fatal(server.Serve(listener)) }()

	orders, err := control.Listen(listener.Addr().String())
	if err != nil {
		return err
	}
	var payload map[string]any // what a user of the library would give it
	if err := json.Unmarshal([]byte(control.Payload(len(`42["bench.feed",]`))), &payload); err != nil {
		return err
	}
	return control.Obey(orders, func(n int) {
		for range n {
			if err := io.To(channel).Emit(channel, payload); err != nil {
				log.Fatal(err)
			}
		}
	})
}

func connected(client *socket.Socket) {
	_ = client.On("subscribe", func(args ...any) {
		client.Join(channel)
		acknowledge(args)
	})
	_ = client.On("request", func(args ...any) { acknowledge(args) })
}

// acknowledge answers an event; the ack is its last argument.
func acknowledge(args []any) {
	ack, ok := args[len(args)-1].(socket.Ack)
	if !ok {
		log.Fatal("an event without an ack")
	}
	ack([]any{map[string]any{"ok": true}}, nil)
}
