package socketio

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/internal/engine"
)

// What is written by hand says what protojson would.
func TestAMessagesMetaIsProtoJSON(t *testing.T) {
	decode := func(b []byte) (out any) {
		if err := json.Unmarshal(b, &out); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		return out
	}
	for _, p := range []engine.Publication{
		{},
		{ID: "0123456789"},
		{ID: "a \"quoted\" \\ <b>&\t\u2028 é 😀\x7f", Position: engine.Position{Epoch: "e\n", Offset: 1}},
		{ID: "x", Position: engine.Position{Epoch: "ABCDEFGHIJ"}},
		{ID: "x", Position: engine.Position{Epoch: "ABCDEFGHIJ", Offset: math.MaxUint64}},
	} {
		got, want := metaJSON(&p), controlJSON(&hubv1.Meta{Id: p.ID, Position: p.Position.Proto()})
		if !reflect.DeepEqual(decode(got), decode(want)) {
			t.Errorf("%s is not %s", got, want)
		}
	}
}
