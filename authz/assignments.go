package authz

import (
	"context"
	"fmt"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/revoke"
)

// A Standing is what a subject has now, whatever a credential says.
type Standing struct {
	Org      string   // the organization asked about; "" if the subject is no member of it
	Roles    []string // everywhere
	OrgRoles []string // for what belongs to Org, and nothing else
	Plan     string   // of Org, or else of the subject; "" = none
}

// A Reader reads what a subject has, everywhere and in org ("" = none), in one
// transaction that changes nothing.
type Reader func(ctx context.Context, subject, org string) (Standing, error)

// AssignmentLife bounds how long a look-up is kept. The log remembers a change of
// roles for longer.
const AssignmentLife = 5 * time.Minute

// Assignments finds out which roles a subject has now, and where, and keeps the
// answer until the revocation log says that something about the subject, the
// organization or the definitions has changed. It is safe for concurrent use.
type Assignments struct {
	read  Reader
	cache *revoke.Cache[assignee, Standing] // nil: nothing is kept
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
		a.cache = revoke.NewCache[assignee, Standing](f, entries)
	}
	return a
}

// Complete fills in what door one found out about p from p's Subject and Org:
// the roles and the plan in force now. It empties Org if the subject is no member
// of it: a credential never acts where its owner may not.
func (a *Assignments) Complete(ctx context.Context, p *sallyport.Principal) error {
	s, err := a.Standing(ctx, p.Subject, p.Org)
	if err != nil {
		return err
	}
	p.Org, p.Roles, p.OrgRoles, p.Plan = s.Org, s.Roles, s.OrgRoles, s.Plan
	return nil
}

// Standing returns what the subject has, everywhere and in org ("" = none), with
// roles as the reader orders them. Callers share the slices and must not change
// them. If the revocation log has not been read within the bound, the error is
// [revoke.ErrStale]: what is kept may be outdated.
func (a *Assignments) Standing(ctx context.Context, subject, org string) (Standing, error) {
	return a.cache.Find(assignee{subject, org}, func() (Standing, revoke.IDs, time.Time, error) {
		now := time.Now()
		s, err := a.read(ctx, subject, org)
		if err != nil {
			err = fmt.Errorf("reading roles: %w", err)
		}
		return s, revoke.IDs{Subject: subject, Org: org}, now.Add(AssignmentLife), err
	})
}
