// Package process runs real programs in tests: it builds one, starts it, reads
// the address that it prints, and ends it with the test.
package process

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Build builds the program in the folder pkg, relative to the test's own, and
// returns the path of its binary.
func Build(t testing.TB, pkg string) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "program")
	out, err := exec.Command("go", "build", "-o", bin, pkg).CombinedOutput()
	if err != nil {
		t.Fatalf("building %s: %v\n%s", pkg, err, out)
	}
	return bin
}

// A Program is a process under test.
type Program struct {
	URL string // from its line "listening on URL"

	cmd    *exec.Cmd
	mu     sync.Mutex
	output bytes.Buffer
	done   chan struct{}
}

// Start starts a binary and returns once it listens. It is killed when the test
// ends.
func Start(t testing.TB, bin string, args ...string) *Program {
	t.Helper()
	p := &Program{cmd: exec.Command(bin, args...), done: make(chan struct{})}
	p.cmd.Dir = t.TempDir()
	read, write := io.Pipe()
	p.cmd.Stdout, p.cmd.Stderr = write, write
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", bin, err)
	}
	listening := make(chan string, 1)
	go p.read(read, listening)
	go func() {
		p.cmd.Wait()
		write.Close()
		close(p.done)
	}()
	t.Cleanup(p.Kill)
	select {
	case p.URL = <-listening:
	case <-p.done:
		t.Fatalf("%s ended before it listened:\n%s", bin, p.Output())
	}
	return p
}

func (p *Program) read(r io.Reader, listening chan<- string) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		p.mu.Lock()
		p.output.WriteString(lines.Text() + "\n")
		p.mu.Unlock()
		if url, ok := strings.CutPrefix(lines.Text(), "listening on "); ok {
			select {
			case listening <- url:
			default:
			}
		}
	}
	io.Copy(io.Discard, r)
}

// Output is what the program has printed so far, on both streams.
func (p *Program) Output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.String()
}

// WaitFor returns the first line that contains text, once it is printed, or "" if
// ctx ends first.
func (p *Program) WaitFor(ctx context.Context, text string) string {
	for ctx.Err() == nil {
		for line := range strings.Lines(p.Output()) {
			if strings.Contains(line, text) {
				return strings.TrimSpace(line)
			}
		}
		select {
		case <-ctx.Done():
		case <-p.done:
			return ""
		default:
			time.Sleep(5 * time.Millisecond)
		}
	}
	return ""
}

// Signal sends the process a signal.
func (p *Program) Signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// Wait returns the exit code once the process has ended.
func (p *Program) Wait() int {
	<-p.done
	return p.cmd.ProcessState.ExitCode()
}

// Kill ends the process at once, as kill -9 does, and waits until it is gone.
func (p *Program) Kill() {
	p.cmd.Process.Kill()
	<-p.done
}

// PID is the process's id.
func (p *Program) PID() int { return p.cmd.Process.Pid }
