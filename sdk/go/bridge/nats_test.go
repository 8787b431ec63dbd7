package bridge_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	natsbus "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/realtime-hub/hub/hub/hubtest"
	hub "github.com/realtime-hub/hub/sdk/go"

	"github.com/realtime-hub/hub/sdk/go/bridge"
)

// ackWait is how long this NATS waits for an ack, which hubs here are away for longer than.
const ackWait = 400 * time.Millisecond

// jetStream is a NATS server with JetStream, in process, with the streams and
// their durable consumers.
func jetStream(t testing.TB, topics ...string) *nats.Conn {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(patience) {
		t.Fatal("NATS does not start")
	}
	conn := connect(t, s.ClientURL())
	js, err := conn.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	for _, topic := range topics {
		if _, err := js.AddStream(&nats.StreamConfig{Name: topic, Subjects: []string{topic}}); err != nil {
			t.Fatal(err)
		}
		// One at a time: what NATS sends ahead it would, after an outage or a bridge's end, send
		// again behind its successors. Made here and not by the subscriber, which would delete what it made at its end.
		if _, err := js.AddConsumer(topic, &nats.ConsumerConfig{
			Durable: "hub", DeliverGroup: "hub", DeliverSubject: "deliver." + topic, AckPolicy: nats.AckExplicitPolicy, AckWait: ackWait, MaxAckPending: 1,
		}); err != nil {
			t.Fatal(err)
		}
	}
	return conn
}

func connect(t testing.TB, url string) *nats.Conn {
	t.Helper()
	conn, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

// subscriber is Watermill's, with a connection of its own.
func subscriber(t testing.TB, url string) *natsbus.Subscriber {
	t.Helper()
	s, err := natsbus.NewSubscriberWithNatsConn(connect(t, url), natsbus.SubscriberSubscriptionConfig{
		QueueGroupPrefix: "hub", AckWaitTimeout: ackWait, JetStream: natsbus.JetStreamConfig{DurablePrefix: "hub"},
	}, watermill.NewSlogLogger(slog.New(slog.NewTextHandler(t.Output(), nil))))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestNATSLosesNothingAndKeepsItsOrder(t *testing.T) {
	const topic, each = "articles", 20
	conn := jetStream(t, topic, "dead")
	publisher, err := natsbus.NewPublisherWithNatsConn(conn, natsbus.PublisherPublishConfig{Marshaler: &natsbus.NATSMarshaler{}, SubjectCalculator: natsbus.DefaultSubjectCalculator}, watermill.NopLogger{})
	if err != nil {
		t.Fatal(err)
	}
	js, err := conn.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	publish := func(first int) {
		t.Helper()
		for i := range each {
			payload := fmt.Sprintf(`{"article":"1","title":"%d"}`, first+i)
			if err := publisher.Publish(topic, event(fmt.Sprintf("event-%d", first+i), payload)); err != nil {
				t.Fatal(err)
			}
		}
	}
	receive := func(t *testing.T, reader *hubtest.Browser, first int) {
		t.Helper()
		for i := range each {
			if got := hubtest.Receive(reader, feed); got.GetTitle() != fmt.Sprint(first+i) {
				t.Fatalf("the reader has %s, not %d", got.GetTitle(), first+i)
			}
		}
	}

	way := newDoor(t)
	client, err := hub.Dial(way.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	start := func() (*running, journal) {
		r, watch := watched(t)
		log := newJournal(t)
		b := bridge.New(client, watch, bridge.Log(slog.New(log)), bridge.DeadLetters(publisher, "dead"))
		forward(t, b, topic, toFeed)
		return r.run(b, subscriber(t, conn.ConnectedUrl())), log
	}
	r, log := start()

	t.Run("the first hub", func(t *testing.T) {
		h := hubtest.Start(t, blog)
		reader := h.Browser(t)
		reader.Subscribe(feed.Name())
		way.open(h.GRPC())
		publish(0)
		receive(t, reader, 0)
	})
	for range each {
		r.next()
	}
	way.close()
	publish(each)
	log.wait(t, "event held")
	outage := time.NewTimer(3 * ackWait) // NATS loses patience meanwhile; that takes its time
	t.Run("the second hub", func(t *testing.T) {
		h := hubtest.Start(t, blog)
		reader := h.Browser(t)
		reader.Subscribe(feed.Name())
		<-outage.C
		way.open(h.GRPC())
		receive(t, reader, each)

		// Another bridge goes on where this one stopped.
		settled(t, js, topic)
		if err := r.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
		publish(2 * each)
		if err := publisher.Publish(topic, event("invalid", `{"article":"1"}`)); err != nil {
			t.Fatal(err)
		}
		r, _ = start()
		receive(t, reader, 2*each)
		for got := ""; !strings.HasPrefix(got, "dead_lettered invalid"); {
			got = r.next()
		}
		if got := reader.Pending(); len(got) != 0 {
			t.Errorf("what NATS delivered again came again: %v", got)
		}
	})
	settled(t, js, topic)
	if err := r.stop(); err != nil {
		t.Errorf("Run: %v", err)
	}
	dead, err := js.GetMsg("dead", 1)
	if err != nil || dead.Header.Get(bridge.DeadReason) != "PAYLOAD_INVALID" || !strings.Contains(dead.Header.Get(bridge.DeadViolations), `"title"`) {
		t.Errorf("the letter is %+v, %v", dead, err)
	}
	if info, err := js.StreamInfo("dead"); err != nil || info.State.Msgs != 1 {
		t.Errorf("there are other letters: %+v, %v", info, err)
	}
}

// settled waits until all that was published is acked, so that the subscriber
// has nothing that it could send on a channel that it closes (a fault of watermill-nats).
func settled(t testing.TB, js nats.JetStreamContext, topic string) {
	t.Helper()
	late, again := time.After(patience), time.NewTicker(ackWait/10)
	defer again.Stop()
	for {
		info, err := js.ConsumerInfo(topic, "hub")
		switch {
		case err != nil:
			t.Fatal(err)
		case info.NumPending == 0 && info.NumAckPending == 0:
			return
		}
		select {
		case <-again.C:
		case <-late:
			t.Fatalf("NATS still waits for acks: %+v", info)
		}
	}
}
