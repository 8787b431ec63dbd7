package docs_test

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"
)

// visits are what a reader does in a browser at a document's end, while all that
// the document started still runs.
var visits = map[string]func(*testing.T, *stage){"docs/guide/feature.md": chat}

// chat opens the page of docs/guide/feature.md in two windows of a real
// Chromium; see chat.mjs.
func chat(t *testing.T, s *stage) {
	t.Helper()
	if _, err := os.Stat("/usr/bin/chromium"); err != nil {
		without(t, "chromium")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	visit := exec.CommandContext(ctx, "node", "chat.mjs", "http://"+s.address(3000))
	visit.WaitDelay = 5 * time.Second
	if out, err := visit.CombinedOutput(); err != nil {
		t.Errorf("the page in Chromium: %v\n%s\n%s", err, out, s.heard())
	}
}
