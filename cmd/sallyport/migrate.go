package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"time"

	"github.com/sallyport-auth/sallyport/cmd/sallyport/config"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/shown"
	"github.com/sallyport-auth/sallyport/store"
	"github.com/sallyport-auth/sallyport/store/postgres"
	"github.com/sallyport-auth/sallyport/store/sqlite"
)

// shownMigration is one step of the schema.
type shownMigration struct {
	Version   int64      `json:"version"`
	Name      string     `json:"name"`
	AppliedAt *time.Time `json:"applied_at"` // null = pending
}

func showMigrations(steps []store.Migration) exchange.List[shownMigration] {
	out := exchange.List[shownMigration]{Items: make([]shownMigration, 0, len(steps))}
	for _, s := range steps {
		out.Items = append(out.Items, shownMigration{s.Version, s.Name, shown.Moment(s.AppliedAt)})
	}
	return out
}

// migrations returns the state of the schema and changes nothing.
func migrations(ctx context.Context, c *config.Config) ([]store.Migration, error) {
	if c.Store.Database != "" {
		return postgres.MigrationStatus(ctx, c.Store.Database)
	}
	f := folder(c.Store.Data)
	if err := f.exists(); err != nil {
		return nil, err
	}
	return sqlite.MigrationStatus(ctx, f.database())
}

type migrateStatus struct{}

func (*migrateStatus) Run(ctx context.Context, p *program) error {
	c, err := p.settings(nil)
	if err != nil {
		return err
	}
	steps, err := migrations(ctx, c)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, s := range steps {
		rows = append(rows, []string{strconv.FormatInt(s.Version, 10), s.Name, momentOr(s.AppliedAt, "pending")})
	}
	return p.print(table(showMigrations(steps), "no migrations", []string{"VERSION", "NAME", "APPLIED"}, rows))
}

type migrateUp struct{}

func (*migrateUp) Help() string {
	return "The server does this by itself when it starts. Migrations are never taken back: take a backup before."
}

func (c *migrateUp) Run(ctx context.Context, p *program) error {
	settings, err := p.settings(nil)
	if err != nil {
		return err
	}
	applied, err := c.migrate(ctx, settings)
	if err != nil {
		return err
	}
	return p.print(answer{showMigrations(applied), func(w io.Writer) {
		for _, s := range applied {
			fmt.Fprintf(w, "applied %d (%s)\n", s.Version, s.Name)
		}
		if len(applied) == 0 {
			fmt.Fprintln(w, "the database is up to date")
		}
	}})
}

// migrate applies what is pending; of SQLite only where no server runs.
func (*migrateUp) migrate(ctx context.Context, c *config.Config) ([]store.Migration, error) {
	if c.Store.Database != "" {
		return postgres.Migrate(ctx, c.Store.Database)
	}
	f := folder(c.Store.Data)
	if err := f.create(); err != nil {
		return nil, err
	}
	l, err := f.lock()
	if busy, ok := errors.AsType[*busyError](err); ok && busy.holder != 0 {
		return nil, f.upToDate(ctx, busy)
	}
	if err != nil {
		return nil, err
	}
	applied, err := sqlite.Migrate(ctx, f.database())
	return applied, errors.Join(err, l.release())
}

// upToDate returns nil if nothing is pending, and otherwise why it stays so.
func (f folder) upToDate(ctx context.Context, busy *busyError) error {
	if _, err := os.Stat(f.database()); errors.Is(err, fs.ErrNotExist) {
		return busy
	}
	steps, err := sqlite.MigrationStatus(ctx, f.database())
	if err != nil {
		return err
	}
	for _, s := range steps {
		if s.AppliedAt.IsZero() {
			return fmt.Errorf("%w: stop it first", busy)
		}
	}
	return nil
}
