package peer

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// A Workshop is where the servers' programs are.
type Workshop struct {
	// Bench is the folder of this module.
	Bench string
	// Bin is a folder for what is built; somebody else removes it.
	Bin string
}

// Module finds bench's folder: the module that the working directory is in.
func Module(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	file := strings.TrimSpace(string(out))
	text, err := os.ReadFile(file) //nolint:gosec // the go command named it
	if err != nil || !strings.HasPrefix(string(text), "module github.com/realtime-hub/hub/bench\n") {
		return "", fmt.Errorf("run it in bench/ (`make bench`, or `go run -C bench .`): the module here is %q", file)
	}
	return filepath.Dir(file), nil
}

// Build builds the programs of kinds into Bin.
func (w Workshop) Build(ctx context.Context, kinds []Kind) error {
	var packages []string
	for _, k := range kinds {
		packages = append(packages, k.build...)
	}
	slices.Sort(packages)
	if packages = slices.Compact(packages); len(packages) > 0 {
		if err := w.goBuild(ctx, w.Bench, packages...); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(kinds, func(k Kind) bool { return k.Name == "hub" }) {
		// In its own module, so that it is what its users build: the peers'
		// requirements do not raise its own.
		return w.goBuild(ctx, filepath.Dir(w.Bench), "./cmd/hub")
	}
	return nil
}

func (w Workshop) goBuild(ctx context.Context, dir string, packages ...string) error {
	//nolint:gosec // packages of Kinds
	cmd := exec.CommandContext(ctx, "go", append([]string{"build", "-o", w.Bin + string(filepath.Separator)}, packages...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", strings.Join(packages, " "), err, out)
	}
	return nil
}

// program is a built one, or one of the machine.
func (w Workshop) program(name string) string {
	if built := filepath.Join(w.Bin, name); exists(built) {
		return built
	}
	return name
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func lacksNode(w Workshop) string {
	if _, err := exec.LookPath("node"); err != nil {
		return "there is no node on this machine"
	}
	if !exists(filepath.Join(w.Bench, "peers", "node", "node_modules", "socket.io")) {
		return "peers/node/node_modules is missing: `make bench` installs it, or `npm ci` in bench/peers/node"
	}
	return ""
}
