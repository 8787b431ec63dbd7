package main

import (
	"context"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

const feedProto = `syntax = "proto3";
package blog.v1;
import "buf/validate/validate.proto";
import "hub/v1/channel.proto";
message ArticleFeed {
  option (hub.v1.channel) = { name: "blog.article.feed" scope: { public: {} } };
  string title = 1 [(buf.validate.field).string.min_len = 1];
}
`

// A realHub is `hub serve` on ports of its own, with all that is behind it.
type realHub struct {
	stderr *watched
	hangup chan os.Signal
	grpc   string
	stop   func() int // drains and tells the exit code
}

func startHub(t *testing.T, environment []string, args ...string) *realHub {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	h := &realHub{stderr: watch(), hangup: make(chan os.Signal)}
	code := make(chan int, 1)
	args = append([]string{"serve", "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--ops", "off"}, args...)
	go func() {
		c := run(ctx, args, process{stderr: h.stderr, environment: environment, hangup: h.hangup})
		if c != exitOK {
			h.stderr.Write([]byte("channels are declared, or the hub ended early")) // wakes the test
		}
		code <- c
	}()
	ended := false
	h.stop = func() int {
		ended = true
		cancel()
		return <-code
	}
	t.Cleanup(func() {
		if !ended {
			h.stop()
		}
	})
	h.stderr.until(t, "channels are declared")
	at := regexp.MustCompile(`backends connect to" address=(\S+)`).FindStringSubmatch(h.stderr.lines())
	if at == nil {
		t.Fatalf("the hub said:\n%s", h.stderr.lines())
	}
	h.grpc = at[1]
	return h
}

func TestRealHubIsServedAskedAndDrained(t *testing.T) {
	inFiles(t, map[string]string{"proto/blog/v1/feed.proto": feedProto})
	h := startHub(t, nil, "--channels", "proto")
	if said := h.stderr.lines(); !strings.Contains(said, "channels are declared\" number=1") {
		t.Errorf("said:\n%s", said)
	}

	list := call{}.run(t.Context(), "channels", "--hub", h.grpc)
	if list.code != exitOK || !regexp.MustCompile(`(?m)^blog\.article\.feed +public +blog\.v1\.ArticleFeed +- +- +-$`).MatchString(list.stdout) {
		t.Errorf("channels: %+v", list)
	}
	broadcast := []string{"broadcast", "blog.article.feed", `{"title":"Hello"}`, "--id", "once", "--hub", h.grpc}
	call{}.run(t.Context(), broadcast...).want(t, exitOK, "once\n", "")
	call{}.run(t.Context(), broadcast...).want(t, exitOK, "once  duplicate: the hub had this id already, nothing was sent now\n", "")

	refused := call{}.run(t.Context(), "broadcast", "blog.article.feed", `{"title":""}`, "--hub", h.grpc)
	if refused.code != exitFailed || !regexp.MustCompile(`^hub: PAYLOAD_INVALID: title: .*\n  title: .* \(string\.min_len\)\n$`).MatchString(refused.stderr) {
		t.Errorf("refused: %+v", refused)
	}
	call{}.run(t.Context(), "broadcast", "no.such", "{}", "--hub", h.grpc).want(t, exitFailed, "", "~hub: CHANNEL_UNKNOWN: ")

	if code := h.stop(); code != exitOK {
		t.Errorf("exit code %d, said:\n%s", code, h.stderr.lines())
	}
}

func TestRealHubReloadsItsChannels(t *testing.T) {
	inFiles(t, map[string]string{"proto/blog/v1/feed.proto": feedProto})
	h := startHub(t, nil, "--channels", "proto")

	if err := os.WriteFile("proto/blog/v1/feed.proto", []byte("syntax = broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.hangup <- syscall.SIGHUP
	h.stderr.until(t, "not reloaded, the old state stays")
	call{}.run(t.Context(), "broadcast", "blog.article.feed", `{"title":"Hello"}`, "--hub", h.grpc, "--id", "1").want(t, exitOK, "1\n", "")

	renamed := strings.ReplaceAll(feedProto, "blog.article.feed", "blog.article.news")
	if err := os.WriteFile("proto/blog/v1/feed.proto", []byte(renamed), 0o600); err != nil {
		t.Fatal(err)
	}
	h.hangup <- syscall.SIGHUP
	h.stderr.until(t, "channel added: blog.article.news")
	h.stderr.until(t, "channel removed: blog.article.feed")
	call{}.run(t.Context(), "broadcast", "blog.article.feed", "{}", "--hub", h.grpc).want(t, exitFailed, "", "~hub: CHANNEL_UNKNOWN: ")
}

func TestRealHubWithTLSKnowsItsBackends(t *testing.T) {
	cert, key := testCertificate(t)
	inFiles(t, map[string]string{
		"proto/blog/v1/feed.proto": feedProto, "hub.pem": cert, "hub.key": key,
		"hub.yaml": `grpc:
  tls: { cert_file: hub.pem, key_file: hub.key }
  tokens: [ { name: blog, token_env: HUB_TOKEN_BLOG, allow: [BROADCAST], channels: ["blog.*"] } ]
channels: [ proto ]
`,
	})
	h := startHub(t, []string{"HUB_TOKEN_BLOG=s3cret-of-the-blog"})
	address := strings.Replace(h.grpc, "127.0.0.1", "localhost", 1)
	args := []string{"broadcast", "blog.article.feed", `{"title":"Hello"}`, "--id", "1", "--hub", address, "--ca-file", "hub.pem"}
	call{environment: []string{"HUB_TOKEN=s3cret-of-the-blog"}}.run(t.Context(), args...).want(t, exitOK, "1\n", "")
	call{environment: []string{"HUB_TOKEN=other"}}.run(t.Context(), args...).want(t, exitFailed, "", "~hub: CREDENTIALS_INVALID: ")
	call{}.run(t.Context(), args...).want(t, exitFailed, "", "~hub: CREDENTIALS_REQUIRED: ")
	call{environment: []string{"HUB_TOKEN=s3cret-of-the-blog"}}.run(t.Context(), "channels", "--hub", address, "--ca-file", "hub.pem").
		want(t, exitFailed, "", "~hub: SCOPE_DENIED: ")
	if strings.Contains(h.stderr.lines(), "s3cret-of-the-blog") {
		t.Error("the log has the token")
	}
}

func TestCheckFindsMistakesInChannels(t *testing.T) {
	inFiles(t, map[string]string{"proto/blog/v1/feed.proto": feedProto})
	call{}.run(t.Context(), "check", "--channels", "proto").want(t, exitOK, `configuration  no file: flags, HUB_… variables and defaults
browsers       127.0.0.1:8080
backends       127.0.0.1:8081, no credentials: whoever reaches it may do everything
operators      127.0.0.1:9090
channels       1 from proto
  blog.article.feed  public
`, "")
	if err := os.WriteFile("proto/blog/v1/feed.proto", []byte(strings.Replace(feedProto, "scope: { public: {} }", "", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	// Beside the channel, an address that nobody may serve without credentials.
	got := call{}.run(t.Context(), "check", "--channels", "proto", "--grpc", "0.0.0.0:8081")
	if got.code != exitFailed || !strings.Contains(got.stderr, "blog/v1/feed.proto") || !strings.Contains(got.stderr, "grpc.address: ") {
		t.Errorf("%+v", got)
	}
}
