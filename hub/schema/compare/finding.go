package compare

import (
	"slices"
	"strings"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

// Finding is one thing that a change does.
type Finding struct {
	// Severity says what a build should do about it.
	Severity Severity
	// Kind names it for programs.
	Kind Kind
	// Channel is the declared name, the old one where it changed.
	Channel string
	// Field is the path in the payload, in JSON names; empty: it is about the channel.
	Field string
	// Whom it concerns.
	Whom Whom
	// Message says for people what happens.
	Message string
}

// Proto is the finding as peers get it.
func (f Finding) Proto() *hubv1.ChannelFinding {
	return &hubv1.ChannelFinding{
		Severity: hubv1.ChannelFinding_Severity(f.Severity) + 1, // which begins with what is not said
		Kind:     string(f.Kind), Channel: f.Channel, Field: f.Field, Concerns: f.Whom.Names(), Message: f.Message,
	}
}

// Severity is how grave a finding is.
type Severity uint8

const (
	// Note breaks nothing.
	Note Severity = iota
	// Warning breaks nothing that is right, and may surprise.
	Warning
	// Security lets more people see or do something.
	Security
	// Breaking refuses, or makes unreadable, what was good before.
	Breaking
)

var severities = [...]string{Note: "note", Warning: "warning", Security: "security", Breaking: "breaking"}

// String is the severity in lower case.
func (s Severity) String() string { return severities[s] }

// Fails tells whether a build that guards its users stops at it.
func (s Severity) Fails() bool { return s >= Security }

// Kind names a finding for programs, as CHANNEL_REMOVED.
type Kind string

// Whom a finding concerns; several may be set.
type Whom uint8

const (
	// Browsers are those that subscribe and send.
	Browsers Whom = 1 << iota
	// Backends are those that broadcast.
	Backends
	// Workers are those that take messages.
	Workers
	// Everybody is all of them.
	Everybody = Browsers | Backends | Workers
)

// Names are those concerned.
func (w Whom) Names() []string {
	var out []string
	for _, one := range []struct {
		is   Whom
		name string
	}{{Browsers, "browsers"}, {Backends, "backends"}, {Workers, "workers"}} {
		if w&one.is != 0 {
			out = append(out, one.name)
		}
	}
	return out
}

// String is `browsers, workers`.
func (w Whom) String() string { return strings.Join(w.Names(), ", ") }

// Fails tells whether any of the findings should stop a build.
func Fails(found []Finding) bool {
	return slices.ContainsFunc(found, func(f Finding) bool { return f.Severity.Fails() })
}
