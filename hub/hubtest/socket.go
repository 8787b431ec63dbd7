package hubtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	hub "github.com/realtime-hub/hub/sdk/go"
)

// socket is an Engine.IO 4 connection over WebSocket. A packet's first digit is
// Engine.IO's, the second of a message (4) Socket.IO's: 40 CONNECT, 42 EVENT,
// 43 ACK, 44 CONNECT_ERROR.
type socket struct{ conn *websocket.Conn }

// dial opens a connection and reads the handshake.
func dial(ctx context.Context, url string) (*socket, error) {
	conn, response, err := websocket.DefaultDialer.DialContext(ctx, url+"/socket.io/?EIO=4&transport=websocket", nil)
	if err != nil {
		return nil, err
	}
	_ = response.Body.Close() // an upgrade's has nothing in it
	s := &socket{conn}
	open, err := s.read()
	if err == nil && !strings.HasPrefix(open, "0{") {
		err = fmt.Errorf("the handshake is %q", open)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// connect opens the session and returns its id.
func (s *socket) connect(token string) (string, error) {
	packet := "40"
	if token != "" {
		auth, _ := json.Marshal(map[string]string{"token": token}) // strings are always JSON
		packet += string(auth)
	}
	if err := s.write(packet); err != nil {
		return "", err
	}
	answer, err := s.read()
	if err != nil {
		return "", err
	}
	if refused, ok := strings.CutPrefix(answer, "44"); ok {
		var why struct {
			Data json.RawMessage `json:"data"`
		}
		if err := json.Unmarshal([]byte(refused), &why); err != nil {
			return "", fmt.Errorf("CONNECT is answered by %q: %w", answer, err)
		}
		return "", readError(why.Data)
	}
	var session struct {
		SID string `json:"sid"`
	}
	if err := json.Unmarshal([]byte(strings.TrimPrefix(answer, "40")), &session); err != nil || session.SID == "" {
		return "", fmt.Errorf("CONNECT is answered by %q", answer)
	}
	return session.SID, nil
}

// read is the next packet that is no ping; those it answers.
func (s *socket) read() (string, error) {
	if err := s.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	for {
		_, data, err := s.conn.ReadMessage()
		if err != nil {
			return "", err
		}
		if string(data) != "2" {
			return string(data), nil
		}
		if err := s.write("3"); err != nil {
			return "", err
		}
	}
}

func (s *socket) write(packet string) error {
	if err := s.conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	return s.conn.WriteMessage(websocket.TextMessage, []byte(packet))
}

func (s *socket) close() { _ = s.conn.Close() }

// readEvent reads an EVENT: its name, its argument, and the meta of a broadcast.
func readEvent(packet string) (Event, error) {
	data, ok := strings.CutPrefix(packet, "42")
	var list []json.RawMessage
	if err := json.Unmarshal([]byte(data), &list); !ok || err != nil || len(list) == 0 {
		return Event{}, fmt.Errorf("the hub sent %q", packet)
	}
	var e Event
	if err := json.Unmarshal(list[0], &e.Name); err != nil {
		return Event{}, fmt.Errorf("the hub sent %q: %w", packet, err)
	}
	if len(list) > 1 {
		e.Payload = list[1]
	}
	if len(list) > 2 {
		var meta struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal(list[2], &meta); err != nil {
			return Event{}, fmt.Errorf("the hub sent %q: %w", packet, err)
		}
		e.ID = meta.ID
	}
	return e, nil
}

// readAck reads an ack's one argument: a result, or {ok: false, error}.
func readAck(data []byte) (json.RawMessage, error) {
	var list []json.RawMessage
	if err := json.Unmarshal(data, &list); err != nil || len(list) != 1 {
		return nil, fmt.Errorf("hubtest: the ack is %q", data)
	}
	var result struct {
		OK    bool            `json:"ok"`
		Error json.RawMessage `json:"error"`
	}
	if err := json.Unmarshal(list[0], &result); err != nil {
		return nil, fmt.Errorf("hubtest: the ack is %q: %w", data, err)
	}
	if !result.OK {
		return list[0], readError(result.Error)
	}
	return list[0], nil
}

// readError reads the contract's Error.
func readError(data []byte) error {
	var told hubv1.Error
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(data, &told); err != nil {
		return errors.Join(fmt.Errorf("hubtest: the error is %q", data), err)
	}
	e := &hub.Error{Reason: told.GetReason(), Message: told.GetMessage(), Retryable: told.GetRetryable()}
	if err := e.Code.UnmarshalJSON(strconv.AppendQuote(nil, told.GetCode())); err != nil {
		e.Code = codes.Unknown
	}
	for _, v := range told.GetViolations() {
		e.Violations = append(e.Violations, hub.Violation{Field: v.GetField(), Rule: v.GetRule(), Message: v.GetMessage()})
	}
	return e
}
