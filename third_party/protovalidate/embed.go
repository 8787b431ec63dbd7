// Package protovalidate is the proto that rules of messages are written with,
// for `hub init` to put into a user's repository.
package protovalidate

import _ "embed"

// Validate is buf/validate/validate.proto.
//
//go:embed buf/validate/validate.proto
var Validate []byte

// License is what it may be used under.
//
//go:embed LICENSE
var License []byte
