package socketio

import (
	"net/http"

	"github.com/realtime-hub/hub/hub/internal/wire"
)

// Message is the type that an Engine.IO message packet begins with. What goes
// to a browser is made as a whole Engine.IO packet, once for all its receivers.
const Message = '4'

// Link is one Engine.IO connection, whatever its transport is and whether or
// not that transport changes while the link lives.
type Link interface {
	// Conn is where what goes to the browser is queued.
	Conn() *wire.Conn
	// Resume has messages handed over again after Receiver.Message wanted no
	// more. It must not be called from within a Receiver's method.
	Resume()
	// Transport is the link's now: Polling or WebSocket.
	Transport() string
}

// Request is what matters of the HTTP request that began a link. It may be
// kept.
type Request struct {
	Header http.Header
	// RemoteAddr is the peer's "IP:port": a proxy's where there is one.
	RemoteAddr string
	// Version is Engine.IO's: "4", or "3", whose clients are of Socket.IO 2.
	Version string
	// Token is the query's, where Version is 3.
	Token string
}

// Receiver takes what comes from a link's browser. Its calls come one after
// the other and in the browser's order, and never block.
type Receiver interface {
	// Message takes a message packet's text, without its type; it is valid
	// during the call alone. With more false, nothing is handed over until
	// Link.Resume.
	Message(data []byte) (more bool)
	// Binary tells of a binary message, which the door does not take.
	Binary() (more bool)
	// Violated tells that something came that no browser sends. The door ends
	// the link, with its last words.
	Violated(what string)
	// Closed tells, exactly once and last, that the link is gone.
	Closed(why wire.Reason)
}

// Acceptor is what links are handed to.
type Acceptor interface {
	// Full tells whether no further link may begin.
	Full() bool
	// Accept is called once for each new link, before anything is read from
	// it. It may send to the link's Conn. It must not return nil.
	Accept(link Link, req *Request) Receiver
}
