package channel_test

import (
	"fmt"

	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/realtime-hub/hub/hub/channel"
)

func ExampleFill() {
	c, err := channel.Fill[*emptypb.Empty]("notifications.user.{user_id}", channel.Params{"user_id": "ann@example.com"})
	fmt.Println(c.Name(), err)
	// Output: notifications.user.ann@example%2Ecom <nil>
}

func ExampleUnescape() {
	value, err := channel.Unescape("ann@example%2Ecom")
	fmt.Println(value, err)
	_, err = channel.Unescape("%41nn")
	fmt.Println(err)
	// Output:
	// ann@example.com <nil>
	// "%41nn" is not canonical; write "Ann"
}
