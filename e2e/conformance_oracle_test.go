package e2e_test

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"
)

// oracles are the options of driver/oracle.mjs' servers. The hub's own limit is
// taken for the size, so that what is too large is so for both.
var oracles = map[string]map[string]any{
	"steady": {"maxHttpBufferSize": 70_000, "cors": map[string]any{"origin": []string{home}, "credentials": true}},
	"quick":  {"pingInterval": 100, "pingTimeout": 300},
	"hasty":  {"connectTimeout": 500, "upgradeTimeout": 300},
}

// startOracle starts Node's Socket.IO server, until the test ends.
func startOracle(t *testing.T) map[pace]*party {
	t.Helper()
	config, err := json.Marshal(oracles)
	if err != nil {
		t.Fatal(err)
	}
	node := exec.Command("node", "driver/oracle.mjs", string(config))
	node.Stderr = os.Stderr
	in, err := node.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		kill := time.AfterFunc(patience, func() { _ = node.Process.Kill() })
		defer kill.Stop()
		if err := node.Wait(); err != nil {
			t.Errorf("the oracle ended by %v", err)
		}
	})
	var mu sync.Mutex
	lines := bufio.NewReader(out)
	// ask writes a line, if there is one, and reads one, in bounded time.
	ask := func(t testing.TB, line []byte, answer any) {
		t.Helper()
		mu.Lock()
		defer mu.Unlock()
		kill := time.AfterFunc(patience, func() { _ = node.Process.Kill() })
		defer kill.Stop()
		if line != nil {
			_, _ = in.Write(append(line, '\n'))
		}
		text, err := lines.ReadBytes('\n')
		if err == nil {
			err = json.Unmarshal(text, answer)
		}
		if err != nil {
			t.Fatalf("the oracle says %q: %v", text, err)
		}
	}
	var ports map[string]int
	ask(t, nil, &ports)
	serving := func(name string) *party {
		return &party{url: "http://127.0.0.1:" + strconv.Itoa(ports[name]), push: func(t testing.TB, channel, payload string) {
			t.Helper()
			line, err := json.Marshal(map[string]any{"server": name, "channel": channel, "payload": json.RawMessage(payload)})
			if err != nil {
				t.Fatalf("%s is no JSON: %v", payload, err)
			}
			ask(t, line, &struct{}{})
		}}
	}
	return map[pace]*party{steady: serving("steady"), quick: serving("quick"), hasty: serving("hasty")}
}
