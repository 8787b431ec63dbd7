package plugin_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/pluginpb"

	"github.com/realtime-hub/hub/cmd/hub/internal/plugin"
)

func TestTypeScriptIsAsReviewed(t *testing.T) {
	golden(t, "testdata/gen", ".ts", typescript(t, protos(t), ""))
}

// A wrong payload type and a missing param do not compile, for the hub's client
// and for socket.io-client. tsc itself says where something in bad.ts does.
func TestMisuseOfTypeScriptDoesNotCompile(t *testing.T) {
	p := newProject(t)
	p.add(t, "gen", typescript(t, protos(t), ""))
	for _, name := range []string{"good.ts", "bad.ts"} {
		text := readFile(t, "testdata/ts/"+name)
		if n := strings.Count(text, "@ts-expect-error "); name == "bad.ts" && n < 50 {
			t.Errorf("%d cases are left", n)
		}
		p.add(t, ".", map[string]string{name: text})
	}
	p.check(t)
}

// Who has no client of the hub's needs nothing.
func TestTypesNeedNoClient(t *testing.T) {
	p := newProject(t)
	files := typescript(t, protos(t), "client=none,import_extension=ts")
	for name, text := range files {
		if strings.Contains(text, "\nimport {") || strings.Contains(text, "@realtime-hub") {
			t.Errorf("%s imports what runs:\n%s", name, text)
		}
	}
	p.add(t, "gen", files)
	p.check(t)
}

// An import of all that protos bring compiles, too.
func TestImportsCompile(t *testing.T) {
	p := newProject(t)
	r := request(t, protos(t), "client=none")
	r.FileToGenerate = nil
	for _, f := range r.GetProtoFile() {
		r.FileToGenerate = append(r.FileToGenerate, f.GetName())
	}
	files, wrong := generate(t, r, plugin.TypeScript)
	if wrong != "" {
		t.Fatal(wrong)
	}
	p.add(t, "gen", files)
	p.check(t)
}

// Two packages have a message of one name, and so has what is written around
// them; and what a channel takes may be declared in another directory.
func TestImportsOfOneNameAreToldApart(t *testing.T) {
	const top = "syntax = \"proto3\";\npackage %s.v1;\nimport \"hub/v1/channel.proto\";\n"
	of := func(pkg, text string) string { return fmt.Sprintf(top, pkg) + text }
	files := map[string]string{
		"a/v1/a.proto": of("a", "message Author { int32 a = 1; }\nmessage HubMeta {}\n"),
		"b/v1/b.proto": of("b", "import \"a/v1/a.proto\";\nmessage Author { .a.v1.Author a = 1; }\n"),
		"t/v1/t.proto": of("t", "import \"a/v1/a.proto\";\nimport \"b/v1/b.proto\";\n"+
			"message Author { option (.hub.v1.channel) = { name: \"t.author\" scope: { public: {} } }; .a.v1.Author a = 1; .b.v1.Author b = 2; }\n"+
			"message HubMeta { option (.hub.v1.channel) = { name: \"t.meta\" scope: { public: {} } }; Author author = 1; }\n"+
			"message channel { option (.hub.v1.channel) = { name: \"t.channel\" scope: { public: {} } }; }\n"),
		"t/other/t.proto": of("t", "message Author2 { option (.hub.v1.inbound) = { channel: \"t.author\" }; int32 n = 1; }\n"),
	}
	p := newProject(t)
	p.add(t, "gen", typescript(t, files, ""))
	p.add(t, ".", map[string]string{"use.ts": `
import type { ServerToClientEvents, ClientToServerEvents } from "./gen/t/v1/hub_events.js";
type On<Name extends keyof ServerToClientEvents> = Parameters<ServerToClientEvents[Name]>;
export const author: On<"t.author">[0] = { a: { a: 1 }, b: { a: { a: 2 } } };
export const meta: On<"t.meta"> = [{ author }, { id: "1" }];
export const send: (emit: ClientToServerEvents["t.author"]) => void = (emit) => emit({ n: 1 }, () => {});
`})
	p.check(t)
}

func typescript(t testing.TB, files map[string]string, parameter string) map[string]string {
	t.Helper()
	out, wrong := generate(t, request(t, files, parameter), plugin.TypeScript)
	if wrong != "" {
		t.Fatal(wrong)
	}
	return out
}

// project is a folder that tsc looks at.
type project struct{ dir, modules string }

func newProject(t testing.TB) *project {
	t.Helper()
	modules, client := absolute(t, "e2e/node_modules"), absolute(t, "sdk/ts/dist/index.d.ts")
	_, noNode := exec.LookPath("node")
	_, noTSC := os.Stat(filepath.Join(modules, ".bin", "tsc"))
	_, noClient := os.Stat(client)
	if err := errors.Join(noNode, noTSC, noClient); err != nil {
		tell := t.Skipf
		if os.Getenv("CI") == "true" || os.Getenv("HUB_E2E") == "required" {
			tell = t.Fatalf
		}
		tell("%v: make e2e/node_modules/.installed sdk/ts/dist/index.js", err)
	}
	p := &project{dir: t.TempDir(), modules: modules}
	if err := os.Symlink(modules, filepath.Join(p.dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	config, err := json.Marshal(map[string]any{"compilerOptions": map[string]any{
		"strict": true, "noEmit": true, "target": "es2022", "module": "esnext", "moduleResolution": "bundler",
		"lib": []string{"es2023", "dom"}, "types": []string{}, "exactOptionalPropertyTypes": true, "noUncheckedIndexedAccess": true,
		"verbatimModuleSyntax": true, "isolatedModules": true, "erasableSyntaxOnly": true, "noUnusedLocals": true,
		"allowImportingTsExtensions": true, "skipLibCheck": true,
		// The client as it is built here; it finds its own socket.io-client where this project's is.
		"paths": map[string]any{"@realtime-hub/client": []string{client}, "socket.io-client": []string{filepath.Join(modules, "socket.io-client")}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	p.add(t, ".", map[string]string{"tsconfig.json": string(config), "package.json": `{"type":"module"}`})
	return p
}

func absolute(t testing.TB, path string) string {
	t.Helper()
	at, err := filepath.Abs(filepath.Join(repository, path))
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func (p *project) add(t testing.TB, under string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(p.dir, under, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// check runs tsc --strict over all of it.
func (p *project) check(t testing.TB) {
	t.Helper()
	run(t, ".", false, filepath.Join(p.modules, ".bin", "tsc"), "--project", p.dir, "--pretty", "false")
}

// es is what protoc-gen-es answers.
func (p *project) es(t testing.TB, r *pluginpb.CodeGeneratorRequest) map[string]string {
	t.Helper()
	in, err := proto.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(p.modules, ".bin", "protoc-gen-es"))
	cmd.Stdin = bytes.NewReader(in)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	response := &pluginpb.CodeGeneratorResponse{}
	if err == nil {
		err = proto.Unmarshal(out, response)
	}
	if err != nil || response.GetError() != "" {
		t.Fatalf("protoc-gen-es: %v %s %s", err, response.GetError(), stderr.String())
	}
	files := map[string]string{}
	for _, f := range response.GetFile() {
		files[f.GetName()] = f.GetContent()
	}
	return files
}
