package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// begin sends a sign-in whose body is still to come, and returns when its handler
// waits for that.
func begin(t *testing.T, addr, body string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	fmt.Fprintf(c, "POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", len(body))
	r := bufio.NewReader(c)
	line, err := r.ReadString('\n')
	if err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("got %q, %v instead of 100 Continue", line, err)
	}
	if _, err := r.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return c, r
}

// refused returns when the server takes no new connection.
func refused(addr string) {
	for {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return
		}
		c.Close()
		time.Sleep(5 * time.Millisecond)
	}
}

func TestRequestsInFlightFinish(t *testing.T) {
	t.Parallel()
	p := serving(t, t.TempDir())
	addr := strings.TrimPrefix(p.url, "http://")
	const body = `{"username":"nobody","password":"plums ripen late in august"}`
	c, r := begin(t, addr, body)
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	refused(addr)
	io.WriteString(c, body)
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatalf("the request in flight got no answer: %v", err)
	}
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusUnauthorized || !strings.Contains(string(answer), "invalid_credentials") {
		t.Errorf("the request in flight got %d %s, %v", res.StatusCode, answer, err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("the server ended with %v\n%s", err, p.logged())
	}
}

func TestRequestsThatNeverFinishAreCutOff(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p, err := start(dir, append(environ(), "SALLYPORT_SERVER__SHUTDOWN_TIMEOUT=50ms"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	_, r := begin(t, strings.TrimPrefix(p.url, "http://"), "{}")
	if code := exitCode(p.stop()); code != failed {
		t.Errorf("the server ended with %d", code)
	}
	if _, err := r.ReadByte(); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the request got an answer: %v", err)
	}
	if !strings.Contains(p.logged(), "requests were still running after 50ms and were cut off") {
		t.Errorf("it said\n%s", p.logged())
	}
	// Nothing is left that keeps the next server from starting.
	if err := serving(t, dir).stop(); err != nil {
		t.Error(err)
	}
}
