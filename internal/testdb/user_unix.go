//go:build linux || darwin || freebsd || netbsd || openbsd

package testdb

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	osuser "os/user"
	"strconv"
	"syscall"
)

// A user is who the servers run as. PostgreSQL refuses to run as root.
type user struct {
	credential *syscall.Credential // nil: as ourselves
}

// unprivileged returns ourselves, or for root the user "postgres" or "nobody".
func unprivileged() (user, error) {
	if os.Geteuid() != 0 {
		return user{}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := osuser.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			return user{}, fmt.Errorf("user %s: %w", name, err)
		}
		return user{&syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
	}
	return user{}, errors.New("running as root, and there is neither a user postgres nor a user nobody to run servers as")
}

// own makes the user the owner of a folder.
func (u user) own(dir string) error {
	if u.credential == nil {
		return nil
	}
	return os.Chown(dir, int(u.credential.Uid), int(u.credential.Gid))
}

// run makes cmd run as the user, in a session of its own: Ctrl-C in the terminal ends the tests, and that ends the servers
// in good order.
func (u user) run(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: u.credential}
}

// errSwept says that another process took the new folder for one left behind.
var errSwept = errors.New("the folder was swept before it was locked")

// lockFolder locks a folder just made.
func lockFolder(dir string) (*os.File, error) {
	lock, err := flock(dir, syscall.LOCK_EX)
	if errors.Is(err, os.ErrNotExist) {
		return nil, errSwept
	}
	if err != nil {
		return nil, err
	}
	// A sweeper locks before it removes; so who holds the lock on a folder that still has its name is safe.
	locked, err1 := lock.Stat()
	named, err2 := os.Stat(dir)
	if err1 != nil || err2 != nil || !os.SameFile(locked, named) {
		return nil, errors.Join(errSwept, lock.Close())
	}
	return lock, nil
}

// tryLock locks a folder unless somebody else does.
func tryLock(dir string) (*os.File, error) {
	return flock(dir, syscall.LOCK_EX|syscall.LOCK_NB)
}

func flock(dir string, how int) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), how); err != nil {
		return nil, errors.Join(fmt.Errorf("locking %s: %w", dir, err), f.Close())
	}
	return f, nil
}

func freeze(pid int) error { return syscall.Kill(pid, syscall.SIGSTOP) }
func thaw(pid int) error   { return syscall.Kill(pid, syscall.SIGCONT) }
