package peer

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestProcessorTimeIsFoundBehindAnyName(t *testing.T) {
	const after = " S 1 1 1 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 8 0 100 1 1"
	for _, name := range []string{"(raw)", "(a b) c)", "()"} {
		got, err := parseStat([]byte("42 " + name + after))
		if err != nil || got != 3*time.Second {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
	for _, broken := range []string{"", "42 (raw)", "42 (raw) S 1 1 1 0 -1 4194304 100 0 0 0 x 50"} {
		if got, err := parseStat([]byte(broken)); err == nil {
			t.Errorf("%q is %s", broken, got)
		}
	}
}

func TestThisProcessHasTimeAndMemory(t *testing.T) {
	if _, err := processorTime(os.Getpid()); err != nil {
		t.Error(err)
	}
	if kib, err := resident(os.Getpid()); err != nil || kib < 1000 {
		t.Errorf("%d KiB, %v", kib, err)
	}
	if _, err := resident(-1); err == nil {
		t.Error("no process has memory")
	}
}

func TestEveryClientHasATokenOfItsOwn(t *testing.T) {
	if parts := strings.Split(Token(1), "."); len(parts) != 3 || Token(1) == Token(2) {
		t.Errorf("%q", parts)
	}
}
