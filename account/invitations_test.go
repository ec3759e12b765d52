package account_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/org"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/internal/testenv"
)

// mailbox makes a user with an address and signs them in.
func (n *node) mailbox(address string, verified bool) *account.SignedIn {
	n.t.Helper()
	m := n.member()
	u := m.User
	u.ID, u.Username = "usr_"+newName(), newName()
	u.UsernameNorm, u.Email, u.EmailNorm, u.EmailVerified = u.Username, address, address, verified
	n.update(func(tx account.Tx) error {
		if err := tx.Users.Create(n.t.Context(), u); err != nil {
			return err
		}
		return tx.Credentials.SetPassword(n.t.Context(), u.ID, n.hash(m.User), time.Now())
	})
	return n.again(u, true)
}

// invite invites an address as the system.
func (n *node) invite(o org.Organization, address, role string) string {
	n.t.Helper()
	_, plain, err := n.Invite(n.t.Context(), account.NewInvitation{Org: o.ID, Email: address, Role: role}, origin(""))
	n.must(err)
	return plain
}

func (n *node) accept(s *account.SignedIn, plain string) error {
	_, err := n.AcceptInvitation(n.t.Context(), by(s), plain, origin(s.User.ID))
	return err
}

func TestInvitation(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		o := h.organization()
		ann := h.mailbox("ann@example.org", true)
		inv, plain, err := h.Invite(ctx, account.NewInvitation{Org: o.ID, Email: "Ａnn@Example.org", Role: "moderator"}, origin("usr_admin"))
		h.must(err)
		if len(plain) < 22 || inv.EmailNorm != "ann@example.org" || inv.InvitedBy != "" || inv.ExpiresAt.Sub(inv.CreatedAt) != 7*24*time.Hour {
			t.Errorf("made %+v with a secret of %d characters", inv, len(plain))
		}
		if all, err := h.Invitations(ctx, o.ID, "", 10); err != nil || len(all) != 1 || all[0].ID != inv.ID || strings.Contains(fmt.Sprintf("%+v %s", all, all[0].TokenHash), plain) {
			t.Errorf("pending %+v, %v", all, err)
		}
		m, err := h.AcceptInvitation(ctx, by(ann), plain, origin(ann.User.ID))
		h.must(err)
		h.obeys("AcceptInvitation")
		if m.User != ann.User.ID || m.Organization.ID != o.ID || m.Status != org.Active {
			t.Errorf("joined %+v", m)
		}
		if got := h.assignedIn(ann.User.ID, o.ID); !slices.Equal(got, []string{"moderator"}) {
			t.Errorf("roles %q", got)
		}
		if got := h.assignedIn(ann.User.ID, ""); slices.Contains(got, "moderator") {
			t.Errorf("roles everywhere %q", got)
		}
		h.wants(h.accept(ann, plain), org.ErrNoInvitation, "accepted twice")
		all := slices.Concat(h.audited("invitation.create", inv.ID), h.audited("invitation.accept", inv.ID))
		if len(all) != 2 || contains(all, plain) || contains(all, "example.org") {
			t.Errorf("audited %+v", all)
		}
		for _, e := range all {
			if e.Org != o.ID {
				t.Errorf("audited in %q: %+v", e.Org, e)
			}
		}
		if list, err := h.OrganizationMembers(ctx, o.ID, "", 10); err != nil || len(list) != 1 || list[0].User.ID != ann.User.ID || !slices.Equal(list[0].Roles, []string{"moderator"}) {
			t.Errorf("members %+v, %v", list, err)
		}
		if list, err := h.Memberships(ctx, ann.User.ID); err != nil || len(list) != 1 || list[0].Organization.Slug != o.Slug {
			t.Errorf("memberships %+v, %v", list, err)
		}
	})
}

// A link in the wrong hands is useless, and tells nothing but that.
func TestAnInvitationIsForWhoHasProvedTheAddress(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		o := h.organization()
		ann := h.mailbox("ann@example.org", true)
		plain := h.invite(o, "ann@example.org", "moderator")
		for it, s := range map[string]*account.SignedIn{
			"another address":               h.mailbox("bob@example.org", true),
			"the address, not verified":     h.mailbox("ann@example.org", false),
			"an address that looks like it": h.mailbox("ann@example.org.evil.example", true),
			"no address":                    h.member(),
		} {
			err := h.accept(s, plain)
			h.wants(err, account.ErrOtherAddress, "%s", it)
			if err != nil && err.Error() != account.ErrOtherAddress.Error() || strings.Contains(fmt.Sprint(err), "example") || strings.Contains(fmt.Sprint(err), o.Slug) {
				t.Errorf("%s: %v says more than it must", it, err)
			}
			if list, err := h.Memberships(t.Context(), s.User.ID); err != nil || len(list) > 0 {
				t.Errorf("%s: joined %+v, %v", it, list, err)
			}
		}
		es := h.audited("invitation.accept", "")
		if len(es) != 4 || es[0].Outcome != "failure" || contains(es, "example.org") {
			t.Errorf("audited %+v", es)
		}
		h.wants(h.accept(ann, "no such secret"), org.ErrNoInvitation, "a secret that was never made")
		_, err := h.AcceptInvitation(t.Context(), &sallyport.Principal{Kind: sallyport.User, Subject: ann.User.ID}, plain, origin(""))
		h.wants(err, account.ErrNoSession, "an API key")
		h.must(h.accept(ann, plain)) // nobody used it up
	})
}

func TestAnInvitationThatIsGone(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		ann := h.mailbox("ann@example.org", true)
		boss := h.member()
		revoke := func(o org.Organization) {
			t.Helper()
			all, err := h.Invitations(ctx, o.ID, "", 0)
			h.must(err)
			h.wants(h.RevokeInvitation(ctx, h.organization().ID, all[0].ID, origin("")), org.ErrNoInvitation, "another organization's")
			h.must(h.RevokeInvitation(ctx, o.ID, all[0].ID, origin("")))
			h.wants(h.RevokeInvitation(ctx, o.ID, all[0].ID, origin("")), org.ErrNoInvitation, "revoked twice")
		}
		byBoss := func(o org.Organization, role string) string {
			t.Helper()
			in := account.NewInvitation{Org: o.ID, Email: ann.User.Email, Role: role}
			_, plain, err := h.Invite(ctx, in, given(h.giver(boss.User.ID, o.ID)))
			h.must(err)
			return plain
		}
		for _, c := range []struct {
			it   string
			link func(o org.Organization) string
		}{
			{"revoked", func(o org.Organization) string { plain := h.invite(o, ann.User.Email, ""); revoke(o); return plain }},
			{"replaced by another", func(o org.Organization) string {
				plain := h.invite(o, ann.User.Email, "")
				h.invite(o, ann.User.Email, "")
				return plain
			}},
			{"of an organization that was deleted", func(o org.Organization) string {
				plain := h.invite(o, ann.User.Email, "")
				h.must(h.DeleteOrganization(ctx, o.ID, origin("")))
				return plain
			}},
			{"of somebody who was removed meanwhile", func(o org.Organization) string {
				h.must(h.AddMember(ctx, o.ID, ann.User.ID, origin("")))
				plain := h.invite(o, ann.User.Email, "")
				h.must(h.RemoveMember(ctx, o.ID, ann.User.ID, origin("")))
				return plain
			}},
			{"from somebody who was removed meanwhile", func(o org.Organization) string {
				plain := byBoss(o, "")
				h.must(h.RemoveMember(ctx, o.ID, boss.User.ID, origin("")))
				return plain
			}},
			{"from somebody who may give the role no more", func(o org.Organization) string {
				plain := byBoss(o, "moderator")
				h.must(h.Unassign(ctx, boss.User.ID, "moderator", o.ID, origin("")))
				return plain
			}},
			{"to a role that holds more by now than its inviter", func(o org.Organization) string {
				role := authz.Role{Name: newName(), Permissions: []string{"post:delete"}}
				h.must(h.PutRole(ctx, role, nil, origin("")))
				plain := byBoss(o, role.Name)
				role.Permissions = []string{"page:delete"}
				h.must(h.PutRole(ctx, role, nil, origin("")))
				return plain
			}},
			{"to a role that was deleted", func(o org.Organization) string {
				h.must(h.PutRole(ctx, authz.Role{Name: "passing"}, nil, origin("")))
				plain := h.invite(o, ann.User.Email, "passing")
				h.must(h.DeleteRole(ctx, "passing", nil, origin("")))
				return plain
			}},
			{"expired", func(o org.Organization) string {
				short := h.beside(h.Store)
				short.InvitationLifetime = time.Millisecond
				_, plain, err := short.Invite(ctx, account.NewInvitation{Org: o.ID, Email: ann.User.Email}, origin(""))
				h.must(err)
				time.Sleep(3 * time.Millisecond)
				return plain
			}},
		} {
			o := h.organization(boss)
			h.must(h.Assign(ctx, boss.User.ID, "moderator", o.ID, origin("")))
			h.wants(h.accept(ann, c.link(o)), org.ErrNoInvitation, "%s", c.it)
			if list, err := h.Memberships(ctx, ann.User.ID); err != nil || len(list) > 0 {
				t.Fatalf("%s: joined %+v, %v", c.it, list, err)
			}
		}
		o := h.organization(boss)
		h.must(h.Assign(ctx, boss.User.ID, "moderator", o.ID, origin("")))
		plain := byBoss(o, "moderator")
		h.must(h.Disable(ctx, boss.User.ID, origin("")))
		h.wants(h.accept(ann, plain), org.ErrNoInvitation, "from somebody who was disabled")
	})
}

func TestInviteRefuses(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		boss := h.member()
		o, other := h.organization(boss), h.organization(boss)
		h.must(h.Assign(ctx, boss.User.ID, account.AdminRole, o.ID, origin("")))
		for _, c := range []struct {
			it   string
			in   account.NewInvitation
			o    account.Origin
			want error
		}{
			{"an organization that is not there", account.NewInvitation{Org: "org_none", Email: "a@example.org"}, origin(""), org.ErrNotFound},
			{"a role that is not there", account.NewInvitation{Org: o.ID, Email: "a@example.org", Role: "nobody"}, origin(""), authz.ErrNotFound},
			{"a role that the inviter may not give there", account.NewInvitation{Org: other.ID, Email: "a@example.org", Role: "moderator"}, given(h.giver(boss.User.ID, o.ID)), account.ErrExceeds},
			{"a role that the inviter may give", account.NewInvitation{Org: o.ID, Email: "a@example.org", Role: "admin"}, given(h.giver(boss.User.ID, o.ID)), nil},
		} {
			_, _, err := h.Invite(ctx, c.in, c.o)
			h.wants(err, c.want, "%s", c.it)
		}
		for _, address := range []string{"", "ann", "ann@", "a\x00@example.org", "Ann <a@example.org>"} {
			_, _, err := h.Invite(ctx, account.NewInvitation{Org: o.ID, Email: address}, origin(""))
			if _, ok := errors.AsType[*account.InvalidError](err); !ok {
				t.Errorf("%q: %v", address, err)
			}
		}
	})
}

// The same link at once, on two nodes: one joins, and all others are told that it
// is used.
func TestAnInvitationIsUsedOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		nodes := []*node{h.node, h.start(t)}
		ann := h.mailbox("ann@example.org", true)
		for round := range testenv.Count(5, 200) {
			o := h.organization()
			plain := h.invite(o, "ann@example.org", "moderator")
			var won atomic.Int64
			many(6, func(i int) {
				switch err := nodes[i%2].accept(ann, plain); {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, org.ErrNoInvitation):
					t.Errorf("round %d: %v", round, err)
				}
			})
			if won.Load() != 1 {
				t.Errorf("round %d: %d joined", round, won.Load())
			}
			if es := h.audited("invitation.accept", ""); len(es) != round+1 {
				t.Errorf("round %d: audited %d times", round, len(es))
			}
		}
	})
}

func TestWhoLooksAtAnInvitationUsesNothingUp(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		o := h.organization()
		ann, bob, pretender := h.mailbox("ann@example.org", true), h.mailbox("bob@example.org", true), h.mailbox("ann@example.org", false)
		plain := h.invite(o, "ann@example.org", "moderator")
		for range 2 {
			inv, to, err := h.Offered(ctx, by(ann), plain)
			if h.must(err); to.ID != o.ID || inv.Role != "moderator" {
				t.Errorf("offered %+v in %+v", inv, to)
			}
		}
		for name, who := range map[string]*account.SignedIn{"another address": bob, "an address that is not proved": pretender} {
			inv, to, err := h.Offered(ctx, by(who), plain)
			if h.wants(err, account.ErrOtherAddress, "%s", name); inv.ID != "" || to.ID != "" {
				t.Errorf("%s is told %+v, %+v", name, inv, to)
			}
		}
		_, _, err := h.Offered(ctx, &sallyport.Principal{Kind: sallyport.Service, Subject: "svc_x"}, plain)
		h.wants(err, account.ErrOtherAddress, "a program")
		_, _, err = h.Offered(ctx, by(ann), "x")
		h.wants(err, org.ErrNoInvitation, "an invitation that was never made")
		h.must(h.accept(ann, plain))
		_, _, err = h.Offered(ctx, by(ann), plain)
		h.wants(err, org.ErrNoInvitation, "one that was used")

		plain = h.invite(o, "bob@example.org", "")
		h.must(h.DeleteOrganization(ctx, o.ID, origin("")))
		_, _, err = h.Offered(ctx, by(bob), plain)
		h.wants(err, org.ErrNoInvitation, "one of an organization that is gone")
	})
}

func TestAnAddressIsProvedByWhoAddsTheAccountOnly(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		in := account.Registration{Username: newName(), Email: "cleo@example.org", EmailVerified: true, Password: pass}
		u, err := h.Add(t.Context(), in, origin("usr_admin"))
		if h.must(err); !u.EmailVerified {
			t.Errorf("added %+v", u)
		}
		in.Username, in.Email = newName(), "dora@example.org"
		out, err := h.Register(t.Context(), in, account.SignIn{}, origin(""))
		if h.must(err); out.User.EmailVerified {
			t.Errorf("registered %+v", out.User)
		}
	})
}
