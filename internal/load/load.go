//go:build linux

package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"
)

// A load is one request that is sent again and again over connections that stay open, each as soon as the answer to the one before
// is there. It polls and never sleeps: to wake the reader of an answer costs whoever sends it, which is the server here and would be
// a network card elsewhere. It spends far less on a request than a server does, so that on a processor of its own it never is what is
// measured.
type load struct {
	request []byte
	right   func(answer []byte) bool // asked about every single answer
	size    int                      // of an answer, which never varies
	conns   []*connection
}

type connection struct {
	fd     int
	answer []byte
	have   int // bytes of the answer
}

// newLoad connects that often, and learns from the first answer how long all are. The caller closes it, also after an error.
func newLoad(address, path string, header http.Header, status int, body string, conns int) (*load, error) {
	var request bytes.Buffer
	fmt.Fprintf(&request, "GET %s HTTP/1.1\r\nHost: %s\r\n", path, address)
	header.Write(&request)
	request.WriteString("\r\n")
	line := fmt.Appendf(nil, "HTTP/1.1 %d ", status)
	l := &load{request: request.Bytes(), right: func(answer []byte) bool {
		return bytes.HasPrefix(answer, line) && bytes.Contains(answer, []byte(body))
	}}
	var err error
	if l.size, err = l.measure(address); err != nil {
		return l, err
	}
	for range conns {
		fd, err := connect(address)
		if err != nil {
			return l, err
		}
		l.conns = append(l.conns, &connection{fd: fd, answer: make([]byte, l.size)})
	}
	return l, nil
}

func (l *load) close() {
	for _, c := range l.conns {
		syscall.Close(c.fd)
	}
}

// measure returns the size of one answer, read as HTTP has it.
func (l *load) measure(address string) (int, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if _, err := conn.Write(l.request); err != nil {
		return 0, err
	}
	var raw bytes.Buffer
	resp, err := http.ReadResponse(bufio.NewReader(io.TeeReader(conn, &raw)), nil)
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

// connect returns a connection that never blocks.
func connect(address string) (fd int, err error) {
	to, err := net.ResolveTCPAddr("tcp4", address)
	if err != nil {
		return 0, err
	}
	fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	err = errors.Join(
		syscall.Connect(fd, &syscall.SockaddrInet4{Port: to.Port, Addr: to.AddrPort().Addr().As4()}),
		syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1),
		syscall.SetNonblock(fd, true),
	)
	if err != nil {
		syscall.Close(fd)
	}
	return fd, err
}

// run sends for that long and returns how many requests a second were answered.
func (l *load) run(d time.Duration) (float64, error) {
	poll, err := l.poll()
	if err != nil {
		return 0, err
	}
	defer syscall.Close(poll)
	start := time.Now()
	for _, c := range l.conns {
		if err := l.send(c); err != nil {
			return 0, err
		}
	}
	ready := make([]syscall.EpollEvent, len(l.conns))
	answered, waiting := 0, len(l.conns)
	for waiting > 0 {
		n, err := syscall.EpollWait(poll, ready, 0)
		if err != nil && err != syscall.EINTR {
			return 0, err
		}
		over := time.Since(start) >= d
		for _, e := range ready[:max(n, 0)] {
			c := l.conns[e.Fd]
			whole, err := l.receive(c)
			if err != nil {
				return 0, err
			}
			switch {
			case !whole:
				continue
			case over:
				waiting--
			default:
				err = l.send(c)
			}
			if err != nil {
				return 0, err
			}
			answered++
		}
	}
	return float64(answered) / time.Since(start).Seconds(), nil
}

// poll watches the connections; an event's Fd is the index of one.
func (l *load) poll() (fd int, err error) {
	fd, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return 0, err
	}
	for i, c := range l.conns {
		e := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(i)}
		if err := syscall.EpollCtl(fd, syscall.EPOLL_CTL_ADD, c.fd, &e); err != nil {
			syscall.Close(fd)
			return 0, err
		}
	}
	return fd, nil
}

func (l *load) send(c *connection) error {
	n, err := syscall.Write(c.fd, l.request)
	if err == nil && n < len(l.request) {
		err = io.ErrShortWrite
	}
	return err
}

// receive reports whether the answer is there, and fails if it is a wrong one.
func (l *load) receive(c *connection) (whole bool, err error) {
	n, err := syscall.Read(c.fd, c.answer[c.have:])
	switch {
	case err == syscall.EAGAIN || err == syscall.EINTR:
		return false, nil
	case err != nil:
		return false, err
	case n == 0:
		return false, io.ErrUnexpectedEOF
	}
	if c.have += n; c.have < l.size {
		return false, nil
	}
	c.have = 0
	if !l.right(c.answer) {
		return false, fmt.Errorf("wrong answer: %q", c.answer)
	}
	return true, nil
}
