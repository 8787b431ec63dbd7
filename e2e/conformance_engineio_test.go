package e2e_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// pollings are the statements of Engine.IO's chapters "HTTP long-polling",
// under "Transports" and under "Packet encoding".
var pollings = []statement{
	{says: "a POST that is taken is answered by ok", holds: func(s *trial) {
		p := s.poll()
		s.wants("CONNECT", p.post("40"), http.StatusOK, "ok")
	}},
	{says: "a POST without a Content-Type is text", holds: func(s *trial) {
		p := s.joined()
		s.wants("a POST", s.ask(http.MethodPost, p.query, question(1)), http.StatusOK, "ok")
		s.wants("a poll", p.get(), http.StatusOK, answerTo(1))
	}},
	{says: "a POST of octets is not the version's", holds: func(s *trial) {
		a := s.ask(http.MethodPost, s.joined().query, question(1), "Content-Type", "application/octet-stream")
		s.wants("a POST", a, http.StatusBadRequest, "")
	}},
	{says: "a payload of one packet is that packet", holds: func(s *trial) {
		p := s.joined()
		p.say(question(1))
		s.wants("a poll", p.get(), http.StatusOK, answerTo(1))
	}},
	{says: "a payload is packets and separators, in order, in both directions", holds: func(s *trial) {
		p := s.joined()
		const n = 100
		asked := make([]string, n)
		for i := range asked {
			asked[i] = question(i)
		}
		p.say(asked...)
		polls := 0
		for at := 0; at < n; polls++ {
			a := p.get()
			s.wants("a poll", a, http.StatusOK, "")
			for packet := range strings.SplitSeq(a.body, separator) {
				if packet != answerTo(at) {
					s.Fatalf("%q came, not the answer to %d", packet, at)
				}
				at++
			}
		}
		if polls == n {
			s.Errorf("every packet took a poll of its own")
		}
	}},
	{says: "text is UTF-8 on the way in and out", holds: func(s *trial) {
		p := s.joined()
		r := room()
		p.say(`421["hub:subscribe",` + quoted(r) + `]`)
		p.takes(1)
		s.push(s.TB, r, `{"n":1,"text":"€ 😀 \u0000"}`)
		if got := p.takes(1)[0]; !strings.Contains(got, `"text":"€ 😀 \u0000"`) {
			s.Errorf("it is %q", got)
		}
		p.say(`422["hub:unsubscribe","e2e.room.€😀"]`)
		p.takes(1)
	}},
	{says: "answers are text, and no cache keeps them", holds: func(s *trial) {
		p := s.joined()
		a := p.post(question(1))
		if keep := a.header.Get("Cache-Control"); keep != "no-store" {
			s.Errorf("a POST's answer may be kept: %q", keep)
		}
		a = p.get()
		if kind, keep := a.header.Get("Content-Type"), a.header.Get("Cache-Control"); !strings.EqualFold(kind, "text/plain; charset=UTF-8") || keep != "no-store" {
			s.Errorf("a poll's answer is %q, kept %q", kind, keep)
		}
	}},
	{says: "a poll waits until there is something to send", holds: func(s *trial) {
		p := s.joined()
		poll := p.later()
		select {
		case a := <-poll:
			s.Fatalf("it did not wait: %d %q", a.status, a.body)
		default:
		}
		p.say(question(1))
		s.wants("the poll", p.within("the poll", poll), http.StatusOK, answerTo(1))
		p.well()
	}},
	{says: "a second poll at a time is answered by 400 and closes the session", holds: func(s *trial) {
		p := s.joined()
		poll := p.later()
		second := p.get()
		first := p.within("the first", poll)
		if second.status == http.StatusOK { // it was the first to arrive
			first, second = second, first
		}
		s.wants("the second", second, http.StatusBadRequest, "")
		s.wants("the first", first, http.StatusOK, "1")
		p.gone()
	}},
	{says: "a second POST at a time is answered by 400 and closes the session", holds: func(s *trial) {
		p := s.joined()
		conn := p.begun(len(question(1)))
		defer conn.Close()
		s.wants("the second", p.post(question(2)), http.StatusBadRequest, "")
		p.gone()
	}},
	{
		says: "binary data is base64 behind a b, in both directions", holds: func(s *trial) {
			p := s.joined()
			p.say(`451-7["e2e.echo",{"_placeholder":true,"num":0}]`, "bAQIDBA==")
			if got := strings.Join(p.takes(2), " "); got != `461-7[{"_placeholder":true,"num":0}] bAQIDBA==` {
				s.Errorf("it came back as %q", got)
			}
		},
		hub: &variant{"the hub carries JSON: it takes the attachment, and refuses the event", func(s *trial) {
			p := s.joined()
			p.say(`451-7["e2e.echo",{"_placeholder":true,"num":0}]`, "bAQIDBA==")
			if got := p.takes(1)[0]; !strings.HasPrefix(got, `437[{"ok":false,"error":{"code":"INVALID_ARGUMENT","reason":"REQUEST_INVALID"`) {
				s.Errorf("it is answered by %q", got)
			}
			p.well()
		}},
	},
	{says: "a payload that is none closes the session", holds: func(s *trial) {
		for _, body := range noPayloads {
			p := s.joined()
			_ = p.post(body)
			p.gone()
		}
	}},
	{says: "a payload that is none is answered by 400", holds: func(s *trial) {
		for _, body := range noPayloads {
			s.wants(fmt.Sprintf("%q", body), s.joined().post(body), http.StatusBadRequest, "")
		}
	}},
	{says: "pings are the server's: one of a client closes the session", holds: func(s *trial) {
		p := s.joined()
		p.post("2")
		p.gone()
	}},
	{says: "a payload may be as large as the open packet says", holds: func(s *trial) {
		p := s.joined()
		body := `43999["` + strings.Repeat("x", p.MaxPayload-9) + `"]`
		if len(body) != p.MaxPayload {
			s.Fatalf("%d bytes, not %d", len(body), p.MaxPayload)
		}
		p.say(body)
		p.well()
	}},
	{says: "a larger payload is refused by 413", holds: func(s *trial) {
		p := s.joined()
		s.wants("a POST", p.post("4"+strings.Repeat("x", p.MaxPayload)), http.StatusRequestEntityTooLarge, "")
	}},
	{says: "a larger payload that does not say so is refused by 413", holds: func(s *trial) {
		p := s.joined()
		conn := p.begins("Transfer-Encoding: chunked")
		defer conn.Close()
		// 413 may come, and the connection end, before all of it was written.
		_, _ = fmt.Fprintf(conn, "%x\r\n4%s\r\n0\r\n\r\n", p.MaxPayload+1, strings.Repeat("x", p.MaxPayload))
		s.status(conn, http.StatusRequestEntityTooLarge)
	}},
	{says: "a close packet closes the session, and its poll", holds: func(s *trial) {
		var a answer
		for range 5 { // a poll may still be slower than the close
			p := s.joined()
			poll := p.later()
			s.wants("the close packet", p.post("1"), http.StatusOK, "ok")
			a = p.within("the poll", poll)
			p.gone()
			if a.status == http.StatusOK {
				break
			}
		}
		if a.status != http.StatusOK || a.body != "6" && a.body != "1" {
			s.Errorf("the poll is answered by %d %q %v", a.status, a.body, a.err)
		}
	}},
	{says: "nothing behind a close packet is taken", holds: func(s *trial) {
		p := s.joined()
		_ = p.post("1" + separator + question(1))
		p.gone()
	}},
	{says: "sessions do not mix", holds: func(s *trial) {
		p, q := s.joined(), s.joined()
		p.say(question(1))
		q.say(question(2))
		s.wants("a poll", q.get(), http.StatusOK, answerTo(2))
		s.wants("a poll", p.get(), http.StatusOK, answerTo(1))
	}},
}

// noPayloads are no packets, or not only packets.
var noPayloads = []string{"", "abc", "9", "43999[]" + separator + "x", separator, "43999[]" + separator}

// begins writes the head of a POST on a connection of its own.
func (p line) begins(header string) net.Conn {
	p.Helper()
	address := strings.TrimPrefix(p.url, "http://")
	conn, err := net.DialTimeout("tcp", address, p.bound)
	if err != nil {
		p.Fatalf("%v", err)
	}
	_ = conn.SetDeadline(time.Now().Add(p.bound))
	_, err = fmt.Fprintf(conn, "POST /socket.io/?%s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\n%s\r\n\r\n", p.query, address, plain, header)
	if err != nil {
		p.Fatalf("%v", err)
	}
	return conn
}

// begun is a POST that has arrived, but for its body.
func (p line) begun(length int) net.Conn {
	p.Helper()
	conn := p.begins(fmt.Sprintf("Content-Length: %d", length))
	for range 5 { // requests that came later are answered
		p.ask(http.MethodGet, byPolling+"&sid=nobody", "")
	}
	return conn
}
