package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/sallyport-auth/sallyport/store"
)

// Copy writes the database at path into a file of its own, as it is at one moment
// and complete, while others go on reading and writing. The file at to must be
// empty or not there, and is for its owner only; it is on the disk when Copy
// returns. A copy that fails, or whose ctx ends, leaves nothing behind.
//
// The copy is that of the whole file: the tables of the program around Sallyport
// are in it, and nothing that was deleted is.
func Copy(ctx context.Context, path, to string) (err error) {
	if err := claim(to); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, removeAll(to))
		}
	}()
	f, err := openFile(ctx, path, false)
	if err != nil {
		return err
	}
	if _, err = f.check(ctx); err == nil {
		// Unlike what conn runs, this may be interrupted: it is no part of a transaction.
		_, err = f.sql.ExecContext(ctx, `VACUUM INTO $1`, to)
	}
	if err != nil {
		err = sentence(f.path, err)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return errors.Join(flush(to), syncFolder(to))
}

// claim makes an empty file for its owner, so that nobody else may read what
// comes into it.
func claim(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("making a copy of the database: %w", err)
	}
	info, err := f.Stat()
	if err == nil && info.Size() > 0 {
		err = fmt.Errorf("there is something in %s already", path)
	}
	if err == nil {
		err = f.Chmod(0o600)
	}
	return errors.Join(err, f.Close())
}

// Verify reads the database at path from end to end, and returns its migrations
// or says what is wrong with it: it is damaged, of a newer release, or none of
// Sallyport's. It changes nothing in it.
func Verify(ctx context.Context, path string) ([]store.Migration, error) {
	return withFile(ctx, path, false, func(f *file, ctx context.Context) ([]store.Migration, error) {
		state, err := f.check(ctx)
		if err != nil {
			return nil, err
		}
		if len(state) > 0 && state[0].AppliedAt.IsZero() {
			return nil, fmt.Errorf("%w: there are no tables of Sallyport in it", store.ErrForeign)
		}
		var found string
		if err := f.sql.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&found); err != nil {
			return nil, err
		}
		if found != "ok" {
			return nil, fmt.Errorf("the database is damaged: %s", found)
		}
		return state, nil
	})
}

// Replace puts the database in the file by in the place of that at path, in one
// step: whatever happens, also to the machine, at path is either the one or the
// other, complete. The one that was there is kept under another name, unless there
// was none. It fails, and changes nothing, while anybody has either of them open.
//
// If the process ends in the middle, kept may be a second name of what still is at
// path (os.SameFile). It must then be removed before either is opened.
func Replace(ctx context.Context, path, by, kept string) error {
	// A write-ahead log belongs to a name and not to a file: one that is left would be
	// read into whatever takes the name.
	if err := errors.Join(settle(ctx, by, nothing), flush(by)); err != nil {
		return err
	}
	swap := func() error {
		if err := alone(path); err != nil {
			return err
		}
		return errors.Join(os.Rename(by, path), syncFolder(path))
	}
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return swap()
	}
	keep := func() error {
		if err := os.Link(path, kept); err != nil {
			return fmt.Errorf("keeping the database: %w", err)
		}
		if err := syncFolder(path); err != nil {
			return err
		}
		return swap()
	}
	if runtime.GOOS == "windows" { // an open file keeps its name there
		return errors.Join(settle(ctx, path, nothing), keep())
	}
	return settle(ctx, path, keep)
}

// settle makes the file complete without others beside it, and calls f while
// nobody else can open it. Who waits to open it gets a file that has lost its name,
// and SQLite does not write to such a file.
func settle(ctx context.Context, path string, f func() error) (err error) {
	file, err := openFile(ctx, path, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	var mode string
	if err := file.row(ctx, `PRAGMA journal_mode = DELETE`, &mode); err != nil {
		return sentence(file.path, err)
	}
	if mode != "delete" {
		return fmt.Errorf("%s: another process is using the database", file.path)
	}
	if _, err := file.Exec(ctx, `BEGIN EXCLUSIVE`); err != nil {
		return sentence(file.path, err)
	}
	err = f()
	_, undo := file.Exec(ctx, `ROLLBACK`)
	return errors.Join(err, undo)
}

func nothing() error { return nil }

// beside are the files that SQLite puts beside a database.
var beside = []string{"-wal", "-shm", "-journal"}

// alone makes sure that nothing lies about that would be read into the database.
func alone(path string) error {
	for _, suffix := range beside {
		if _, err := os.Stat(path + suffix); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s%s is there and belongs to another database: move it away", path, suffix)
		}
	}
	return nil
}

// Remove removes a database that nobody uses, with the files beside it. It is no
// error if there is none.
func Remove(path string) error { return removeAll(path) }

func removeAll(path string) (err error) {
	for _, suffix := range append([]string{""}, beside...) {
		if e := os.Remove(path + suffix); !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// flush writes a file to the disk that no connection has open: closing it would
// take away the connection's locks.
func flush(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func syncFolder(path string) error {
	if runtime.GOOS == "windows" { // which writes names to the disk by itself
		return nil
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
