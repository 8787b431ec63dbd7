package hubtest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// A test that is busy elsewhere for 45 s must not lose its browsers.
func TestPingsAreAnsweredWhileNobodyAsks(t *testing.T) {
	answer := make(chan string, 1)
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		upgrader := websocket.Upgrader{}
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		for _, packet := range []string{"0{}", `42["early"]`, "2"} {
			if err := conn.WriteMessage(websocket.TextMessage, []byte(packet)); err != nil {
				t.Error(err)
			}
		}
		if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Error(err)
		}
		_, data, err := conn.ReadMessage()
		if err != nil {
			t.Error(err)
		}
		answer <- string(data)
	}))
	defer hub.Close()
	s, err := dial(t.Context(), &websocket.Dialer{}, strings.TrimPrefix(hub.URL, "http://"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if got := <-answer; got != "3" {
		t.Errorf("the ping is answered by %q", got)
	}
	if got, err := s.read(); err != nil || got != `42["early"]` {
		t.Errorf("read %q, %v", got, err)
	}
}
