package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/sallyport-auth/sallyport/cmd/sallyport/config"
	"github.com/sallyport-auth/sallyport/store"
	"github.com/sallyport-auth/sallyport/store/sqlite"
)

type backup struct {
	File  string `arg:"" name:"file" help:"File to write."`
	Force bool   `help:"Write over the file if it is there."`
}

func (*backup) Help() string {
	return "A copy of the SQLite database as it is at one moment, also while the server runs. " +
		"The sealing key is not in it: keep it elsewhere, for a copy is of no use without it. “sallyport restore” puts a copy back."
}

// A shownBackup is a copy that was written.
type shownBackup struct {
	File       string `json:"file"`
	Size       int64  `json:"size"`
	Schema     int64  `json:"schema_version"`
	SealingKey string `json:"sealing_key"` // where it is, not what it is
}

func (c *backup) Run(ctx context.Context, p *program) error {
	settings, err := p.settings(nil)
	if err != nil {
		return err
	}
	if settings.Store.Database != "" {
		return fmt.Errorf("PostgreSQL brings its own tool: %s", dumpCommand(settings.Store.Database, c.File))
	}
	out, err := c.write(ctx, settings)
	if err != nil {
		return err
	}
	return p.print(answer{out, func(w io.Writer) {
		fmt.Fprintf(w, "wrote %s (%s)\n", out.File, bytesText(out.Size))
		fmt.Fprintf(w, "The sealing key is not in it, and nothing can be signed in to without it: keep a copy of %s elsewhere.\n", out.SealingKey)
	}})
}

// write writes beside the file and then gives it its name: whoever finds the name
// finds all of it.
func (c *backup) write(ctx context.Context, settings *config.Config) (out shownBackup, err error) {
	f := folder(settings.Store.Data)
	if err := f.exists(); err != nil {
		return out, err
	}
	if err := c.check(f); err != nil {
		return out, err
	}
	partial, err := os.CreateTemp(filepath.Dir(c.File), filepath.Base(c.File)+".partial-*") // 0600
	if err != nil {
		return out, fmt.Errorf("writing the copy: %w", err)
	}
	name := partial.Name()
	if err := partial.Close(); err != nil {
		return out, err
	}
	defer os.Remove(name) // if it still has that name
	if err := sqlite.Copy(ctx, f.database(), name); err != nil {
		return out, err
	}
	steps, err := sqlite.MigrationStatus(ctx, name) // it can be read
	if err != nil {
		return out, err
	}
	info, err := os.Stat(name)
	if err != nil {
		return out, err
	}
	out = shownBackup{c.File, info.Size(), schemaVersion(steps), placeOfKey(settings)}
	return out, errors.Join(c.publish(name), syncFolder(filepath.Dir(c.File)))
}

// syncFolder writes the names in a folder to the disk.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" { // does it by itself
		return nil
	}
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// check refuses to write where something is.
func (c *backup) check(f folder) error {
	info, err := os.Stat(c.File)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("writing the copy: %w", err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a file", c.File)
	case f.has(info):
		return fmt.Errorf("%s belongs to the installation itself", c.File)
	case !c.Force:
		return fmt.Errorf("%s is there already; --force writes over it", c.File)
	}
	return nil
}

func (c *backup) publish(name string) error {
	if c.Force {
		if err := os.Rename(name, c.File); err != nil {
			return fmt.Errorf("writing the copy: %w", err)
		}
		return nil
	}
	err := os.Link(name, c.File) // unlike a renaming, never over what came meanwhile
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already; --force writes over it", c.File)
	}
	if err != nil { // a file system without links
		err = os.Rename(name, c.File)
	}
	if err != nil {
		return fmt.Errorf("writing the copy: %w", err)
	}
	return nil
}

// has reports whether a file is one of those that the folder consists of.
func (f folder) has(info fs.FileInfo) bool {
	db := f.database()
	for _, path := range []string{db, db + "-wal", db + "-shm", db + "-journal", f.incoming(), f.sealingKey(), f.lockFile()} {
		if own, err := os.Stat(path); err == nil && os.SameFile(own, info) {
			return true
		}
	}
	return false
}

// schemaVersion is the newest migration that was applied.
func schemaVersion(steps []store.Migration) (v int64) {
	for _, s := range steps {
		if !s.AppliedAt.IsZero() {
			v = s.Version
		}
	}
	return v
}

// placeOfKey says where the sealing key comes from.
func placeOfKey(c *config.Config) string {
	if c.SealingKey != nil {
		return "SALLYPORT_SEALING_KEY"
	}
	return folder(c.Store.Data).sealingKey()
}

// dumpCommand and loadCommand are what PostgreSQL's own tools are to be told. The
// password is left out: they take it from PGPASSWORD or ~/.pgpass.
func dumpCommand(database, file string) string {
	return "pg_dump --format=custom --file=" + quoteShell(file) + " " + quoteShell(withoutPassword(database))
}

func loadCommand(database, file string) string {
	return "pg_restore --clean --if-exists --single-transaction --exit-on-error --dbname=" + quoteShell(withoutPassword(database)) + " " + quoteShell(file)
}

func withoutPassword(database string) string {
	u, err := url.Parse(database)
	if err != nil {
		return "postgres://…"
	}
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	q := u.Query()
	for name := range q {
		if strings.Contains(strings.ToLower(name), "pass") {
			q.Del(name)
		}
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// quoteShell writes an argument for a shell.
func quoteShell(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// bytesText is a size for people.
func bytesText(n int64) string {
	switch {
	case n < 1<<20:
		return fmt.Sprintf("%d KiB", (n+1<<10-1)>>10)
	case n < 1<<30:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}
