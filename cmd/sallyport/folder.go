package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A folder is the data folder of an installation.
type folder string

func (f folder) database() string   { return filepath.Join(string(f), "sallyport.db") }
func (f folder) sealingKey() string { return filepath.Join(string(f), "sealing.key") }
func (f folder) lockFile() string   { return filepath.Join(string(f), "lock") }
func (f folder) bell() string       { return filepath.Join(string(f), "bell.sock") }

// create makes the folder for its owner only, unless it is there.
func (f folder) create() error {
	if err := os.MkdirAll(filepath.Dir(string(f)), 0o755); err != nil {
		return fmt.Errorf("making the data folder: %w", err)
	}
	err := os.Mkdir(string(f), 0o700)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("making the data folder: %w", err)
	}
	info, err := os.Stat(string(f))
	if err != nil {
		return fmt.Errorf("opening the data folder: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("the data folder %s is not a folder", f)
	}
	return nil
}

// A lock is held by the server that runs on the folder, by a restore, and by
// another command for the moment in which it creates or migrates. It ends with the
// process.
type lock struct{ file *os.File }

// A busyError says that somebody else holds the lock.
type busyError struct {
	folder folder
	holder int // process id of a server; 0 = a command
}

func (e *busyError) Error() string {
	if e.holder == 0 {
		return fmt.Sprintf("another command is at work on the data folder %s", e.folder)
	}
	return fmt.Sprintf("a server is already running on the data folder %s (process %d)", e.folder, e.holder)
}

// lock takes the lock. A command holds it for a moment only, so that is waited
// for; a server is not.
func (f folder) lock() (*lock, error) {
	file, err := os.OpenFile(f.lockFile(), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the data folder: %w", err)
	}
	for range 100 {
		if err = tryLock(file); !errors.Is(err, errLocked) {
			break
		}
		holder := f.holder()
		err = &busyError{f, holder}
		if holder != 0 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err == nil {
		err = file.Truncate(0) // what a server that was killed has left
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return &lock{file}, nil
}

// holder returns the process id of the server that holds the lock, 0 if none
// does or it is unknown.
func (f folder) holder() int {
	file, err := os.OpenFile(f.lockFile(), os.O_RDWR, 0)
	if err != nil {
		return 0
	}
	defer file.Close()
	if err := tryLock(file); !errors.Is(err, errLocked) {
		return 0 // closing the file gives the lock back
	}
	text, err := io.ReadAll(io.LimitReader(file, 20))
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return pid
}

// sign lets others know that it is a server that holds the lock.
func (l *lock) sign() error {
	_, err := l.file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// release gives the lock back.
func (l *lock) release() error {
	return errors.Join(l.file.Truncate(0), l.file.Close())
}
