package sqldb

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport/store"
)

//go:embed migrations/*.sql
var files embed.FS

// A Dialect is the little that the schema may not say alike on both databases.
type Dialect struct {
	Name string // lines of a migration that begin with "-- <name>:" are for it
	Text string // the type of a text that is compared byte by byte
	// Tables selects the names of the tables that unqualified names mean.
	Tables string
}

// A step is one migration.
type step struct {
	version    int64
	name, text string
}

// steps are all migrations, in order.
var steps = readSteps(files)

// readSteps panics at start if the embedded files are not numbered from 1.
func readSteps(files fs.ReadDirFS) []step {
	entries, err := files.ReadDir("migrations")
	if err != nil {
		panic(err)
	}
	var out []step
	for _, e := range entries { // sorted by name
		number, name, _ := strings.Cut(strings.TrimSuffix(e.Name(), ".sql"), "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil || version != int64(len(out)+1) {
			panic("migrations are not numbered from 1 without gaps: " + e.Name())
		}
		text, err := fs.ReadFile(files, "migrations/"+e.Name())
		if err != nil {
			panic(err)
		}
		out = append(out, step{version, name, string(text)})
	}
	return out
}

// Key names the schema that Migrate makes: it differs if any migration does.
func Key() string {
	h := sha256.New()
	for _, s := range steps {
		h.Write([]byte(s.text))
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// Check returns the state of the schema without changing anything: every
// migration that this release knows, in order. It fails with [store.ErrNewer] or
// [store.ErrForeign].
func Check(ctx context.Context, c Conn, d Dialect) ([]store.Migration, error) {
	out := make([]store.Migration, len(steps))
	for i, s := range steps {
		out[i] = store.Migration{Version: s.version, Name: s.name}
	}
	tables, err := list(ctx, &db{c}, text, d.Tables)
	if err != nil {
		return nil, fmt.Errorf("reading the names of the tables: %w", err)
	}
	if !slices.Contains(tables, "sallyport_schema_version") {
		return out, checkFree(tables)
	}
	var last int64
	err = (&db{c}).each(ctx, `SELECT version, applied_at FROM sallyport_schema_version ORDER BY version`, nil, func(r scanner) error {
		var version, applied int64
		if err := r.Scan(&version, &applied); err != nil {
			return err
		}
		if version >= 1 && version <= int64(len(out)) {
			out[version-1].AppliedAt = at(applied)
		}
		last = version
		return nil
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: its table sallyport_schema_version is not ours (%w)", store.ErrForeign, err)
	case last > int64(len(steps)):
		return nil, fmt.Errorf("%w: its schema has version %d, this release knows versions up to %d", store.ErrNewer, last, len(steps))
	case last == 0:
		return nil, fmt.Errorf("%w: its table sallyport_schema_version is empty", store.ErrForeign)
	}
	return out, nil
}

// checkFree makes sure that none of our tables is there already. Others may be.
func checkFree(tables []string) error {
	for _, s := range steps {
		for line := range strings.Lines(s.text) {
			name, found := strings.CutPrefix(line, "CREATE TABLE ")
			name, _, _ = strings.Cut(name, " ")
			if found && slices.Contains(tables, name) {
				return fmt.Errorf("%w: it has a table %s but no table sallyport_schema_version", store.ErrForeign, name)
			}
		}
	}
	return nil
}

// Pending returns an error that wraps [store.ErrPending] if a migration is, and
// [store.ErrEmpty] too if all are.
func Pending(state []store.Migration) error {
	n := 0
	for _, m := range state {
		if m.AppliedAt.IsZero() {
			n++
		}
	}
	switch n {
	case 0:
		return nil
	case len(state):
		return fmt.Errorf("%w: %w", store.ErrPending, store.ErrEmpty)
	}
	return fmt.Errorf("%w: %d of %d migrations are pending", store.ErrPending, n, len(state))
}

// Migrate applies what is pending and returns it. c is a transaction that keeps
// other processes from migrating; if it rolls back, nothing has happened.
func Migrate(ctx context.Context, c Conn, d Dialect, now time.Time) ([]store.Migration, error) {
	state, err := Check(ctx, c, d)
	if err != nil {
		return nil, err
	}
	var applied []store.Migration
	for i, m := range state {
		if !m.AppliedAt.IsZero() {
			continue
		}
		if err := apply(ctx, c, d, steps[i], now); err != nil {
			return nil, fmt.Errorf("migration %d (%s): %w", m.Version, m.Name, err)
		}
		m.AppliedAt = at(ms(now))
		applied = append(applied, m)
	}
	return applied, nil
}

func apply(ctx context.Context, c Conn, d Dialect, s step, now time.Time) error {
	for _, stmt := range d.statements(s.text) {
		if _, err := c.Exec(ctx, stmt); err != nil {
			return err
		}
	}
	if s.version == 1 {
		// A restored database gets a new id, and so does every new one: positions in
		// one log mean nothing in another.
		if _, err := c.Exec(ctx, `INSERT INTO sallyport_log_head (one, log_id, seq, floor) VALUES (1, $1, 0, 0)`, newLogID()); err != nil {
			return err
		}
	}
	_, err := c.Exec(ctx, `INSERT INTO sallyport_schema_version (version, name, applied_at) VALUES ($1, $2, $3)`, s.version, s.name, ms(now))
	return err
}

// statements splits a migration, whose statements end at the end of a line, and
// writes it in the dialect.
func (d Dialect) statements(text string) []string {
	var out []string
	var b strings.Builder
	for line := range strings.Lines(text) {
		if only, ours := strings.CutPrefix(line, "-- "+d.Name+":"); ours {
			line = only
		}
		line, _, _ = strings.Cut(line, "--")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		b.WriteString(strings.ReplaceAll(line, " TEXT NOT NULL", " "+d.Text+" NOT NULL") + "\n")
		if strings.HasSuffix(line, ";") {
			out = append(out, b.String())
			b.Reset()
		}
	}
	return out
}
