package hub_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"net"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/realtime-hub/hub/hub/channel"
	hub "github.com/realtime-hub/hub/sdk/go"
)

// In these examples a StringValue stands for the message that you generated.

// exampleHub is an in-process hub that accepts everything.
func exampleHub(answer ...error) (address string, stop func()) {
	f := &fakeHub{}
	if len(answer) > 0 {
		f.answer = func(int) error { return answer[0] }
	}
	address, stop, err := listen(f)
	if err != nil {
		log.Fatal(err)
	}
	return address, stop
}

func ExampleDial() {
	address, stop := exampleHub()
	defer stop()

	client, err := hub.Dial(address)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	ch := hub.NewChannel[*wrapperspb.StringValue]("blog.article.feed")
	_, err = hub.Broadcast(context.Background(), client, ch, wrapperspb.String("hello"))
	fmt.Println(err)
	// Output: <nil>
}

func ExampleWithToken() {
	token := "from the environment or a file"
	_, err := hub.Dial("hub.example:8081", hub.WithToken(token+"\n"))
	fmt.Println(err)
	// Output: hub: WithToken: the token holds white space or characters that no header can carry
}

func ExampleWithInsecure() {
	// In a network of your own, to a hub that was started with --insecure.
	client, err := hub.Dial("hub.internal:8081", hub.WithInsecure())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
}

// Here the way leads elsewhere; a tunnel's own dial does the same.
func ExampleWithDialer() {
	address, stop := exampleHub()
	defer stop()

	client, err := hub.Dial("localhost:8081", hub.WithDialer(func(ctx context.Context, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", address)
	}))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	ch := hub.NewChannel[*wrapperspb.StringValue]("blog.article.feed")
	_, err = hub.Broadcast(context.Background(), client, ch, wrapperspb.String("hello"))
	fmt.Println(err)
	// Output: <nil>
}

func ExampleWithTLS() {
	var certificate tls.Certificate // tls.LoadX509KeyPair("backend.pem", "backend.key")
	client, err := hub.Dial("hub.example:8081", hub.WithTLS(&tls.Config{
		Certificates: []tls.Certificate{certificate},
	}))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
}

// Descriptors are made once, beside the message that they carry.
var articleFeed = hub.NewChannel[*wrapperspb.StringValue]("blog.article.feed")

func ExampleNewChannel() {
	fmt.Println(articleFeed.Name())
	// Output: blog.article.feed
}

func ExampleFillChannel() {
	// Most features wrap it: func userNotification(userID string) (…, error).
	ch, err := hub.FillChannel[*wrapperspb.StringValue]("notifications.user.{user_id}", channel.Params{"user_id": "ann@example.com"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(ch.Name())
	// Output: notifications.user.ann@example%2Ecom
}

// A use case depends on the interface.
type publisher struct{ hub hub.Broadcaster }

func (p publisher) publish(ctx context.Context, title string) error {
	_, err := hub.Broadcast(ctx, p.hub, articleFeed, wrapperspb.String(title))
	return err
}

// A test gives it a Broadcaster of its own.
type recorder struct{ sent []hub.Outgoing }

func (r *recorder) SendBroadcast(_ context.Context, out hub.Outgoing) (hub.Receipt, error) {
	r.sent = append(r.sent, out)
	return hub.Receipt{ID: "1"}, nil
}

func ExampleBroadcaster() {
	rec := &recorder{}
	if err := (publisher{rec}).publish(context.Background(), "hello"); err != nil {
		log.Fatal(err)
	}
	fmt.Println(rec.sent[0].Channel, rec.sent[0].Payload.(*wrapperspb.StringValue).GetValue())
	// Output: blog.article.feed hello
}

func ExampleBroadcast() {
	address, stop := exampleHub()
	defer stop()
	client, err := hub.Dial(address)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	receipt, err := hub.Broadcast(context.Background(), client, articleFeed, wrapperspb.String("hello"),
		hub.ExceptSessions("the-session-that-wrote-it"))
	fmt.Println(receipt.ID != "", err)
	// Output: true <nil>
}

func ExampleWithID() {
	address, stop := exampleHub()
	defer stop()
	client, err := hub.Dial(address)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	for range 2 { // a job that runs twice
		receipt, err := hub.Broadcast(context.Background(), client, articleFeed, wrapperspb.String("published"), hub.WithID("article-42-published"))
		fmt.Println(receipt.ID, receipt.Duplicate, err)
	}
	// Output:
	// article-42-published false <nil>
	// article-42-published true <nil>
}

func ExampleExceptSessions() {
	rec := &recorder{}
	_, _ = hub.Broadcast(context.Background(), rec, articleFeed, wrapperspb.String("hello"), hub.ExceptSessions("GUnjRk7d"))
	fmt.Println(rec.sent[0].ExceptSessions)
	// Output: [GUnjRk7d]
}

func ExampleError() {
	address, stop := exampleHub(refusal(codes.InvalidArgument, "PAYLOAD_INVALID", "title: must be at least 1 character", &errdetails.BadRequest{
		FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "title", Reason: "string.min_len", Description: "must be at least 1 character"}},
	}))
	defer stop()
	client, err := hub.Dial(address)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	_, err = hub.Broadcast(context.Background(), client, articleFeed, wrapperspb.String(""))
	if refused, ok := errors.AsType[*hub.Error](err); ok {
		fmt.Println(refused.Reason, refused.Retryable)
		for _, v := range refused.Violations {
			fmt.Println(v.Field, v.Rule)
		}
	}
	// Output:
	// PAYLOAD_INVALID false
	// title string.min_len
}
