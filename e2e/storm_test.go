package e2e_test

import (
	"strings"
	"testing"
	"time"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/server"
)

// A storm of connects is put to a worker as it can take it, and all get in.
// While it says nothing, sessions that are there already are served.
func TestAStormOfConnectsWaitsForItsWorkerAlone(t *testing.T) {
	const storm, capacity = 1000, 8
	h := startHub(t, func(cfg *server.Config) {
		cfg.Auth.Worker = &server.WorkerAuth{Group: "sessions", Timeout: 2 * patience}
	})
	w := h.work(t, &hubv1.Attach{Group: "sessions", Authenticator: true, Capacity: capacity})
	identify := func(f *hubv1.HandleResponse) {
		w.say(&hubv1.HandleRequest{Frame: &hubv1.HandleRequest_Identify{Identify: &hubv1.Identify{QuestionId: f.GetAuthenticate().GetQuestionId()}}})
	}
	first := h.rawDial(t)
	first.say("40")
	identify(w.next())
	first.read()
	first.read()
	waiting := make([]raw, storm)
	for i := range waiting {
		waiting[i] = h.rawDial(t)
		waiting[i].say("40")
	}
	begin := time.Now()
	first.say(`421["hub:subscribe","e2e.room.ab"]`)
	if answer := first.read(); !strings.HasPrefix(answer, `431[{"ok":true`) || time.Since(begin) > patience {
		t.Errorf("answered after %s by %s", time.Since(begin), answer)
	}
	asked := make([]*hubv1.HandleResponse, 0, capacity)
	for range capacity {
		asked = append(asked, w.next())
	}
	for answered := range storm {
		if n := len(w.frames); n > 0 {
			t.Fatalf("%d questions beyond the capacity of %d", n, capacity)
		}
		identify(asked[0])
		if asked = asked[1:]; answered+1+len(asked) < storm {
			asked = append(asked, w.next())
		}
	}
	for _, r := range waiting {
		if answer := r.read(); !strings.HasPrefix(answer, `40{"sid":"`) {
			t.Fatalf("CONNECT is answered by %q", answer)
		}
	}
}
