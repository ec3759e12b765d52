package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// The test binary is the program itself when it is called sallyport. Under the race
// detector it would sleep for a second at its end, and the tests start it hundreds of
// times; what is left is time enough to write a report.
func TestMain(m *testing.M) {
	os.Setenv("GORACE", "atexit_sleep_ms=50 "+os.Getenv("GORACE"))
	testscript.Main(m, map[string]func(){"sallyport": main, "oathtool": oathtool})
}

// A process is a server in a process of its own.
type process struct {
	cmd    *exec.Cmd
	url    string // that it listens on
	banner string // all that it printed by the time it listens

	mu  sync.Mutex
	log bytes.Buffer
}

// Write takes what the process writes to standard error.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(b)
}

func (p *process) logged() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// start runs "sallyport serve" in a folder, and returns when it listens.
func start(dir string, environ []string, args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{}
	p.cmd = exec.Command(self, append([]string{"serve", "--addr", "127.0.0.1:0"}, args...)...)
	p.cmd.Args[0] = "sallyport"
	p.cmd.Dir, p.cmd.Env, p.cmd.Stderr = dir, environ, p
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	r := bufio.NewReader(stdout)
	for !strings.HasPrefix(p.lastLine(), "Everything is kept in") {
		line, err := r.ReadString('\n')
		p.banner += line
		if err != nil {
			return nil, fmt.Errorf("it ended: %w\n%s%s", p.cmd.Wait(), p.banner, p.logged())
		}
	}
	go io.Copy(io.Discard, r)
	first, _, _ := strings.Cut(p.banner, "\n")
	p.url = strings.TrimPrefix(first, "listening on ")
	return p, nil
}

func (p *process) lastLine() string {
	lines := strings.Split(strings.TrimSuffix(p.banner, "\n"), "\n")
	return lines[len(lines)-1]
}

// stop asks the process to end, and returns an error unless it ends well.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return p.cmd.Wait()
}

// kill ends the process as a power cut would.
func (p *process) kill() {
	p.cmd.Process.Kill()
	p.cmd.Wait()
}

// environ is that of a server that hashes passwords quickly.
func environ() []string {
	return append(os.Environ(), "SALLYPORT_PASSWORD__COST=m=64,t=1,p=1", "SALLYPORT_PASSWORD__INSECURE_LOW_COST=true")
}

// serving starts a server that ends with the test.
func serving(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	p, err := start(dir, environ(), args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	return p
}

func exitCode(err error) int {
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		return e.ExitCode()
	}
	if err != nil {
		return -1
	}
	return 0
}
