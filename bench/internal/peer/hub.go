package peer

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// startHub starts `hub serve` on testdata/hub.yaml. Broadcasts go through
// gRPC, as a backend's do: what a call costs the hub is in its figures.
func startHub(ctx context.Context, w Workshop, o Options) (*Peer, error) {
	//nolint:gosec // the hub's own program
	cmd := exec.CommandContext(ctx, w.program("hub"), "serve", "--config", filepath.Join(w.Bench, "testdata", "hub.yaml"),
		"--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--ops", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), "HUB_BENCH_SECRET="+secret)
	if o.TLS {
		cert, key, err := certificate(w.Bin)
		if err != nil {
			return nil, fmt.Errorf("a certificate: %w", err)
		}
		cmd.Env = append(cmd.Env, "HUB_HTTP_TLS_CERT_FILE="+cert, "HUB_HTTP_TLS_KEY_FILE="+key)
	}
	var clients, backends, operators string
	ready := make(chan struct{})
	process, err := launch(cmd, o.Core, true, func(line []byte) bool {
		var entry struct {
			Msg     string `json:"msg"`
			Address string `json:"address"`
		}
		_ = json.Unmarshal(line, &entry)
		_, address, found := strings.Cut(entry.Address, "://")
		if !found {
			address = entry.Address
		}
		switch entry.Msg {
		case "browsers connect to":
			clients = address
		case "backends connect to":
			backends = address
		case "operators connect to": // the last of them
			operators = entry.Address
			close(ready)
			return false
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	if err := process.await(ctx, ready); err != nil {
		return nil, err
	}
	backend, err := dialBackend(ctx, backends)
	if err != nil {
		_ = process.stop()
		return nil, err
	}
	return &Peer{
		Clients: clients, Broadcast: backend.broadcast, backends: backends, process: process, end: backend.close,
		goroutines: func(ctx context.Context) (int, bool, error) { return metric(ctx, operators, "go_goroutines") },
		heap:       func(ctx context.Context) (int, error) { return heapAlive(ctx, operators) },
		keep:       backend.keep,
	}, nil
}

// metric reads one value of a Prometheus page.
func metric(ctx context.Context, page, name string) (value int, ok bool, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, page, http.NoBody)
	if err != nil {
		return 0, false, err
	}
	request.Close = true // no connection of ours stays in the count
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, false, err
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if text, found := strings.CutPrefix(lines.Text(), name+" "); found {
			number, err := strconv.ParseFloat(text, 64)
			return int(number), err == nil, err
		}
	}
	return 0, false, fmt.Errorf("%s has no %s", page, name)
}

// heapAlive is the heap without garbage. What is in a sync.Pool is garbage
// only when it has seen two collections.
func heapAlive(ctx context.Context, metrics string) (bytes int, err error) {
	profile := strings.TrimSuffix(metrics, "/metrics") + "/debug/pprof/heap?gc=1&debug=1"
	for range 2 {
		if bytes, _, err = metric(ctx, profile, "# HeapAlloc ="); err != nil {
			return 0, err
		}
	}
	return bytes, nil
}
