package peer

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	hubv1 "github.com/realtime-hub/hub/gen/hub/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/realtime-hub/hub/bench/internal/control"
	"github.com/realtime-hub/hub/bench/internal/load"
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
	}, nil
}

// calls is how many calls may be out at a time. With one, a hub that is busy
// delivering would wait for each answer before it hears of the next broadcast,
// which measures the round trip; more than a few share one connection and one
// core anyway.
const calls = 4

// A backend broadcasts in the background: each call takes what is due, one
// message as a Broadcast, several as a BroadcastBatch.
type backend struct {
	conn   *grpc.ClientConn
	cancel context.CancelFunc
	ended  sync.WaitGroup
	wake   chan struct{} // 1 of room: something is due. Never closed

	mu  sync.Mutex
	due int   // guarded by mu
	err error // guarded by mu; the first failed call
}

func dialBackend(ctx context.Context, address string) (*backend, error) {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	b := &backend{conn: conn, cancel: cancel, wake: make(chan struct{}, 1)}
	conn.Connect() // the first broadcast should not wait for it
	for range calls {
		b.ended.Go(func() { b.run(ctx) })
	}
	return b, nil
}

func (b *backend) close() {
	b.cancel()
	b.ended.Wait()
	_ = b.conn.Close()
}

// broadcast is the load.Broadcaster: what is wrong is told by the next call.
func (b *backend) broadcast(n int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.due += n
	b.nudge()
	return b.err
}

func (b *backend) nudge() {
	select {
	case b.wake <- struct{}{}:
	default: // somebody is awake already
	}
}

// take is what is due, and leaves the others nothing to wait for.
func (b *backend) take() (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n = min(b.due, 100)
	if b.due -= n; b.due > 0 {
		b.nudge()
	}
	return n
}

func (b *backend) run(ctx context.Context) {
	client := hubv1.NewBroadcastServiceClient(b.conn)
	request := &hubv1.BroadcastRequest{Channel: load.Channel, Payload: &hubv1.BroadcastRequest_Json{Json: hubPayload}}
	for {
		select {
		case <-b.wake:
		case <-ctx.Done():
			return
		}
		var err error
		switch n := b.take(); n {
		case 0:
		case 1:
			_, err = client.Broadcast(ctx, request)
		default:
			err = sendBatch(ctx, client, &hubv1.BroadcastBatchRequest{Broadcasts: slices.Repeat([]*hubv1.BroadcastRequest{request}, n)})
		}
		if err != nil && ctx.Err() == nil {
			b.mu.Lock()
			b.err = errors.Join(b.err, err)
			b.mu.Unlock()
		}
	}
}

func sendBatch(ctx context.Context, client hubv1.BroadcastServiceClient, batch *hubv1.BroadcastBatchRequest) error {
	response, err := client.BroadcastBatch(ctx, batch)
	for _, result := range response.GetResults() {
		if refused := result.GetError(); refused != nil {
			return fmt.Errorf("a broadcast is refused: %s", refused)
		}
	}
	return err
}

// hubPayload makes an event of control.MessageBytes, though the hub adds a
// broadcast's id of 26 characters, which the others do not have.
var hubPayload = control.Payload(len(`42["bench.feed",,{"id":"ABCDEFGHIJKLMNOPQRSTUVWXYZ"}]`)) //nolint:gochecknoglobals // a constant

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
