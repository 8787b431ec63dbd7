package e2e_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// handshakes are the statements of Engine.IO's chapters "Transports" and
// "Handshake", and of the errors that the reference implementation gives codes.
var handshakes = []statement{
	{says: "a polling session begins with an open packet that offers the upgrade", holds: func(s *trial) {
		a := s.ask(http.MethodGet, byPolling, "")
		s.wants("the handshake", a, http.StatusOK, "")
		s.fields(a.body)
		if o := s.opened(a.body); !slices.Equal(o.Upgrades, []string{"websocket"}) {
			s.Errorf("it offers %q", o.Upgrades)
		}
		if kind := a.header.Get("Content-Type"); !strings.EqualFold(kind, "text/plain; charset=UTF-8") {
			s.Errorf("it is %q", kind)
		}
	}},
	{says: "a WebSocket session begins with an open packet that offers no upgrade", holds: func(s *trial) {
		c := s.dials(byWebSocket)
		packet := c.read()
		s.fields(packet)
		if o := s.opened(packet); len(o.Upgrades) != 0 || !strings.Contains(packet, `"upgrades":[]`) {
			s.Errorf("it offers %q", packet)
		}
	}},
	{says: "each session has a sid of its own", holds: func(s *trial) {
		a, b := s.poll(), s.poll()
		_, c := s.websocket()
		if a.Sid == b.Sid || b.Sid == c.Sid {
			s.Errorf("%q, %q, %q", a.Sid, b.Sid, c.Sid)
		}
	}},
	{says: "a parameter that keeps caches out means nothing", holds: func(s *trial) {
		s.wants("the handshake", s.ask(http.MethodGet, byPolling+"&t=N8hyd6w", ""), http.StatusOK, "")
		p := s.joined()
		p.query += "&t=N8hyd7H"
		p.well()
	}},
	{says: "another path is not the protocol's", holds: func(s *trial) {
		res, err := s.http.Get(s.url + "/engine.io/?" + byPolling)
		if err != nil {
			s.Fatalf("%v", err)
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusNotFound {
			s.Errorf("it is answered by %d", res.StatusCode)
		}
	}},
	{says: "polling without EIO, or with another version, is answered by 400", holds: func(s *trial) {
		for _, query := range []string{"transport=polling", "EIO=abc&transport=polling", "EIO=&transport=polling", "EIO=3&transport=polling", "EIO=5&transport=polling"} {
			s.refuses(query, s.ask(http.MethodGet, query, ""), 5)
		}
	}},
	{says: "polling without a transport, or with an unknown one, is answered by 400", holds: func(s *trial) {
		for _, query := range []string{"EIO=4", "EIO=4&transport=", "EIO=4&transport=abc", "EIO=4&transport=Polling"} {
			s.refuses(query, s.ask(http.MethodGet, query, ""), 0)
		}
	}},
	{says: "a WebSocket without EIO, or with another version, is closed", holds: func(s *trial) {
		for _, query := range []string{"transport=websocket", "EIO=abc&transport=websocket", "EIO=3&transport=websocket"} {
			s.refused(query, query)
		}
	}},
	{says: "a WebSocket without a transport, or with an unknown one, is closed", holds: func(s *trial) {
		for _, query := range []string{"EIO=4", "EIO=4&transport=abc"} {
			s.refused(query, query)
		}
	}},
	{says: "a GET with an unknown sid is answered by 400", holds: func(s *trial) {
		for _, sid := range []string{"nobody", "__proto__", "..", "%00"} {
			s.refuses(sid, s.ask(http.MethodGet, byPolling+"&sid="+sid, ""), 1)
		}
	}},
	{says: "a POST with an unknown sid is answered by 400", holds: func(s *trial) {
		s.refuses("a POST", s.ask(http.MethodPost, byPolling+"&sid=nobody", "4x", "Content-Type", plain), 1)
	}},
	{says: "a WebSocket with an unknown sid is closed", holds: func(s *trial) { s.refused("nobody", byWebSocket+"&sid=nobody") }},
	{says: "a session begins by GET", holds: func(s *trial) {
		s.refuses("a POST", s.ask(http.MethodPost, byPolling, "40", "Content-Type", plain), 2)
	}},
	{
		says: "no other method begins a session", holds: func(s *trial) {
			for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch} {
				s.refuses(method, s.ask(method, byPolling, ""), 2)
			}
		},
		hub: &variant{"405 says the same to every HTTP client, and tells what is allowed", func(s *trial) {
			for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch} {
				a := s.ask(method, byPolling, "")
				s.wants(method, a, http.StatusMethodNotAllowed, "")
				if a.header.Get("Allow") == "" {
					s.Errorf("%s is not told what is allowed", method)
				}
			}
		}},
	},
	{says: "no other method reaches a session, nor harms it", holds: func(s *trial) {
		p := s.joined()
		for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPatch} {
			if a := s.ask(method, p.query, "1"); a.err != nil || a.status < 400 {
				s.Errorf("%s is answered by %d %v", method, a.status, a.err)
			}
		}
		p.well()
	}},
	{says: "a WebSocket's handshake is an upgrade", holds: func(s *trial) {
		s.refuses("a GET", s.ask(http.MethodGet, byWebSocket, ""), 3)
	}},
	{says: "a polling session is not reached by a GET of another transport", holds: func(s *trial) {
		p := s.joined()
		s.refuses("a GET", s.ask(http.MethodGet, byWebSocket+"&sid="+p.Sid, ""), 3)
		p.well()
	}},
	{says: "a session stays with its version", holds: func(s *trial) {
		p := s.joined()
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			s.wants(method, s.ask(method, "EIO=3&transport=polling&sid="+p.Sid, ""), http.StatusBadRequest, "")
		}
		p.well()
	}},
}

// fields holds an open packet to its keys and their types.
func (s *trial) fields(packet string) {
	s.Helper()
	o := s.opened(packet)
	var keys map[string]json.RawMessage
	if err := json.Unmarshal([]byte(packet[1:]), &keys); err != nil {
		s.Fatalf("%q: %v", packet, err)
	}
	if got := slices.Sorted(maps.Keys(keys)); !slices.Equal(got, []string{"maxPayload", "pingInterval", "pingTimeout", "sid", "upgrades"}) {
		s.Errorf("its keys are %q", got)
	}
	if o.PingInterval <= 0 || o.PingTimeout <= 0 || o.MaxPayload <= 0 {
		s.Errorf("it tells %q", packet)
	}
}

// origins are what the public documents say of pages of another origin, as
// socket.io/docs/v4/handling-cors has it.
var origins = []statement{
	{says: "a page's browser asks first, and is told what it may", holds: func(s *trial) {
		a := s.ask(http.MethodOptions, byPolling, "", "Origin", home, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization,x-page")
		s.wants("the preflight", a, http.StatusNoContent, "")
		s.allowed(a)
		if methods := a.header.Get("Access-Control-Allow-Methods"); !strings.Contains(methods, "POST") || !strings.Contains(methods, "GET") {
			s.Errorf("the methods are %q", methods)
		}
		if headers := strings.ToLower(a.header.Get("Access-Control-Allow-Headers")); !strings.Contains(headers, "authorization") || !strings.Contains(headers, "x-page") {
			s.Errorf("the headers are %q", headers)
		}
	}},
	{says: "a page that is allowed may read every answer", holds: func(s *trial) {
		p := s.joined()
		s.allowed(s.ask(http.MethodGet, byPolling, "", "Origin", home))
		a := s.ask(http.MethodPost, p.query, question(1), "Origin", home, "Content-Type", plain)
		s.wants("a POST", a, http.StatusOK, "ok")
		s.allowed(a)
		a = s.ask(http.MethodGet, p.query, "", "Origin", home)
		s.wants("a poll", a, http.StatusOK, answerTo(1))
		s.allowed(a)
	}},
	{says: "a page that is allowed may read why it is refused", holds: func(s *trial) {
		s.allowed(s.ask(http.MethodGet, byPolling+"&sid=nobody", "", "Origin", home))
	}},
	{
		says: "no other page may read an answer", holds: func(s *trial) { s.hidden(http.StatusOK) },
		hub: &variant{"another page gets no session either: it would act as its visitor", func(s *trial) {
			s.hidden(http.StatusForbidden)
			for _, query := range []string{byWebSocket, byWebSocket + "&sid=" + s.poll().Sid} {
				if a := s.ask(http.MethodGet, query, "", "Origin", "https://evil.example", "Connection", "Upgrade", "Upgrade", "websocket",
					"Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="); a.status != http.StatusForbidden {
					s.Errorf("a WebSocket is answered by %d %v", a.status, a.err)
				}
			}
		}},
	},
}

// allowed holds an answer to letting the page at home read it.
func (s *trial) allowed(a answer) {
	s.Helper()
	if got := a.header.Get("Access-Control-Allow-Origin"); got != home {
		s.Errorf("the allowed origin is %q", got)
	}
	if got := a.header.Get("Access-Control-Allow-Credentials"); got != "true" {
		s.Errorf("cookies are allowed: %q", got)
	}
	if !strings.Contains(strings.Join(a.header.Values("Vary"), ","), "Origin") {
		s.Errorf("a cache would give another page this answer: it varies by %q", a.header.Values("Vary"))
	}
}

// hidden holds the answers to a strange page to being unreadable.
func (s *trial) hidden(status int) {
	s.Helper()
	for _, origin := range []string{"https://evil.example", "null", home + ".evil.example"} {
		a := s.ask(http.MethodGet, byPolling, "", "Origin", origin)
		s.wants(origin, a, status, "")
		if got := a.header.Get("Access-Control-Allow-Origin"); got != "" && got != home {
			s.Errorf("%s may read it: %q", origin, got)
		}
	}
}
