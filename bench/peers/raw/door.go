package main

import (
	"bufio"
	"crypto/sha1" //nolint:gosec // RFC 6455 wants it
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A door takes clients in. What it leaves behind for each is a descriptor: no
// goroutine, no buffer.
type door struct {
	address string
	mu      sync.Mutex
	came    []int // guarded by mu; subscribed, not yet taken by the writer
}

func openDoor() (*door, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0") //nolint:noctx // for the process' life
	if err != nil {
		return nil, err
	}
	d := &door{address: listener.Addr().String()}
	server := &http.Server{Handler: d, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }() // ends with the process
	return d, nil
}

// take is who came since the last call.
func (d *door) take() (fds []int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fds, d.came = d.came, nil
	return fds
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("Sec-WebSocket-Key")
	hijacker, ok := w.(http.Hijacker)
	if key == "" || !ok {
		http.Error(w, "a WebSocket, please", http.StatusBadRequest)
		return
	}
	conn, buffered, err := hijacker.Hijack()
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	if err := introduce(conn, buffered.Reader, key); err != nil {
		return // the generator sees its connection end
	}
	fd, err := duplicate(conn)
	if err != nil {
		return
	}
	d.mu.Lock()
	d.came = append(d.came, fd)
	d.mu.Unlock()
	// The writer learns of it before its next broadcast: the generator sends
	// none before all have heard this.
	_, _ = conn.Write([]byte("\x81\x0asubscribed"))
}

// introduce answers the upgrade and reads the client's one message.
func introduce(conn net.Conn, in *bufio.Reader, key string) error {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // RFC 6455 wants it
	if _, err := fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: %s\r\n\r\n", base64.StdEncoding.EncodeToString(sum[:])); err != nil {
		return err
	}
	var frame [2 + 4 + len("subscribe")]byte // what load.Raw says, masked
	_, err := io.ReadFull(in, frame[:])
	return err
}

// duplicate makes a descriptor that Go's runtime knows nothing of.
func duplicate(conn net.Conn) (fd int, err error) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return 0, errors.New("not TCP")
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return 0, err
	}
	if outer := raw.Control(func(own uintptr) { fd, err = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0) }); outer != nil {
		return 0, outer
	}
	return fd, err
}
