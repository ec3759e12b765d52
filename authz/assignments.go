package authz

import (
	"context"
	"fmt"
	"time"

	"github.com/sallyport-auth/sallyport/revoke"
)

// A Reader reads the names of the roles that a subject has in org ("" = none),
// usually by [Store.Assigned] in a transaction that changes nothing.
type Reader func(ctx context.Context, subject, org string) ([]string, error)

// assignmentLife bounds how long a look-up is kept. It is shorter than the log
// remembers a change of roles, which is as long as an access token lives.
const assignmentLife = 5 * time.Minute

// Assignments finds out which roles a subject has now, and keeps the answer until
// the revocation log says that something about the subject, the organization or
// the definitions has changed. It is safe for concurrent use.
type Assignments struct {
	read  Reader
	cache *revoke.Cache[assignee, []string] // nil: nothing is kept
}

type assignee struct{ subject, org string }

// NewAssignments returns assignments with room for that many answers. With a nil
// follower nothing is kept: every look-up reads. It panics if read is nil.
func NewAssignments(read Reader, f *revoke.Follower, entries int) *Assignments {
	if read == nil {
		panic("authz: assignments need a reader")
	}
	a := &Assignments{read: read}
	if f != nil {
		a.cache = revoke.NewCache[assignee, []string](f, entries)
	}
	return a
}

// Roles returns the names of the subject's roles in org ("" = none), as the
// reader orders them. Callers share the slice and must not change it. If the
// revocation log has not been read within the bound, the error is
// [revoke.ErrStale]: what is kept may be outdated.
func (a *Assignments) Roles(ctx context.Context, subject, org string) ([]string, error) {
	now := time.Now()
	return a.cache.Find(assignee{subject, org}, now, func() ([]string, revoke.IDs, time.Time, error) {
		roles, err := a.fetch(ctx, subject, org)
		return roles, revoke.IDs{Subject: subject, Org: org}, now.Add(assignmentLife), err
	})
}

func (a *Assignments) fetch(ctx context.Context, subject, org string) ([]string, error) {
	roles, err := a.read(ctx, subject, org)
	if err != nil {
		return nil, fmt.Errorf("reading roles: %w", err)
	}
	return roles, nil
}
