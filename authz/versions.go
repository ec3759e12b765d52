package authz

import (
	"context"
	"errors"
	"time"

	"github.com/sallyport-auth/sallyport/authz/rule"
)

// A Version is a policy as it was published: its files and the schema that they
// were checked against. It never changes. The zero Version is that of an
// installation where nothing was published yet.
type Version struct {
	Number       int64 // from 1; the highest is in force
	Schema       string
	Files        []rule.File // in the order given
	Comment      string
	CreatedBy    string // subject; "system" or "cli" if nobody signed in did
	CreatedAt    time.Time
	RolledBackTo int64 // the version whose content this one puts in force again; 0 = it is new
}

// What publishing and looking up are answered with.
var (
	// ErrConflict means that somebody else has published meanwhile.
	ErrConflict = errors.New("another version of the policy was published meanwhile")
	// ErrNoVersion means that there is no version of that number.
	ErrNoVersion = errors.New("no such version of the policy")
)

// A VersionStore keeps the versions of the policy within one transaction.
type VersionStore interface {
	// Publish puts v in force as number current+1, whatever v.Number says. It is
	// [ErrConflict] if current is not the version in force; of several at once, one
	// wins.
	Publish(ctx context.Context, v Version, current int64) (Version, error)
	// Current returns the version in force, the zero Version if there is none.
	Current(ctx context.Context) (Version, error)
	// ByNumber returns one version. [ErrNoVersion] if there is none.
	ByNumber(ctx context.Context, number int64) (Version, error)
	// History returns up to limit versions below a number (0 = from the newest),
	// newest first, without schema and files.
	History(ctx context.Context, below int64, limit int) ([]Version, error)
}
