// Package client is socket.io-client for browsers as npm brings it, unchanged,
// so that the demo's page needs neither npm nor the network. e2e's lock file
// says which version; a test there holds the two equal.
package client

import _ "embed"

// Script defines the global io.
//
//go:embed socket.io.min.js
var Script []byte
