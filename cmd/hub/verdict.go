package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

// The gates that a verdict knows by name; others may come with the hub's version.
const (
	gateJoin       = "join"
	gateSubscribed = "subscribed"
)

// verdict is what the gates said, read for what it means to the browser.
type verdict struct {
	request *hubv1.ExplainRequest
	gates   []*hubv1.GateVerdict
	// refused is the first gate that says no; nil: none does.
	refused *hubv1.GateVerdict
	// joins: the session may join, and so be sent messages.
	joins bool
}

func newVerdict(request *hubv1.ExplainRequest, gates []*hubv1.GateVerdict) verdict {
	v := verdict{request: request, gates: gates}
	for _, g := range gates {
		if !g.GetPass() && v.refused == nil {
			v.refused = g
		}
		if g.GetGate() == gateJoin {
			v.joins = v.refused == nil
		}
	}
	return v
}

func (v verdict) write(w io.Writer) error {
	var aligned strings.Builder
	table := tabwriter.NewWriter(&aligned, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "%s, at %s:\n", v.who(), oneLine(v.request.GetChannel()))
	for _, g := range v.gates {
		word := "pass"
		if !g.GetPass() {
			word = "FAIL"
		}
		for i, text := range gateTexts(g) {
			if i == 0 {
				fmt.Fprintf(table, "  %s\t%s\t%s\n", word, oneLine(g.GetGate()), text)
			} else {
				fmt.Fprintf(table, "\t\t%s\n", text)
			}
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for text := range strings.Lines(aligned.String()) {
		fmt.Fprintln(w, strings.TrimRight(text, " \n")) // a gate without a text is padded
	}
	_, err := fmt.Fprintf(w, "\n%s\n", v.conclusion())
	return err
}

func (v verdict) who() string {
	identity := v.request.GetIdentity()
	if identity == nil {
		return "An anonymous session"
	}
	has := slices.Clone(identity.GetRoles())
	for _, name := range slices.Sorted(maps.Keys(identity.GetAttributes())) {
		has = append(has, name+"="+identity.GetAttributes()[name])
	}
	if len(has) == 0 {
		has = []string{"no roles"}
	}
	return oneLine("A session of " + identity.GetUserId() + " with " + strings.Join(has, ", "))
}

// gateTexts are a gate's lines: why not, which rules, and what it looked at.
func gateTexts(g *hubv1.GateVerdict) []string {
	var texts []string
	if e := g.GetError(); e != nil {
		texts = append(texts, or(e.GetReason(), e.GetCode())+": "+e.GetMessage())
		for _, v := range e.GetViolations() {
			texts = append(texts, mistake{field: v.GetField(), text: v.GetMessage(), rule: v.GetRule()}.String())
		}
	}
	if g.GetDetail() != "" || len(texts) == 0 {
		texts = append(texts, g.GetDetail())
	}
	for i := range texts {
		texts[i] = oneLine(texts[i])
	}
	return texts
}

// conclusion is the first thing in the way, and what to do about it.
func (v verdict) conclusion() string {
	channel := oneLine(v.request.GetChannel())
	switch {
	case v.refused == nil && !v.joins:
		return "The hub did not say whether it may join; is this command as new as the hub? hub version"
	case v.refused == nil:
		return "Nothing is in its way. Whether anything is sent: hub tail " + channel
	case !v.joins:
		return "It gets nothing: " + v.no() + " " + v.advice()
	case v.refused.GetGate() == gateSubscribed:
		return "It may join, but no such session is subscribed. The page has to connect, to emit hub:subscribe for " + channel +
			" at every connect, and to read what the ack says."
	default:
		return "It gets what is sent, but cannot send: " + v.no() + " Whether anything is sent: hub tail " + channel
	}
}

func (v verdict) no() string {
	return fmt.Sprintf("the gate %s says no (%s).", oneLine(v.refused.GetGate()), oneLine(v.refused.GetError().GetReason()))
}

// advice is for what keeps a session from joining. The gate's own text has the rest.
func (v verdict) advice() string {
	switch v.refused.GetError().GetReason() {
	case "CHANNEL_UNKNOWN":
		return "Declare the channel, or compare its name with hub channels."
	case "CHANNEL_NAME_INVALID":
		return "Correct the name, as the line above says."
	case "CREDENTIALS_REQUIRED":
		return "The browser has to connect with a token (auth.token), or the channel needs the scope public."
	case "CREDENTIALS_INVALID", "CREDENTIALS_EXPIRED":
		return "The browser has to connect with a valid token."
	case "SCOPE_DENIED":
		return "Give the session what the channel's scope asks for, or change the scope; hub channels shows it."
	case "NO_WORKER":
		return "Start a worker that answers; without one nobody may."
	default:
		return "The line above says why."
	}
}
