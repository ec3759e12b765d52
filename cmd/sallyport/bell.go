package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/server"
)

// How long a command waits for the server to act, and the server for its log.
const (
	bellWait  = 10 * time.Second
	obeyWait  = 8 * time.Second
	bellCalls = 16 // at once; more wait
)

// A bell is the socket by which commands tell the running server that they
// changed something. Whoever connects is answered "ok <position> <base URL>" once the
// server acts on everything up to there, or "error: …".
type bell struct {
	listener net.Listener
	srv      *server.Server
	base     string // URL at which people reach the server
	store    account.Store
	log      *slog.Logger
	ringing  sync.WaitGroup
	slots    chan struct{}
}

// hang puts the bell into the folder, in place of one that a server that was
// killed has left: the caller holds the lock.
func (f folder) hang(srv *server.Server, base string, store account.Store, log *slog.Logger) (*bell, error) {
	if err := os.Remove(f.bell()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var l net.Listener
	err := f.withSocket(func(path string) (err error) {
		l, err = net.Listen("unix", path)
		if err != nil {
			return err
		}
		// The path may mean something else later; close removes the file.
		l.(*net.UnixListener).SetUnlinkOnClose(false)
		return os.Chmod(path, 0o600)
	})
	if err != nil {
		if l != nil {
			l.Close()
		}
		return nil, err
	}
	return &bell{listener: l, srv: srv, base: base, store: store, log: log, slots: make(chan struct{}, bellCalls)}, nil
}

// maxSocketPath is how long the path of a socket may be everywhere: 104 bytes
// with the zero at its end on BSD and macOS, 108 on Linux.
const maxSocketPath = 103

// withSocket calls use with a path of the bell that is short enough. On Linux a
// long one is shortened by way of an open file of the folder.
func (f folder) withSocket(use func(path string) error) error {
	if len(f.bell()) <= maxSocketPath {
		return use(f.bell())
	}
	dir, err := os.Open(string(f))
	if err != nil {
		return err
	}
	defer dir.Close()
	short := fmt.Sprintf("/proc/self/fd/%d", dir.Fd())
	if _, err := os.Stat(short); err != nil {
		return fmt.Errorf("the path %s is too long for a socket", f.bell())
	}
	return use(filepath.Join(short, filepath.Base(f.bell())))
}

// answer serves calls until the bell is taken down.
func (b *bell) answer(ctx context.Context) {
	for {
		c, err := b.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			b.log.Warn("the bell failed", "err", err)
			time.Sleep(100 * time.Millisecond)
			continue
		}
		b.slots <- struct{}{}
		b.ringing.Go(func() {
			defer func() { <-b.slots }()
			b.call(ctx, c)
		})
	}
}

func (b *bell) call(ctx context.Context, c net.Conn) {
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, obeyWait)
	defer cancel()
	c.SetDeadline(time.Now().Add(bellWait))
	position, err := b.obey(ctx)
	if err != nil {
		b.log.Error("obeying the bell failed", "err", err)
		fmt.Fprintf(c, "error: %s\n", sentence(err))
		return
	}
	fmt.Fprintf(c, "ok %s %s\n", position, b.base)
}

// obey returns a position up to which the server acts on the log.
func (b *bell) obey(ctx context.Context) (string, error) {
	var position string
	err := b.store.View(ctx, func(tx account.Tx) error {
		head, err := tx.Log.Head(ctx)
		position = head.Position.String()
		return err
	})
	if err != nil {
		return "", err
	}
	return position, b.srv.Obey(ctx)
}

// takeDown removes the bell and waits for calls under way.
func (b *bell) takeDown(f folder) {
	b.listener.Close()
	os.Remove(f.bell())
	b.ringing.Wait()
}

// ring returns once the server that runs on the folder acts on everything that
// has been changed by now, with the URL at which people reach it; at once, with
// none, if none runs.
func (f folder) ring(ctx context.Context) (base string, err error) {
	ctx, cancel := context.WithTimeout(ctx, bellWait)
	defer cancel()
	var c net.Conn
	err = f.withSocket(func(path string) (err error) {
		var d net.Dialer
		c, err = d.DialContext(ctx, "unix", path)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer c.Close()
	deadline, _ := ctx.Deadline()
	c.SetDeadline(deadline)
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("no answer: %w", err)
	}
	line = strings.TrimSpace(line)
	told, ok := strings.CutPrefix(line, "ok ")
	if !ok {
		return "", errors.New(strings.TrimPrefix(line, "error: "))
	}
	_, base, _ = strings.Cut(told, " ")
	return base, nil
}
