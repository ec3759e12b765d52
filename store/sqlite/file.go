package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport/internal/sqldb"
	"github.com/sallyport-auth/sallyport/store"
	sqlite3 "modernc.org/sqlite"
	sqlite3lib "modernc.org/sqlite/lib"
)

const driverName = "sqlite" // of modernc.org/sqlite

// applicationID marks the file as ours: "Sprt" in its header.
const applicationID = 0x53707274

var dialect = sqldb.Dialect{Name: "sqlite", Text: "TEXT", Tables: `SELECT name FROM sqlite_master WHERE type = 'table'`}

// A file is a database file with one connection, which nobody else uses yet.
type file struct {
	path string
	pool *sql.DB
	*conn
}

// Close closes the connection.
func (f *file) Close() error { return errors.Join(f.conn.close(), f.pool.Close()) }

// openFile connects to the file and changes nothing in it. If create, it makes
// an empty file if there is none.
func openFile(ctx context.Context, path string, create bool) (*file, error) {
	abs, err := locate(path, create)
	if err != nil {
		return nil, err
	}
	pool, err := sql.Open(driverName, dsn(abs))
	if err != nil {
		return nil, err
	}
	c, err := pool.Conn(ctx)
	if err != nil {
		return nil, errors.Join(sentence(abs, err), pool.Close())
	}
	return &file{abs, pool, newConn(c)}, nil
}

// locate returns the absolute path of a file that exists. It never opens one
// that does: closing it would take away the locks that this process holds on it
// through other connections (POSIX advisory locks).
func locate(path string, create bool) (string, error) {
	if path == "" || strings.HasPrefix(path, ":memory:") {
		return "", errors.New("store/sqlite needs the path of a file; for a store in memory there is store/memory")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if create {
		f, err := os.OpenFile(abs, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			err = f.Close()
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return "", fmt.Errorf("creating the database: %w", err)
		}
	}
	info, err := os.Stat(abs)
	if err != nil {
		return "", fmt.Errorf("opening the database: %w", err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("opening the database: %s is not a file", abs)
	}
	return abs, nil
}

// dsn returns the data source name: the file as a URI, so that no character of
// its name means anything, and the pragmas in order. Another process may hold
// the file for a moment; waiting for it comes first.
func dsn(path string, pragmas ...string) string {
	query := "?_busy_timeout=10000"
	for _, p := range pragmas {
		query += "&_pragma=" + url.QueryEscape(p)
	}
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/…
	}
	return "file://" + (&url.URL{Path: path}).EscapedPath() + query
}

func readerDSN(path string) string { return dsn(path, "query_only(1)", "foreign_keys(1)") }

// check returns the state of the schema, or says why the file is not for us.
func (f *file) check(ctx context.Context) ([]store.Migration, error) {
	var id int64
	if err := f.row(ctx, `PRAGMA application_id`, &id); err != nil {
		return nil, err
	}
	if id != 0 && id != applicationID {
		return nil, fmt.Errorf("%w: another program has marked the file with application_id %#x", store.ErrForeign, id)
	}
	return sqldb.Check(ctx, f.conn, dialect)
}

// migrate applies what is pending, while no other process writes.
func (f *file) migrate(ctx context.Context) (applied []store.Migration, err error) {
	if _, err := f.Exec(ctx, `BEGIN EXCLUSIVE`); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_, undo := f.Exec(ctx, `ROLLBACK`)
			err = errors.Join(err, undo)
		}
	}()
	if applied, err = sqldb.Migrate(ctx, f.conn, dialect, time.Now()); err != nil {
		return nil, err
	}
	if _, err := f.Exec(ctx, fmt.Sprintf(`PRAGMA application_id = %d`, applicationID)); err != nil {
		return nil, err
	}
	_, err = f.Exec(ctx, `COMMIT`)
	return applied, err
}

// tune makes the connection the writer's.
func (f *file) tune(ctx context.Context) error {
	var mode string
	if err := f.row(ctx, `PRAGMA journal_mode = WAL`, &mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("the file system of the database does not allow a write-ahead log (journal mode %s)", mode)
	}
	for _, p := range []string{
		`synchronous = FULL`,
		`foreign_keys = ON`,
		fmt.Sprintf(`wal_autocheckpoint = %d`, pagesAtMost),
		`journal_size_limit = 67108864`, // a log that long readers made grow becomes small again
		`cache_size = -16000`,           // KiB
		`temp_store = MEMORY`,           // what savepoints would restore is kept in memory, not in a file
	} {
		if _, err := f.Exec(ctx, `PRAGMA `+p); err != nil {
			return err
		}
	}
	return nil
}

// Migrate applies what is pending to the file at path, makes the file if there
// is none, and returns what it applied.
func Migrate(ctx context.Context, path string) ([]store.Migration, error) {
	return withFile(ctx, path, true, (*file).migrate)
}

// MigrationStatus returns every migration that this release knows, and changes
// nothing.
func MigrationStatus(ctx context.Context, path string) ([]store.Migration, error) {
	return withFile(ctx, path, false, (*file).check)
}

func withFile(ctx context.Context, path string, create bool, f func(*file, context.Context) ([]store.Migration, error)) ([]store.Migration, error) {
	file, err := openFile(ctx, path, create)
	if err != nil {
		return nil, err
	}
	if _, err = file.check(ctx); err == nil {
		var out []store.Migration
		if out, err = f(file, ctx); err == nil {
			return out, file.Close()
		}
	}
	return nil, errors.Join(sentence(file.path, err), file.Close())
}

// code is what SQLite says, 0 if it is not SQLite that says something.
func code(err error) int {
	if e, ok := errors.AsType[*sqlite3.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}

// busy reports whether another process holds what is needed.
func busy(err error) bool { return code(err) == sqlite3lib.SQLITE_BUSY }

// sentence says which database an error is about and, for the usual accidents,
// what is wrong with it.
func sentence(path string, err error) error {
	switch code(err) {
	case sqlite3lib.SQLITE_NOTADB:
		return fmt.Errorf("%s: %w: it is no SQLite file, or is encrypted", path, store.ErrForeign)
	case sqlite3lib.SQLITE_CORRUPT:
		return fmt.Errorf("%s: the database is damaged: %w", path, err)
	case sqlite3lib.SQLITE_CANTOPEN, sqlite3lib.SQLITE_PERM, sqlite3lib.SQLITE_AUTH:
		return fmt.Errorf("%s: the database cannot be opened, or not the files beside it: %w", path, err)
	case sqlite3lib.SQLITE_READONLY:
		return fmt.Errorf("%s: the database cannot be written: %w", path, err)
	case sqlite3lib.SQLITE_BUSY:
		return fmt.Errorf("%s: another process is using the database: %w", path, err)
	}
	return fmt.Errorf("%s: %w", path, err)
}
