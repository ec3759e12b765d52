package testdb_test

import (
	"bufio"
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/internal/testdb"
	"github.com/sallyport-auth/sallyport/internal/testenv"
)

// TestHelperProcess is what the helper processes of this file run. In the ordinary run it does nothing.
func TestHelperProcess(t *testing.T) {
	switch os.Getenv("TESTDB_HELPER") {
	case "template":
		testdb.Postgres(t, "over all processes", func(ctx context.Context, dsn string) error {
			return appendLine(os.Getenv("MIGRATIONS"), "migrated")
		})
	case "postgres":
		dsn, err := url.Parse(testdb.Postgres(t, "", nil))
		if err != nil {
			t.Fatal(err)
		}
		holdUntilEOF(dsn.Query().Get("host"))
	case "redis":
		testdb.Redis(t)
		folders, err := filepath.Glob(filepath.Join(os.TempDir(), "sallyport-testdb-redis-*"))
		if err != nil || len(folders) != 1 {
			t.Fatalf("folders %v, %v, want one", folders, err)
		}
		holdUntilEOF(folders[0])
	}
}

// holdUntilEOF tells the parent the server's folder and stays until the parent closes standard input.
func holdUntilEOF(folder string) {
	os.Stdout.WriteString("folder " + folder + "\n")
	bufio.NewReader(os.Stdin).ReadString('\n')
}

func appendLine(file, line string) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(line + "\n"); err != nil {
		return err
	}
	return f.Close()
}

// helper prepares a process that runs one case of TestHelperProcess.
func helper(t *testing.T, what string, env ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^TestHelperProcess$")
	cmd.Env = append(os.Environ(), "SALLYPORT_TEST_POSTGRES=", "TESTDB_HELPER="+what)
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

// A holder is a helper process that has started a server.
type holder struct {
	cmd    *exec.Cmd
	folder string
	letGo  func() error // makes the helper end in the ordinary way
}

func hold(t *testing.T, what, tmp string) holder {
	t.Helper()
	cmd := helper(t, what, "TMPDIR="+tmp)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("reading from the helper: %v", err)
	}
	folder, ok := strings.CutPrefix(strings.TrimSpace(line), "folder ")
	if !ok {
		t.Fatalf("the helper says %q", line)
	}
	return holder{cmd, folder, in.Close}
}

// tempFolder is a temporary folder that is open to the unprivileged user of the servers as /tmp is, unlike that of t.TempDir.
func tempFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "testdb-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	return dir
}

// processes returns the processes whose working directory is in a folder, also if that was removed: the server and its
// keeper.
func processes(t *testing.T, folder string) (pids []int) {
	t.Helper()
	links, _ := filepath.Glob("/proc/[0-9]*/cwd")
	if len(links) == 0 {
		t.Skip("SKIPPED: no /proc to look for processes in")
	}
	for _, link := range links {
		cwd, err := os.Readlink(link)
		if err != nil || !strings.HasPrefix(cwd, folder) {
			continue // gone meanwhile, or another user's
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(link)))
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// waitGone returns when neither the folder nor a process in it is left. If it never returns, the run's time limit ends the
// test.
func waitGone(t *testing.T, folder string) {
	t.Helper()
	for {
		_, err := os.Stat(folder)
		if os.IsNotExist(err) && len(processes(t, folder)) == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestNothingIsLeftBehind(t *testing.T) {
	for _, c := range []struct {
		name, server string
		end          func(holder) error
	}{
		{"PostgreSQL after a test binary that ended", "postgres", func(h holder) error { return h.letGo() }},
		{"PostgreSQL after kill -9 of the test binary", "postgres", func(h holder) error { return h.cmd.Process.Kill() }},
		{"Redis after a test binary that ended", "redis", func(h holder) error { return h.letGo() }},
		{"Redis after kill -9 of the test binary", "redis", func(h holder) error { return h.cmd.Process.Kill() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := hold(t, c.server, tempFolder(t))
			if n := len(processes(t, h.folder)); n < 2 {
				t.Fatalf("%d processes in the folder, want a keeper and a server", n)
			}
			if err := c.end(h); err != nil {
				t.Fatal(err)
			}
			waitGone(t, h.folder)
		})
	}
}

// The keepers too are killed here, so nobody stops the servers and removes the folders but the next run.
func TestNextRunRemovesWhatWasLeft(t *testing.T) {
	servers := []string{"redis"}
	if testenv.Count(0, 1) > 0 {
		servers = append(servers, "postgres") // takes up to a minute to notice
	}
	for _, server := range servers {
		t.Run(server, func(t *testing.T) {
			tmp := tempFolder(t)
			h := hold(t, server, tmp)
			killKeepers(t, h.folder)
			if err := h.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			h.cmd.Wait()
			if len(processes(t, h.folder)) == 0 {
				t.Fatal("the server ended together with its keeper; there is nothing to test")
			}
			next := hold(t, "postgres", tmp)
			waitGone(t, h.folder)
			if _, err := os.Stat(next.folder); err != nil {
				t.Errorf("the next run's own folder: %v", err)
			}
		})
	}
}

func TestNextRunLeavesARunningServerAlone(t *testing.T) {
	tmp := tempFolder(t)
	first := hold(t, "postgres", tmp)
	second := hold(t, "postgres", tmp)
	for _, h := range []holder{first, second} {
		if _, err := os.Stat(filepath.Join(h.folder, "data", "postmaster.pid")); err != nil {
			t.Error(err)
		}
	}
}

func killKeepers(t *testing.T, folder string) {
	t.Helper()
	for _, pid := range processes(t, folder) {
		command, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
		if err != nil || !strings.Contains(string(command), "sallyport-testdb-keeper") {
			continue
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
}
