package testdb

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
)

// An admin creates and drops the databases of one cluster. It is safe for concurrent use.
type admin struct {
	url     *url.URL
	db      *sql.DB
	cluster *Cluster // nil if another process started it

	mu    sync.Mutex
	ready map[string]bool // templates that this process has seen
}

// newAdmin connects to the cluster at dsn, which must be a URL and name a superuser.
func newAdmin(dsn string) (*admin, error) {
	u, err := url.Parse(dsn)
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		return nil, fmt.Errorf("SALLYPORT_TEST_POSTGRES must be a URL: postgres://user@host/database")
	}
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(4) // per test binary; the tests need the others
	if err := db.Ping(); err != nil {
		return nil, errors.Join(fmt.Errorf("connecting to the test cluster: %w", err), db.Close())
	}
	return &admin{url: u, db: db, ready: map[string]bool{}}, nil
}

// dsn returns the URL of a database of this cluster.
func (a *admin) dsn(name string) string {
	u := *a.url
	u.Path = "/" + name
	return u.String()
}

// create makes a database with a fresh name and returns that.
func (a *admin) create(ctx context.Context, key string, migrate func(context.Context, string) error) (string, error) {
	source := "template0"
	if key != "" {
		source = templateName(key)
		if err := a.template(ctx, source, migrate); err != nil {
			return "", fmt.Errorf("preparing the template %q: %w", key, err)
		}
	}
	name := "test_" + strings.ToLower(rand.Text())
	if _, err := a.db.ExecContext(ctx, "CREATE DATABASE "+name+" TEMPLATE "+source); err != nil {
		return "", fmt.Errorf("creating a database: %w", err)
	}
	return name, nil
}

// drop removes a database and cuts the connections to it.
func (a *admin) drop(ctx context.Context, name string) error {
	if _, err := a.db.ExecContext(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
		return fmt.Errorf("dropping a database: %w", err)
	}
	return nil
}

// templateName needs no quotes in SQL, whatever the key.
func templateName(key string) string {
	sum := sha256.Sum256([]byte(key))
	return "template_" + hex.EncodeToString(sum[:12])
}

// template makes sure that the template exists. Other test binaries may want the same one at the same time: an advisory lock
// of the cluster lets the first one work and the others wait.
func (a *admin) template(ctx context.Context, name string, migrate func(context.Context, string) error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ready[name] {
		return nil
	}
	conn, err := a.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock(hashtext($1))", name); err != nil {
		return err
	}
	defer conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock(hashtext($1))", name)

	var exists bool
	if err := conn.QueryRowContext(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&exists); err != nil {
		return err
	}
	if !exists {
		if err := a.build(ctx, conn, name, migrate); err != nil {
			return err
		}
	}
	a.ready[name] = true
	return nil
}

// build migrates under another name and renames at the end, so that the template's name means "complete" even if an earlier
// process was killed half-way.
func (a *admin) build(ctx context.Context, conn *sql.Conn, name string, migrate func(context.Context, string) error) error {
	unfinished := name + "_unfinished"
	if err := execAll(ctx, conn,
		"DROP DATABASE IF EXISTS "+unfinished+" WITH (FORCE)",
		"CREATE DATABASE "+unfinished+" TEMPLATE template0"); err != nil {
		return err
	}
	if err := migrate(ctx, a.dsn(unfinished)); err != nil {
		return err
	}
	return execAll(ctx, conn,
		// A connection that migrate left open would fail the copies to come; here it fails once, and clearly.
		"ALTER DATABASE "+unfinished+" WITH ALLOW_CONNECTIONS false",
		"ALTER DATABASE "+unfinished+" RENAME TO "+name)
}

func execAll(ctx context.Context, conn *sql.Conn, statements ...string) error {
	for _, s := range statements {
		if _, err := conn.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}
