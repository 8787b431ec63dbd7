package hubtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	hub "github.com/realtime-hub/hub/sdk/go"
)

// socket is an Engine.IO 4 connection over WebSocket. A packet's first digit is
// Engine.IO's, the second of a message (4) Socket.IO's: 40 CONNECT, 42 EVENT,
// 43 ACK, 44 CONNECT_ERROR. A goroutine takes what comes at once and answers
// pings, as a page does, whose test may be busy elsewhere.
type socket struct {
	conn    *websocket.Conn
	ended   sync.WaitGroup
	arrived chan struct{} // of one: there may be something to read

	writing sync.Mutex

	mu      sync.Mutex
	packets []string // guarded by mu; not read yet
	err     error    // guarded by mu; why nothing more comes
}

// dial opens a connection and reads the handshake.
func dial(ctx context.Context, d *websocket.Dialer, address string, header http.Header) (*socket, error) {
	conn, response, err := d.DialContext(ctx, "ws://"+address+"/socket.io/?EIO=4&transport=websocket", header)
	if response != nil {
		defer response.Body.Close()
	}
	if err != nil && response != nil { // the hub refused, and says why
		said, _ := io.ReadAll(response.Body) // from memory
		err = fmt.Errorf("%w: %s: %s", err, response.Status, bytes.TrimSpace(said))
	}
	if err != nil {
		return nil, err
	}
	s := &socket{conn: conn, arrived: make(chan struct{}, 1)}
	s.ended.Go(s.receive)
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

// receive takes what comes until the connection ends.
func (s *socket) receive() {
	for {
		_, data, err := s.conn.ReadMessage()
		ping := err == nil && string(data) == "2"
		if ping {
			err = s.write("3")
		}
		s.mu.Lock()
		switch {
		case err != nil:
			s.err = err
		case !ping:
			s.packets = append(s.packets, string(data))
		}
		s.mu.Unlock()
		select {
		case s.arrived <- struct{}{}:
		default:
		}
		if err != nil {
			_ = s.conn.Close() // the hub waits for it
			return
		}
	}
}

// connect opens the session and returns its id.
func (s *socket) connect(auth map[string]any) (string, error) {
	packet := "40"
	if len(auth) > 0 {
		data, err := json.Marshal(auth)
		if err != nil {
			return "", err
		}
		packet += string(data)
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

// read is the next packet that is no ping.
func (s *socket) read() (string, error) {
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		s.mu.Lock()
		err := s.err
		if len(s.packets) > 0 {
			next := s.packets[0]
			s.packets = s.packets[1:]
			s.mu.Unlock()
			return next, nil
		}
		s.mu.Unlock()
		if err != nil {
			return "", err
		}
		select {
		case <-s.arrived:
		case <-late.C:
			return "", fmt.Errorf("nothing within %v", patience)
		}
	}
}

func (s *socket) write(packet string) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	return s.conn.WriteMessage(websocket.TextMessage, []byte(packet))
}

// close ends the connection without a word, as a page that is closed.
func (s *socket) close() {
	_ = s.conn.Close()
	s.ended.Wait()
}

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
		var meta hubv1.Meta
		if err := protojson.Unmarshal(list[2], &meta); err != nil {
			return Event{}, fmt.Errorf("the hub sent %q: %w", packet, err)
		}
		e.ID, e.Position = meta.GetId(), position(meta.GetPosition())
	}
	return e, nil
}

func position(p *hubv1.Position) hub.Position {
	return hub.Position{Epoch: p.GetEpoch(), Offset: p.GetOffset()}
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
