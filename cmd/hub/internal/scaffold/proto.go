package scaffold

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/bufbuild/protocompile/ast"
	"github.com/bufbuild/protocompile/parser"
	"github.com/bufbuild/protocompile/reporter"
)

const inboundOption = "option (hub.v1.inbound) = {};"

// addInbound lets browsers send a channel's message: the option goes below that
// of the channel, and nothing else of the file changes.
func addInbound(name string, source []byte, message string) ([]byte, error) {
	file, err := parser.Parse(name, bytes.NewReader(source), reporter.NewHandler(nil))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for _, decl := range file.Decls {
		m, ok := decl.(*ast.MessageNode)
		if !ok || m.Name.Val != message {
			continue
		}
		for _, inner := range m.Decls {
			option, ok := inner.(*ast.OptionNode)
			if !ok || !isChannelOption(option) {
				continue
			}
			start, end := file.NodeInfo(option).Start(), file.NodeInfo(option).End()
			return insertBelow(source, start.Offset, end.Offset), nil
		}
	}
	return nil, fmt.Errorf("%s: the option (hub.v1.channel) of %s is not in one piece; add the line `%s` to the message by hand", name, message, inboundOption)
}

// isChannelOption also takes the name as it may be written within hub.v1's kin.
func isChannelOption(o *ast.OptionNode) bool {
	if len(o.Name.Parts) != 1 {
		return false
	}
	return strings.HasSuffix(strings.TrimPrefix(string(o.Name.Parts[0].Name.AsIdentifier()), "."), "v1.channel")
}

// insertBelow adds the option in a line of its own, as far in as the one above.
func insertBelow(source []byte, start, end int) []byte {
	line := source[bytes.LastIndexByte(source[:start], '\n')+1 : start]
	indent := string(line[:len(line)-len(bytes.TrimLeft(line, " \t"))])
	// The parser's end is that of the value.
	if semicolon := bytes.IndexByte(source[end:], ';'); semicolon >= 0 && len(bytes.TrimSpace(source[end:end+semicolon])) == 0 {
		end += semicolon + 1
	}
	// A comment beside the option stays with it.
	if rest := bytes.IndexByte(source[end:], '\n'); rest >= 0 && strings.HasPrefix(strings.TrimSpace(string(source[end:end+rest])), "//") {
		end += rest
	}
	return []byte(string(source[:end]) + "\n" + indent + inboundOption + string(source[end:]))
}
