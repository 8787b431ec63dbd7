package e2e_test

import (
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"github.com/realtime-hub/hub/hub/server"
)

// Clients leave at every moment of their lives: before they have said anything,
// in the probe, in the middle of the upgrade, after it. Of none may anything stay.
func TestNothingIsLeftOfClientsThatLeave(t *testing.T) {
	before := goleak.IgnoreCurrent()
	h, err := start()
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		t.Run("clients", func(t *testing.T) { // whose end disconnects them
			var clients []*client
			for range 10 {
				for _, m := range modes() {
					if m.version == old {
						// Its session begins with its link. One that leaves before it has
						// read the handshake's answer is missed after a ping time-out, 45 s.
						continue
					}
					clients = append(clients, dial(t, h.url, m, options{subscribe: []string{"e2e.room.ab"}}))
				}
			}
			rand.Shuffle(len(clients), func(i, j int) { clients[i], clients[j] = clients[j], clients[i] })
			for _, c := range clients[:rand.IntN(len(clients))] {
				c.ready()
			}
		})
	}
	h.sessions(t, 0)
	begin := time.Now()
	if err := h.end(); err != nil {
		t.Error(err)
	}
	// It waits 5 s for what does not end by itself.
	if took := time.Since(begin); took > 4*time.Second {
		t.Errorf("the hub ended after %s: something was left", took)
	}
	http.DefaultClient.CloseIdleConnections()
	allowed := []goleak.Option{before}
	if door() == server.DoorLibrary {
		allowed = append(allowed, knownLeak)
	}
	if err := goleak.Find(allowed...); err != nil {
		t.Error(err)
	}
}

// The library's door alone. A stranger probes an upgrade and closes the link in the same moment. It fails
// today, so it runs on demand (HUB_FAULTS=1): of 3,000 links some 2 (with -race
// 12) leave a goroutine that ticks for ever and holds what was the link.
// The library's onPacket of the probe (servers/engine socket.go, MaybeUpgrade)
// stores its ticker after the link's close has cleared the tickers.
func TestALinkThatEndsInItsProbeLeavesNothing(t *testing.T) {
	if os.Getenv("HUB_FAULTS") == "" {
		t.Skip("a known fault; HUB_FAULTS=1 shows it")
	}
	before := goleak.IgnoreCurrent()
	h, err := start(func(cfg *server.Config) { cfg.HTTP.Door = server.DoorLibrary })
	if err != nil {
		t.Fatal(err)
	}
	for range 3000 {
		p := h.poll(t)
		address := strings.NewReplacer("http://", "ws://", "transport=polling", "transport=websocket").Replace(p.url)
		conn, _, err := websocket.DefaultDialer.Dial(address, nil)
		if err != nil {
			t.Fatal(err)
		}
		var both sync.WaitGroup
		both.Go(func() { _ = conn.WriteMessage(websocket.TextMessage, []byte("2probe")) })
		both.Go(func() { p.post("1") })
		both.Wait()
		_ = conn.Close()
	}
	if err := h.end(); err != nil {
		t.Error(err)
	}
	http.DefaultClient.CloseIdleConnections()
	if err := goleak.Find(before); err != nil {
		t.Errorf("%.600s", err)
	}
}
