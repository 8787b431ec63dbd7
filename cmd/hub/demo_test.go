package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

// demoSays is all that the demo prints.
var demoSays = regexp.MustCompile(`^The demo is at (http://127\.0\.0\.1:\d+) \(backends connect to (127\.0\.0\.1:\d+)\)\. Ctrl-C stops it\.\n$`)

// In an empty directory, as after `go install`.
func TestTheDemoNeedsNoFilesAndStopsAtOnce(t *testing.T) {
	inFiles(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	stderr, code := watch(), make(chan int, 1)
	go func() {
		c := run(ctx, []string{"demo", "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0"}, process{stderr: stderr})
		if c != exitOK {
			_, _ = stderr.Write([]byte("it failed, not: Ctrl-C stops it.\n")) // wakes the test
		}
		code <- c
	}()
	stderr.until(t, "Ctrl-C stops it.\n")
	at := demoSays.FindStringSubmatch(stderr.lines())
	if at == nil {
		cancel()
		t.Fatalf("said:\n%s", stderr.lines())
	}

	if page := body(t, at[1]+"/"); !strings.Contains(page, "<title>hub demo</title>") {
		t.Errorf("the page is\n%.300s", page)
	}
	list := call{}.run(t.Context(), "channels", "--hub", at[2])
	for _, name := range []string{"blog.article.feed", "blog.article.{article_id}.viewers", "blog.board.{board_id}.cursor", "blog.notifications.{user_id}"} {
		if list.code != exitOK || !strings.Contains(list.stdout, name+" ") {
			t.Errorf("channels: %+v", list)
		}
	}

	asked := time.Now()
	cancel()
	if c := <-code; c != exitOK {
		t.Errorf("exit code %d", c)
	}
	if took := time.Since(asked); took > time.Second {
		t.Errorf("it took %v to stop", took)
	}
	if !demoSays.MatchString(stderr.lines()) {
		t.Errorf("said:\n%s", stderr.lines())
	}
}

func body(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestADemoThatCannotStartSaysWhatToDo(t *testing.T) {
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	address := taken.Addr().String()
	call{}.run(t.Context(), "demo", "--http", address, "--grpc", "127.0.0.1:0").
		want(t, exitFailed, "", "~choose another address, with --http or --grpc")
	call{}.run(t.Context(), "demo", "--http", "127.0.0.1:0", "--grpc", address).
		want(t, exitFailed, "", "~grpc.address "+address)
	call{}.run(t.Context(), "demo", "--http", "127.0.0.1:0", "--grpc", "0.0.0.0:0").want(t, exitFailed, "", "~grpc.address: ")
	call{}.run(t.Context(), "demo", "--origin", "localhost:5173").want(t, exitUsage, "", "~--origin \"localhost:5173\" is no origin")
	call{}.run(t.Context(), "demo", "--origin", "http://localhost:5173/").want(t, exitUsage, "", "~is no origin")
}
