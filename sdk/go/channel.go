package hub

import (
	"google.golang.org/protobuf/proto"

	"github.com/realtime-hub/hub/hub/channel"
)

// NewChannel is the descriptor of a channel without params whose payload is M,
// as NewChannel[*blogv1.ArticleFeed]("blog.article.feed"). Keep it in a variable
// of the package. A malformed name panics: it is a mistake in the program, as
// in regexp.MustCompile.
func NewChannel[M proto.Message](name string) channel.Of[M] {
	return channel.New[M](name)
}

// FillChannel is the descriptor of one channel of a template: declared is the
// name with its params in braces, as notifications.user.{user_id}. Values are
// escaped. A missing, unknown, empty or too long value is an error, and so is a
// malformed template.
func FillChannel[M proto.Message](declared string, params channel.Params) (channel.Of[M], error) {
	return channel.Fill[M](declared, params)
}

// NewInbound is the descriptor of what browsers may send on a channel whose
// inbound message is M, as NewInbound[*blogv1.ArticleViewed]("blog.article.feed").
// The name is the declared one, with its params in braces if it has any. A
// malformed name panics, as in NewChannel.
func NewInbound[M proto.Message](declared string) channel.Inbound[M] {
	return channel.NewInbound[M](declared)
}
