//go:build unix

package faults_test

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// A proxy is an address that stays, before one that may change, and a line that can
// be cut or frozen.
type proxy struct {
	listener net.Listener

	mu     sync.Mutex
	target string
	state  state
	thawed chan struct{} // closed while nothing is held back
	conns  map[net.Conn]bool
}

type state int

const (
	open   state = iota
	cut          // connections end, and new ones end at once
	frozen       // connections stay, and nothing moves on them
)

func newProxy(t testing.TB) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, conns: map[net.Conn]bool{}, thawed: make(chan struct{})}
	close(p.thawed)
	go p.accept()
	t.Cleanup(func() {
		l.Close()
		p.set(cut)
	})
	return p
}

func (p *proxy) url() string { return "http://" + p.listener.Addr().String() }

// to changes where new connections lead.
func (p *proxy) to(url string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = strings.TrimPrefix(url, "http://")
}

func (p *proxy) set(s state) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == frozen && s != frozen {
		close(p.thawed)
	}
	if s == frozen && p.state != frozen {
		p.thawed = make(chan struct{})
	}
	p.state = s
	if s == cut {
		for c := range p.conns {
			c.Close()
		}
	}
}

func (p *proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		go p.carry(c)
	}
}

// enter keeps a connection unless the line is cut.
func (p *proxy) enter(c net.Conn) (target string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == cut {
		c.Close()
		return "", false
	}
	p.conns[c] = true
	return p.target, true
}

func (p *proxy) leave(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.Close()
	delete(p.conns, c)
}

func (p *proxy) hold() {
	p.mu.Lock()
	thawed := p.thawed
	p.mu.Unlock()
	<-thawed
}

func (p *proxy) carry(in net.Conn) {
	target, ok := p.enter(in)
	if !ok {
		return
	}
	defer p.leave(in)
	p.hold()
	out, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	if _, ok := p.enter(out); !ok {
		return
	}
	defer p.leave(out)
	go func() {
		io.Copy(out, held{in, p})
		out.Close()
		in.Close()
	}()
	io.Copy(in, held{out, p})
}

// held passes on what is read once nothing is held back.
type held struct {
	io.Reader
	p *proxy
}

func (h held) Read(b []byte) (int, error) {
	n, err := h.Reader.Read(b)
	h.p.hold()
	return n, err
}
