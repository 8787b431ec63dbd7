package docs_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// follow does what the blocks say, one after the other.
func follow(t *testing.T, s *stage, blocks []block) {
	t.Helper()
	for i, b := range blocks {
		if b.file != "" {
			used(t, b, blocks[i+1:])
			s.write(b.file, s.ports.Replace(b.text))
			continue
		}
		act(t, s, b)
		if t.Failed() {
			t.Fatalf("%s: the rest is not followed\n%s", b.at, s.heard())
		}
	}
	goFragments(t, blocks)
}

// act does what one block says.
func act(t *testing.T, s *stage, b block) {
	t.Helper()
	switch b.language {
	case "sh":
		script := b.text
		// It is opened and stopped: what follows wants its ports.
		if rest, ok := strings.CutPrefix(script, "make demo"); ok {
			s.start("make demo")
			s.stopLike("make demo")
			_, script, _ = strings.Cut(rest, "\n")
		}
		if b.stays {
			s.start(script)
			return
		}
		if out, err := s.sh("-eu", script); err != nil {
			t.Errorf("%s: %v\n%s%s", b.at, err, b.text, out)
		}
	case "console":
		console(t, s, b)
	case "output":
		s.expect(b)
	case "proto":
		checkProto(t, s, b)
	case "yaml":
		checkConfiguration(t, s, b)
	case "json":
		if !json.Valid([]byte(b.text)) {
			t.Errorf("%s is no JSON", b.at)
		}
	case "go", "text": // goFragments compiles Go of a document all together
	default:
		t.Errorf("%s: a block of language %q: the test does not know what to do with it", b.at, b.language)
	}
}

// console runs each command and compares what it prints.
func console(t *testing.T, s *stage, b block) {
	t.Helper()
	for i, part := range strings.Split("\n"+b.text, "\n$ ") {
		if i == 0 {
			if strings.TrimSpace(part) != "" {
				t.Errorf("%s: a console block begins with $", b.at)
			}
			continue
		}
		command, want, _ := strings.Cut(part, "\n")
		for strings.HasSuffix(command, "\\") { // it goes on
			var more string
			more, want, _ = strings.Cut(want, "\n")
			command += "\n" + more
		}
		got, _ := s.sh("-u", command) // a refusal is shown too
		if !printsAs(want, got) {
			t.Errorf("%s: %s prints\n%s\nnot\n%s", b.at, command, got, want)
		}
	}
}

// printsAs compares line by line.
func printsAs(want, got string) bool {
	w, g := linesOf(want), linesOf(got)
	for i, line := range w {
		if line == "…" {
			_, ok := follows(w[i+1:], g[min(i, len(g)):])
			return ok
		}
		if i >= len(g) || !like(line, strings.TrimRight(g[i], " ")) {
			return false
		}
	}
	return len(w) == len(g)
}

// used fails where a file is written that no command speaks of: it would never
// have been tried.
func used(t *testing.T, b block, below []block) {
	t.Helper()
	names := []string{path.Base(b.file)}
	for dir := path.Dir(b.file); dir != "."; dir = path.Dir(dir) {
		names = append(names, path.Base(dir))
	}
	for _, other := range below {
		if !other.runs() {
			continue
		}
		for _, name := range names {
			// serve, check and buf find theirs by themselves.
			own := strings.HasPrefix(name, "buf.") && strings.Contains(other.text, "buf generate") ||
				name == "hub.yaml" && (strings.Contains(other.text, "hub serve") || strings.Contains(other.text, "hub check"))
			if own || strings.Contains(other.text, name) {
				return
			}
		}
	}
	t.Errorf("%s: no command below uses the file %s", b.at, b.file)
}

const protoHead = `syntax = "proto3";
package docs.v1;
import "buf/validate/validate.proto";
import "google/protobuf/timestamp.proto";
import "hub/v1/channel.proto";
`

// checkProto has hub check look at a file, or at declarations put into one.
func checkProto(t *testing.T, s *stage, b block) {
	t.Helper()
	text := b.text
	if !strings.HasPrefix(text, "syntax") {
		text = protoHead + text
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "docs.proto"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := s.sh("-eu", "hub check --channels "+dir); err != nil {
		t.Errorf("%s: %v\n%s", b.at, err, out)
	}
}

// checkConfiguration has hub check look at a configuration. What it names is
// made up.
func checkConfiguration(t *testing.T, s *stage, b block) {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env := ""
	for _, m := range named.FindAllStringSubmatch(b.text, -1) {
		switch key, value := m[1], m[2]; {
		case strings.HasSuffix(key, "_env"):
			env += fmt.Sprintf("export %s=0123456789abcdef0123456789abcdef\n", value)
		case key == "token_file", key == "hmac_secret_file":
			write(value, []byte("0123456789abcdef0123456789abcdef\n"))
		case key == "key_file":
			write(value, certificate().key)
		default: // cert_file, client_ca_file, public_key_file
			write(value, certificate().cert)
		}
	}
	if err := os.Symlink(filepath.Join(clone, "examples", "blog", "proto"), filepath.Join(dir, "proto")); err != nil {
		t.Fatal(err)
	}
	write("hub.yaml", []byte(b.text))
	// Its own addresses count here, not the stage's.
	script := "unset HUB_HTTP_ADDRESS HUB_GRPC_ADDRESS HUB_OPS_ADDRESS HUB_DRAIN_WINDOW\n" + env + "hub check --config " + dir + "/hub.yaml"
	if out, err := s.sh("-eu", script); err != nil {
		t.Errorf("%s: %v\n%s", b.at, err, out)
	}
}
