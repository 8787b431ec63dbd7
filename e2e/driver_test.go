package e2e_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// js is the process that all JavaScript clients live in.
var js *driver

// driver speaks to a process that clients live in; see driver/lines.mjs. Its
// methods may be called concurrently.
type driver struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the process says no more

	// Not mu: a large request may have to wait until the process has read it,
	// which it does not while nobody takes what it writes.
	writing sync.Mutex
	in      io.WriteCloser // guarded by writing

	names atomic.Int64

	mu      sync.Mutex
	failure error                  // guarded by mu; why nothing more is to be expected
	last    int64                  // guarded by mu; the latest request's id
	waiting map[int64]chan<- reply // guarded by mu
	clients map[string]*client     // guarded by mu
}

// reply is a line that the driver wrote: an answer, or an event of a client.
type reply struct {
	ID     int64           `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  string          `json:"error"`

	Client string            `json:"client"`
	Event  string            `json:"event"`
	Args   []json.RawMessage `json:"args"`
}

// startDriver runs a program that speaks as driver/lines.mjs says, which must
// answer within the bound.
func startDriver(bound time.Duration, program ...string) (*driver, error) {
	d := &driver{
		cmd:     exec.Command(program[0], program[1:]...),
		done:    make(chan struct{}),
		waiting: make(map[int64]chan<- reply),
		clients: make(map[string]*client),
	}
	d.cmd.Stderr = os.Stderr
	var err error
	if d.in, err = d.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	go d.read(out)
	if _, err = d.call("sync", "", nil, bound); err != nil {
		return nil, errors.Join(err, d.stop())
	}
	return d, nil
}

// stop ends the process: it goes when nobody speaks to it any more.
func (d *driver) stop() error {
	_ = d.in.Close()
	select {
	case <-d.done:
	case <-time.After(patience):
		_ = d.cmd.Process.Kill()
		<-d.done
	}
	return d.cmd.Wait()
}

func (d *driver) read(out io.Reader) {
	defer close(d.done)
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var r reply
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			d.end(fmt.Errorf("the driver wrote %q", lines.Text()))
			return
		}
		d.dispatch(r)
	}
	d.end(errors.New("the driver has ended"))
}

func (d *driver) dispatch(r reply) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.ID != 0 {
		if answer := d.waiting[r.ID]; answer != nil {
			answer <- r
			delete(d.waiting, r.ID)
		}
		return
	}
	if c := d.clients[r.Client]; c != nil {
		c.add(event{name: r.Event, args: r.Args})
	}
}

// end fails whoever still waits.
func (d *driver) end(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failure = err
	for id, answer := range d.waiting {
		answer <- reply{Error: err.Error()}
		delete(d.waiting, id)
	}
}

// call asks for an operation and waits for its result.
func (d *driver) call(op, client string, more map[string]any, bound time.Duration) (json.RawMessage, error) {
	answer := make(chan reply, 1)
	line := map[string]any{"op": op, "client": client}
	maps.Copy(line, more)
	if err := d.send(line, answer); err != nil {
		return nil, err
	}
	select {
	case r := <-answer:
		if r.Error != "" {
			return nil, errors.New(r.Error)
		}
		return r.Result, nil
	case <-time.After(bound):
		return nil, fmt.Errorf("no answer within %s", bound)
	}
}

func (d *driver) send(line map[string]any, answer chan<- reply) error {
	id, err := d.expect(answer)
	if err != nil {
		return err
	}
	line["id"] = id
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	d.writing.Lock()
	defer d.writing.Unlock()
	_, err = d.in.Write(append(text, '\n'))
	return err
}

func (d *driver) expect(answer chan<- reply) (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failure != nil {
		return 0, d.failure
	}
	d.last++
	d.waiting[d.last] = answer
	return d.last, nil
}

func (d *driver) register(c *client) {
	c.name = "c" + strconv.FormatInt(d.names.Add(1), 10)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clients[c.name] = c
}

func (d *driver) forget(c *client) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.clients, c.name)
}
