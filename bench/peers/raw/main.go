// Command raw is the physical limit: a loop that writes prepared bytes to
// every socket, and does nothing else. No protocol, no locks per connection,
// no queue but a count.
//
//	raw             one write(2) for each message and connection
//	raw -coalesced  one write(2) for each connection and round, with whatever is due
//
// The second is what a server that coalesces can approach, the first what one
// that does not.
package main

import (
	"flag"
	"log"

	"github.com/realtime-hub/hub/bench/internal/control"
)

func main() {
	coalesced := flag.Bool("coalesced", false, "write what is due to a connection at once")
	flag.Parse()
	log.SetFlags(0)
	doorway, err := openDoor()
	if err != nil {
		log.Fatal(err)
	}
	orders, err := control.Listen(doorway.address)
	if err != nil {
		log.Fatal(err)
	}
	writer, err := newWriter(doorway, orders, *coalesced)
	if err != nil {
		log.Fatal(err)
	}
	if err := writer.run(); err != nil {
		log.Fatal(err)
	}
}
