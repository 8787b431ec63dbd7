package docs_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// packages are what Go fragments may speak of without an import.
var packages = []struct{ used, path string }{
	{`\bhub\.`, `hub "github.com/realtime-hub/hub/sdk/go"`},
	{`\bblogv1\.`, `blogv1 "github.com/realtime-hub/hub/examples/blog/gen/blog/v1"`},
	{`\bchannel\.`, `"github.com/realtime-hub/hub/hub/channel"`},
	{`\bhubtest\.(Start|As|Receive|Channels)\b`, `"github.com/realtime-hub/hub/hub/hubtest"`},
	{`\bhubtest\.(NewRecorder|Only|Contract|ContractInbound)\b`, `"github.com/realtime-hub/hub/sdk/go/hubtest"`},
	{`\bcodes\.`, `"google.golang.org/grpc/codes"`},
	{`\btime\.`, `"time"`},
	{`\berrors\.`, `"errors"`},
}

// around is what statements of a document stand in.
const around = `
func publish(context.Context, hub.Broadcaster, string) error { return nil }

var ArticleFeed = hub.NewChannel[*blogv1.ArticleFeed]("blog.article.feed")

func _(ctx context.Context, t *testing.T, client *hub.Client) {
`

// goFragments compiles a document's Go, each block in a package of its own.
func goFragments(t *testing.T, blocks []block) {
	t.Helper()
	overlay := map[string]string{}
	var names []string
	for i, b := range blocks {
		if b.language != "go" || b.file != "" {
			continue
		}
		source, err := wholeFile(b.text)
		if err != nil {
			t.Errorf("%s: %v", b.at, err)
			continue
		}
		name := fmt.Sprintf("_fragment%d", i)
		file := filepath.Join(t.TempDir(), "fragment.go")
		if err := os.WriteFile(file, []byte("//line "+b.at+"\n"+source), 0o600); err != nil {
			t.Fatal(err)
		}
		overlay[filepath.Join(clone, name, "fragment.go")] = file
		names = append(names, "./"+name)
	}
	if len(names) == 0 {
		return
	}
	data, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "overlay.json")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"build", "-race", "-overlay", file}, names...)...)
	cmd.Dir = clone
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("Go of the document does not compile: %v\n%s", err, out)
	}
}

// wholeFile makes a file of declarations or statements. What statements declare
// is used: a document shows only where it comes from.
func wholeFile(text string) (string, error) {
	head := "package fragment\n\nimport (\n\t\"context\"\n\t\"testing\"\n"
	body := text
	isFile := strings.HasPrefix(text, "package ")
	statements := false
	if _, err := parser.ParseFile(token.NewFileSet(), "", "package p\n"+text, 0); err != nil && !isFile {
		statements = true
		body = around + text + "\n}\n"
	}
	for _, p := range packages {
		if regexp.MustCompile(p.used).MatchString(body) {
			head += "\t" + p.path + "\n"
		}
	}
	head += ")\n\nvar (\n\t_ context.Context\n\t_ *testing.T\n)\n"
	if isFile {
		return text, nil
	}
	if !statements {
		return head + body, nil
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), "", "package p\nfunc _() {\n"+text+"\n}", 0)
	if err != nil {
		return "", err
	}
	use := map[string]bool{}
	for _, statement := range parsed.Decls[0].(*ast.FuncDecl).Body.List {
		if assign, ok := statement.(*ast.AssignStmt); ok && assign.Tok == token.DEFINE {
			for _, left := range assign.Lhs {
				use[left.(*ast.Ident).Name] = true
			}
		}
	}
	delete(use, "_")
	body = around + text
	for name := range use {
		body += "\t_ = " + name + "\n"
	}
	return head + body + "}\n", nil
}

// named finds what a configuration names: files and variables.
var named = regexp.MustCompile(`\b((?:token|hmac_secret)_(?:env|file)|(?:cert|key|client_ca|public_key)_file): "?([A-Za-z0-9_.-]+)`)

// certificate is one that vouches for itself, in PEM.
var certificate = sync.OnceValue(func() (made struct{ cert, key []byte }) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		DNSNames: []string{"hub.internal"},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	made.cert = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	made.key = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	return made
})
