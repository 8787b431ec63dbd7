package socketio

import (
	"net/http"
	"net/url"
)

// Link is one Engine.IO connection, whatever its transport is and whether or
// not that transport changes while the link lives. Its methods may be called
// from any goroutine, also from within a Receiver's.
type Link interface {
	// Write queues Engine.IO message packets with these texts, in this order,
	// and calls done exactly once: when all of them were handed to the
	// transport (not: arrived at the browser), or when the link is closed.
	// Until then the messages must not be changed and the next Write should
	// wait: that is what bounds the link's memory. Write never blocks. done
	// runs on a goroutine of the link's that holds no lock, so that it may
	// write again; it must not block.
	Write(messages [][]byte, done func())
	// Close ends the link once what was written has been flushed as far as
	// possible, within a bound. It does not wait for that and may be called
	// more than once.
	Close()
	// Transport is "websocket" or "polling", as it is now.
	Transport() string
}

// Request is what matters of the HTTP request that began a link: a copy,
// which may be kept.
type Request struct {
	Header http.Header
	// URL is the request's, with its query.
	URL *url.URL
	// RemoteAddr is the peer's "IP:port": a proxy's where there is one.
	RemoteAddr string
	Host       string
	// TLS is whether the browser's connection ended here in TLS.
	TLS bool
}

// Receiver takes what comes from a link's browser. Its calls come one after
// the other and in the browser's order. Message and Binary may block: then
// this link is not read, and no other link notices.
type Receiver interface {
	// Message takes a message packet's text, which may be kept.
	Message(data []byte)
	// Binary tells of a binary message, which the door does not take.
	Binary()
	// Closed tells, exactly once and last, that the link is gone. The reason
	// is Engine.IO's, for logs and metrics.
	Closed(reason string)
}

// Acceptor is what links are handed to.
type Acceptor interface {
	// Accept is called once for each new link, before anything is read from
	// it. It may write to the link. It must not return nil.
	Accept(link Link, req *Request) Receiver
}
