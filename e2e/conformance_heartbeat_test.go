package e2e_test

import (
	"net/http"
	"strings"
	"time"
)

// heartbeats are the statements of Engine.IO's chapter "Heartbeat".
var heartbeats = []statement{
	{says: "a WebSocket is pinged at the interval, and stays while it answers", pace: quick, holds: func(s *trial) {
		begin := time.Now()
		c, o := s.websocket()
		c.say("40")
		c.pinged()
		if early := o.interval()*9/10 - time.Since(begin); early > 0 {
			s.Errorf("the first ping came %s too early", early)
		}
		for range o.timeout()/o.interval() + 1 {
			c.say("3")
			c.pinged()
		}
		c.say("3", question(1))
		if got := c.skip("2"); got != answerTo(1) {
			s.Errorf("then came %q", got)
		}
	}},
	{says: "a WebSocket that does not answer is closed after the timeout", pace: quick, holds: func(s *trial) {
		begin := time.Now()
		c, o := s.websocket()
		c.say("40")
		c.pinged()
		c.ends()
		if early := (o.interval()+o.timeout())*9/10 - time.Since(begin); early > 0 {
			s.Errorf("it ended %s too early", early)
		}
	}},
	{says: "a polling client is pinged at the interval, and stays while it answers", pace: quick, holds: func(s *trial) {
		begin := time.Now()
		p := s.poll()
		p.say("40")
		p.pinged()
		if early := p.interval()*9/10 - time.Since(begin); early > 0 {
			s.Errorf("the first ping came %s too early", early)
		}
		for range p.timeout()/p.interval() + 1 {
			p.say("3")
			p.pinged()
		}
		p.say("3")
	}},
	{says: "a polling client that does not answer is closed after the timeout", pace: quick, holds: func(s *trial) {
		begin := time.Now()
		p := s.poll()
		p.say("40")
		p.pinged()
		p.gone()
		if early := (p.interval()+p.timeout())*9/10 - time.Since(begin); early > 0 {
			s.Errorf("it ended %s too early", early)
		}
	}},
	{says: "a pong before its ping does not count", pace: quick, holds: func(s *trial) {
		c, _ := s.websocket()
		c.say("40", "3", "3")
		c.pinged()
		c.ends()
	}},
	{says: "a session is pinged on the transport it moved to", pace: quick, holds: func(s *trial) {
		p := s.poll()
		p.say("40")
		c := p.upgrade()
		c.pinged()
		for range p.timeout()/p.interval() + 1 {
			c.say("3")
			c.pinged()
		}
	}},
}

// pinged reads to the next ping; what CONNECT is answered by may come before it.
func (c *socket) pinged() {
	c.Helper()
	for {
		m := c.read()
		switch {
		case m == "2":
			return
		case !isConnect(m) && !isReady(m):
			c.Fatalf("a ping was awaited, %q came", m)
		}
	}
}

// skip reads the next packet that is not this one.
func (c *socket) skip(packet string) string {
	c.Helper()
	for {
		if m := c.read(); m != packet {
			return m
		}
	}
}

// pinged polls to the next ping.
func (p line) pinged() {
	p.Helper()
	for {
		a := p.get()
		p.wants("a poll", a, http.StatusOK, "")
		for m := range strings.SplitSeq(a.body, separator) {
			switch {
			case m == "2":
				return
			case !isConnect(m) && !isReady(m):
				p.Fatalf("a ping was awaited, %q came", m)
			}
		}
	}
}
