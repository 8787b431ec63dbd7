package rpc_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/internal/gate"
	"github.com/realtime-hub/hub/hub/internal/rpc"
)

func TestPlainCurlBroadcasts(t *testing.T) {
	var got *hubv1.BroadcastRequest
	d := serve(t, rpc.Config{Broadcast: flow{
		send: func(_ context.Context, _ *gate.Caller, req *hubv1.BroadcastRequest) (*hubv1.BroadcastResponse, error) {
			got = req
			return &hubv1.BroadcastResponse{Id: "7", Position: &hubv1.Position{Epoch: "e", Offset: 3}}, nil
		},
	}})
	const want = `{"id":"7","position":{"epoch":"e","offset":"3"},"duplicate":false}`
	for name, header := range map[string][]string{
		"curl -d":      nil,
		"no type":      {"Content-Type", ""},
		"JSON":         {"Content-Type", "", "Content-Type", "application/json"},
		"with charset": {"Content-Type", "", "Content-Type", "application/json; charset=UTF-8"},
		"Connect":      {"Content-Type", "", "Content-Type", "application/json", "Connect-Protocol-Version", "1"},
	} {
		got = nil
		res, body := d.post(t, pathBroadcast, validJSON, header...)
		if res.StatusCode != 200 || body != want || res.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s %v", name, res.StatusCode, body, res.Header)
		}
		if !proto.Equal(got, broadcast()) {
			t.Errorf("%s: the flow got %v", name, got)
		}
	}
}

func TestHTTPErrorsAreConnectsWithTheDetails(t *testing.T) {
	deep := `{"channel":"a.b","message":{"@type":"type.googleapis.com/google.protobuf.Value","value":` + strings.Repeat("[", 101) + strings.Repeat("]", 101) + `}}`
	d := serve(t, rpc.Config{Broadcast: fails(fault.New(fault.ChannelUnknown, "no such channel"))})
	for _, c := range []struct {
		name, method, path, kind, body string
		status                         int
		code, reason                   string
	}{
		{"a fault", "POST", pathBroadcast, "application/json", validJSON, 404, "not_found", "CHANNEL_UNKNOWN"},
		{"broken rules", "POST", pathBroadcast, "application/json", `{}`, 400, "invalid_argument", "REQUEST_INVALID"},
		{"malformed", "POST", pathBroadcast, "application/json", `{"channel":`, 400, "invalid_argument", "REQUEST_INVALID"},
		{"malformed form", "POST", pathBroadcast, "application/x-www-form-urlencoded", `channel=a.b`, 400, "invalid_argument", "REQUEST_INVALID"},
		{"unknown field", "POST", pathBroadcast, "application/json", `{"channel":"a.b","json":"{}","chanel":"a.b"}`, 400, "invalid_argument", "REQUEST_INVALID"},
		{"wrong type", "POST", pathBroadcast, "application/json", `{"channel":7}`, 400, "invalid_argument", "REQUEST_INVALID"},
		{"too deep", "POST", pathBroadcast, "application/json", deep, 400, "invalid_argument", "REQUEST_INVALID"},
		{"not UTF-8", "POST", pathBroadcast, "application/json", "{\"channel\":\"\xff\"}", 400, "invalid_argument", "REQUEST_INVALID"},
		{"no such path", "POST", "/nothing", "application/json", `{}`, 404, "not_found", "NOT_FOUND"},
		{"no such method", "POST", pathBroadcast + "s", "application/json", `{}`, 404, "not_found", "NOT_FOUND"},
		{"GET", "GET", pathBroadcast, "application/json", ``, 405, "invalid_argument", "REQUEST_INVALID"},
		{"OPTIONS", "OPTIONS", pathBroadcast, "", ``, 405, "invalid_argument", "REQUEST_INVALID"},
		{"text", "POST", pathBroadcast, "text/plain", validJSON, 415, "invalid_argument", "REQUEST_INVALID"},
		{"Latin-1", "POST", pathBroadcast, "application/json; charset=latin1", validJSON, 415, "invalid_argument", "REQUEST_INVALID"},
		{"a stream", "POST", "/hub.v1.HandlerService/Handle", "application/json", `{}`, 415, "invalid_argument", "REQUEST_INVALID"},
	} {
		t.Run(c.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), c.method, "http://"+d.address+c.path, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			res, body := do(t, http.DefaultTransport, req, "Content-Type", c.kind)
			code, info := connectError(t, body)
			if res.StatusCode != c.status || code != c.code || info.GetReason() != c.reason || info.GetDomain() != "hub" {
				t.Errorf("%d %s", res.StatusCode, body)
			}
		})
	}
	if d.log.String() != "" {
		t.Errorf("logged: %s", d.log)
	}
}

func TestNoBodyIsAnEmptyMessage(t *testing.T) {
	d := serve(t, rpc.Config{})
	for name, header := range map[string][]string{
		"no type": {"Content-Type", ""}, "curl -d ''": nil,
	} {
		if res, body := d.post(t, "/grpc.health.v1.Health/Check", "", header...); res.StatusCode != 200 {
			t.Errorf("%s: %d %s", name, res.StatusCode, body)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+d.address+"/grpc.health.v1.Health/Check", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Body, req.ContentLength = io.NopCloser(strings.NewReader("")), -1
	if res, body := do(t, http.DefaultTransport, req); res.StatusCode != 200 {
		t.Errorf("chunked: %d %s", res.StatusCode, body)
	}
}

func connectError(t *testing.T, body string) (code string, info *errdetails.ErrorInfo) {
	t.Helper()
	var wire struct {
		Code, Message string
		Details       []struct {
			Type, Value string
			Debug       map[string]any
		}
	}
	if err := json.Unmarshal([]byte(body), &wire); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	info = &errdetails.ErrorInfo{}
	for _, d := range wire.Details {
		if d.Type != "google.rpc.ErrorInfo" {
			continue
		}
		value, err := base64.RawStdEncoding.DecodeString(d.Value)
		if err == nil {
			err = proto.Unmarshal(value, info)
		}
		if err != nil || d.Debug["reason"] != info.GetReason() {
			t.Errorf("detail %v: %v", d, err)
		}
	}
	if wire.Message == "" {
		t.Error("no message")
	}
	return wire.Code, info
}

func TestPagesOfOtherOriginsCannotBroadcast(t *testing.T) {
	d := serve(t, rpc.Config{Broadcast: fails(fault.New(fault.Overloaded, "the flow was called"))})
	for _, header := range [][]string{{"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "cross-site"}} {
		res, body := d.post(t, pathBroadcast, validJSON, header...)
		if res.StatusCode != 403 || !strings.Contains(body, "SCOPE_DENIED") {
			t.Errorf("%v: %d %s", header, res.StatusCode, body)
		}
	}
}

// A page of evil.example can make that name mean 127.0.0.1: then it is the
// hub's own origin, and only the Host header tells.
func TestAPageThatReboundItsNameCannotBroadcast(t *testing.T) {
	const token = "a-token-of-sixteen-bytes-or-more"
	open := serve(t, rpc.Config{})
	guarded := serve(t, rpc.Config{Gate: newGate(t, gate.Config{Tokens: []gate.ServiceToken{
		{Name: "blog", Token: token, Allow: []gate.Right{gate.Broadcast}, Channels: []string{"*"}},
	}})})
	for _, row := range []struct {
		door *door
		host string
		want int
	}{
		{open, "evil.example:8081", 403},
		{open, "localhost.evil.example", 403},
		{open, "localhost:8081", 200},
		{open, "127.0.0.1", 200},
		{open, "[::1]:8081", 200},
		{guarded, "hub.internal:8081", 200}, // the page has no token
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+row.door.address+pathBroadcast, strings.NewReader(validJSON))
		if err != nil {
			t.Fatal(err)
		}
		req.Host = row.host
		res, body := do(t, http.DefaultTransport, req, "Origin", "http://"+row.host, "Authorization", "Bearer "+token)
		if res.StatusCode != row.want {
			t.Errorf("%s: %d %s, want %d", row.host, res.StatusCode, body, row.want)
		}
	}
}

func TestCompressedRequestsAreBounded(t *testing.T) {
	d := serve(t, rpc.Config{MaxPayloadBytes: 1000})
	pack := func(text string) string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	if res, body := d.post(t, pathBroadcast, pack(validJSON), "Content-Encoding", "gzip"); res.StatusCode != 200 {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	bomb := pack(`{"channel":"a.b","json":"{}"` + strings.Repeat(" ", 5<<20) + `}`)
	if res, body := d.post(t, pathBroadcast, bomb, "Content-Encoding", "gzip"); res.StatusCode != 429 {
		t.Errorf("a bomb of %d bytes: %d %s", len(bomb), res.StatusCode, body)
	}
}

func TestGRPCWebBroadcasts(t *testing.T) {
	d := serve(t, rpc.Config{Gate: tokens(t)})
	message, err := proto.Marshal(broadcast())
	if err != nil {
		t.Fatal(err)
	}
	frame := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))), message...)
	res, body := d.post(t, pathBroadcast, string(frame), "Content-Type", "", "Content-Type", "application/grpc-web+proto", "Authorization", "Bearer "+blogToken)
	if res.StatusCode != 200 || !strings.Contains(strings.ToLower(body), "grpc-status: 0") {
		t.Errorf("%d %q", res.StatusCode, body)
	}
	res, body = d.post(t, pathBroadcast, string(frame), "Content-Type", "", "Content-Type", "application/grpc-web+proto")
	if all := strings.ToLower(body + fmt.Sprint(res.Header)); !strings.Contains(all, "16") || !strings.Contains(all, "grpc-status") {
		t.Errorf("%d %q %v", res.StatusCode, body, res.Header)
	}
}
