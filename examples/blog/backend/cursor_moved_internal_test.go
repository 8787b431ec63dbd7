package backend

import (
	"errors"
	"slices"
	"testing"

	blogv1 "github.com/realtime-hub/hub/examples/blog/gen/blog/v1"
	"github.com/realtime-hub/hub/hub/channel"
	hub "github.com/realtime-hub/hub/sdk/go"
	"github.com/realtime-hub/hub/sdk/go/hubtest"
)

func move(t *testing.T, rec *hubtest.Recorder, in *blogv1.CursorMoved) error {
	t.Helper()
	return onCursorMoved(rec)(t.Context(), in, hub.Inbound{
		Params: channel.Params{"board_id": "front"}, Sender: hub.Sender{Session: "desk", UserID: "user_2", Roles: []string{"editor"}},
	})
}

func TestACursorIsItsSendersWhateverThePageClaims(t *testing.T) {
	rec := hubtest.NewRecorder(t)
	if err := move(t, rec, &blogv1.CursorMoved{X: 10, Y: 1000, UserId: "user_1", Session: "another"}); err != nil {
		t.Fatal(err)
	}
	moved := hubtest.Only[*blogv1.CursorMoved](t, rec)
	if moved.GetX() != 10 || moved.GetY() != 1000 || moved.GetUserId() != "user_2" || moved.GetSession() != "desk" {
		t.Errorf("told %v", moved)
	}
	if b := rec.Broadcasts()[0]; b.Channel != "blog.board.front.cursor" || !slices.Equal(b.ExceptSessions, []string{"desk"}) {
		t.Errorf("told %s, but not %v", b.Channel, b.ExceptSessions)
	}
}

func TestACursorThatCouldNotBeToldIsNotTriedAgain(t *testing.T) {
	rec := hubtest.NewRecorder(t)
	rec.FailNext(errors.New("no hub"))
	err := move(t, rec, &blogv1.CursorMoved{})
	if _, retry := errors.AsType[*hub.RetryError](err); err == nil || retry {
		t.Errorf("got %v", err)
	}
}
