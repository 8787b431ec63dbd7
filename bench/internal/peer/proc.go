package peer

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// processorTime is what a process has used, in user mode and in the kernel for
// it: its CPU clock, whose number clock_getcpuclockid(3) makes of its id. It
// counts nanoseconds, where /proc/PID/stat counts ticks of 10 ms: a thousand
// resumes may be over in two of them.
func processorTime(pid int) (time.Duration, error) {
	const schedule = 2 // the clock of what was scheduled
	var used unix.Timespec
	//nolint:gosec // an id has 22 bits
	if err := unix.ClockGettime(int32(^pid<<3|schedule), &used); err != nil {
		return 0, fmt.Errorf("the processor clock of process %d: %w", pid, err)
	}
	return time.Duration(used.Nano()), nil
}

// resident is a process' resident memory in KiB.
func resident(pid int) (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if value, found := strings.CutPrefix(line, "VmRSS:"); found {
			return strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
		}
	}
	return 0, errors.New("/proc/PID/status has no VmRSS")
}
