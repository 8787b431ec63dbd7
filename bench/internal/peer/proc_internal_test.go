package peer

import (
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestThisProcessHasTimeAndMemory(t *testing.T) {
	const spent = 20 * time.Millisecond
	before, err := processorTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	own := ownTime(t)
	for passed := own; passed-own < spent; {
		passed = ownTime(t)
	}
	after, err := processorTime(os.Getpid())
	if err != nil || after-before < spent {
		t.Errorf("at least %s were used, and the clock says %s, %v", spent, after-before, err)
	}
	if _, err := processorTime(1 << 22); err == nil {
		t.Error("no process has a clock")
	}
	if kib, err := resident(os.Getpid()); err != nil || kib < 1000 {
		t.Errorf("%d KiB, %v", kib, err)
	}
	if _, err := resident(-1); err == nil {
		t.Error("no process has memory")
	}
}

// ownTime is this process' by another account: getrusage.
func ownTime(t *testing.T) time.Duration {
	t.Helper()
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func TestEveryClientHasATokenOfItsOwn(t *testing.T) {
	if parts := strings.Split(Token(1), "."); len(parts) != 3 || Token(1) == Token(2) {
		t.Errorf("%q", parts)
	}
}
