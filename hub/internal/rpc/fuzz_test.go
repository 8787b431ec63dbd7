package rpc_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

// siege is a door with a good worker, who has a message that is unacked, while
// a hostile one says what it likes. All inputs share it, so that what one of
// them leaves behind harms the next.
type siege struct {
	*inbound

	conn *grpc.ClientConn
	good handleClient
	n    atomic.Int64
}

// FuzzHandleFrames: whatever a hostile worker says, in whatever order, its
// stream ends well, or with a status that says why; and the good worker's
// message is the good worker's alone.
func FuzzHandleFrames(f *testing.F) {
	cfg := takesMessages(f)
	s := &siege{inbound: &inbound{door: serve(f, cfg), Service: cfg.Dispatch, schema: cfg.Schema}}
	s.conn = s.dial(f)
	s.good = attach(f.Context(), f, s.conn, &hubv1.Attach{Group: "good", Channels: []string{"room.{id}.said"}})
	for _, input := range [][]byte{
		{},
		{attaching},
		{attaching, ackingOwn, ackingOwn, draining},
		{ackingOwn},
		{attaching, attaching},
		{attaching, ackingTheirs},
		{attaching, acking, 'x', 0},
		{attaching, acking, 0},
		{attachingWide},
		{attaching, refusing, 1, refusing, 0},
		{attaching, answering, 'q', 0},
		{attaching, 0x0a, 3, 'a', 'b', 'c'},
		{draining},
		{attaching, draining, draining, ackingOwn, ackingOwn, ackingOwn},
		append([]byte{attaching, acking}, bytes.Repeat([]byte{'7'}, 200)...),
		{attaching, acking, 0xff, 0xfe, 0},
		{attaching, overlong},
		{attaching, delaying, ackingOwn},
	} {
		f.Add(input)
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		input = input[:min(len(input), 256)] // a story, not a load
		told := s.submit(t, "s"+strconv.FormatInt(s.n.Add(1), 10), "room.1.said", "the good worker's")
		first, err := s.good.Recv()
		if err != nil {
			t.Fatalf("the good worker's stream has ended: %v", err)
		}
		theirs := first.GetDelivery().GetDeliveryId()
		s.hostile(t, input, theirs)
		select {
		case err := <-told:
			t.Fatalf("the good worker's message is answered by another: %v", err)
		default:
		}
		if err := s.good.Send(ack(theirs)); err != nil {
			t.Fatal(err)
		}
		if err := s.told(t, told); err != nil {
			t.Fatal(err)
		}
		if len(told) > 0 {
			t.Fatal("its sender is told twice")
		}
		if log := s.log.String(); strings.Contains(log, "level=ERROR") {
			t.Fatalf("a hostile worker is an error of the hub's: %s", log)
		}
	})
}

// What a hostile worker says, by the input's bytes; any other is the first of a
// frame's own bytes, the second says how many there are.
const (
	attaching     = 'A'
	attachingWide = 'W' // a capacity of 2³²-1
	ackingOwn     = 'o'
	ackingTheirs  = 't'
	acking        = 'k' // the id is what follows, up to a zero
	refusing      = 'n' // odd: with retry
	delaying      = 'y' // a nack with a time that the rules forbid
	answering     = 'q' // both questions; the id follows
	draining      = 'd'
	overlong      = 'L' // more than fits into a message
)

// hostile says it all, reads what comes, and looks at the end.
func (s *siege) hostile(t *testing.T, input []byte, theirs string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	stream, err := s.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, hubv1.HandlerService_Handle_FullMethodName, grpc.ForceCodecV2(raw{}))
	if err != nil {
		t.Fatal(err)
	}
	own := make(chan string, 64)
	ended := make(chan error, 1)
	go func() {
		for {
			var answer []byte
			if err := stream.RecvMsg(&answer); err != nil {
				ended <- err
				return
			}
			frame := &hubv1.HandleResponse{}
			if proto.Unmarshal(answer, frame) == nil && frame.GetDelivery() != nil {
				own <- frame.GetDelivery().GetDeliveryId()
			}
		}
	}()
	attached := false
	for len(input) > 0 && len(ended) == 0 {
		large := input[0] == overlong
		var frames [][]byte
		frames, input = s.frames(t, input, own, theirs, attached)
		for _, frame := range frames {
			_ = stream.SendMsg(&frame) // it may have ended; reading says why
		}
		attached = true
		if large {
			break // 40 MB are enough
		}
	}
	_ = stream.CloseSend()
	select {
	case err = <-ended:
	case <-time.After(2 * patience):
		t.Fatal("the stream does not end")
	}
	if errors.Is(err, io.EOF) || strings.HasPrefix(status.Convert(err).Message(), "grpc: ") {
		return // well, or refused by grpc itself, which has a text and no reason
	}
	if info, _ := details(t, err); info.GetReason() == "INTERNAL" || status.Convert(err).Message() == "" {
		t.Fatalf("the stream ends with %v", err)
	}
}

// frames is what the input's first bytes stand for, and the rest of it.
func (s *siege) frames(t *testing.T, input []byte, own <-chan string, theirs string, attached bool) (out [][]byte, rest []byte) {
	deed, rest := input[0], input[1:]
	text := func() string {
		word, after, _ := bytes.Cut(rest, []byte{0})
		rest = after
		return string(word)
	}
	id := ""
	if deed == ackingOwn || deed == refusing {
		if attached {
			s.submit(t, "h"+strconv.FormatInt(s.n.Add(1), 10), "room.1.brief", "hostile")
		}
		select {
		case id = <-own:
		case <-time.After(time.Millisecond): // it has none: an id that nobody has
			id = "0"
		}
	}
	say := func(frame *hubv1.HandleRequest) {
		bytes, _ := proto.MarshalOptions{AllowPartial: true}.Marshal(frame)
		out = append(out, bytes)
	}
	nack := func(n *hubv1.Nack) { say(&hubv1.HandleRequest{Frame: &hubv1.HandleRequest_Nack{Nack: n}}) }
	attach := &hubv1.Attach{Group: "hostile", Channels: []string{"room.{id}.brief"}, Authorizer: true}
	switch deed {
	case attachingWide:
		attach.Capacity = math.MaxUint32
		fallthrough
	case attaching:
		say(&hubv1.HandleRequest{Frame: &hubv1.HandleRequest_Attach{Attach: attach}})
	case ackingOwn:
		say(ack(id))
	case ackingTheirs:
		say(ack(theirs))
	case acking:
		say(ack(text()))
	case refusing:
		nack(&hubv1.Nack{DeliveryId: id, Retry: len(rest)%2 == 1, Public: true, Error: &hubv1.Error{Reason: text()}})
	case delaying:
		nack(&hubv1.Nack{DeliveryId: theirs, Retry: true, RetryAfter: durationpb.New(math.MaxInt64)})
	case answering:
		name := text()
		say(&hubv1.HandleRequest{Frame: &hubv1.HandleRequest_Identify{Identify: &hubv1.Identify{QuestionId: name}}})
		say(&hubv1.HandleRequest{Frame: &hubv1.HandleRequest_Decide{Decide: &hubv1.Decide{QuestionId: name, Allow: true}}})
	case draining:
		say(&hubv1.HandleRequest{Frame: &hubv1.HandleRequest_Drain{Drain: &hubv1.Drain{}}})
	case overlong:
		out = append(out, make([]byte, 40<<20))
	default:
		n := min(len(rest), 1)
		if n == 1 {
			n = min(len(rest), 1+int(rest[0]))
		}
		out, rest = append(out, input[:1+n]), rest[n:]
	}
	return out, rest
}

// raw sends bytes as they are: what is no message at all.
type raw struct{}

var _ encoding.CodecV2 = raw{}

func (raw) Marshal(v any) (mem.BufferSlice, error) {
	b, _ := v.(*[]byte)
	return mem.BufferSlice{mem.SliceBuffer(*b)}, nil
}

func (raw) Unmarshal(data mem.BufferSlice, v any) error {
	b, _ := v.(*[]byte)
	*b = data.Materialize()
	return nil
}

func (raw) Name() string { return "proto" }
