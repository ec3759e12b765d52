// Package session is door one for signed-in browsers: an opaque identifier in a
// cookie, looked up on the server. A session says who it is, never what they
// may do: roles come from the subject's state now.
package session

import (
	"context"
	"errors"
	"time"

	"github.com/sallyport-auth/sallyport/revoke"
)

// A Session is one signed-in browser or device. Times have millisecond
// precision.
type Session struct {
	ID        string
	TokenHash []byte // SHA-256 of the cookie's value; nothing else of it is kept
	Subject   string
	Org       string // in which it acts while the subject is a member; "" = none
	AAL       int
	AMR       []string  // RFC 8176
	AuthTime  time.Time // of the last proof of identity
	Position  revoke.Position

	CreatedAt     time.Time
	LastSeenAt    time.Time // written at most once a minute
	IdleExpiresAt time.Time // moved on with LastSeenAt
	ExpiresAt     time.Time // absolute
	Address       string
	UserAgent     string
}

// Alive reports whether s has neither idled out nor reached its absolute end.
func (s *Session) Alive(now time.Time) bool {
	return now.Before(s.IdleExpiresAt) && now.Before(s.ExpiresAt)
}

// ErrNotFound means that there is no such session, or no longer.
var ErrNotFound = errors.New("no such session")

// A Store keeps sessions within one transaction. A session that expired may
// still be returned: ask [Session.Alive].
type Store interface {
	Create(ctx context.Context, s Session) error
	ByTokenHash(ctx context.Context, hash []byte) (Session, error)
	ByID(ctx context.Context, id string) (Session, error)
	// Touch records that the session was seen. It never moves a time back, and
	// does nothing to a session that has ended.
	Touch(ctx context.Context, id string, seen, idleExpires time.Time) error
	// Rotate gives the session a new token and position, after a change of
	// privilege. It returns ErrNotFound if the session has ended.
	Rotate(ctx context.Context, id string, newHash []byte, p revoke.Position, authTime time.Time) error
	// Elevate is Rotate after a fresh or stronger proof of identity: AMR and AAL are
	// what it has shown altogether.
	Elevate(ctx context.Context, id string, newHash []byte, p revoke.Position, authTime time.Time, amr []string, aal int) error
	// SetOrg lets the session act in another organization ("" = none). It returns
	// ErrNotFound if the session has ended.
	SetOrg(ctx context.Context, id, org string) error
	// Leave lets those of the subject's sessions that act in org act in none.
	Leave(ctx context.Context, subject, org string) error
	// List returns the subject's sessions, newest first.
	List(ctx context.Context, subject string) ([]Session, error)
	// End removes one session and reports whether it was there.
	End(ctx context.Context, id string) (bool, error)
	// EndAll removes the subject's sessions except one ("" = none) and returns them.
	EndAll(ctx context.Context, subject, except string) ([]Session, error)
}
