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

	"github.com/realtime-hub/hub/bench/internal/control"
)

func main() {
	coalesced := flag.Bool("coalesced", false, "write what is due to a connection at once")
	flag.Parse()
	control.Main(serve(*coalesced))
}

func serve(coalesced bool) error {
	d, err := openDoor()
	if err != nil {
		return err
	}
	orders, err := control.Listen(d.address)
	if err != nil {
		return err
	}
	w, err := newWriter(d, orders, coalesced)
	if err != nil {
		return err
	}
	return w.run()
}
