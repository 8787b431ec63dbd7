// Package protos is what a user's own protos import of the hub, for `hub init`
// to put into their repository.
package protos

import _ "embed"

// Channel is hub/v1/channel.proto.
//
//go:embed hub/v1/channel.proto
var Channel []byte
