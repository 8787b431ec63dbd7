package bridge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ThreeDotsLabs/watermill/message"
	hub "github.com/realtime-hub/hub/sdk/go"
)

// The metadata that a dead event has beside its own. Values have at most 1,000
// bytes, which every bus carries, and no control characters.
const (
	// DeadReason names the cause for programs: the hub's reason, as
	// PAYLOAD_INVALID, or EVENT_MALFORMED, EVENT_ID_MISSING, MAPPER_FAILED, MAPPER_PANICKED.
	DeadReason = "hub_dead_reason"
	// DeadError says what was wrong, for people.
	DeadError = "hub_dead_error"
	// DeadViolations are the rules that were broken, as JSON: a list of objects
	// with field, rule and message. As many as fit; absent without any.
	DeadViolations = "hub_dead_violations"
	// DeadTopic is where the event was published.
	DeadTopic = "hub_dead_topic"
	// DeadID is the event's id; absent if it has none.
	DeadID = "hub_dead_id"
	// DeadChannel is the channel that refused it; absent where it did not get that far.
	DeadChannel = "hub_dead_channel"
	// DeadAt is when, as RFC 3339.
	DeadAt = "hub_dead_at"
)

const (
	maxValue = 1000 // bytes; Google Pub/Sub takes 1,024
	maxID    = 128  // bytes, the contract's
)

// letter is the dead event.
func letter(ctx context.Context, msg *message.Message, m Event, o *obstacle) *message.Message {
	out := msg.Copy()
	for _, key := range []string{DeadReason, DeadError, DeadViolations, DeadTopic, DeadID, DeadChannel, DeadAt} {
		delete(out.Metadata, key) // of an earlier death
	}
	for key, value := range map[string]string{
		DeadReason: o.reason, DeadError: o.err.Error(), DeadViolations: violations(o.err), DeadTopic: m.Topic, DeadID: m.ID,
		DeadChannel: o.channel, DeadAt: time.Now().UTC().Format(time.RFC3339),
	} {
		if value != "" {
			out.Metadata.Set(key, clip(value))
		}
	}
	out.SetContext(ctx)
	return out
}

// violations are as many as fit, so that what is there is JSON.
func violations(err error) string {
	e, ok := errors.AsType[*hub.Error](err)
	if !ok {
		return ""
	}
	type violation struct {
		Field   string `json:"field"`
		Rule    string `json:"rule"`
		Message string `json:"message"`
	}
	list, text := []violation{}, ""
	for _, v := range e.Violations {
		list = append(list, violation(v))
		longer, _ := json.Marshal(list) // strings always marshal
		if len(longer) > maxValue {
			break
		}
		text = string(longer)
	}
	return text
}

// clip makes text fit for a header.
func clip(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	if len(text) <= maxValue {
		return text
	}
	end := maxValue
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}

// eventID names an event; empty: nothing does.
func (b *Bridge) eventID(msg *message.Message) string {
	if len(b.idKeys) == 0 {
		return fit(msg.UUID)
	}
	values := make([]string, len(b.idKeys))
	for i, key := range b.idKeys {
		if values[i] = msg.Metadata.Get(key); values[i] == "" {
			return ""
		}
	}
	return fit(strings.Join(values, "/"))
}

// fit makes an id that the hub takes.
func fit(id string) string {
	if len(id) <= maxID && utf8.ValidString(id) {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return "sha256-" + hex.EncodeToString(sum[:])
}
