package otp

import (
	"context"
	"errors"
	"time"
)

// A Kind says what a factor is.
type Kind string

// The kinds of factors that are kept here.
const (
	TOTP  Kind = "totp"  // an authenticator app
	Email Kind = "email" // a code to the verified address
	SMS   Kind = "sms"   // a code to the verified telephone number
)

// PendingLife is how long a factor waits for its first good code.
const PendingLife = time.Hour

// A Factor is a second thing that a person can show. It counts once it is
// confirmed. Times have millisecond precision.
type Factor struct {
	ID   string // "fac_…"
	User string
	Kind Kind

	KeySealed []byte // of TOTP: the otpauth address, sealed
	LastStep  int64  // of the TOTP code that was used last; of others, how many were used

	ConfirmedAt time.Time // zero: it waits for its first good code
	CreatedAt   time.Time
	LastUsedAt  time.Time // zero = never
}

// Confirmed reports whether f counts.
func (f *Factor) Confirmed() bool { return !f.ConfirmedAt.IsZero() }

// ErrTaken means that the user has a confirmed factor of that kind already.
var ErrTaken = errors.New("there is a factor of this kind already")

// Factors keeps factors within one transaction. A user has at most one confirmed
// factor of a kind.
type Factors interface {
	// Create keeps a factor. ErrTaken if it is confirmed and another is, too.
	Create(ctx context.Context, f Factor) error
	// Of returns the user's factors in order of id, also those that wait.
	Of(ctx context.Context, user string) ([]Factor, error)
	// Use moves the last step of a factor on to step, and confirms it if it waited. It
	// does nothing and returns false if the factor is gone, if its last step is not
	// before step, or if it waited and another is confirmed: of those who use a code at
	// once exactly one is told true.
	Use(ctx context.Context, id string, step int64, now time.Time) (bool, error)
	// Remove removes one factor and reports whether it was there.
	Remove(ctx context.Context, id string) (bool, error)
	// RemoveAll removes the user's factors and returns how many were confirmed.
	RemoveAll(ctx context.Context, user string) (int, error)
}
