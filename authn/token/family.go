package token

import (
	"context"
	"errors"
	"time"

	"github.com/sallyport-auth/sallyport/revoke"
)

// A Family is what one sign-in's refresh tokens have in common: one row, however
// often they rotate. The token itself is family, counter and a keyed hash, so
// nothing secret is stored. Times have millisecond precision.
type Family struct {
	ID         string // "fam_" and 26 characters: see NewFamilyID
	Session    string // the family ends with this session; "" = it outlives sessions
	Grant      string // and with this grant; "" = it is the sign-in's own. At least one of the two is set
	Subject    string
	Client     string          // only this client may use it
	Proof      string          // thumbprint of the key that the client must prove; "" = bearer
	Scope      []string        // nil = not limited
	KeyVersion uint32          // of the hash key, fixed for the family
	Counter    int64           // of the newest token
	Position   revoke.Position // of the sign-in; compared with the subject's last kill, nothing else
	CreatedAt  time.Time
	RotatedAt  time.Time
	ExpiresAt  time.Time
}

// A Rotation is one use of a refresh token.
type Rotation struct {
	Family  string
	Counter int64 // of the token presented
	Client  string
	Proof   string
	Now     time.Time
	// Leeway is how long the parent of the newest token may be used again, and
	// gets the same successor: two tabs, a retry, a crash between commit and answer.
	Leeway time.Duration
	// Forgive is how long after its rotation a late parent of a bound family is
	// forgiven, by skipping the successor that nobody saw. Bearer families: zero.
	Forgive time.Duration
}

// Rotated is what a rotation did.
type Rotated struct {
	Family       // after it; Counter is the successor's
	Reused bool  // this very call found a reuse and ended the family
	Ahead  int64 // how far the token was ahead of its row: commits lost in a failover
}

// MaxAhead is how far a token may be ahead of its row.
const MaxAhead = 8

// Families keeps refresh families within one transaction.
type Families interface {
	Create(ctx context.Context, f Family) error
	// ByID returns a family that has not ended, expired or not, or ErrNotFound.
	ByID(ctx context.Context, id string) (Family, error)
	// Rotate decides in one statement between rotation, repetition and reuse, as
	// docs/decisions/0009 has it. ErrNotFound: no such family, ended, expired, another
	// client's or key's, or too far ahead; nothing was changed.
	Rotate(ctx context.Context, r Rotation) (Rotated, error)
	// EndSession ends the families of a session, for the reason given.
	EndSession(ctx context.Context, session, reason string, now time.Time) error
	// EndGrant ends the families of a grant, for the reason given.
	EndGrant(ctx context.Context, grant, reason string, now time.Time) error
	// EndSubject ends the subject's families except those of one session ("" = none).
	EndSubject(ctx context.Context, subject, exceptSession, reason string, now time.Time) error
	// Advance moves the position of a session's families on, after a password
	// change that they survive.
	Advance(ctx context.Context, session string, p revoke.Position) error
}

// ErrNotFound means that there is no such refresh family, or no longer.
var ErrNotFound = errors.New("no such refresh family")
