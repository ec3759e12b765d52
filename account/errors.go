package account

import (
	"errors"
	"fmt"
	"time"
)

// What a caller does next depends on these.
var (
	// ErrInvalidCredentials is the one answer to every failed sign-in: unknown
	// user, wrong password, no password, locked or disabled account.
	ErrInvalidCredentials = errors.New("user name or password is wrong")
	// ErrInvalidToken means that a refresh token does not, or no longer, work.
	ErrInvalidToken = errors.New("refresh token is not valid")
	// ErrNoSession means that the session has ended meanwhile.
	ErrNoSession = errors.New("session has ended")
	// ErrLastAdmin means that nobody would be left to administer.
	ErrLastAdmin = errors.New("this is the last administrator")
	// ErrSetUp means that the installation has an administrator already.
	ErrSetUp = errors.New("there is an administrator already")
	// ErrAmbiguous means that an address is that of several users.
	ErrAmbiguous = errors.New("several users have this address; name one by id")
)

// An InvalidError says which member of a request cannot be accepted, and why, in
// words for the person who typed it.
type InvalidError struct {
	Member string
	Reason string
}

func (e *InvalidError) Error() string { return fmt.Sprintf("%s %s", e.Member, e.Reason) }

func invalid(member, format string, args ...any) error {
	return &InvalidError{member, fmt.Sprintf(format, args...)}
}

// A LimitError means that too many attempts failed. It is the same for names
// that do not exist.
type LimitError struct {
	Wait time.Duration // until an attempt is looked at again
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("too many failed attempts; wait %v", e.Wait.Round(time.Second))
}
