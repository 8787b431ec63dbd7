package socketio

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/subscription"
	"github.com/realtime-hub/hub/hub/internal/wire"
)

// members are of every kind that there is to write.
func members(n int) (out []subscription.Member, protos []*hubv1.Member) {
	ids := []string{"user_1", `"quoted\"`, "<b>&", "ä\u2028\x01", strings.Repeat("x", 256)}
	for i := range n {
		m := subscription.Member{UserID: fmt.Sprint(ids[i%len(ids)], i), Sessions: i % 3, Since: time.UnixMilli(1_800_000_000_000 + int64(i)*100)}
		out = append(out, m)
		protos = append(protos, &hubv1.Member{UserId: m.UserID, Sessions: uint32(m.Sessions), Since: timestamppb.New(m.Since)})
	}
	return out, protos
}

// What is written by hand is what protojson writes, but for how it escapes.
func TestPresenceIsCanonicalJSON(t *testing.T) {
	for _, n := range []int{0, 1, 25} {
		some, protos := members(n)
		next := "user_<1>"
		for name, test := range map[string]struct{ got, want []byte }{
			"a page": {
				membersFrame("7", "a.b", subscription.Page{Members: some, Anonymous: 3, Next: next}).Payload(),
				ackFrame("7", &hubv1.PresenceResult{Ok: true, Channel: "a.b", Members: protos, Anonymous: 3, Cursor: &next}).Payload(),
			},
			"the last page": {
				membersFrame("7", "a.b", subscription.Page{Members: some}).Payload(),
				ackFrame("7", &hubv1.PresenceResult{Ok: true, Channel: "a.b", Members: protos}).Payload(),
			},
			"an event": {
				changeFrame("a.b", some, some[:n/2]).Payload(),
				eventFrame("hub:presence", &hubv1.PresenceChange{Channel: "a.b", Joined: protos, Left: protos[:n/2]}).Payload(),
			},
		} {
			plain := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&", `\u2028`, "\u2028").Replace(string(test.got))
			if plain != string(test.want) {
				t.Errorf("%s of %d is\n%s\nnot\n%s", name, n, plain, test.want)
			}
		}
	}
}

func TestAGapSaysWhatIsMissing(t *testing.T) {
	some, _ := members(2)
	for want, first := range map[string][]byte{
		`{"channel":"a.b","reason":"PRESENCE"}`: changeFrame("a.b", some, nil).Payload(),
		`{"channel":"a.b","reason":"SLOW"}`:     []byte(`42["a.b",{},{"id":"1"}]`),
	} {
		f := GapFrame("a.b", wire.NewFrame(append(make([]byte, wire.Headroom), first...)))
		if !bytes.HasSuffix(f.Payload(), []byte(want+"]")) {
			t.Errorf("of %.40s told %s", first, f.Payload())
		}
	}
}

func BenchmarkPresenceFrame(b *testing.B) {
	some := make([]subscription.Member, 1000)
	for i := range some {
		some[i] = subscription.Member{UserID: fmt.Sprintf("user_%016x", i), Sessions: 1, Since: time.UnixMilli(1_800_000_000_123)}
	}
	b.Run("members=1000", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(changeFrame("a.b", some, nil).Payload())))
		for b.Loop() {
			changeFrame("a.b", some, nil)
		}
	})
}
