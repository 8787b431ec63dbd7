package hubvet

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/inspect"
	"golang.org/x/tools/go/types/typeutil"
)

const repliesDoc = `what a handler answers carries no payload (R0)

The SDK has no way to answer with a message: a handler returns an error or none.
Two ways around it are reported. One is a payload in the text of hub.Reject, which
browsers may read: something encoded as JSON or protobuf text, bytes made a
string, a message printed. The text is for people; data is broadcast, on a channel
with rules. The other is a handler of a message that is called …Reply or
…Response: browsers send what happened, not answers; such a message is a sign
that the two directions were mixed up.

Not seen: a text that was put into a variable before.`

// Replies reports payloads that travel as answers.
func Replies() *analysis.Analyzer {
	return &analysis.Analyzer{
		Name: "hubreplies", Doc: repliesDoc, Requires: []*analysis.Analyzer{inspect.Analyzer},
		Run: func(pass *analysis.Pass) (any, error) {
			calls(pass, func(call *ast.CallExpr, name string) {
				switch {
				case name == "Reject" && len(call.Args) == 3:
					if at, what := payloadIn(pass, call.Args[2]); what != "" {
						pass.Reportf(at, "the text of hub.Reject has %s: it is for people, and carries no payload (R0); "+
							"broadcast the data on a channel", what)
					}
				case name == "Handle" && len(call.Args) == 2:
					if message := answer(pass.TypesInfo.TypeOf(call.Args[0])); message != "" {
						pass.Reportf(call.Args[0].Pos(), "browsers send %s on this channel, which is called as an answer (R0): "+
							"a handler takes what happened, and answers by a broadcast; rename the message, or have subscribers receive it", message)
					}
				}
			})
			return nil, nil
		},
	}
}

// payloadIn finds what encodes data within a text, and names it.
func payloadIn(pass *analysis.Pass, text ast.Expr) (at token.Pos, what string) {
	ast.Inspect(text, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || what != "" {
			return what == ""
		}
		at, what = call.Pos(), encodes(pass.TypesInfo, call)
		return what == ""
	})
	return at, what
}

func encodes(info *types.Info, call *ast.CallExpr) string {
	if info.Types[call.Fun].IsType() { // a conversion
		if len(call.Args) == 1 && isBytes(info.TypeOf(call.Args[0])) {
			return "bytes made a string"
		}
		return ""
	}
	if selected, ok := ast.Unparen(call.Fun).(*ast.SelectorExpr); ok && selected.Sel.Name == "String" && isMessage(info.TypeOf(selected.X)) {
		return "a printed message"
	}
	f := typeutil.StaticCallee(info, call)
	if f == nil || f.Pkg() == nil {
		return ""
	}
	switch f.Pkg().Path() {
	case "encoding/json", "encoding/base64", "google.golang.org/protobuf/encoding/protojson", "google.golang.org/protobuf/encoding/prototext":
		return "something encoded by " + f.Pkg().Name()
	case "fmt":
		for _, arg := range call.Args {
			if isMessage(info.TypeOf(arg)) {
				return "a printed message"
			}
		}
	}
	return ""
}

func isBytes(t types.Type) bool {
	if t == nil {
		return false
	}
	slice, ok := t.Underlying().(*types.Slice)
	if !ok {
		return false
	}
	elem, ok := slice.Elem().Underlying().(*types.Basic)
	return ok && elem.Kind() == types.Uint8
}

// isMessage tells whether the type is of protobuf.
func isMessage(t types.Type) bool {
	if t == nil {
		return false
	}
	method, _, _ := types.LookupFieldOrMethod(t, true, nil, "ProtoReflect")
	_, ok := method.(*types.Func)
	return ok
}

// answer is the message's name of an Inbound[*M], if it is called as an answer.
func answer(t types.Type) string {
	named, ok := types.Unalias(t).(*types.Named)
	if !ok || named.TypeArgs().Len() != 1 {
		return ""
	}
	p, ok := types.Unalias(named.TypeArgs().At(0)).(*types.Pointer)
	if !ok {
		return ""
	}
	message, ok := types.Unalias(p.Elem()).(*types.Named)
	if !ok {
		return ""
	}
	name := message.Obj().Name()
	if strings.HasSuffix(name, "Reply") || strings.HasSuffix(name, "Response") {
		return name
	}
	return ""
}
