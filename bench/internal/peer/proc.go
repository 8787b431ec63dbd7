package peer

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of times in /proc/PID/stat: USER_HZ is 100 on every
// architecture that Go runs on. Over the second or more that is measured its
// coarseness is at most one per cent.
const tick = 10 * time.Millisecond

// processorTime is what a process has used, in user mode and in the kernel for it.
func processorTime(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseStat(stat)
}

// parseStat finds utime and stime, fields 14 and 15. The second is the
// program's name in parentheses, which may hold anything.
func parseStat(stat []byte) (time.Duration, error) {
	_, after, found := bytes.Cut(stat, []byte(") "))
	for found && bytes.Contains(after, []byte(") ")) {
		_, after, _ = bytes.Cut(after, []byte(") "))
	}
	fields := strings.Fields(string(after)) // from the third on
	if len(fields) < 13 {
		return 0, errors.New("/proc/PID/stat is too short")
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("utime: %w", err)
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("stime: %w", err)
	}
	return time.Duration(user+system) * tick, nil
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
