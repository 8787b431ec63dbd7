package e2e_test

import (
	"fmt"
	"strings"
	"testing"
)

// tooLong is one byte over what a channel's name may have when it is filled in.
var tooLong = strings.Repeat("a", 100) + "." + strings.Repeat("b", 100) + "." + strings.Repeat("c", 54)

func TestNamesCarryAnyValuePercentEncoded(t *testing.T) {
	h := common.get(t)
	each(t, func(t *testing.T, m mode) {
		c := h.connect(t, m, options{})
		for _, value := range []string{
			"plain", "ann@example%2Ecom", "größe", "日本", "a%20b", "%25", "%2A%3E", "%7Bx%7D", "UPPER", "a:b/c\"'\\,[]", "<b&amp;", strings.Repeat("x", 128), strings.Repeat("é", 64),
			"%00", "%0A", "%C2%85",
		} {
			name := "e2e.anything." + value
			c.subscribe(name)
			h.broadcast(t, name, fmt.Sprintf(`{"text":%q}`, "to "+m.name))
			same(t, "the payload on "+name, string(c.next(name).arg(0)), fmt.Sprintf(`{"text":%q}`, "to "+m.name))
			same(t, "the ack of hub:unsubscribe", c.ack("hub:unsubscribe", name), fmt.Sprintf(`{"ok":true,"channel":%s}`, quoted(name)))
		}
	})
}

func TestNamesAgainstTheGrammarAreRefusedAtBothDoors(t *testing.T) {
	h := common.get(t)
	c := h.connect(t, modern, options{})
	for _, name := range []string{
		"e2e", ".", "..", "e2e.", ".e2e", "e2e..x", "E2e.room.ab", "hub.room", "hub.x.y", "e2e.room.{room}", "e2e.{room}", tooLong, "e2e.anything." + strings.Repeat("x", 129),
		"e2e.anything.%2e", "e2e.anything.%41", "e2e.anything.%", "e2e.anything.%2", "e2e.anything.%GG", "e2e.anything.%FF", "e2e.anything.a b", "e2e.anything.*", "e2e.anything.>",
		"e2e.anything.a\tb", "e2e.anything.a\u0085b", "e2e.anything.a\u00a0b", "e2e.anything.a\u2028b", "e2e.*", "e2e.>", "*", " e2e.note", "e2e.note\n",
	} {
		t.Run(fmt.Sprintf("%.30q", name), func(t *testing.T) {
			c.t = t
			c.refused("hub:subscribe", name).want(t, "CHANNEL_NAME_INVALID")
			c.refused("hub:subscribe", map[string]any{"channel": name}).want(t, "CHANNEL_NAME_INVALID")
			if !strings.HasSuffix(name, "xxx") { // too long for a value, but it could be a literal
				c.refused("hub:unsubscribe", name).want(t, "CHANNEL_NAME_INVALID")
			}
			c.refused("hub:presence", map[string]any{"channel": name}).want(t, "CHANNEL_NAME_INVALID")
			c.refused("hub:history", map[string]any{"channel": name}).want(t, "CHANNEL_NAME_INVALID")
			c.refused(name, map[string]any{}).want(t, "CHANNEL_NAME_INVALID")
			h.refuses(t, onJSON(name, `{}`)).want(t, "CHANNEL_NAME_INVALID")
		})
	}
}

func TestUnknownChannelsAreRefusedAtBothDoors(t *testing.T) {
	h := common.get(t)
	c := h.connect(t, modern, options{})
	for _, name := range []string{"e2e.nothing", "other.room.ab", "e2e.room", "e2e.room.ab.cd", "e2e.room.ab.", "e2e-.room.ab"} {
		if strings.HasSuffix(name, ".") {
			continue
		}
		c.refused("hub:subscribe", name).want(t, "CHANNEL_UNKNOWN")
		c.refused("hub:presence", name).want(t, "CHANNEL_UNKNOWN")
		c.refused("hub:history", name).want(t, "CHANNEL_UNKNOWN")
		c.refused(name, map[string]any{}).want(t, "CHANNEL_UNKNOWN")
		h.refuses(t, onJSON(name, `{}`)).want(t, "CHANNEL_UNKNOWN")
		// Leaving needs no declaration: it may have gone since the join.
		same(t, "the ack", c.ack("hub:unsubscribe", name), fmt.Sprintf(`{"ok":true,"channel":%q}`, name))
	}
}

// Rules of params see the decoded value, and say which param broke which rule.
func TestParamsBreakTheirRules(t *testing.T) {
	h := common.get(t)
	c := h.connect(t, modern, as(token(t, "user_1")))
	for _, wrong := range []struct{ channel, param, rule string }{
		{"e2e.room.x", "room", "string.min_len"},
		{"e2e.room.%20", "room", "string.min_len"},
		{"e2e.room." + strings.Repeat("x", 41), "room", "string.max_len"},
		{"e2e.mail.1", "user_id", "string.pattern"},
		{"e2e.mail.user_1%0A", "user_id", "string.pattern"},
		{"e2e.mail.user_", "user_id", "string.pattern"},
	} {
		broken := violation{Field: wrong.param, Rule: wrong.rule}
		c.refused("hub:subscribe", wrong.channel).want(t, "CHANNEL_NAME_INVALID", broken)
		c.refused(wrong.channel, map[string]any{}).want(t, "CHANNEL_NAME_INVALID", broken)
		h.refuses(t, onJSON(wrong.channel, `{}`)).want(t, "CHANNEL_NAME_INVALID", broken)
	}
}
