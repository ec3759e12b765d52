// Package sqldb is what the SQL back ends share: one set of statements that
// SQLite and PostgreSQL run unchanged, and the migrations. It knows no driver. A
// back end opens, tunes, and runs transactions; within one it calls [NewTx].
//
// The portable dialect: $n, RETURNING, ON CONFLICT, partial indices. A row is
// locked by an UPDATE that changes nothing, and what must be decided at once is
// decided by one UPDATE … RETURNING. Nothing asks the database for the time.
package sqldb

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/store"
)

// A Conn runs statements within one transaction. Arguments are int64, string and
// []byte, and columns are scanned into these and into types that are made of them.
// It is used by one goroutine at a time.
type Conn interface {
	// Exec returns how many rows the statement changed.
	Exec(ctx context.Context, stmt string, args ...any) (int64, error)
	// Query calls f for every row, before it returns. f runs no statement.
	Query(ctx context.Context, stmt string, args []any, f func(Row) error) error
}

// A Row is a row of a query.
type Row interface{ Scan(dest ...any) error }

// NewTx returns the stores of all features, bound to the transaction of c.
func NewTx(c Conn) account.Tx {
	d := &db{c}
	return account.Tx{
		Users:       users{d},
		Credentials: credentials{d},
		Sessions:    sessions{d},
		Families:    families{d},
		APIKeys:     apiKeys{d},
		Passkeys:    passkeys{d},
		Roles:       roles{d},
		Grants:      grants{d},
		Versions:    versions{d},
		Decisions:   decisions{d},
		Keys:        signingKeys{d},
		Failures:    failures{d},
		Audit:       auditLog{d},
		OneTime:     oneTimeTokens{d},
		Log:         revocation{d},
		Secrets:     secrets{d},

		Organizations: organizations{d},
		Members:       members{d},
		Invitations:   invitations{d},

		Certificates: certificates{d},
		Devices:      devices{d},
		Outbox:       outboxMessages{d},
		Factors:      factors{d},
		Recovery:     recoveryCodes{d},

		Identities: identities{d},

		Clients:      clients{d},
		ClientGrants: clientGrants{d},
		Consents:     consents{d},
		DeviceCodes:  deviceCodes{d},
		Resources:    resources{d},
		Logos:        logos{d},
		Introduced:   introductions{d},

		InitialTokens: initialTokens{d},

		Imports: imports{d},

		Signals: signals{d},
		Streams: streams{d},
	}
}

type db struct{ conn Conn }

// exec returns how many rows the statement changed.
func (d *db) exec(ctx context.Context, stmt string, args ...any) (int64, error) {
	if err := checkText(args); err != nil {
		return 0, err
	}
	return d.conn.Exec(ctx, stmt, args...)
}

// one scans the only row of a query and reports whether there was one.
func (d *db) one(ctx context.Context, stmt string, args []any, dest ...any) (bool, error) {
	found := false
	err := d.each(ctx, stmt, args, func(r scanner) error {
		found = true
		return r.Scan(dest...)
	})
	return found && err == nil, err
}

type scanner = Row

// each calls f for every row of a query. Text that cannot be stored is in no row:
// a look-up by it finds nothing. An INSERT checks its text before.
func (d *db) each(ctx context.Context, stmt string, args []any, f func(scanner) error) error {
	if checkText(args) != nil {
		return nil
	}
	return d.conn.Query(ctx, stmt, args, f)
}

// list returns what scan makes of every row, nil if there is none.
func list[T any](ctx context.Context, d *db, scan func(scanner) (T, error), stmt string, args ...any) ([]T, error) {
	var out []T
	err := d.each(ctx, stmt, args, func(r scanner) error {
		v, err := scan(r)
		out = append(out, v)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// get returns what scan makes of the only row, or missing.
func get[T any](ctx context.Context, d *db, missing error, scan func(scanner) (T, error), stmt string, args ...any) (T, error) {
	var zero, out T
	found := false
	err := d.each(ctx, stmt, args, func(r scanner) (err error) {
		found = true
		out, err = scan(r)
		return err
	})
	switch {
	case err != nil:
		return zero, err
	case !found:
		return zero, missing
	}
	return out, nil
}

func text(r scanner) (s string, err error) { return s, r.Scan(&s) }

// checkText refuses what PostgreSQL cannot store and SQLite would store all the
// same, so that both say the same and say it clearly.
func checkText(args []any) error {
	for _, a := range args {
		if s, ok := a.(string); ok && !storable(s) {
			return fmt.Errorf("%w: %.40q", store.ErrText, s)
		}
	}
	return nil
}

func storable(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }
