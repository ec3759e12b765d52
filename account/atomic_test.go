package account_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/org"
	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/limit"
	"github.com/sallyport-auth/sallyport/revoke"
)

// An operation is one of everything that changes something.
type operation struct {
	name string
	// prepare makes what the operation needs, with the node, and returns it. It is
	// done by a service that may fail.
	prepare func(n *node) func(ctx context.Context, s *account.Service) error
	// answer is the error of an operation that refuses and yet changes something.
	answer error
	// unlogged is an operation that nobody needs to obey.
	unlogged bool
}

// onSession is an operation on a new member's first session, of three.
func onSession(f func(ctx context.Context, s *account.Service, first *account.SignedIn) error) func(*node) func(context.Context, *account.Service) error {
	return func(n *node) func(context.Context, *account.Service) error {
		first := n.member()
		n.again(first.User, true)
		n.again(first.User, false)
		if _, _, err := n.CreateKey(n.t.Context(), first.User.ID, account.NewKey{Name: "k", Scopes: []string{"post:create"}}, origin("")); err != nil {
			n.t.Fatal(err)
		}
		return func(ctx context.Context, s *account.Service) error { return f(ctx, s, first) }
	}
}

// inOrganization is an operation on an organization with a member, a moderator
// there, whose session acts in it, and an invitation.
func inOrganization(f func(ctx context.Context, s *account.Service, m *account.SignedIn, in org.Organization) error) func(*node) func(context.Context, *account.Service) error {
	return func(n *node) func(context.Context, *account.Service) error {
		m := n.member()
		o := n.organization(m)
		n.must(n.Assign(n.t.Context(), m.User.ID, "moderator", o.ID, origin("")))
		n.must(n.SwitchOrganization(n.t.Context(), by(m), o.ID, origin("")))
		n.invite(o, "dave@example.org", "member")
		return func(ctx context.Context, s *account.Service) error { return f(ctx, s, m, o) }
	}
}

// plain is an operation that needs nothing.
func plain(f func(ctx context.Context, s *account.Service) error) func(*node) func(context.Context, *account.Service) error {
	return func(*node) func(context.Context, *account.Service) error { return f }
}

func operations() []operation {
	registration := func() account.Registration {
		return account.Registration{Username: newName(), Email: "a@example.org", Password: pass, Roles: []string{"member", "moderator"}}
	}
	return append(clientOperations(), []operation{
		{name: "Register", unlogged: true, prepare: plain(func(ctx context.Context, s *account.Service) error {
			_, err := s.Register(ctx, registration(), account.SignIn{WithTokens: true}, origin(""))
			return err
		})},
		{name: "Add", unlogged: true, prepare: plain(func(ctx context.Context, s *account.Service) error {
			_, err := s.Add(ctx, registration(), origin(""))
			return err
		})},
		{name: "SetUp", unlogged: true, prepare: plain(func(ctx context.Context, s *account.Service) error {
			_, err := s.SetUp(ctx, registration(), account.SignIn{}, origin(""))
			return err
		})},
		{name: "SignIn", unlogged: true, prepare: onSession(func(ctx context.Context, s *account.Service, first *account.SignedIn) error {
			_, err := s.SignIn(ctx, account.SignIn{Identifier: first.User.Username, Password: pass, WithTokens: true}, origin(""))
			return err
		})},
		{name: "SignIn with a weak hash", unlogged: true, prepare: func(n *node) func(context.Context, *account.Service) error {
			u := n.member().User
			_, weak := first(weakHashes(n.t))
			n.setHash(u, weak)
			return func(ctx context.Context, s *account.Service) error {
				_, err := s.SignIn(ctx, account.SignIn{Identifier: u.Username, Password: pass}, origin(""))
				return err
			}
		}},
		{name: "SignIn with a wrong password", unlogged: true, answer: account.ErrInvalidCredentials, prepare: onSession(func(ctx context.Context, s *account.Service, first *account.SignedIn) error {
			_, err := s.SignIn(ctx, account.SignIn{Identifier: first.User.Username, Password: pass2}, origin(""))
			return err
		})},
		{name: "Refresh", unlogged: true, prepare: onSession(func(ctx context.Context, s *account.Service, first *account.SignedIn) error {
			_, err := s.Refresh(ctx, first.Tokens.Refresh, account.FirstParty, origin(""))
			return err
		})},
		{name: "Refresh of a session not seen for a while", unlogged: true, prepare: func(n *node) func(context.Context, *account.Service) error {
			m := n.member()
			n.update(func(tx account.Tx) error {
				if _, err := tx.Sessions.End(n.t.Context(), m.Session.ID); err != nil {
					return err
				}
				m.Session.LastSeenAt = m.Session.LastSeenAt.Add(-time.Hour)
				return tx.Sessions.Create(n.t.Context(), m.Session)
			})
			return func(ctx context.Context, s *account.Service) error {
				_, err := s.Refresh(ctx, m.Tokens.Refresh, account.FirstParty, origin(""))
				return err
			}
		}},
		{name: "Refresh by a token that was used before", answer: account.ErrInvalidToken, prepare: func(n *node) func(context.Context, *account.Service) error {
			m := n.member()
			n.steps(m, 2)
			return func(ctx context.Context, s *account.Service) error {
				_, err := s.Refresh(ctx, m.Tokens.Refresh, account.FirstParty, origin(""))
				return err
			}
		}},
		{name: "SignOut", prepare: onSession(func(ctx context.Context, s *account.Service, first *account.SignedIn) error {
			return s.SignOut(ctx, by(first), false, origin(""))
		})},
		{name: "SignOut everywhere", prepare: onSession(func(ctx context.Context, s *account.Service, first *account.SignedIn) error {
			return s.SignOut(ctx, by(first), true, origin(""))
		})},
		{name: "EndSession", prepare: onSession(func(ctx context.Context, s *account.Service, first *account.SignedIn) error {
			return s.EndSession(ctx, first.Session.ID, "", origin(""))
		})},
		{name: "EndOtherSessions", prepare: onSession(func(ctx context.Context, s *account.Service, first *account.SignedIn) error {
			return s.EndOtherSessions(ctx, first.User.ID, first.Session.ID, origin(""))
		})},
		{name: "ChangePassword", prepare: onSession(func(ctx context.Context, s *account.Service, first *account.SignedIn) error {
			_, _, err := s.ChangePassword(ctx, by(first), pass, pass2, origin(""))
			return err
		})},
		{name: "ChangePassword that keeps the other sessions", prepare: onSession(func(ctx context.Context, s *account.Service, first *account.SignedIn) error {
			keeping := *s
			keeping.KeepOtherSessions = true
			_, _, err := keeping.ChangePassword(ctx, by(first), pass, pass2, origin(""))
			return err
		})},
		{name: "SetPassword", prepare: onSession(func(ctx context.Context, s *account.Service, first *account.SignedIn) error {
			return s.SetPassword(ctx, first.User.ID, pass2, origin(""))
		})},
		{name: "Disable", prepare: onSession(func(ctx context.Context, s *account.Service, first *account.SignedIn) error {
			return s.Disable(ctx, first.User.ID, origin(""))
		})},
		{name: "Enable", unlogged: true, prepare: func(n *node) func(context.Context, *account.Service) error {
			u := n.member().User
			n.must(n.Disable(n.t.Context(), u.ID, origin("")))
			return func(ctx context.Context, s *account.Service) error { return s.Enable(ctx, u.ID, origin("")) }
		}},
		{name: "Delete", prepare: onSession(func(ctx context.Context, s *account.Service, first *account.SignedIn) error {
			return s.Delete(ctx, first.User.ID, origin(""))
		})},
		{name: "Assign", prepare: onSession(func(ctx context.Context, s *account.Service, first *account.SignedIn) error {
			return s.Assign(ctx, first.User.ID, "moderator", "", origin(""))
		})},
		{name: "Unassign", prepare: onSession(func(ctx context.Context, s *account.Service, first *account.SignedIn) error {
			return s.Unassign(ctx, first.User.ID, "member", "", origin(""))
		})},
		{name: "Unassign an administrator", prepare: func(n *node) func(context.Context, *account.Service) error {
			n.admin()
			u := n.admin()
			return func(ctx context.Context, s *account.Service) error {
				return s.Unassign(ctx, u.ID, account.AdminRole, "", origin(""))
			}
		}},
		{name: "CreateOrganization", unlogged: true, prepare: plain(func(ctx context.Context, s *account.Service) error {
			_, err := s.CreateOrganization(ctx, account.NewOrganization{Slug: newName(), Plan: "gold"}, origin(""))
			return err
		})},
		{name: "ChangeOrganization", prepare: inOrganization(func(ctx context.Context, s *account.Service, _ *account.SignedIn, in org.Organization) error {
			_, err := s.ChangeOrganization(ctx, in.ID, func(o *org.Organization) error { o.Slug += "-2"; return nil }, origin(""))
			return err
		})},
		{name: "DeleteOrganization", prepare: inOrganization(func(ctx context.Context, s *account.Service, _ *account.SignedIn, in org.Organization) error {
			return s.DeleteOrganization(ctx, in.ID, origin(""))
		})},
		{name: "AddMember", prepare: func(n *node) func(context.Context, *account.Service) error {
			u, o := n.member().User, n.organization()
			return func(ctx context.Context, s *account.Service) error { return s.AddMember(ctx, o.ID, u.ID, origin("")) }
		}},
		{name: "RemoveMember", prepare: inOrganization(func(ctx context.Context, s *account.Service, m *account.SignedIn, in org.Organization) error {
			return s.RemoveMember(ctx, in.ID, m.User.ID, origin(""))
		})},
		{name: "Assign in an organization", prepare: inOrganization(func(ctx context.Context, s *account.Service, m *account.SignedIn, in org.Organization) error {
			return s.Assign(ctx, m.User.ID, "member", in.ID, origin(""))
		})},
		{name: "Unassign in an organization", prepare: inOrganization(func(ctx context.Context, s *account.Service, m *account.SignedIn, in org.Organization) error {
			return s.Unassign(ctx, m.User.ID, "moderator", in.ID, origin(""))
		})},
		{name: "Invite", unlogged: true, prepare: inOrganization(func(ctx context.Context, s *account.Service, _ *account.SignedIn, in org.Organization) error {
			_, _, err := s.Invite(ctx, account.NewInvitation{Org: in.ID, Email: "eve@example.org", Role: "member"}, origin(""))
			return err
		})},
		{name: "RevokeInvitation", unlogged: true, prepare: func(n *node) func(context.Context, *account.Service) error {
			o := n.organization()
			inv, _, err := n.Invite(n.t.Context(), account.NewInvitation{Org: o.ID, Email: "eve@example.org"}, origin(""))
			n.must(err)
			return func(ctx context.Context, s *account.Service) error {
				return s.RevokeInvitation(ctx, o.ID, inv.ID, origin(""))
			}
		}},
		{name: "AcceptInvitation", prepare: func(n *node) func(context.Context, *account.Service) error {
			address := newName() + "@example.org"
			m, plain := n.mailbox(address, true), n.invite(n.organization(), address, "moderator")
			return func(ctx context.Context, s *account.Service) error {
				_, err := s.AcceptInvitation(ctx, by(m), plain, origin(""))
				return err
			}
		}},
		{name: "AcceptInvitation for another address", unlogged: true, answer: account.ErrOtherAddress, prepare: func(n *node) func(context.Context, *account.Service) error {
			m, plain := n.member(), n.invite(n.organization(), "eve@example.org", "moderator")
			return func(ctx context.Context, s *account.Service) error {
				_, err := s.AcceptInvitation(ctx, by(m), plain, origin(""))
				return err
			}
		}},
		{name: "SwitchOrganization", prepare: inOrganization(func(ctx context.Context, s *account.Service, m *account.SignedIn, in org.Organization) error {
			return s.SwitchOrganization(ctx, by(m), "", origin(""))
		})},
		{name: "SignIn to an organization", unlogged: true, prepare: inOrganization(func(ctx context.Context, s *account.Service, m *account.SignedIn, in org.Organization) error {
			_, err := s.SignIn(ctx, account.SignIn{Identifier: m.User.Username, Password: pass, Org: in.ID}, origin(""))
			return err
		})},
		{name: "SignIn to an organization of others", unlogged: true, answer: org.ErrNotMember, prepare: func(n *node) func(context.Context, *account.Service) error {
			m, o := n.member(), n.organization()
			return func(ctx context.Context, s *account.Service) error {
				_, err := s.SignIn(ctx, account.SignIn{Identifier: m.User.Username, Password: pass, Org: o.ID}, origin(""))
				return err
			}
		}},
		{name: "CreateKey in an organization", prepare: inOrganization(func(ctx context.Context, s *account.Service, m *account.SignedIn, in org.Organization) error {
			_, _, err := s.CreateKey(ctx, m.User.ID, account.NewKey{Name: "k", Org: in.ID, Scopes: []string{"post:create"}}, origin(""))
			return err
		})},
		{name: "Delete a member", prepare: inOrganization(func(ctx context.Context, s *account.Service, m *account.SignedIn, in org.Organization) error {
			return s.Delete(ctx, m.User.ID, origin(""))
		})},
		{name: "SetPlan", prepare: onSession(func(ctx context.Context, s *account.Service, first *account.SignedIn) error {
			return s.SetPlan(ctx, first.User.ID, "gold", origin(""))
		})},
		{name: "PutRole", prepare: plain(func(ctx context.Context, s *account.Service) error {
			return s.PutRole(ctx, authz.Role{Name: "new", Inherits: []string{"member"}}, nil, origin(""))
		})},
		{name: "DeleteRole", prepare: func(n *node) func(context.Context, *account.Service) error {
			u := n.member().User
			n.must(n.Assign(n.t.Context(), u.ID, "moderator", "", origin("")))
			return func(ctx context.Context, s *account.Service) error {
				return s.DeleteRole(ctx, "moderator", nil, origin(""))
			}
		}},
		{name: "DeleteRole with grants", prepare: func(n *node) func(context.Context, *account.Service) error {
			role := newName()
			n.must(n.PutRole(n.t.Context(), authz.Role{Name: role}, nil, origin("")))
			n.must(n.Grant(n.t.Context(), postGrant(authz.RoleGrantee, role), origin("")))
			return func(ctx context.Context, s *account.Service) error { return s.DeleteRole(ctx, role, nil, origin("")) }
		}},
		{name: "Delete of somebody with grants", prepare: func(n *node) func(context.Context, *account.Service) error {
			u := n.member().User
			n.must(n.Grant(n.t.Context(), postGrant(authz.SubjectGrantee, u.ID), origin("")))
			return func(ctx context.Context, s *account.Service) error { return s.Delete(ctx, u.ID, origin("")) }
		}},
		{name: "Grant", prepare: onSession(func(ctx context.Context, s *account.Service, first *account.SignedIn) error {
			return s.Grant(ctx, postGrant(authz.SubjectGrantee, first.User.ID), origin(""))
		})},
		{name: "Grant to a role", prepare: plain(func(ctx context.Context, s *account.Service) error {
			return s.Grant(ctx, postGrant(authz.RoleGrantee, "member"), origin(""))
		})},
		{name: "Ungrant", prepare: func(n *node) func(context.Context, *account.Service) error {
			g := postGrant(authz.SubjectGrantee, n.member().User.ID)
			n.must(n.Grant(n.t.Context(), g, origin("")))
			return func(ctx context.Context, s *account.Service) error {
				return s.Ungrant(ctx, g.Grantee, g.Resource, nil, origin(""))
			}
		}},
		{name: "PublishPolicy", prepare: plain(func(ctx context.Context, s *account.Service) error {
			_, err := s.PublishPolicy(ctx, draft("permit"), account.AnyVersion, accept, origin(""))
			return err
		})},
		{name: "RollbackPolicy", prepare: func(n *node) func(context.Context, *account.Service) error {
			v, err := n.PublishPolicy(n.t.Context(), draft("permit"), account.AnyVersion, accept, origin(""))
			n.must(err)
			return func(ctx context.Context, s *account.Service) error {
				_, err := s.RollbackPolicy(ctx, v.Number, "back", accept, origin(""))
				return err
			}
		}},
		{name: "EnsureRoles", prepare: plain(func(ctx context.Context, s *account.Service) error {
			return s.EnsureRoles(ctx, []authz.Role{{Name: "one"}, {Name: "two", Inherits: []string{"one"}}})
		})},
		{name: "CreateKey", prepare: onSession(func(ctx context.Context, s *account.Service, first *account.SignedIn) error {
			_, _, err := s.CreateKey(ctx, first.User.ID, account.NewKey{Name: "k", Scopes: []string{"post:create"}}, origin(""))
			return err
		})},
		{name: "RevokeKey", prepare: func(n *node) func(context.Context, *account.Service) error {
			u := n.member().User
			k, _, err := n.CreateKey(n.t.Context(), u.ID, account.NewKey{Name: "k", Scopes: []string{"post:create"}}, origin(""))
			n.must(err)
			return func(ctx context.Context, s *account.Service) error { return s.RevokeKey(ctx, k.ID, u.ID, origin("")) }
		}},
	}...)
}

// Every operation, with every one of its writes failing in turn: it is refused,
// and nothing is changed but that a guess was paid for.
func TestAllOrNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		h.Service = h.beside(h.Store)
		h.Limits = &limit.SignIn{Key: h.Limits.Key, Tries: 1000, PerName: 1000, PerAddress: 1 << 20, InARow: 1000}
		for _, op := range operations() {
			t.Run(op.name, func(t *testing.T) {
				n := h.on(t)
				defer n.clear()
				do := op.prepare(n)
				before := n.everything()
				for at := 1; ; at++ {
					store := &faulty{Store: n.Store, failAt: at}
					err := do(t.Context(), n.beside(store))
					if store.writes < at { // all of them succeed
						n.wants(err, op.answer, "with no fault")
						checkWritten(t, op, store.commits)
						return
					}
					n.wants(err, errDisk, "write %d failed", at)
					if diff := cmp.Diff(before, n.everything()); diff != "" {
						t.Errorf("write %d failed, and yet:\n%s", at, diff)
					}
					for _, written := range store.commits {
						if !paymentOnly(written) {
							t.Errorf("write %d failed, and yet a transaction wrote %v", at, written)
						}
					}
				}
			})
		}
	})
}

func paymentOnly(written []string) bool {
	return !slices.ContainsFunc(written, func(what string) bool { return what != "Failures.Set" })
}

// checkWritten checks that what an operation does is one transaction, audited,
// and that the log's entry comes last.
func checkWritten(t *testing.T, op operation, commits [][]string) {
	t.Helper()
	commits = slices.DeleteFunc(commits, paymentOnly)
	if op.name == "Refresh" || op.name == "Refresh of a session not seen for a while" {
		return // what is done every few minutes is audited only if it is odd
	}
	if len(commits) != 1 {
		t.Fatalf("%d transactions: %v", len(commits), commits)
	}
	written := commits[0]
	if !slices.Contains(written, "Audit.Append") {
		t.Errorf("not audited: %v", written)
	}
	appended := slices.Index(written, "Log.Append")
	if (appended < 0) != op.unlogged {
		t.Errorf("wrote %v", written)
	}
	if appended < 0 {
		return
	}
	for _, later := range written[appended+1:] {
		// Rows that the transaction holds already: the user's, and of a password change
		// the sessions' that go on.
		if !slices.Contains([]string{"Users.SetKilledSeq", "Families.Advance", "Sessions.Rotate"}, later) {
			t.Errorf("%s after the log's counter row was locked: %v", later, written)
		}
	}
}

// everything is all that can be read of the house.
func (n *node) everything() (all []string) {
	n.t.Helper()
	ctx := n.t.Context()
	add := func(what string, v any, err error) error {
		all = append(all, fmt.Sprintf("%s %+v", what, v))
		return err
	}
	n.view(func(tx account.Tx) error {
		all = nil
		users, err := tx.Users.List(ctx, account.UserFilter{})
		errs := []error{add("users", users, err)}
		for _, u := range users {
			phc, err := tx.Credentials.Password(ctx, u.ID)
			errs = append(errs, add("password", phc, err))
			sessions, err := tx.Sessions.List(ctx, u.ID)
			errs = append(errs, add("sessions", sessions, err))
			keys, err := tx.APIKeys.List(ctx, u.ID)
			errs = append(errs, add("keys", keys, err))
			roles, err := tx.Roles.Assigned(ctx, u.ID, "")
			errs = append(errs, add("assigned", roles, err))
			given, err := tx.ClientGrants.Of(ctx, u.ID)
			errs = append(errs, add("grants to clients", given, err))
			consents, err := tx.Consents.Of(ctx, u.ID)
			errs = append(errs, add("consents", consents, err))
			memberships, err := tx.Members.Of(ctx, u.ID)
			errs = append(errs, add("memberships", memberships, err))
		}
		clients, err := tx.Clients.List(ctx, "", 0)
		errs = append(errs, add("clients", clients, err))
		for _, c := range clients {
			roles, err := tx.Roles.Assigned(ctx, c.ID, "")
			errs = append(errs, add("assigned to a client", roles, err))
		}
		organizations, err := tx.Organizations.List(ctx, org.Filter{})
		errs = append(errs, add("organizations", organizations, err))
		for _, o := range organizations {
			invitations, err := tx.Invitations.Pending(ctx, o.ID, time.Time{}, "", 0)
			errs = append(errs, add("invitations", invitations, err))
			for _, u := range users {
				roles, err := tx.Roles.Assigned(ctx, u.ID, o.ID)
				errs = append(errs, add("assigned there", roles, err))
			}
		}
		roles, err := tx.Roles.Roles(ctx)
		errs = append(errs, add("roles", roles, err))
		grants, err := tx.Grants.List(ctx, authz.GrantFilter{}, time.Now())
		errs = append(errs, add("grants", grants, err))
		versions, err := tx.Versions.History(ctx, 0, 1000)
		errs = append(errs, add("versions", versions, err))
		// Of what only grows the end is enough.
		entries, err := tx.Audit.List(ctx, audit.Filter{Limit: 50})
		errs = append(errs, add("audit", entries, err))
		head, err := tx.Log.Head(ctx)
		errs = append(errs, add("head", head, err))
		log, err := tx.Log.Read(ctx, max(head.Seq-50, 0), 100)
		return errors.Join(append(errs, add("log", log, err))...)
	})
	return all
}

// clear deletes who and what there is, so that all that can be read does not become
// more with every operation. An administrator may be the last one, and stays.
func (n *node) clear() {
	n.t.Helper()
	organizations, err := n.Organizations(n.t.Context(), org.Filter{})
	n.must(err)
	for _, o := range organizations {
		n.must(n.DeleteOrganization(n.t.Context(), o.ID, origin("")))
	}
	users, err := n.Members(n.t.Context(), account.UserFilter{})
	n.must(err)
	for _, u := range users {
		if err := n.Delete(n.t.Context(), u.ID, origin("")); !errors.Is(err, account.ErrLastAdmin) {
			n.must(err)
		}
	}
}

// Before a call returns, this node obeys it.
func TestEveryOperationIsObeyedWhenItReturns(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		for _, op := range operations() {
			do := op.prepare(h.node)
			before := h.head()
			h.wants(do(t.Context(), h.Service), op.answer, "%s", op.name)
			h.obeys(op.name)
			if (h.head() == before) != op.unlogged {
				t.Errorf("%s moved the log from %v to %v", op.name, before, h.head())
			}
		}
	})
}

// The client hangs up in the moment of the commit: what was done is obeyed all
// the same.
func TestACancelledCallerIsObeyed(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		for _, op := range operations() {
			do := op.prepare(h.node)
			ctx, cancel := context.WithCancel(t.Context())
			store := &hangingUp{Store: h.Store, cancel: cancel}
			err := do(ctx, h.beside(store))
			h.obeys(op.name)
			if !op.unlogged {
				h.wants(err, op.answer, "%s", op.name)
			}
			cancel()
		}
	})
}

// A hangingUp store cancels its caller when an Update that appended to the log
// has committed.
type hangingUp struct {
	account.Store
	cancel func()
}

func (s *hangingUp) Update(ctx context.Context, f func(account.Tx) error) error {
	appended := false
	err := s.Store.Update(ctx, func(tx account.Tx) error {
		tx.Log = noticing{tx.Log, &appended}
		return f(tx)
	})
	if appended {
		s.cancel()
	}
	return err
}

type noticing struct {
	revoke.Log
	appended *bool
}

func (l noticing) Append(ctx context.Context, es ...revoke.Entry) (revoke.Position, error) {
	*l.appended = true
	return l.Log.Append(ctx, es...)
}

// An operation that is cancelled before it begins does nothing.
func TestACancelledCallerChangesNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		for _, op := range operations() {
			do := op.prepare(h.node)
			before := h.everything()
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			h.wants(do(ctx, h.Service), context.Canceled, "%s", op.name)
			if diff := cmp.Diff(before, h.everything()); diff != "" {
				t.Errorf("%s:\n%s", op.name, diff)
			}
			h.clear()
		}
	})
}
