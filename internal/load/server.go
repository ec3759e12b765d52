//go:build linux

package load

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// A Server returns what is served at an address, with the credentials that requests may carry, by name. It may keep files in the
// folder.
type Server func(folder, address string) (http.Handler, map[string]http.Header, error)

// serveCommand is the first argument with which a benchmark starts its test binary again, as a server.
const serveCommand = "serve-for-benchmark"

// Main runs the tests of a package, or one of its servers: a TestMain calls it and does nothing else.
func Main(m *testing.M, servers map[string]Server) {
	if len(os.Args) != 4 || os.Args[1] != serveCommand {
		m.Run()
		return
	}
	if err := serve(servers[os.Args[2]], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// An announcement is what a server says of itself once it listens.
type announcement struct {
	Address     string
	Credentials map[string]http.Header
}

// serve serves until standard input ends. To each line there it answers with the processor time, in nanoseconds, that it has spent.
func serve(open Server, folder string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	a := announcement{Address: listener.Addr().String()}
	handler, credentials, err := open(folder, a.Address)
	if err != nil {
		return err
	}
	a.Credentials = credentials
	failed := make(chan error, 1)
	go func() { failed <- http.Serve(listener, handler) }()
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(a); err != nil {
		return err
	}
	go func() {
		in := bufio.NewScanner(os.Stdin)
		for in.Scan() {
			out.Encode(ProcessorTime())
		}
		failed <- nil
	}()
	return <-failed
}

// ProcessorTime is what this process has spent so far, 0 if the system does not say.
func ProcessorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// A Process is a server in a process of its own.
type Process struct {
	announcement
	in  io.Writer
	out *json.Decoder
}

// Start starts the server of that name on the last processor, where taskset is installed. It ends with the benchmark.
func Start(b testing.TB, name string) *Process {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(self, serveCommand, name, b.TempDir())
	if last := runtime.NumCPU() - 1; last > 0 && hasTaskset() {
		cmd = exec.Command("taskset", append([]string{"-c", strconv.Itoa(last)}, cmd.Args...)...)
	}
	cmd.Env = append(cmd.Environ(), "GOMAXPROCS=1")
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
	p := &Process{in: in, out: json.NewDecoder(out)}
	if err := p.out.Decode(&p.announcement); err != nil {
		b.Fatalf("server %s: %v", name, err)
	}
	return p
}

// busy returns the processor time that the server has spent.
func (p *Process) busy() (spent time.Duration, err error) {
	if _, err := io.WriteString(p.in, "\n"); err != nil {
		return 0, err
	}
	err = p.out.Decode(&spent)
	return spent, err
}

func hasTaskset() bool {
	_, err := exec.LookPath("taskset")
	return err == nil
}

// leaveLast keeps this process off the last processor, which is the servers', until the benchmark ends.
func leaveLast(b testing.TB) {
	b.Helper()
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
