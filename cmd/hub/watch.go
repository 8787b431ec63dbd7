package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// settled is how long files must be left alone: editors and generators write
	// one change in several steps.
	settled = 100 * time.Millisecond
	// impatience ends the wait for files that are written all the time.
	impatience = 2 * time.Second
)

// A watcher tells when the files of the channels have changed. It watches each
// directory below their paths, since the system's watches are not recursive,
// and the directory above each path, so that a path that is removed and made
// again is found. A nil watcher sees nothing.
type watcher struct {
	// static
	log    *logger
	system *fsnotify.Watcher
	// changed holds one sign that something changed.
	changed chan struct{}
	stop    context.CancelFunc
	ended   chan struct{}

	// guarded by mu
	mu          sync.Mutex
	roots       []string
	directories map[string]bool // below the roots
}

// watchChannels fails where the system cannot watch: a watcher that sees nothing
// would be worse than none.
func watchChannels(ctx context.Context, log *logger, paths []string) (*watcher, error) {
	system, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("--watch: %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	w := &watcher{
		log: log, system: system,
		changed: make(chan struct{}, 1), stop: stop, ended: make(chan struct{}),
		roots: absolute(paths),
	}
	if err := w.scan(); err != nil {
		stop()
		_ = system.Close() // the error before it counts
		return nil, fmt.Errorf("--watch: %w", err)
	}
	go w.loop(ctx)
	return w, nil
}

func (w *watcher) changes() <-chan struct{} {
	if w == nil {
		return nil
	}
	return w.changed
}

// watch replaces the paths. When it returns no change of theirs is missed.
func (w *watcher) watch(paths ...string) {
	if w == nil {
		return
	}
	w.mu.Lock()
	w.roots = absolute(paths)
	w.mu.Unlock()
	w.rescan()
}

func (w *watcher) close() {
	w.stop()
	<-w.ended
}

// loop gathers what the system reports until it has settled, and then gives one sign.
func (w *watcher) loop(ctx context.Context) {
	defer close(w.ended)
	defer func() { _ = w.system.Close() }() // it is done with
	var first time.Time                     // of the changes that have not been told
	settle := time.NewTimer(0)
	settle.Stop()
	noticed := func() {
		if first.IsZero() {
			first = time.Now()
		}
		settle.Reset(min(settled, max(0, impatience-time.Since(first))))
	}
	for {
		select {
		case <-ctx.Done():
			return
		case event := <-w.system.Events:
			if w.concerns(event) {
				noticed()
			}
		case err := <-w.system.Errors:
			w.log.Warn("watching the channels", "error", err)
			noticed() // the system lost events: some may have been of ours
		case <-settle.C:
			first = time.Time{}
			// Before the sign: what is made in a new directory from here on is seen.
			w.rescan()
			select {
			case w.changed <- struct{}{}:
			default: // one is waiting, and will see this change, too
			}
		}
	}
}

func (w *watcher) rescan() {
	if err := w.scan(); err != nil && !errors.Is(err, fsnotify.ErrClosed) { // closed: the hub drains
		w.log.Warn("watching the channels", "error", err)
	}
}

// scan watches what is there now. What is not there, or vanishes meanwhile, is
// no error: the directory above it is watched.
func (w *watcher) scan() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.directories = map[string]bool{}
	above := map[string]bool{}
	for _, root := range w.roots {
		above[filepath.Dir(root)] = true
		if err := w.add(filepath.Dir(root)); err != nil {
			return err
		}
		if info, err := os.Stat(root); err == nil && info.IsDir() {
			if err := w.below(root); err != nil {
				return err
			}
		}
	}
	for _, directory := range w.system.WatchList() {
		if !above[directory] && !w.directories[directory] {
			_ = w.system.Remove(directory) // it may be gone by itself
		}
	}
	return nil
}

func (w *watcher) add(directory string) error {
	if err := w.system.Add(directory); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", directory, err)
	}
	return nil
}

// below takes the directories that the hub reads: not hidden ones, not
// node_modules, and no links, which may lead in a circle. It watches each before
// it looks into it, so that nothing is made unseen in between.
func (w *watcher) below(directory string) error {
	if err := w.add(directory); err != nil {
		return err
	}
	w.directories[directory] = true
	entries, err := os.ReadDir(directory)
	if err != nil {
		return nil //nolint:nilerr // the hub says so, when it reads it
	}
	for _, entry := range entries {
		if !entry.IsDir() || strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules" {
			continue
		}
		if err := w.below(filepath.Join(directory, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

// concerns tells events of channels from those of what editors keep beside them.
func (w *watcher) concerns(event fsnotify.Event) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	name := filepath.Base(event.Name)
	switch {
	case event.Op == fsnotify.Chmod:
		return false
	case slices.Contains(w.roots, event.Name):
		return true
	case !w.directories[filepath.Dir(event.Name)]:
		return false // beside a root
	case filepath.Ext(name) == ".proto", w.directories[event.Name]:
		return true
	case name == "..data":
		return true // how Kubernetes replaces all files of a mount at once
	case strings.HasPrefix(name, "."):
		return false // the hub does not look into hidden directories
	}
	info, err := os.Stat(event.Name)
	return err == nil && info.IsDir()
}

// absolute makes paths comparable to the system's events.
func absolute(paths []string) []string {
	out := make([]string, 0, len(paths))
	for _, path := range paths {
		// It fails only where the working directory is gone; then the path as it is does as well.
		if full, err := filepath.Abs(path); err == nil {
			path = full
		}
		out = append(out, filepath.Clean(path))
	}
	return out
}
