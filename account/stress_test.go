package account_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/org"
	"github.com/sallyport-auth/sallyport/authn/apikey"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/internal/testenv"
	"github.com/sallyport-auth/sallyport/limit"
	"github.com/sallyport-auth/sallyport/revoke"
)

// expected are the refusals that a race may lead to.
var expected = []error{
	account.ErrInvalidCredentials, account.ErrInvalidToken, account.ErrNoSession, account.ErrLastAdmin,
	account.ErrNotFound, session.ErrNotFound, apikey.ErrNotFound, authz.ErrNotFound,
	org.ErrNotFound, org.ErrNotMember, org.ErrTaken,
}

// A repeating store counts transactions that it was asked to repeat: on
// PostgreSQL, because of a deadlock.
type repeating struct {
	account.Store
	repeated *atomic.Int64
}

func (s repeating) Update(ctx context.Context, f func(account.Tx) error) error {
	runs := 0
	return s.Store.Update(ctx, func(tx account.Tx) error {
		if runs++; runs > 1 {
			s.repeated.Add(1)
		}
		return f(tx)
	})
}

// Everything at once on two users, from two nodes. Nothing fails but for a
// reason, nothing waits in a circle, and in the end everything is consistent.
func TestEverythingAtOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		var repeated atomic.Int64
		nodes := []*node{h.node, h.start(t)}
		for _, n := range nodes {
			n.Service = n.beside(repeating{n.Store, &repeated})
			n.Limits = &limit.SignIn{Key: h.Limits.Key, PerName: 1 << 20, InARow: 1 << 20}
		}
		h.admin()
		users := []*account.SignedIn{h.member(), h.member()}
		for _, u := range users { // in whose order roles are locked: aa, admin, member, moderator
			h.must(h.Assign(t.Context(), u.User.ID, account.AdminRole, "", origin("")))
		}
		h.must(h.PutRole(t.Context(), authz.Role{Name: "aa"}, nil, origin("")))

		var club atomic.Value // its id; deleted now and then, and made anew
		club.Store(h.organization(users...).ID)

		var done, refused atomic.Int64
		many(16, func(i int) {
			n, u := nodes[i%2], users[i/2%2]
			for step := range testenv.Count(15, 400) {
				switch err := anything(t.Context(), n.Service, u, &club, i*7+step*5); {
				case err == nil:
					done.Add(1)
				case slices.ContainsFunc(expected, func(e error) bool { return errors.Is(err, e) }):
					refused.Add(1)
				default:
					t.Errorf("step %d: %v", step, err)
				}
			}
		})
		t.Logf("%d operations done, %d refused, %d transactions repeated", done.Load(), refused.Load(), repeated.Load())
		if repeated.Load() > 0 {
			t.Errorf("%d transactions were repeated: rows are locked in different orders", repeated.Load())
		}
		for _, n := range nodes {
			n.hears(h.head(), true)
			n.consistent()
		}
	})
}

// anything does something to u, which depends on the dice.
func anything(ctx context.Context, s *account.Service, u *account.SignedIn, club *atomic.Value, dice int) error {
	id, o, in := u.User.ID, fresh(), club.Load().(string)
	signIn := func() (*account.SignedIn, error) {
		return s.SignIn(ctx, account.SignIn{Identifier: u.User.Username, Password: pass, WithTokens: true}, o)
	}
	switch dice % 23 {
	case 17:
		return s.AddMember(ctx, in, id, o)
	case 18:
		return s.RemoveMember(ctx, in, id, o)
	case 19:
		if err := s.Assign(ctx, id, "moderator", in, o); err != nil {
			return err
		}
		return s.Assign(ctx, id, "aa", in, o)
	case 20:
		return s.Unassign(ctx, id, "moderator", in, o)
	case 21:
		_, _, err := s.Invite(ctx, account.NewInvitation{Org: in, Email: "x@example.org", Role: "member"}, o)
		return err
	case 22:
		_, err := s.ChangeOrganization(ctx, in, func(o *org.Organization) error { o.Plan = fmt.Sprint("p", dice); return nil }, o)
		if dice%5 > 0 || err != nil {
			return err
		}
		next, err := s.CreateOrganization(ctx, account.NewOrganization{Slug: newName()}, o)
		if err != nil {
			return err
		}
		club.Store(next.ID)
		return errors.Join(s.DeleteOrganization(ctx, in, o), s.AddMember(ctx, next.ID, id, o))
	case 0:
		return s.Disable(ctx, id, o)
	case 1, 2:
		return s.Enable(ctx, id, o)
	case 3:
		return s.SetPassword(ctx, id, pass, o)
	case 4:
		return s.Assign(ctx, id, "moderator", "", o)
	case 5:
		return s.Unassign(ctx, id, "moderator", "", o)
	case 6:
		return s.Assign(ctx, id, "aa", "", o)
	case 7:
		return s.PutRole(ctx, authz.Role{Name: "aa", Permissions: []string{fmt.Sprintf("post:p%d", dice)}}, nil, o)
	case 8:
		return errors.Join(s.DeleteRole(ctx, "aa", nil, o), s.EnsureRoles(ctx, []authz.Role{{Name: "aa"}}))
	case 9:
		if err := s.Unassign(ctx, id, account.AdminRole, "", o); err != nil {
			return err
		}
		return s.Assign(ctx, id, account.AdminRole, "", o)
	case 10:
		k, _, err := s.CreateKey(ctx, id, account.NewKey{Name: "k", Scopes: []string{"post:create"}}, o)
		if err != nil {
			return err
		}
		return s.RevokeKey(ctx, k.ID, id, o)
	case 11:
		return s.SignOut(ctx, &sallyport.Principal{Kind: sallyport.User, Subject: id, Session: u.Session.ID}, true, o)
	}
	signed, err := signIn()
	if err != nil {
		return err
	}
	switch dice % 23 {
	case 12:
		return s.SignOut(ctx, by(signed), false, o)
	case 13:
		return s.EndOtherSessions(ctx, id, signed.Session.ID, o)
	case 14:
		_, _, err := s.ChangePassword(ctx, by(signed), pass, pass, o)
		return err
	case 15:
		return s.SwitchOrganization(ctx, by(signed), in, o)
	}
	for range 3 {
		next, err := s.Refresh(ctx, signed.Tokens.Refresh, account.FirstParty, o)
		if err != nil {
			return err
		}
		if _, err := s.Refresh(ctx, signed.Tokens.Refresh, account.FirstParty, o); err != nil {
			return err
		}
		signed.Tokens = next
	}
	return nil
}

// consistent checks what must be so after whatever happened: the definitions
// compile, the last overlay of a user is what the user has, and what is alive
// began after the last kill.
func (n *node) consistent() {
	n.t.Helper()
	all, err := n.Roles(n.t.Context())
	n.must(err)
	if _, err := authz.Compile(all); err != nil {
		n.t.Error(err)
	}
	users, err := n.Members(n.t.Context(), account.UserFilter{})
	n.must(err)
	for _, u := range users {
		n.membersOnly(u.ID)
		sessions, err := n.Sessions(n.t.Context(), u.ID)
		n.must(err)
		for _, s := range sessions {
			if u.Status != account.Active || s.Position.Seq < u.KilledSeq {
				n.t.Errorf("session %s of %v, begun at %v, outlives the kill at %d", s.ID, u.Status, s.Position, u.KilledSeq)
			}
			if err := n.Follower.Dead(s.Position, revoke.IDs{Session: s.ID, Subject: u.ID}); err != nil {
				n.t.Errorf("session %s is there, and dead: %v", s.ID, err)
			}
		}
	}
}

// membersOnly checks that the user has roles in no organization that the user is
// no member of.
func (n *node) membersOnly(user string) {
	n.t.Helper()
	for _, e := range n.audited("role.assign", user) {
		if st, err := n.Standing(n.t.Context(), user, e.Org); err != nil || st.Org != e.Org && len(n.assignedIn(user, e.Org)) > 0 {
			n.t.Errorf("%s has roles in %q, being no member (%v)", user, e.Org, err)
		}
	}
}
