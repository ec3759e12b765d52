//go:build unix

package server_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A load is one request that is sent again and again over connections that stay
// open. It spends far less on a request than a server does, so that on a core of
// its own it never is what is measured.
type load struct {
	request []byte
	right   func(answer []byte) bool // asked about every single answer
	size    int                      // of an answer, which never varies
	conns   []net.Conn
}

// newLoad connects, and learns from the first answer how long all are.
func newLoad(b *testing.B, address, path string, header http.Header, conns, status int, body string) *load {
	b.Helper()
	var request bytes.Buffer
	fmt.Fprintf(&request, "GET %s HTTP/1.1\r\nHost: %s\r\n", path, address)
	header.Write(&request)
	request.WriteString("\r\n")
	line := fmt.Appendf(nil, "HTTP/1.1 %d ", status)
	l := &load{request: request.Bytes(), right: func(answer []byte) bool {
		return bytes.HasPrefix(answer, line) && bytes.Contains(answer, []byte(body))
	}}
	for range conns {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { conn.Close() })
		l.conns = append(l.conns, conn)
	}
	var err error
	if l.size, err = l.measure(); err != nil {
		b.Fatal(err)
	}
	return l
}

// measure returns the size of one answer, read as HTTP has it.
func (l *load) measure() (int, error) {
	if _, err := l.conns[0].Write(l.request); err != nil {
		return 0, err
	}
	var raw bytes.Buffer
	resp, err := http.ReadResponse(bufio.NewReader(io.TeeReader(l.conns[0], &raw)), nil)
	if err != nil {
		return 0, err
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return 0, err
	}
	if !l.right(raw.Bytes()) {
		return 0, fmt.Errorf("wrong answer: %q", &raw)
	}
	return raw.Len(), nil
}

// run sends for that long and returns how many requests a second were answered.
func (l *load) run(d time.Duration) (float64, error) {
	var count atomic.Int64
	var over atomic.Bool
	errs := make(chan error, len(l.conns))
	var done sync.WaitGroup
	start := time.Now()
	for _, conn := range l.conns {
		done.Go(func() {
			n, err := l.repeat(conn, &over)
			count.Add(n)
			if err != nil {
				errs <- err
			}
		})
	}
	time.Sleep(d)
	over.Store(true)
	done.Wait()
	elapsed := time.Since(start)
	select {
	case err := <-errs:
		return 0, err
	default:
		return float64(count.Load()) / elapsed.Seconds(), nil
	}
}

func (l *load) repeat(conn net.Conn, over *atomic.Bool) (n int64, err error) {
	answer := make([]byte, l.size)
	for !over.Load() {
		if _, err := conn.Write(l.request); err != nil {
			return n, err
		}
		if _, err := io.ReadFull(conn, answer); err != nil {
			return n, err
		}
		if !l.right(answer) {
			return n, fmt.Errorf("wrong answer: %q", answer)
		}
		n++
	}
	return n, nil
}
