//go:build !(linux || darwin || freebsd || netbsd || openbsd)

package testdb

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
)

// The keeper is a shell script and the lock is flock: elsewhere the tests that need a server are skipped.

type user struct{}

func unprivileged() (user, error) {
	return user{}, fmt.Errorf("starting servers on %s is %w", runtime.GOOS, errNotInstalled)
}

func (user) own(string) error { return nil }

func (user) run(*exec.Cmd) {}

var errSwept = fmt.Errorf("folders cannot be locked on %s", runtime.GOOS)

func lockFolder(string) (*os.File, error) { return nil, errNotInstalled }

func tryLock(string) (*os.File, error) { return nil, errNotInstalled }

func freeze(int) error { return errors.ErrUnsupported }
func thaw(int) error   { return errors.ErrUnsupported }
