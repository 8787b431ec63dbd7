package channel_test

import (
	"maps"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/realtime-hub/hub/hub/channel"
)

func TestNewNamesAChannelWithoutParams(t *testing.T) {
	c := channel.New[*emptypb.Empty]("blog.article.feed")
	if c.Name() != "blog.article.feed" || c.Declared() != c.Name() || c.Params() != nil || c.Err() != nil {
		t.Errorf("%q, %q, %v, %v", c.Name(), c.Declared(), c.Params(), c.Err())
	}
}

func TestProgrammersMistakesPanic(t *testing.T) {
	for want, f := range map[string]func(){
		`channel: New("blog"): the name has one segment`:         func() { channel.New[*emptypb.Empty]("blog") },
		`channel: New("a.{x}"): it has params; use channel.Fill`: func() { channel.New[*emptypb.Empty]("a.{x}") },
		`channel: NewInbound("hub.x"): segment 1: "hub"`:         func() { channel.NewInbound[*emptypb.Empty]("hub.x") },
	} {
		func() {
			defer func() {
				if got, ok := recover().(string); !ok || !strings.HasPrefix(got, want) {
					t.Errorf("%v, not %s", got, want)
				}
			}()
			f()
		}()
	}
}

func TestFillKeepsTheDeclarationAndTheValues(t *testing.T) {
	given := channel.Params{"user_id": "ann@example.com"}
	c, err := channel.Fill[*emptypb.Empty]("user.{user_id}", given)
	if err != nil {
		t.Fatal(err)
	}
	given["user_id"] = "bob"
	c.Params()["user_id"] = "bob"
	if c.Name() != "user.ann@example%2Ecom" || c.Declared() != "user.{user_id}" || !maps.Equal(c.Params(), channel.Params{"user_id": "ann@example.com"}) {
		t.Errorf("%q, %q, %v", c.Name(), c.Declared(), c.Params())
	}
}

func TestFillSaysWhichChannelDoesNotFit(t *testing.T) {
	for declared, want := range map[string]string{
		"user.{id}": `channel "user.{id}": param "id": the value is empty`,
		"user":      `channel "user": the name has one segment; at least 2 are needed, as "blog.feed"`,
	} {
		_, err := channel.Fill[*emptypb.Empty](declared, channel.Params{"id": ""})
		if err == nil || err.Error() != want {
			t.Errorf("%v, not %s", err, want)
		}
		// Filled keeps the same error until somebody asks.
		c := channel.Filled[*emptypb.Empty](declared, channel.Params{"id": ""})
		if c.Err() == nil || c.Err().Error() != want || c.Name() != "" || c.Declared() != declared {
			t.Errorf("%v, name %q", c.Err(), c.Name())
		}
	}
	if c := channel.Filled[*emptypb.Empty]("user.{id}", channel.Params{"id": "1"}); c.Err() != nil || c.Name() != "user.1" {
		t.Errorf("%q, %v", c.Name(), c.Err())
	}
}

func TestTheZeroChannelIsAnError(t *testing.T) {
	var c channel.Of[*emptypb.Empty]
	if c.Err() == nil || c.Name() != "" {
		t.Errorf("%q, %v", c.Name(), c.Err())
	}
}

func TestInboundKeepsTheDeclaredName(t *testing.T) {
	if got := channel.NewInbound[*emptypb.Empty]("board.{id}.cursor").Declared(); got != "board.{id}.cursor" {
		t.Error(got)
	}
}
