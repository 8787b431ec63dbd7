package e2e_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	blogv1 "github.com/realtime-hub/hub/examples/blog/gen/blog/v1"
	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/channel"
	"github.com/realtime-hub/hub/hub/server"
	hub "github.com/realtime-hub/hub/sdk/go"
)

// The same id again is the first broadcast again, whatever is in it.
func TestABroadcastWithAnIDIsDeliveredOnce(t *testing.T) {
	h := common.get(t)
	c := h.connect(t, modern, options{})
	here, there := room(), room()
	c.subscribe(here)
	c.subscribe(there)
	request := func(channel, json string) *hubv1.BroadcastRequest {
		return &hubv1.BroadcastRequest{Channel: channel, Id: "order-1", Payload: &hubv1.BroadcastRequest_Json{Json: json}}
	}
	for i, want := range []bool{false, true, true} {
		res, err := h.send(t, request(here, fmt.Sprintf(`{"n":%d}`, i)))
		if err != nil || res.GetDuplicate() != want || res.GetId() != "order-1" {
			t.Errorf("call %d: %v %v", i, res, err)
		}
	}
	if res, err := h.send(t, request(there, `{}`)); err != nil || res.GetDuplicate() {
		t.Errorf("on another channel: %v %v", res, err)
	}
	e := c.next(here)
	same(t, "the payload", string(e.arg(0)), `{"n":"0","text":""}`)
	same(t, "meta", string(e.arg(1)), `{"id":"order-1"}`)
	c.next(there)
	h.silence(t, c, here, there)
}

// A batch keeps its order, and goes on after what fails.
func TestABatchIsDeliveredInItsOrder(t *testing.T) {
	h := common.get(t)
	c := h.connect(t, modern, options{})
	r := room()
	c.subscribe(r)
	batch := &hubv1.BroadcastBatchRequest{}
	for n := range 100 {
		json := fmt.Sprintf(`{"n":%d}`, n)
		if n%10 == 5 {
			json = `{"text":"forbidden"}`
		}
		batch.Broadcasts = append(batch.Broadcasts, onJSON(r, json))
	}
	res, err := h.backend.BroadcastBatch(t.Context(), batch)
	if err != nil || len(res.GetResults()) != 100 {
		t.Fatalf("%v %v", res, err)
	}
	for n, result := range res.GetResults() {
		if n%10 == 5 {
			if result.GetError().GetReason() != "PAYLOAD_INVALID" || len(result.GetError().GetViolations()) != 1 {
				t.Errorf("result %d is %v", n, result)
			}
			continue
		}
		e := c.next(r)
		if number(t, e) != n || result.GetAccepted().GetId() == "" {
			t.Errorf("%s came for %d, whose result is %v", e, n, result)
		}
	}
	h.silence(t, c, r)
}

// A backend without gRPC posts JSON to the same port.
func TestABroadcastByPlainHTTPIsDelivered(t *testing.T) {
	h := common.get(t)
	c := h.connect(t, modern, options{})
	r := room()
	c.subscribe(r)
	post := func(body string) (int, string) {
		res, err := http.Post("http://"+h.addresses.GRPC+"/hub.v1.BroadcastService/Broadcast", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var answer bytes.Buffer
		_, _ = answer.ReadFrom(res.Body)
		return res.StatusCode, answer.String()
	}
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	status, answer := post(fmt.Sprintf(`{"channel":%q,"json":"{\"n\":\"5\"}"}`, r))
	var accepted struct{ ID string }
	decode(t, answer, &accepted)
	if status != http.StatusOK || accepted.ID == "" {
		t.Fatalf("%d %s", status, answer)
	}
	e := c.next(r)
	same(t, "the payload", string(e.arg(0)), `{"n":"5","text":""}`)
	same(t, "meta", string(e.arg(1)), fmt.Sprintf(`{"id":%q}`, accepted.ID))
	if status, answer := post(fmt.Sprintf(`{"channel":%q,"json":"{\"text\":\"forbidden\"}"}`, r)); status != http.StatusBadRequest || !strings.Contains(answer, "PAYLOAD_INVALID") {
		t.Errorf("%d %s", status, answer)
	}
	h.silence(t, c, r)
}

// The Go SDK and generated messages, over the channels of the example, to a
// hub that asks backends who they are.
func TestTheGoSDKReachesBrowsers(t *testing.T) {
	h := startHub(t, func(cfg *server.Config) {
		cfg.Channels = []string{"../examples/blog/proto"}
		cfg.Tokens = []server.ServiceToken{{Name: "blog", Token: "blog-0123456789abcdef0123456789abcdef", Allow: []string{"BROADCAST"}, Channels: []string{"blog.article.*"}}}
	})
	c := h.connect(t, modern, as(token(t, "user_1")))
	c.begin("blog.article.feed")
	c.subscribe("blog.notifications.user_1")
	with := func(token string) *hub.Client {
		client, err := hub.Dial(h.addresses.GRPC, hub.WithToken(token))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = client.Close() })
		return client
	}
	feed := hub.NewChannel[*blogv1.ArticleFeed]("blog.article.feed")
	mail, err := hub.FillChannel[*blogv1.UserNotification]("blog.notifications.{user_id}", channel.Params{"user_id": "user_1"})
	if err != nil {
		t.Fatal(err)
	}
	article := &blogv1.ArticleFeed{Id: "1", Slug: "a", Title: "A", PublishedAt: &timestamppb.Timestamp{Seconds: 1}}
	client := with("blog-0123456789abcdef0123456789abcdef")

	statusReason(t, "a wrong token", sdkError(hub.Broadcast(t.Context(), with("blog-0123456789abcdef0123456789abcdeg"), feed, article)), "CREDENTIALS_INVALID")
	statusReason(t, "a channel the token does not cover", sdkError(hub.Broadcast(t.Context(), client, mail, &blogv1.UserNotification{Text: "x"})), "SCOPE_DENIED")
	statusReason(t, "a payload without a title", sdkError(hub.Broadcast(t.Context(), client, feed, &blogv1.ArticleFeed{Id: "1", Slug: "a", PublishedAt: article.GetPublishedAt()})), "PAYLOAD_INVALID")
	if _, err := h.send(t, onJSON("blog.article.feed", `{}`)); err != nil {
		statusFailure(t, err).want(t, "CREDENTIALS_REQUIRED")
	} else {
		t.Error("a backend without a token was accepted")
	}

	receipt, err := hub.Broadcast(t.Context(), client, feed, article)
	if err != nil {
		t.Fatal(err)
	}
	e := c.first()
	if e.name != "blog.article.feed" {
		t.Fatalf("what was refused came: %s", e)
	}
	same(t, "the payload", string(e.arg(0)), `{"id":"1","slug":"a","title":"A","publishedAt":"1970-01-01T00:00:01Z"}`)
	same(t, "meta", string(e.arg(1)), fmt.Sprintf(`{"id":%q,"position":{"epoch":%q,"offset":"%d"}}`, receipt.ID, receipt.Position.Epoch, receipt.Position.Offset))
}

func sdkError(_ hub.Receipt, err error) error { return err }

func statusReason(t *testing.T, what string, err error, reason string) {
	t.Helper()
	if e, ok := errors.AsType[*hub.Error](err); !ok || e.Reason != reason {
		t.Errorf("%s: %v, not %s", what, err, reason)
	}
}
