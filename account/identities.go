package account

import (
	"context"
	"errors"
	"time"
)

// An Identity is an account elsewhere by which somebody signs in here. Whose it is say
// Issuer and Subject; everything else is for people to read. Times have millisecond
// precision.
type Identity struct {
	ID         string // "idn_…"
	User       string
	Provider   string // under which name it was connected
	Issuer     string
	Subject    string
	Email      string // as the provider says; "" = it does not
	Name       string
	CreatedAt  time.Time
	LastUsedAt time.Time
}

// ErrNotConnected means that nobody here has such an identity; ErrConnected that
// somebody has it.
var (
	ErrNotConnected = errors.New("this sign-in is not connected with an account")
	ErrConnected    = errors.New("this sign-in is connected with another account")
)

// Identities keeps identities within one transaction, and which answers were used: of
// providers, and to challenges of passkeys.
type Identities interface {
	Create(ctx context.Context, i Identity) error // ErrConnected
	// BySubject returns the one of that issuer and subject, or ErrNotConnected.
	BySubject(ctx context.Context, issuer, subject string) (Identity, error)
	// Of returns those of a user in order of id, which is that of their creation.
	Of(ctx context.Context, user string) ([]Identity, error)
	// Used notes what the provider said when somebody signed in by it.
	Used(ctx context.Context, id, email, name string, now time.Time) error
	Remove(ctx context.Context, id string) (bool, error)
	// RemoveAll removes those of a user and returns how many there were.
	RemoveAll(ctx context.Context, user string) (int, error)
	// Spend reports true to the first who brings that hash, and false to everybody
	// after: an answer counts once. It may be forgotten at until.
	Spend(ctx context.Context, hash []byte, until time.Time) (bool, error)
}
