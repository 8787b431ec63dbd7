package library

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"

	"github.com/zishang520/socket.io/v3/pkg/types"

	"github.com/realtime-hub/hub/hub/internal/socketio"
)

// visit is one HTTP request on its way through the library. The library
// answers into a buffer; what is in it goes to the browser when the library is
// done with the request, from the request's own goroutine.
type visit struct {
	server *Server             // static
	w      http.ResponseWriter // static; the handler's own goroutine only
	r      *http.Request       // static
	asked  socketio.Visit      // static
	answer *answer             // static

	// ctx ends when the browser leaves, and when the link has no use for the
	// request any more; inner, which the library sees, ends after it, but not
	// before the library's handling has come to its end or its waiting: until
	// then the library does not watch what it shares with the ender.
	ctx    context.Context    //nolint:containedctx // a request's, and no longer lived than it
	cancel context.CancelFunc // static
	inner  context.CancelFunc // static

	link    *link    // set by resume, or by the library's "connection"
	carrier *carrier // set when a transport took the request
}

type visitKey struct{}

// visitOf finds the visit in what the library was given.
func visitOf(ctx *types.HttpContext) *visit {
	v, _ := ctx.Context().Value(visitKey{}).(*visit)
	return v
}

func (s *Server) visit(w http.ResponseWriter, r *http.Request, asked socketio.Visit) *visit {
	v := &visit{server: s, w: w, r: r, asked: asked}
	v.answer = &answer{visit: v}
	v.ctx, v.cancel = context.WithCancel(r.Context())
	return v
}

// handle gives the request to the library's handler and returns when the
// library has let go of it.
func (v *visit) handle(handler func(*types.HttpContext)) {
	defer v.cancel()
	ctx, cancel := context.WithCancel(context.WithValue(context.WithoutCancel(v.r.Context()), visitKey{}, v))
	v.inner = cancel
	defer cancel()
	r := v.r.WithContext(ctx)
	// The origin was checked; the library would check it again, and otherwise.
	r.Header = r.Header.Clone()
	r.Header.Del("Origin")

	in := types.NewHttpContext(v.answer, r)
	released := make(chan struct{})
	_ = in.Once("close", func(...any) { close(released) })
	handler(in)
	cancel()
	<-released
}

// entered hears that a transport has taken the request: a poll waits from now
// on, and may be ended.
func (v *visit) entered(c *carrier) {
	v.carrier = c
	context.AfterFunc(v.ctx, v.inner)
}

// poll is a GET: it waits for what there is to send.
func (v *visit) poll() {
	socketio.Unbound(v.w)
	v.handle(v.server.engine.HandleRequest)
	status, header, body := v.answer.given()
	if status == 0 {
		status, header = http.StatusOK, http.Header{"Content-Type": {"text/plain; charset=UTF-8"}}
		switch {
		case v.link != nil && v.link.gone():
			// Not a close packet, after which some clients stay away.
			socketio.UnknownSID.Write(v.w)
			return
		case v.r.Context().Err() != nil:
			v.lost()
			return
		default:
			body = v.noop() // the link moved to a WebSocket
		}
	}
	if err := v.respond(status, header, body); err != nil {
		v.lost()
	}
}

// noop is an answer with nothing in it.
func (v *visit) noop() []byte {
	if v.asked.Version == version3 {
		return []byte("1:6")
	}
	return []byte("6")
}

// post is messages from the browser.
func (v *visit) post() {
	body, refused := socketio.ReadBody(v.w, v.r, int64(v.server.cfg.MaxPayload))
	if refused != nil {
		refused.Write(v.w)
		return
	}
	if !validPayload(v.asked.Version, body) {
		v.link.violated()
		socketio.BadRequest.Write(v.w)
		return
	}
	socketio.Unbound(v.w)
	v.r = withBody(v.r, body)
	v.handle(v.server.engine.HandleRequest)
	status, header, body := v.answer.given()
	if status == 0 || status == http.StatusTooManyRequests {
		// The link was closed meanwhile, perhaps by these very messages. They
		// were taken; a failure would make the client believe in a broken
		// network and come back.
		status, header, body = http.StatusOK, http.Header{"Content-Type": {"text/html"}}, []byte("ok")
	}
	_ = v.respond(status, header, body) // a POST whose sender left has nobody to tell
}

// upgrade is a WebSocket's handshake. Not a byte behind it is read before the
// library has attached its listeners.
func (v *visit) upgrade() {
	defer func() { // also after a panic: nobody else ends who waits to read
		if conn := v.answer.hijacked(); conn != nil {
			conn.open()
		}
	}()
	v.handle(v.server.engine.HandleUpgrade)
	if v.answer.hijacked() != nil {
		return
	}
	status, header, body := v.answer.given()
	if status == 0 {
		socketio.BadRequest.Write(v.w)
		return
	}
	_ = v.respond(status, header, body) // whoever is refused may have left
}

// respond sends the library's answer.
func (v *visit) respond(status int, header http.Header, body []byte) error {
	maps.Copy(v.w.Header(), header)
	return socketio.Answer(v.w, v.server.cfg.WriteTimeout, status, body)
}

// lost ends the link whose poll was aborted: what was in the answer may not
// have arrived. A link that was upgraded since does not hear of it.
func (v *visit) lost() {
	if v.carrier != nil {
		v.carrier.OnError("the browser left its poll", context.Cause(v.r.Context()))
	}
}

// request is the copy of the handshake that the door keeps.
func (v *visit) request() *socketio.Request {
	out := &socketio.Request{Header: v.r.Header.Clone(), RemoteAddr: v.r.RemoteAddr, Version: v.asked.Version}
	if out.Version == version3 {
		out.Token = v.r.URL.Query().Get("token")
	}
	return out
}

// withBody is r with a body that is already here.
func withBody(r *http.Request, body []byte) *http.Request {
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	r.TransferEncoding = nil
	return r
}
