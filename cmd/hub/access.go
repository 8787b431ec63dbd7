package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"github.com/realtime-hub/hub/hub/schema"
)

// writeAccess is who may join and send where: a file to be kept beside the protos
// and reviewed when it changes. Nobody but those named may; a role is also signed in.
func writeAccess(w io.Writer, channels []*schema.Channel) error {
	roles := map[string]bool{}
	for _, c := range channels {
		for _, scope := range scopes(c) {
			for _, role := range scope.GetRole().GetAnyOf() {
				roles[role] = true
			}
		}
	}
	people := slices.Concat([]string{"anonymous", "signed in"}, slices.Sorted(maps.Keys(roles)))
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "CHANNEL\t"+strings.Join(people, "\t"))
	for _, c := range channels {
		row := append(make([]string, 0, 1+len(people)), c.Name())
		for i, person := range people {
			row = append(row, access(c, person, i))
		}
		fmt.Fprintln(table, strings.Join(row, "\t"))
	}
	return table.Flush()
}

// scopes are the channel's, and what it takes messages by.
func scopes(c *schema.Channel) []*hubv1.Scope {
	out := []*hubv1.Scope{c.Options.GetScope()}
	if c.Inbound != nil {
		out = append(out, c.Inbound.Options.GetScope())
	}
	return out
}

// access is what a person may on the channel: 0 is anonymous, 1 signed in, the
// others a role.
func access(c *schema.Channel, person string, i int) string {
	var may []string
	for j, scope := range scopes(c) {
		if condition, is := within(scope, person, i); is {
			may = append(may, [...]string{"join", "send"}[j]+condition)
		}
	}
	return or(strings.Join(may, " "), "-")
}

// within says whether a person is within a scope, and on which condition.
func within(s *hubv1.Scope, person string, i int) (condition string, is bool) {
	signedIn := i > 0
	switch kind := s.GetKind().(type) {
	case *hubv1.Scope_Public:
		return "", true
	case *hubv1.Scope_Authenticated:
		return "", signedIn
	case *hubv1.Scope_Role:
		return "", i > 1 && slices.Contains(kind.Role.GetAnyOf(), person)
	case *hubv1.Scope_User:
		return "(own)", signedIn
	case *hubv1.Scope_Handler:
		return "(asks)", signedIn
	}
	return "", false
}
