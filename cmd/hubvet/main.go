// Command hubvet is a tool for go vet that holds a program on the SDK to its
// rules; see sdk/go/hubvet.
//
//	go install github.com/realtime-hub/hub/cmd/hubvet
//	go vet -vettool=$(which hubvet) ./...
package main

import (
	"golang.org/x/tools/go/analysis/unitchecker"

	"github.com/realtime-hub/hub/sdk/go/hubvet"
)

func main() { unitchecker.Main(hubvet.All()...) }
