package testdb

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

const prefix = "sallyport-testdb-"

// A folder is the temporary home of one server: its data, its sockets and its log. Whoever uses it holds a lock on it
// (flock on the folder itself); a folder that nobody locks was left behind by a killed run, and the next run removes it.
type folder struct {
	dir  string
	lock *os.File
	as   user
}

// sweepOnce removes what killed runs left behind, once per process.
var sweepOnce = sync.OnceFunc(sweep)

// newFolder makes and locks a folder that the server's user owns.
func newFolder(kind string) (*folder, error) {
	as, err := unprivileged()
	if err != nil {
		return nil, err
	}
	sweepOnce()
	for {
		dir, err := os.MkdirTemp("", prefix+kind+"-")
		if err != nil {
			return nil, err
		}
		lock, err := lockFolder(dir)
		if errors.Is(err, errSwept) {
			continue
		}
		if err != nil {
			return nil, errors.Join(err, os.RemoveAll(dir))
		}
		f := &folder{dir: dir, lock: lock, as: as}
		if err := as.own(dir); err != nil {
			return nil, errors.Join(err, f.remove())
		}
		return f, nil
	}
}

func (f *folder) path(name string) string { return filepath.Join(f.dir, name) }

// remove deletes the folder, then gives up the lock.
func (f *folder) remove() error {
	return errors.Join(os.RemoveAll(f.dir), f.lock.Close())
}

// command prepares a program that runs as the folder's owner, in the folder, with nothing of our environment that could
// change what it does (PGDATA, PGHOST, TZ …).
func (f *folder) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = f.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	f.as.run(cmd)
	return cmd
}

// run runs a program to its end; its output becomes part of the error.
func (f *folder) run(name string, args ...string) error {
	out, err := f.command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s in %s: %w\n%s", filepath.Base(name), f.dir, err, out)
	}
	return nil
}

// sweep removes every folder that nobody locks. The servers in them are gone as well, except after a kill -9 of the keeper:
// such a PostgreSQL stops by itself within a minute of losing its postmaster.pid, and such a Redis is told to.
func sweep() {
	left, _ := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*")) // the pattern is well formed
	for _, dir := range left {
		lock, err := tryLock(dir)
		if err != nil {
			continue // in use, or not ours
		}
		shutdownRedis(filepath.Join(dir, redisSocket))
		os.RemoveAll(dir) // what resists is left for the next run
		lock.Close()
	}
}

// A server is a program that a keeper started in a folder.
type server struct {
	folder *folder
	name   string
	keeper *exec.Cmd
	leash  *os.File // the keeper reads the other end; closed by the kernel when this process is gone
}

// keeper is the program that keeps a server: it starts the server, stops it when its standard input ends, and removes the
// folder. The other end of its standard input is held by the process that wants the server, so the kernel tells the keeper
// when that process is gone, however it went. File descriptor 3 is the locked folder: it stays open, and so locked, while the
// keeper or its watcher lives; the server itself does not get it. SIGINT makes PostgreSQL disconnect everybody and stop, and
// Redis stop; SIGCONT lets one notice that was frozen.
const keeper = `
dir=$1
shift
exec 4<&0
"$@" </dev/null >"$dir/log" 2>&1 3<&- 4<&- &
server=$!
{ read -r _ <&4; kill -INT "$server"; kill -CONT "$server"; } &
watcher=$!
wait "$server"
kill "$watcher" 2>/dev/null
: >"$dir/exited"
read -r _ <&4
rm -rf -- "$dir"
exit 0
`

// keep starts a server under a keeper. From here on the keeper owns the folder, also if keep fails.
func (f *folder) keep(argv ...string) (*server, error) {
	in, leash, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, f.remove())
	}
	defer in.Close()
	cmd := f.command("/bin/sh", append([]string{"-c", keeper, "sallyport-testdb-keeper", f.dir}, argv...)...)
	cmd.Stdin = in
	cmd.ExtraFiles = []*os.File{f.lock}
	// Standard output and error stay unconnected: go test waits until every process that holds its own has ended.
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, leash.Close(), f.remove())
	}
	f.lock.Close() // the keeper's copy holds the lock
	return &server{folder: f, name: filepath.Base(argv[0]), keeper: cmd, leash: leash}, nil
}

// wait returns as soon as ready does not fail, or with the server's log once the server has ended.
func (s *server) wait(ready func() error) error {
	for {
		_, gone := os.Stat(s.folder.path("exited"))
		if gone == nil {
			return fmt.Errorf("%s did not start: %s", s.name, s.log())
		}
		if ready() == nil {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (s *server) log() string {
	text, err := os.ReadFile(s.folder.path("log"))
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text))
}

// stop lets go of the leash, waits until the keeper has stopped the server, and makes sure that the folder is gone: a keeper
// that is not root can only empty it where TMPDIR is not open to all.
func (s *server) stop() error {
	return errors.Join(s.leash.Close(), s.keeper.Wait(), os.RemoveAll(s.folder.dir))
}
