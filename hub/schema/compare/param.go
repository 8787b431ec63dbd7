package compare

import (
	"regexp"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
)

var param = regexp.MustCompile(`\{([^}]*)\}`)

// shape is a name without its params' names: concrete names know only that.
func shape(declared string) string { return param.ReplaceAllString(declared, "{}") }

// renaming has what an old declaration's params are called now: a param is its
// place in the channel's name.
type renaming map[string]string

// renamed pairs the params of two names of one shape.
func renamed(old, now string) renaming {
	is := param.FindAllStringSubmatch(now, -1)
	out := renaming{}
	for i, was := range param.FindAllStringSubmatch(old, -1) {
		out[was[1]] = is[i][1]
	}
	return out
}

// within is an old scope in today's names.
func (r renaming) within(old *hubv1.Scope) *hubv1.Scope {
	user := old.GetUser()
	if user == nil {
		return old
	}
	return &hubv1.Scope{Kind: &hubv1.Scope_User{User: &hubv1.UserScope{Param: r[user.GetParam()]}}}
}

// of are old rules in today's names.
func (r renaming) of(old map[string]*validate.StringRules) map[string]*validate.StringRules {
	out := make(map[string]*validate.StringRules, len(old))
	for name, rules := range old {
		out[r[name]] = rules
	}
	return out
}
