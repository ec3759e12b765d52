//go:build linux

package server_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/server"
	"github.com/sallyport-auth/sallyport/store/sqlite"
)

// serveCommand is the first argument with which a benchmark starts this test
// binary again, as a server.
const serveCommand = "serve-for-benchmark"

func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == serveCommand {
		if err := serveForBenchmark(os.Args[2], os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	m.Run()
}

// An announcement is what a server says of itself once it listens.
type announcement struct {
	Address            string
	Token, Cookie, Key string // of a member
}

const greeting = `{"id":"7","text":"hello"}`

// greetBoard is the handler that is measured, with doors and without: as little work
// as a handler can do.
func greetBoard(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, greeting)
}

// serveForBenchmark serves until standard input ends. To each line there it
// answers with the processor time, in nanoseconds, that it has spent.
func serveForBenchmark(kind, folder string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	a := announcement{Address: listener.Addr().String()}
	var handler http.Handler
	switch kind {
	case "bare":
		mux := http.NewServeMux()
		for _, pattern := range []string{"GET /signed-in/{id}", "GET /allowed/{id}", "GET /denied/{id}"} {
			mux.HandleFunc(pattern, greetBoard)
		}
		handler = mux
	case "guarded":
		if handler, err = guarded(folder, &a); err != nil {
			return err
		}
	}
	failed := make(chan error, 1)
	go func() { failed <- http.Serve(listener, handler) }()
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(a); err != nil {
		return err
	}
	go func() {
		in := bufio.NewScanner(os.Stdin)
		for in.Scan() {
			out.Encode(processorTime())
		}
		failed <- nil
	}()
	return <-failed
}

func processorTime() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// guarded is a whole server, as a program mounts it, with somebody who has one
// credential of each kind. Its log is written at the default level, to nowhere.
func guarded(folder string, a *announcement) (http.Handler, error) {
	db, err := sqlite.Open(filepath.Join(folder, "guarded.db"))
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	s, err := server.Open(ctx, server.Config{
		BaseURL: "http://" + a.Address, Store: db, SealingKey: bytes.Repeat([]byte("0123456789abcdef"), secret.KeySize/16),
		Roles: map[string][]string{"member": {"note:read"}}, DefaultRoles: []string{"member"},
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		return nil, err
	}
	greet := http.HandlerFunc(greetBoard)
	s.Routes.Handle("GET /signed-in/{id}", sallyport.SignedIn(), greet)
	s.Routes.Handle("GET /allowed/{id}", sallyport.May("note:read"), greet)
	s.Routes.Handle("GET /denied/{id}", sallyport.May("note:delete"), greet)
	return s, credentialsOf(ctx, s.Accounts, a)
}

func credentialsOf(ctx context.Context, accounts *account.Service, a *announcement) error {
	in := account.Registration{Username: "ann", Password: pass}
	browser, err := accounts.Register(ctx, in, false, account.Origin{})
	if err != nil {
		return err
	}
	program, err := accounts.SignIn(ctx, account.SignIn{Identifier: in.Username, Password: pass, WithTokens: true}, account.Origin{})
	if err != nil {
		return err
	}
	_, key, err := accounts.CreateKey(ctx, browser.User.ID, account.NewKey{Name: "benchmark", Scopes: []string{"*"}}, account.Origin{})
	a.Cookie, a.Token, a.Key = browser.Cookie, program.Tokens.Access, key
	return err
}

// A served handler is a server in a process of its own.
type served struct {
	announcement
	b   *testing.B
	in  io.Writer
	out *json.Decoder
}

// startProcess starts a server on the last processor, where taskset is
// installed, and this process keeps to the others.
func startProcess(b *testing.B, kind string) *served {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(self, serveCommand, kind, b.TempDir())
	if last := runtime.NumCPU() - 1; last > 0 && hasTaskset() {
		cmd = exec.Command("taskset", append([]string{"-c", strconv.Itoa(last)}, cmd.Args...)...)
	}
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { in.Close(); cmd.Wait() })
	p := &served{b: b, in: in, out: json.NewDecoder(out)}
	if err := p.out.Decode(&p.announcement); err != nil {
		b.Fatalf("%s server: %v", kind, err)
	}
	return p
}

// busy returns the processor time that the server has spent.
func (p *served) busy() time.Duration {
	p.b.Helper()
	var nanoseconds int64
	if _, err := io.WriteString(p.in, "\n"); err != nil {
		p.b.Fatal(err)
	}
	if err := p.out.Decode(&nanoseconds); err != nil {
		p.b.Fatal(err)
	}
	return time.Duration(nanoseconds)
}

func hasTaskset() bool {
	_, err := exec.LookPath("taskset")
	return err == nil
}

// leaveLast keeps this process off the last processor until the benchmark ends.
func leaveLast(b *testing.B) {
	last := runtime.NumCPU() - 1
	if last == 0 || !hasTaskset() {
		return
	}
	move := func(to int) {
		if out, err := exec.Command("taskset", "-acp", "0-"+strconv.Itoa(to), strconv.Itoa(os.Getpid())).CombinedOutput(); err != nil {
			b.Errorf("taskset: %v\n%s", err, out)
		}
	}
	move(last - 1)
	was := runtime.GOMAXPROCS(last)
	b.Cleanup(func() { move(last); runtime.GOMAXPROCS(was) })
}
