// Package affinity decides which core a process runs on: the server under
// measurement on one, the load generator on another, so that neither takes
// time from the other and a CPU-second is comparable between servers.
package affinity

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// None is no core: the process runs where the kernel likes.
const None = -1

// Cores are a core for the server and one for the generator. With a single
// core in the machine both are None, and the figures are worth little.
func Cores() (server, generator int, err error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return None, None, fmt.Errorf("sched_getaffinity: %w", err)
	}
	var cores []int
	for core := range len(set) * 64 {
		if set.IsSet(core) {
			cores = append(cores, core)
		}
	}
	if len(cores) < 2 {
		return None, None, nil
	}
	return cores[0], cores[1], nil
}

// Pin binds this process to a core, all its threads and those to come.
func Pin(core int) error {
	if core == None {
		return nil
	}
	set := only(core)
	// A thread inherits from its creator, which may not have been bound yet:
	// so until a pass finds no thread that is new.
	for bound := map[int]bool{}; ; {
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("threads: %w", err)
		}
		news := false
		for _, task := range tasks {
			id, err := strconv.Atoi(task.Name())
			if err != nil || bound[id] {
				continue
			}
			bound[id], news = true, true
			if err := unix.SchedSetaffinity(id, &set); err != nil && err != unix.ESRCH {
				return fmt.Errorf("sched_setaffinity: %w", err)
			}
		}
		if !news {
			return nil
		}
	}
}

// Start starts a command on a core. It is there from its first instruction,
// so that a Go program sees one processor and a Node program too.
func Start(cmd *exec.Cmd, core int) error {
	if core == None {
		return cmd.Start()
	}
	runtime.LockOSThread() // a child inherits from the thread that forks it
	defer runtime.UnlockOSThread()
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return fmt.Errorf("sched_getaffinity: %w", err)
	}
	set := only(core)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("sched_setaffinity: %w", err)
	}
	err := cmd.Start()
	if back := unix.SchedSetaffinity(0, &before); back != nil && err == nil {
		err = fmt.Errorf("sched_setaffinity: %w", back)
	}
	return err
}

func only(core int) unix.CPUSet {
	var set unix.CPUSet
	set.Set(core)
	return set
}
