//go:build !linux

package wire

import "net"

// poller is for systems without epoll: it takes no socket, so that each is a
// stream.
type poller struct{}

func newPoller(*shard) (*poller, error) { return &poller{}, nil }

func (p *poller) close() {}

func (p *poller) run() {}

func (p *poller) adopt(net.Conn) (int32, bool) { return -1, false }

// The rest is never called: no connection has a descriptor.

func (p *poller) discard(int32)                  {}
func (p *poller) add(*Conn)                      {}
func (p *poller) remove(*Conn)                   {}
func (p *poller) await(*Conn)                    {}
func (p *poller) update(*Conn)                   {}
func (p *poller) halfClose(*Conn)                {}
func (p *poller) write(int, []byte) (int, error) { return 0, nil }
