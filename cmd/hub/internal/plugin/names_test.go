package plugin_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/compiler/protogen"

	"github.com/realtime-hub/hub/cmd/hub/internal/plugin"
)

// awkward are words that something generated, Go, TypeScript or the web has for
// itself.
var awkward = strings.Fields(`
	string any object never unknown type as from of interface func range map chan import package enum class await yield
	infer keyof unique readonly asserts abstract this null undefined true constructor prototype
	channel template params of filled proto string_ record array promise exclude error
	hub hub_meta channel_name server_to_client_events position meta ack sent one one_of json_value
	len nil error byte append init main id url user_id userid user__id a a_ a1 x_1 http_url ip4`)

// lottery draws names that the grammar allows.
type lottery struct{ *rand.Rand }

func (l lottery) pick(from ...string) string { return from[l.IntN(len(from))] }

func (l lottery) letters(first, rest string, most int) string {
	b := []byte{first[l.IntN(len(first))]}
	for range l.IntN(most) {
		b = append(b, rest[l.IntN(len(rest))])
	}
	return string(b)
}

const lower = "abcdefghijklmnopqrstuvwxyz"

// param is [a-z][a-z0-9_]*, literal [a-z0-9_-]+.
func (l lottery) param() string {
	return l.pick(l.letters(lower, lower+"0123456789_", 12), l.pick(awkward...), l.pick(awkward...)+"_"+l.pick(awkward...))
}

func (l lottery) literal() string {
	return l.pick(l.letters(lower+"0123456789_-", lower+"0123456789_-", 8), l.pick(awkward...))
}

// message is a name that protoc-gen-go takes beside the others.
func (l lottery) message(taken map[string]bool) string {
	for {
		name := l.pick(l.pick(awkward...), l.letters(lower, lower+"0123456789_", 8))
		if l.IntN(3) > 0 {
			var b strings.Builder
			for word := range strings.SplitSeq(name, "_") {
				if word != "" {
					b.WriteString(strings.ToUpper(word[:1]) + word[1:])
				}
			}
			name = b.String()
		}
		if key := strings.ToLower(strings.ReplaceAll(name, "_", "")); !taken[key] && !taken[strings.TrimSuffix(key, "input")] {
			taken[key] = true
			return name
		}
	}
}

// channel is the prefix and so many segments.
func (l lottery) channel(prefix string, segments int) (name string, params []string) {
	parts := []string{prefix}
	for range segments {
		param := l.param()
		if l.IntN(2) == 0 && !slices.Contains(params, param) {
			params = append(params, param)
			parts = append(parts, "{"+param+"}")
		} else {
			parts = append(parts, l.literal())
		}
	}
	return strings.Join(parts, "."), params
}

// declaredChannel is one of the names that were drawn.
type declaredChannel struct {
	message, name string
	params        []string
	takes         bool
}

// Whatever a channel, its params and its message are called: what is made of it
// compiles, in both languages, and takes a value for each param.
func TestAnyNamesCompile(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	l := lottery{rand.New(rand.NewPCG(seed, 0))}
	files, packages := map[string]string{}, map[string][]declaredChannel{}
	for n := range 40 {
		dir := fmt.Sprintf("p%d/v1", n)
		text := fmt.Sprintf("syntax = \"proto3\";\npackage p%d.v1;\nimport \"hub/v1/channel.proto\";\noption go_package = \"example.com/p%d/v1;pv1\";\n", n, n)
		taken := map[string]bool{}
		for i := range 1 + l.IntN(6) {
			c := declaredChannel{message: l.message(taken), takes: l.IntN(2) == 0}
			// No two could mean one channel. Those of every other package TypeScript
			// cannot tell apart: there only the number of segments differs.
			prefix, segments := fmt.Sprintf("%s-%d-%d", l.literal(), n, i), 1+l.IntN(4)
			if n%2 == 0 {
				prefix, segments = fmt.Sprintf("p%d", n), 1+i
			}
			c.name, c.params = l.channel(prefix, segments)
			packages[dir] = append(packages[dir], c)
			text += fmt.Sprintf("message %s {\n  option (.hub.v1.channel) = { name: %q scope: { public: {} } };\n", c.message, c.name)
			if c.takes {
				text += "  option (.hub.v1.inbound) = {};\n"
			}
			text += fmt.Sprintf("  .p%d.v1.%s %s = 1;\n  repeated .p%d.v1.%s more = 2;\n}\n", n, c.message, l.param(), n, packages[dir][0].message)
		}
		files[dir+"/x.proto"] = text
	}
	r := request(t, files, "paths=source_relative")
	out, wrong := generate(t, r, plugin.Go)
	if wrong != "" {
		t.Fatal(wrong)
	}
	gen, err := protogen.Options{}.New(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range gen.Files {
		if file.Generate {
			checkGo(t, file, out[strings.TrimSuffix(file.Desc.Path(), ".proto")+"_hub.pb.go"], packages[strings.TrimSuffix(file.Desc.Path(), "/x.proto")])
		}
	}
	p := newProject(t)
	made := typescript(t, files, "")
	p.add(t, "gen", made)
	for dir, channels := range packages {
		p.add(t, ".", map[string]string{strings.ReplaceAll(dir, "/", "_") + ".ts": useTS(dir, made[dir+"/x_hub.ts"], channels)})
	}
	p.check(t)
}

// stub has of package channel what generated code needs.
const stub = `package channel
type Params map[string]string
type Of[M any] struct{ _ [0]M }
type Inbound[M any] struct{ _ [0]M }
func New[M any](string) Of[M] { panic(0) }
func Filled[M any](string, Params) Of[M] { panic(0) }
func NewInbound[M any](string) Inbound[M] { panic(0) }
`

type importer map[string]*types.Package

func (i importer) Import(path string) (*types.Package, error) { return i[path], nil }

// checkGo checks the types of a generated file beside its messages, and of its use.
func checkGo(t *testing.T, file *protogen.File, text string, channels []declaredChannel) {
	t.Helper()
	var use strings.Builder
	use.WriteString("package pv1\n")
	for i, m := range file.Messages {
		fmt.Fprintf(&use, "type %s struct{}\n", m.GoIdent.GoName)
		call := ""
		if n := len(channels[i].params); n > 0 {
			call = "(" + strings.TrimSuffix(strings.Repeat(`"v", `, n), ", ") + ")"
		}
		fmt.Fprintf(&use, "var _ = %sChannel%s\n", m.GoIdent.GoName, call)
		if channels[i].takes {
			fmt.Fprintf(&use, "var _ = %sInbound\n", m.GoIdent.GoName)
		}
	}
	fset := token.NewFileSet()
	check := func(path string, known importer, texts ...string) *types.Package {
		var parsed []*ast.File
		for i, text := range texts {
			f, err := parser.ParseFile(fset, fmt.Sprintf("%s/%d.go", path, i), text, 0)
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			parsed = append(parsed, f)
		}
		config := types.Config{Importer: known}
		pkg, err := config.Check(path, fset, parsed, nil)
		if err != nil {
			t.Errorf("%v\n%s", err, strings.Join(texts, "\n"))
		}
		return pkg
	}
	channel := check("channel", nil, stub)
	check("pv1", importer{"github.com/realtime-hub/hub/hub/channel": channel}, text, use.String())
}

// useTS names each channel, and says what comes on it.
func useTS(dir, generated string, channels []declaredChannel) string {
	var b strings.Builder
	fmt.Fprintf(&b, "import type { Socket } from \"socket.io-client\";\nimport * as channels from \"./gen/%s/hub_channels.js\";\n", dir)
	fmt.Fprintf(&b, "import type * as events from \"./gen/%s/hub_events.js\";\nimport type * as types from \"./gen/%s/x_hub.js\";\n", dir, dir)
	b.WriteString("declare const socket: Socket<events.ServerToClientEvents, events.ClientToServerEvents>;\n")
	for i, c := range channels {
		name := c.message
		if !strings.Contains(generated, "export type "+name+"ChannelName ") { // a word of TypeScript's
			name += "$"
		}
		if c.params == nil {
			fmt.Fprintf(&b, "console.log(channels.%sChannel.name);\n", name)
		} else {
			args := make([]string, len(c.params))
			for n, param := range c.params {
				args[n] = fmt.Sprintf("%q: \"v\"", param)
			}
			fmt.Fprintf(&b, "console.log(channels.%sChannel({ %s }).name);\n", name, strings.Join(args, ", "))
		}
		filled := c.name
		for _, param := range c.params {
			filled = strings.ReplaceAll(filled, "{"+param+"}", "v")
		}
		fmt.Fprintf(&b, "export const name%d: events.ChannelName & types.%sChannelName = %q;\n", i, name, filled)
		fmt.Fprintf(&b, "socket.on(%q, (payload: types.%s, meta) => console.log(payload.more.length, meta.id.length));\n", filled, name)
		if c.takes {
			fmt.Fprintf(&b, "socket.emit(%q, {} as types.%sInput, () => {});\n", filled, name)
		}
	}
	return b.String()
}
