package schema_test

import (
	"strings"
	"testing"

	"github.com/realtime-hub/hub/hub/internal/fault"
	"github.com/realtime-hub/hub/hub/schema"
)

// Each row is a file after the head and all that is said of it.
var refusals = []struct{ name, text, want string }{
	{"no scope", `message A {
  option (hub.v1.channel) = { name: "a.b" };
}`, `t/v1/t.proto:6: message t.v1.A: option (hub.v1.channel).scope: missing; say who may join, as scope: { public: {} }`},
	{"an empty scope", `message A {
  option (hub.v1.channel) = { name: "a.b" scope: {} };
}`, `t/v1/t.proto:6: message t.v1.A: option (hub.v1.channel).scope: missing; say who may join, as scope: { public: {} }`},
	{"no name", `message A {
  option (hub.v1.channel) = { scope: { public: {} } };
}`, `t/v1/t.proto:6: message t.v1.A: option (hub.v1.channel).name: missing; name the channel, as name: "blog.article.feed"`},
	{"a malformed name", `message A {
  option (hub.v1.channel) = {
    scope: { public: {} }
    name: "a.B"
  };
}`, `t/v1/t.proto:8: message t.v1.A: option (hub.v1.channel).name: "a.B" is malformed: segment 2: "B" has a character other than a-z 0-9 _ -`},
	{"one segment", `message A { option (hub.v1.channel) = { name: "abc" scope: { public: {} } }; }`, `t/v1/t.proto:5: message t.v1.A: option (hub.v1.channel).name: "abc" is malformed: the name has one segment; at least 2 are needed, as "blog.feed"`},
	{"the reserved segment", `message A { option (hub.v1.channel) = { name: "hub.x" scope: { public: {} } }; }`, `t/v1/t.proto:5: message t.v1.A: option (hub.v1.channel).name: "hub.x" is malformed: segment 1: "hub" is reserved for the hub's own events`},
	{"a param first", `message A { option (hub.v1.channel) = { name: "{a}.x" scope: { public: {} } }; }`, `t/v1/t.proto:5: message t.v1.A: option (hub.v1.channel).name: "{a}.x" is malformed: segment 1: the first segment may not be a param`},
	{"a name too long", `message A { option (hub.v1.channel) = { name: "a.` + strings.Repeat("x", 254) + `" scope: { public: {} } }; }`, `t/v1/t.proto:5: message t.v1.A: option (hub.v1.channel).name: "a.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx …" is malformed: the name has 256 bytes; at most 255 are allowed`},
	{"a user scope whose param is not in the name", `message A {
  option (hub.v1.channel) = {
    name: "a.{id}.{box}"
    scope: { user: { param: "user_id" } }
  };
}`, `t/v1/t.proto:8: message t.v1.A: option (hub.v1.channel).scope.user.param: "user_id" is no param of the name "a.{id}.{box}"; it has id, box`},
	{"a user scope where the name has no params", `message A { option (hub.v1.channel) = { name: "a.b" scope: { user: { param: "id" } } }; }`, `t/v1/t.proto:5: message t.v1.A: option (hub.v1.channel).scope.user.param: "id" is no param of the name "a.b", which has none`},
	{"a user scope without a param", `message A { option (hub.v1.channel) = { name: "a.{id}" scope: { user: {} } }; }`, `t/v1/t.proto:5: message t.v1.A: option (hub.v1.channel).scope.user.param: must be at least 1 bytes`},
	{"a role scope without roles", `message A { option (hub.v1.channel) = { name: "a.b" scope: { role: {} } }; }`, `t/v1/t.proto:5: message t.v1.A: option (hub.v1.channel).scope.role.any_of: must contain at least 1 item(s)`},
	{"rules on a param that does not exist", `message A {
  option (hub.v1.channel) = {
    name: "a.{id}" scope: { public: {} }
    params: { key: "user" value: { min_len: 2 } }
  };
}`, `t/v1/t.proto:6: message t.v1.A: option (hub.v1.channel).params["user"]: "user" is no param of the name "a.{id}"; it has id`},
	{"rules of a param that do not compile", `message A {
  option (hub.v1.channel) = {
    name: "a.{id}" scope: { public: {} }
    params: { key: "id" value: { pattern: "(" } }
  };
}`, "t/v1/t.proto:7: message t.v1.A: option (hub.v1.channel).params[\"id\"]: the rules do not compile: failed to compile program string.pattern: error parsing regexp: missing closing ): `(`"},
	{"one name twice", `message A { option (hub.v1.channel) = { name: "a.b" scope: { public: {} } }; }
message B { option (hub.v1.channel) = { name: "a.b" scope: { public: {} } }; }`, `t/v1/t.proto:6: message t.v1.B: option (hub.v1.channel).name: "a.b" is declared by message t.v1.A (t/v1/t.proto) too; a channel has one message`},
	{"two of one shape", `message A { option (hub.v1.channel) = { name: "a.{x}" scope: { public: {} } }; }
message B { option (hub.v1.channel) = { name: "a.{y}" scope: { public: {} } }; }`, `t/v1/t.proto:6: message t.v1.B: option (hub.v1.channel).name: "a.{y}" and "a.{x}" of message t.v1.A (t/v1/t.proto) could mean the same channel, and neither is more specific from the left`},
	{"ambiguous names", `message A { option (hub.v1.channel) = { name: "a.{x}.c" scope: { public: {} } }; }
message B { option (hub.v1.channel) = { name: "a.b.{y}" scope: { public: {} } }; }`, `t/v1/t.proto:5: message t.v1.A: option (hub.v1.channel).name: "a.{x}.c" and "a.b.{y}" of message t.v1.B (t/v1/t.proto) could mean the same channel, and neither is more specific from the left`},
	{"latest with history", `message A {
  option (hub.v1.channel) = {
    name: "a.b" scope: { public: {} }
    history: { size: 1 ttl: { seconds: 60 } }
    on_slow: SLOW_LATEST
  };
}`, `t/v1/t.proto:9: message t.v1.A: option (hub.v1.channel).on_slow: SLOW_LATEST does not go with history: a replay would show what it replaced; take another on_slow, or no history`},
	{"history without a size and for too long", `message A {
  option (hub.v1.channel) = {
    name: "a.b" scope: { public: {} }
    history: { ttl: { seconds: 604801 } }
  };
}`, `t/v1/t.proto:8: message t.v1.A: option (hub.v1.channel).history.size: must be greater than or equal to 1 and less than or equal to 100000
t/v1/t.proto:8: message t.v1.A: option (hub.v1.channel).history.ttl: must be greater than or equal to 1s and less than or equal to 604800s`},
	{"inbound without a channel", `message A { option (hub.v1.inbound) = {}; }`, `t/v1/t.proto:5: message t.v1.A: option (hub.v1.inbound).channel: missing; name the channel, as channel: "blog.article.feed"; only beside hub.v1.channel it may be left out`},
	{"inbound for an unknown channel", `message A { option (hub.v1.inbound) = { channel: "a.b" }; }`, `t/v1/t.proto:5: message t.v1.A: option (hub.v1.inbound).channel: no message of this set declares the channel "a.b"; name it as declared, params in braces`},
	{"inbound that differs from its own channel", `message A {
  option (hub.v1.channel) = { name: "a.b" scope: { public: {} } };
  option (hub.v1.inbound) = { channel: "a.c" };
}`, `t/v1/t.proto:7: message t.v1.A: option (hub.v1.inbound).channel: "a.c" differs from the message's own channel "a.b"; leave it out`},
	{"two inbound for one channel", `message A {
  option (hub.v1.channel) = { name: "a.b" scope: { public: {} } };
  option (hub.v1.inbound) = {};
}
message B { option (hub.v1.inbound) = { channel: "a.b" }; }`, `t/v1/t.proto:9: message t.v1.B: option (hub.v1.inbound).channel: "a.b" takes message t.v1.A (t/v1/t.proto) already; a channel takes one message`},
	{"an inbound user scope whose param is not in the name", `message A {
  option (hub.v1.channel) = { name: "a.{id}" scope: { public: {} } };
  option (hub.v1.inbound) = { scope: { user: { param: "user" } } };
}`, `t/v1/t.proto:7: message t.v1.A: option (hub.v1.inbound).scope.user.param: "user" is no param of the name "a.{id}"; it has id`},
	{"an inbound scope that says nothing", `message A {
  option (hub.v1.channel) = { name: "a.{id}" scope: { public: {} } };
  option (hub.v1.inbound) = { scope: {} };
}`, `t/v1/t.proto:7: message t.v1.A: option (hub.v1.inbound).scope: missing; say who may send, as scope: { public: {} }`},
	{"a deadline beyond the expiry", `message A {
  option (hub.v1.channel) = { name: "a.b" scope: { public: {} } };
  option (hub.v1.inbound) = { deadline: { seconds: 120 } };
}`, `t/v1/t.proto:7: message t.v1.A: option (hub.v1.inbound).deadline: 2m0s is longer than the message's whole life, expiry 1m0s`},
	{"a default deadline beyond the expiry", `message A {
  option (hub.v1.channel) = { name: "a.b" scope: { public: {} } };
  option (hub.v1.inbound) = { expiry: { seconds: 5 } };
}`, `t/v1/t.proto:7: message t.v1.A: option (hub.v1.inbound).deadline: 10s is longer than the message's whole life, expiry 5s`},
	{"a rate that is none", `message A {
  option (hub.v1.channel) = { name: "a.b" scope: { public: {} } };
  option (hub.v1.inbound) = { rate: { per_second: -1 } };
}`, `t/v1/t.proto:7: message t.v1.A: option (hub.v1.inbound).rate.per_second: must be greater than or equal to 0 and less than or equal to 100000`},
	{"a nested message without a scope", `message A { message B { option (hub.v1.channel) = { name: "a.b" }; } }`, `t/v1/t.proto:5: message t.v1.A.B: option (hub.v1.channel).scope: missing; say who may join, as scope: { public: {} }`},
	{"a rule that does not compile", `message A {
  option (hub.v1.channel) = { name: "a.b" scope: { public: {} } };
  string x = 1;
  string y = 2 [(buf.validate.field).cel = { id: "y" message: "y" expression: "this.size( > 1" }];
}`, `t/v1/t.proto:8: message t.v1.A: option (buf.validate.field) of y: the rules do not compile: failed to compile expression y: at 1:12: Syntax error: extraneous input '>' expecting {'[', '{', '(', ')', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}; at 1:15: Syntax error: missing ')' at '<EOF>'`},
	{"a rule of the message that does not compile", `message A {
  option (hub.v1.channel) = { name: "a.b" scope: { public: {} } };
  option (buf.validate.message).cel = { id: "m" message: "m" expression: "this.nope == 1" };
}`, `t/v1/t.proto:5: message t.v1.A: option (buf.validate.message): the rules do not compile: failed to compile expression m: at 1:5: undefined field 'nope'`},
	{"a rule for another type", `message A {
  option (hub.v1.channel) = { name: "a.b" scope: { public: {} } };
  int32 x = 1 [(buf.validate.field).string.min_len = 1];
}`, `t/v1/t.proto:7: message t.v1.A: option (buf.validate.field) of x: the rules do not compile: expected rule "buf.validate.FieldRules.int32", got "buf.validate.FieldRules.string" on field "t.v1.A.x"`},
	{"a pattern that does not compile", `message A {
  option (hub.v1.channel) = { name: "a.b" scope: { public: {} } };
  string x = 1 [(buf.validate.field).string.pattern = "("];
}`, "t/v1/t.proto:7: message t.v1.A: option (buf.validate.field) of x: the rules do not compile: failed to compile program string.pattern: error parsing regexp: missing closing ): `(`"},
	{"a rule that does not compile in a message below", `message A {
  option (hub.v1.channel) = { name: "a.b" scope: { public: {} } };
  map<string, B> bs = 1;
}
message B { repeated C cs = 1; }
message C {
  option (buf.validate.message).cel = { id: "c" message: "c" expression: "nope" };
}`, `t/v1/t.proto:10: message t.v1.C: option (buf.validate.message): the rules do not compile: failed to compile expression c: at 1:1: undeclared reference to 'nope'`},
	{"a rule that fails on an empty message", `message A {
  option (hub.v1.channel) = { name: "a.b" scope: { public: {} } };
  repeated int32 n = 1 [(buf.validate.field).cel = { id: "n" message: "n" expression: "this[0] > 1" }];
}`, `t/v1/t.proto:7: message t.v1.A: option (buf.validate.field) of n: the rules fail on an empty message, instead of judging it; guard them with has() or size(): error evaluating n: index out of bounds: 0`},
	{"a rule of an inbound message that does not compile", `message A { option (hub.v1.channel) = { name: "a.b" scope: { public: {} } }; }
message B {
  option (hub.v1.inbound) = { channel: "a.b" };
  string x = 1 [(buf.validate.field).string.pattern = "("];
}`, "t/v1/t.proto:8: message t.v1.B: option (buf.validate.field) of x: the rules do not compile: failed to compile program string.pattern: error parsing regexp: missing closing ): `(`"},
	{"a syntax error", `message A {
  string x = ;
}`, `t/v1/t.proto:6:14: syntax error: unexpected ';', expecting int literal`},
	{"an unknown option", `message A { option (hub.v1.chanel) = { name: "a.b" }; }`, `t/v1/t.proto:5:20: message t.v1.A: unknown extension hub.v1.chanel`},
	{"an unknown field of an option", `message A { option (hub.v1.channel) = { nome: "a.b" }; }`, `t/v1/t.proto:5:41: message t.v1.A: option (hub.v1.channel): field nome not found`},
	{"an unknown type", `message A { Such x = 1; }`, `t/v1/t.proto:5:13: field t.v1.A.x: unknown type Such`},
	{"all mistakes at once", `message A { option (hub.v1.channel) = { name: "a" }; }
message B { option (hub.v1.channel) = { name: "b.c" }; }
message C { option (hub.v1.inbound) = { channel: "x.y" }; }`, `t/v1/t.proto:5: message t.v1.A: option (hub.v1.channel).name: "a" is malformed: the name has one segment; at least 2 are needed, as "blog.feed"
t/v1/t.proto:5: message t.v1.A: option (hub.v1.channel).scope: missing; say who may join, as scope: { public: {} }
t/v1/t.proto:6: message t.v1.B: option (hub.v1.channel).scope: missing; say who may join, as scope: { public: {} }
t/v1/t.proto:7: message t.v1.C: option (hub.v1.inbound).channel: no message of this set declares the channel "x.y"; name it as declared, params in braces`},
}

func TestDeclarationsAreRefusedWithTheirPlace(t *testing.T) {
	for _, row := range refusals {
		t.Run(row.name, func(t *testing.T) {
			r := schema.New(schema.Config{})
			_, err := r.Load(t.Context(), tree(t, map[string]string{"t/v1/t.proto": head + row.text}))
			if err == nil {
				t.Fatal("it is loaded")
			}
			if err.Error() != row.want {
				t.Errorf("it says\n%s\nnot\n%s", err, row.want)
			}
			if !fault.Is(err, fault.SchemaInvalid) {
				t.Errorf("%v is no SCHEMA_INVALID", err)
			}
			if n := len(r.Snapshot().Channels()); n != 0 {
				t.Errorf("%d channels are there", n)
			}
		})
	}
}
