package course

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"syscall"
	"time"

	"github.com/realtime-hub/hub/bench/internal/load"
	"github.com/realtime-hub/hub/bench/internal/peer"
)

// A Holding is idle sessions of one server. They are held by a process of
// their own: a process may have so many open files that two crowds are too much.
type Holding struct {
	Address  string   `json:"address"`
	Peer     string   `json:"peer"` // the name of its kind
	Way      load.Way `json:"way"`
	Sessions int      `json:"sessions"`
}

// heldLine is what a holding process says when all sessions are there.
const heldLine = "held"

// Hold connects the sessions, says so on out, and holds them until ctx ends or
// one is lost. It is the whole life of the process that holds them.
func Hold(ctx context.Context, h Holding, out io.Writer) error {
	kinds := peer.Kinds()
	i := slices.IndexFunc(kinds, func(k peer.Kind) bool { return k.Name == h.Peer })
	if i < 0 {
		return fmt.Errorf("no peer is called %q", h.Peer)
	}
	k := kinds[i]
	audience, err := load.Attend(ctx, h.Address, k.Protocol, h.Way, h.Sessions, width, credential(k))
	if err != nil {
		return err
	}
	defer audience.Close()
	if _, err := fmt.Fprintln(out, heldLine); err != nil {
		return err
	}
	return audience.Wait(ctx)
}

// holdTime is how long a server may take for all sessions at most.
const holdTime = 2 * time.Minute

// held is a running process that holds.
type held struct {
	cancel context.CancelFunc
	stderr bytes.Buffer  // read after done
	err    error         // how it ended; read after done
	done   chan struct{} // closed when it has ended
}

// hold starts the process and returns when all sessions are there; errNoTime
// is that they were not in time. command is the program that calls Hold with
// the JSON that is its last argument.
func hold(ctx context.Context, command []string, h Holding, patience time.Duration) (*held, error) {
	argument, _ := json.Marshal(h) // texts and a number
	ctx, cancel := context.WithCancel(ctx)
	p := &held{cancel: cancel, done: make(chan struct{})}
	//nolint:gosec // this very program
	cmd := exec.CommandContext(ctx, command[0], append(command[1:len(command):len(command)], string(argument))...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = &p.stderr
	out, in := io.Pipe()
	cmd.Stdout = in
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, err
	}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
		_ = in.Close()
	}()
	late := time.AfterFunc(patience, cancel)
	line, err := bufio.NewReader(out).ReadString('\n')
	inTime := late.Stop()
	_ = out.Close()
	if err != nil || line != heldLine+"\n" {
		p.release()
		if !inTime {
			return nil, errNoTime
		}
		return nil, fmt.Errorf("the sessions did not all come: %s", bytes.TrimSpace(p.stderr.Bytes()))
	}
	return p, nil
}

// lost is why sessions are no longer held; nil while they are.
func (p *held) lost() error {
	select {
	case <-p.done:
		return errors.Join(errors.New("sessions were lost: "+string(bytes.TrimSpace(p.stderr.Bytes()))), p.err)
	default:
		return nil
	}
}

// release ends it, and returns when it has ended.
func (p *held) release() {
	p.cancel()
	<-p.done
}
