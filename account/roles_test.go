package account_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/org"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/internal/testenv"
	"github.com/sallyport-auth/sallyport/revoke"
)

// definition returns a role's definition in force, nil if there is none.
func (n *node) definition(name string) *authz.Role {
	n.t.Helper()
	all, err := n.Roles(n.t.Context())
	n.must(err)
	for _, r := range all {
		if r.Name == name {
			return &r
		}
	}
	return nil
}

func TestPutRole(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		for _, want := range []authz.Role{
			{Name: "editor", Permissions: []string{"post:*"}, Inherits: []string{"moderator"}},
			{Name: "editor", Permissions: []string{"post:edit", "page:edit"}},
			{Name: account.AdminRole, Permissions: []string{"*", "post:edit"}},
		} {
			before := h.head()
			h.must(h.PutRole(t.Context(), want, nil, origin("usr_admin")))
			h.obeys("PutRole")
			if got := h.definition(want.Name); got == nil || fmt.Sprint(*got) != fmt.Sprint(want) {
				t.Errorf("kept %+v, want %+v", got, want)
			}
			es := h.entries(before)
			if len(es) != 1 || es[0].Effect != revoke.Notice || es[0].Kind != revoke.Policy || es[0].ID != want.Name {
				t.Errorf("wrote %+v", es)
			}
		}
		if es := h.audited("role.put", "editor"); len(es) != 2 || es[0].Actor != "usr_admin" {
			t.Errorf("audited %+v", es)
		}
	})
}

func TestPutRoleRefuses(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		all, err := h.Roles(t.Context())
		h.must(err)
		before := h.head()
		for _, c := range []struct {
			name string
			role authz.Role
		}{
			{"no name", authz.Role{}},
			{"a name with NUL", authz.Role{Name: "a\x00b"}},
			{"a name that is not UTF-8", authz.Role{Name: "a\xff"}},
			{"a malformed permission", authz.Role{Name: "r", Permissions: []string{"post"}}},
			{"a permission with NUL", authz.Role{Name: "r", Permissions: []string{"post:\x00"}}},
			{"a permission twice", authz.Role{Name: "r", Permissions: []string{"post:edit", "post:edit"}}},
			{"a role to inherit that is not there", authz.Role{Name: "r", Inherits: []string{"nobody"}}},
			{"itself to inherit", authz.Role{Name: "r", Inherits: []string{"r"}}},
			{"a circle", authz.Role{Name: "member", Inherits: []string{"moderator"}}},
			{"an administrator who may not everything", authz.Role{Name: account.AdminRole, Permissions: []string{"post:*"}}},
		} {
			t.Run(c.name, func(t *testing.T) {
				err := h.PutRole(t.Context(), c.role, nil, origin(""))
				if e, ok := errors.AsType[*account.InvalidError](err); !ok || strings.Contains(e.Error(), "\n") {
					t.Errorf("error %v", err)
				}
			})
		}
		now, err := h.Roles(t.Context())
		h.must(err)
		if diff := cmp.Diff(all, now); diff != "" || h.head() != before || len(h.audited("role.put", "r")) > 0 {
			t.Errorf("something was changed:\n%s", diff)
		}
	})
}

func TestDeleteRole(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		u := h.member().User
		h.must(h.Assign(t.Context(), u.ID, "moderator", "", origin("")))
		for _, c := range []struct {
			name, role string
			notFound   bool
		}{
			{"one that another inherits", "member", false},
			{"the administrator", account.AdminRole, false},
			{"one that is not there", "nobody", true},
			{"nothing", "", true},
			{"NUL", "\x00", true},
		} {
			err := h.DeleteRole(t.Context(), c.role, nil, origin(""))
			_, invalid := errors.AsType[*account.InvalidError](err)
			if c.notFound != errors.Is(err, authz.ErrNotFound) || c.notFound == invalid {
				t.Errorf("deleting %s: %v", c.name, err)
			}
		}
		if h.definition("member") == nil || len(h.audited("role.delete", "")) > 0 {
			t.Error("deleted all the same")
		}
		before := h.head()
		h.must(h.DeleteRole(t.Context(), "moderator", nil, origin("usr_admin")))
		h.obeys("DeleteRole")
		if es := h.entries(before); len(es) != 1 || es[0].Effect != revoke.Notice || es[0].Kind != revoke.Policy {
			t.Errorf("wrote %+v", es)
		}
		if roles, err := h.Assigned(t.Context(), u.ID, ""); err != nil || !slices.Equal(roles, []string{"member"}) {
			t.Errorf("roles %v, %v", roles, err)
		}
		if es := h.audited("role.delete", "moderator"); len(es) != 1 || es[0].Actor != "usr_admin" {
			t.Errorf("audited %+v", es)
		}
	})
}

func TestEnsureRolesLeavesWhatIsThere(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		before := h.head()
		h.must(h.EnsureRoles(t.Context(), []authz.Role{{Name: "member", Permissions: []string{"*"}}}))
		if h.head() != before {
			t.Error("wrote to the log although nothing was missing")
		}
		h.must(h.EnsureRoles(t.Context(), []authz.Role{
			{Name: "member", Permissions: []string{"*"}}, {Name: "late", Inherits: []string{"later", "member"}}, {Name: "later"},
		}))
		h.obeys("EnsureRoles")
		if got := h.definition("member"); !slices.Equal(got.Permissions, []string{"post:create"}) {
			t.Errorf("replaced by %+v", got)
		}
		if h.definition("late") == nil || h.definition("later") == nil || len(h.audited("role.put", "late")) != 1 {
			t.Error("what was missing is missing")
		}
		for _, bad := range []authz.Role{{Name: "b", Inherits: []string{"nobody"}}, {Name: "b", Permissions: []string{"x"}}, {Name: "a\x00"}} {
			err := h.EnsureRoles(t.Context(), []authz.Role{{Name: "good"}, bad})
			if _, ok := errors.AsType[*account.InvalidError](err); !ok || h.definition("good") != nil {
				t.Errorf("%+v: %v", bad, err)
			}
		}
	})
}

// If-Match: of two who saw the same definition one wins, also if what they saw is
// that there is none.
func TestOneOfTwoEditorsWins(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		errChanged := errors.New("somebody was faster")
		for range testenv.Count(5, 200) {
			name := newName()
			for _, seen := range []*authz.Role{nil, {Name: name}} {
				if seen != nil {
					h.must(h.PutRole(t.Context(), *seen, nil, origin("")))
				}
				unless := func(current *authz.Role) error {
					if (current == nil) != (seen == nil) || current != nil && len(current.Permissions) > 0 {
						return errChanged
					}
					return nil
				}
				var won, lost atomic.Int64
				many(4, func(i int) {
					var err error
					if i == 3 && seen != nil {
						err = h.DeleteRole(t.Context(), name, unless, origin(""))
					} else {
						err = h.PutRole(t.Context(), authz.Role{Name: name, Permissions: []string{fmt.Sprintf("post:p%d", i)}}, unless, origin(""))
					}
					switch {
					case err == nil:
						won.Add(1)
					case errors.Is(err, errChanged):
						lost.Add(1)
					default:
						t.Error(err)
					}
				})
				if won.Load() != 1 || lost.Load() != 3 {
					t.Fatalf("%d won and %d lost", won.Load(), lost.Load())
				}
			}
		}
	})
}

// Two changes that compile, each by itself, and not together.
func TestDefinitionsAlwaysCompile(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		for range testenv.Count(5, 200) {
			a, b := newName(), newName()
			h.must(h.PutRole(t.Context(), authz.Role{Name: a}, nil, origin("")))
			h.must(h.PutRole(t.Context(), authz.Role{Name: b}, nil, origin("")))
			var refused atomic.Int64
			count := func(err error) {
				if _, ok := errors.AsType[*account.InvalidError](err); ok || errors.Is(err, authz.ErrNotFound) {
					refused.Add(1)
				} else if err != nil {
					t.Error(err)
				}
			}
			together(
				func() { count(h.PutRole(t.Context(), authz.Role{Name: a, Inherits: []string{b}}, nil, origin(""))) },
				func() { count(h.PutRole(t.Context(), authz.Role{Name: b, Inherits: []string{a}}, nil, origin(""))) },
				func() { count(h.DeleteRole(t.Context(), b, nil, origin(""))) },
			)
			all, err := h.Roles(t.Context())
			h.must(err)
			if _, err := authz.Compile(all); err != nil {
				t.Fatalf("no node can read the definitions any more: %v", err)
			}
			if refused.Load() == 0 {
				t.Error("nobody was refused")
			}
		}
	})
}

func TestAssign(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s := h.member()
		step := func(what string, f func() error, want ...string) {
			t.Helper()
			before := h.head()
			h.must(f())
			h.obeys(what)
			if got, err := h.Assigned(t.Context(), s.User.ID, ""); err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: roles %v, %v; want %v", what, got, err, want)
			}
			es := h.entries(before)
			if len(es) != 1 || es[0].Effect != revoke.Overlay || es[0].Kind != revoke.Subject || es[0].ID != s.User.ID || es[0].Org != "" || !slices.Equal(es[0].Overlay, want) {
				t.Errorf("%s: wrote %+v", what, es)
			}
			before = h.head()
			h.must(f())
			if h.head() != before {
				t.Errorf("%s again: wrote to the log", what)
			}
		}
		assign := func(role string) func() error {
			return func() error { return h.Assign(t.Context(), s.User.ID, role, "", origin("usr_admin")) }
		}
		unassign := func(role string) func() error {
			return func() error { return h.Unassign(t.Context(), s.User.ID, role, "", origin("usr_admin")) }
		}
		h.admin() // so that nobody is the last
		step("assigning", assign("moderator"), "member", "moderator")
		step("assigning the administrator", assign(account.AdminRole), account.AdminRole, "member", "moderator")
		step("taking the administrator", unassign(account.AdminRole), "member", "moderator")
		step("taking", unassign("member"), "moderator")
		step("taking the last", unassign("moderator"))
		h.alive(s, true, "whose roles were changed")
		if es := h.audited("role.assign", s.User.ID); len(es) != 2 || es[0].Actor != "usr_admin" || es[0].Detail["role"] == "" {
			t.Errorf("audited %+v", es)
		}
		if es := h.audited("role.unassign", s.User.ID); len(es) != 3 {
			t.Errorf("audited %+v", es)
		}

		for _, c := range []struct {
			name, user, role, org string
			err                   error
		}{
			{"an unknown role", s.User.ID, "nobody", "", authz.ErrNotFound},
			{"a role with NUL", s.User.ID, "\x00", "", authz.ErrNotFound},
			{"no role", s.User.ID, "", "", authz.ErrNotFound},
			{"an unknown user", "usr_nobody", "member", "", account.ErrNotFound},
			{"a user with NUL", "\x00", "member", "", account.ErrNotFound},
			{"an organization", s.User.ID, "member", "org_1", org.ErrNotFound},
		} {
			h.wants(h.Assign(t.Context(), c.user, c.role, c.org, origin("")), c.err, "assigning with %s", c.name)
			if c.name == "an unknown role" { // which the user does not have, and that is what was asked for
				c.err = nil
			}
			h.wants(h.Unassign(t.Context(), c.user, c.role, c.org, origin("")), c.err, "taking with %s", c.name)
		}
	})
}

func TestTooManyRolesForAnOverlayKill(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s := h.member()
		for i := range revoke.MaxOverlay {
			role := fmt.Sprintf("r%02d", i)
			h.must(h.PutRole(t.Context(), authz.Role{Name: role}, nil, origin("")))
			if i < revoke.MaxOverlay-1 {
				h.must(h.Assign(t.Context(), s.User.ID, role, "", origin("")))
			}
		}
		h.must(h.dead(s.Tokens.Access)) // with 32 roles
		before := h.head()
		h.must(h.Assign(t.Context(), s.User.ID, fmt.Sprintf("r%02d", revoke.MaxOverlay-1), "", origin("")))
		if es := h.entries(before); len(es) != 1 || es[0].Effect != revoke.Kill || es[0].Kind != revoke.Subject || es[0].Overlay != nil {
			t.Errorf("wrote %+v", es)
		}
		h.wants(h.dead(s.Tokens.Access), revoke.ErrRevoked, "the token before")
		next, err := h.refresh(s.Tokens)
		h.must(err)
		if got := h.claims(next.Access).Roles; len(got) != revoke.MaxOverlay+1 {
			t.Errorf("refreshed with %d roles", len(got))
		}
		h.wants(h.dead(next.Access), nil, "the token after")
	})
}
