package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/cmd/sallyport/config"
	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/server"
	"github.com/sallyport-auth/sallyport/store/sqlite"
)

type restore struct {
	File     string `arg:"" optional:"" name:"file" help:"Copy that “sallyport backup” wrote."`
	RenewLog bool   `name:"renew-log" help:"Put nothing back: the database was, by other means such as pg_restore. Let everybody sign in again."`
}

func (*restore) Help() string {
	return "Puts a copy of the SQLite database in the place of the present one, while no server runs on the folder. " +
		"The present one is kept beside it. Everybody must sign in again, because who was signed out or lost a role since the copy was made would be back; API keys go on. " +
		"What was changed since is lost: look at passwords, roles, API keys and signing keys that were taken away."
}

// A shownRestore is what was put back.
type shownRestore struct {
	File     string `json:"file,omitempty"`
	Database string `json:"database,omitempty"`
	Kept     string `json:"kept,omitempty"` // the database that was there; "" = none was
	Log      string `json:"log"`            // the new name
	Was      string `json:"was"`
}

func (c *restore) Run(ctx context.Context, p *program) error {
	if (c.File == "") != c.RenewLog {
		return misused("name either the file of a backup or --renew-log")
	}
	if c.RenewLog {
		return c.renew(ctx, p)
	}
	settings, err := p.settings(nil)
	if err != nil {
		return err
	}
	if settings.Store.Database != "" {
		return fmt.Errorf("PostgreSQL brings its own tool: stop every server, run %s, then “sallyport restore --renew-log”",
			loadCommand(settings.Store.Database, c.File))
	}
	out, err := c.replace(ctx, p, settings)
	if err != nil {
		return err
	}
	return p.print(answer{out, func(w io.Writer) {
		fmt.Fprintf(w, "put %s back as %s\n", out.File, out.Database)
		if out.Kept != "" {
			fmt.Fprintf(w, "The database that was there is kept as %s; remove it once you do not need it.\n", out.Kept)
		}
		fmt.Fprintln(w, everybodyOut)
	}})
}

const everybodyOut = "Everybody must sign in again; API keys go on."

// renew ends what was signed in, in the database as it is.
func (c *restore) renew(ctx context.Context, p *program) error {
	return p.change(ctx, mustExist, func(in *installation) (answer, error) {
		out, err := in.renewLog(ctx, "restore --renew-log")
		return say(out, "the revocation log has a new name\n%s", everybodyOut), err
	})
}

// renewLog returns once this process obeys the log under its new name.
func (in *installation) renewLog(ctx context.Context, cause string) (out shownRestore, err error) {
	err = in.store.View(ctx, func(tx account.Tx) error {
		head, err := tx.Log.Head(ctx)
		out.Was = head.Log
		return err
	})
	if err != nil {
		return out, err
	}
	var p revoke.Position
	if p, err = account.Restored(ctx, in.store, out.Was, cause, origin); err != nil {
		return out, err
	}
	out.Log = p.Log
	return out, in.Accounts.CatchUp(ctx, p)
}

// replace makes a copy of the backup in the folder, and there does everything that
// is to be done to it; only then it takes the place of the database, in one step.
// So there is no moment in which a database is in place that was put back but in
// which people are still signed in.
func (c *restore) replace(ctx context.Context, p *program, settings *config.Config) (out shownRestore, err error) {
	f := folder(settings.Store.Data)
	if info, err := os.Stat(c.File); err == nil && f.has(info) {
		return out, fmt.Errorf("%s belongs to the installation itself", c.File)
	}
	if _, err := sqlite.Verify(ctx, c.File); err != nil {
		return out, err
	}
	if err := f.create(); err != nil {
		return out, err
	}
	l, err := f.lock()
	if busy, ok := errors.AsType[*busyError](err); ok && busy.holder != 0 {
		return out, fmt.Errorf("%w: stop it first", busy)
	}
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, f.tidy(), l.release()) }()
	if err := f.tidy(); err != nil {
		return out, err
	}
	if err := sqlite.Copy(ctx, c.File, f.incoming()); err != nil {
		return out, err
	}
	if out, err = p.prepare(ctx, settings, f.incoming()); err != nil {
		return out, fmt.Errorf("%s: %w", c.File, err)
	}
	out.File, out.Database, out.Kept = c.File, f.database(), f.keptName(time.Now())
	if _, err := os.Stat(f.database()); errors.Is(err, fs.ErrNotExist) {
		out.Kept = ""
	}
	if err := sqlite.Replace(ctx, f.database(), f.incoming(), out.Kept); err != nil {
		return out, fmt.Errorf("%w (nothing was replaced; a database that cannot be opened any more is to be moved away first)", err)
	}
	return out, nil
}

// prepare migrates the copy, makes sure that the sealing key of this installation
// opens it, and ends what was signed in.
func (p *program) prepare(ctx context.Context, c *config.Config, path string) (out shownRestore, err error) {
	db, err := sqlite.Open(path)
	if err != nil {
		return out, err
	}
	in := &installation{config: c, store: db, folder: folder(c.Store.Data)}
	if in.Server, err = server.Open(ctx, managing(c, db, p.logger(c, slog.LevelError))); err != nil {
		return out, errors.Join(err, db.Close())
	}
	out, err = in.renewLog(ctx, "restore")
	return out, errors.Join(err, in.close())
}

// incoming is where a restore prepares the database that it puts in place.
func (f folder) incoming() string { return f.database() + ".incoming" }

func (f folder) kept() string { return f.database() + ".before-" }

// keptName is a name that is free, with the time in it.
func (f folder) keptName(now time.Time) string {
	name := f.kept() + now.UTC().Format("20060102T150405Z")
	free := name
	for i := 2; ; i++ {
		if _, err := os.Lstat(free); errors.Is(err, fs.ErrNotExist) {
			return free
		}
		free = fmt.Sprint(name, "-", i)
	}
}

// tidy removes what a restore has left that was killed: its copy, and the second
// name that it had just given to a database which is still in its place. The
// caller holds the lock.
func (f folder) tidy() error {
	err := sqlite.Remove(f.incoming())
	now, e := os.Stat(f.database())
	if e != nil {
		return err
	}
	files, e := os.ReadDir(string(f))
	err = errors.Join(err, e)
	for _, file := range files {
		name := filepath.Join(string(f), file.Name())
		if info, e := os.Stat(name); e == nil && strings.HasPrefix(name, f.kept()) && os.SameFile(now, info) {
			err = errors.Join(err, os.Remove(name))
		}
	}
	return err
}
