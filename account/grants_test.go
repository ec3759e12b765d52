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
	"github.com/sallyport-auth/sallyport/revoke"
)

var post7 = sallyport.UID{Type: "Post", ID: "7"}

// postGrant is a grant of two permissions on post 7.
func postGrant(kind authz.GranteeKind, id string) authz.Grant {
	return authz.Grant{
		Grantee: authz.Grantee{Kind: kind, ID: id}, Resource: post7,
		Permissions: []string{"post:delete", "post:edit"}, ExpiresAt: time.Now().Add(time.Hour),
	}
}

// grantedTo returns the permissions that the grantee has on post 7.
func (n *node) grantedTo(g authz.Grantee) (all []string) {
	n.t.Helper()
	grants, err := n.Grants(n.t.Context(), authz.GrantFilter{Resource: post7, Grantee: g})
	n.must(err)
	for _, g := range authz.JoinGrants(grants) {
		all = append(all, g.Permissions...)
	}
	return all
}

func TestGrant(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		u := h.member().User
		acme, err := h.CreateOrganization(t.Context(), account.NewOrganization{Slug: "acme"}, origin(""))
		h.must(err)
		for _, c := range []struct {
			kind   authz.GranteeKind
			id     string
			notice revoke.Kind
		}{
			{authz.SubjectGrantee, u.ID, revoke.Subject},
			{authz.RoleGrantee, "member", revoke.Policy},
			{authz.OrganizationGrantee, acme.ID, revoke.Org},
		} {
			g := postGrant(c.kind, c.id)
			step := func(what string, f func() error, want ...string) {
				t.Helper()
				before := h.head()
				h.must(f())
				h.obeys(what)
				if got := h.grantedTo(g.Grantee); !slices.Equal(got, want) {
					t.Errorf("%s %s: has %q, want %q", what, c.kind, got, want)
				}
				es := h.entries(before)
				if len(es) != 1 || es[0].Effect != revoke.Notice || es[0].Kind != c.notice || es[0].ID != c.id {
					t.Errorf("%s %s: wrote %+v", what, c.kind, es)
				}
			}
			take := func(permissions ...string) func() error {
				return func() error { return h.Ungrant(t.Context(), g.Grantee, g.Resource, permissions, origin("usr_admin")) }
			}
			step("giving", func() error { return h.Grant(t.Context(), g, origin("usr_admin")) }, "post:delete", "post:edit")
			step("taking one", take("post:delete", "post:read"), "post:edit")
			before := h.head()
			h.must(take("post:delete", "post:read")())
			if h.head() != before {
				t.Error("taking what is not there wrote to the log")
			}
			step("taking all", take())
			es := h.audited("grant.put", c.id)
			if len(es) != 1 || es[0].Actor != "usr_admin" || es[0].Detail["resource"] != `Post::"7"` || es[0].Detail["permissions"] != "post:delete post:edit" ||
				es[0].Detail["grantee"] != string(c.kind) || es[0].Detail["expires_at"] == "" {
				t.Errorf("audited %+v", es)
			}
			if es := h.audited("grant.remove", c.id); len(es) != 2 || es[1].Detail["permissions"] != "post:delete" {
				t.Errorf("audited %+v", es)
			}
		}
	})
}

func TestGrantRefuses(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		u := h.member().User
		before := h.head()
		for _, c := range []struct {
			name   string
			change func(*authz.Grant)
			err    error // nil = an InvalidError
		}{
			{"an unknown user", func(g *authz.Grant) { g.Grantee.ID = "usr_nobody" }, account.ErrNotFound},
			{"a user with NUL", func(g *authz.Grant) { g.Grantee.ID = "\x00" }, account.ErrNotFound},
			{"an unknown role", func(g *authz.Grant) { g.Grantee.Kind, g.Grantee.ID = authz.RoleGrantee, "nobody" }, authz.ErrNotFound},
			{"an unknown organization", func(g *authz.Grant) { g.Grantee.Kind, g.Grantee.ID = authz.OrganizationGrantee, "org_nobody" }, org.ErrNotFound},
			{"nobody", func(g *authz.Grant) { g.Grantee = authz.Grantee{} }, nil},
			{"a kind that is none", func(g *authz.Grant) { g.Grantee.Kind = "group" }, nil},
			{"no type", func(g *authz.Grant) { g.Resource.Type = "" }, nil},
			{"no id", func(g *authz.Grant) { g.Resource.ID = "" }, nil},
			{"an id with NUL", func(g *authz.Grant) { g.Resource.ID = "a\x00b" }, nil},
			{"an id that is not UTF-8", func(g *authz.Grant) { g.Resource.ID = "\xff" }, nil},
			{"an id that is too long", func(g *authz.Grant) { g.Resource.ID = strings.Repeat("x", 513) }, nil},
			{"no permission", func(g *authz.Grant) { g.Permissions = nil }, nil},
			{"a malformed permission", func(g *authz.Grant) { g.Permissions = []string{"post:edit", "post"} }, nil},
			{"too many permissions", func(g *authz.Grant) { g.Permissions = slices.Repeat([]string{"post:edit"}, 65) }, nil},
			{"an end that has passed", func(g *authz.Grant) { g.ExpiresAt = time.Now().Add(-time.Second) }, nil},
		} {
			t.Run(c.name, func(t *testing.T) {
				g := postGrant(authz.SubjectGrantee, u.ID)
				c.change(&g)
				err := h.Grant(t.Context(), g, origin(""))
				if _, ok := errors.AsType[*account.InvalidError](err); ok != (c.err == nil) || !ok && !errors.Is(err, c.err) {
					t.Errorf("error %v", err)
				}
			})
		}
		all, err := h.Grants(t.Context(), authz.GrantFilter{})
		h.must(err)
		if len(all) > 0 || h.head() != before || len(h.audited("grant.put", "")) > 0 {
			t.Errorf("something was changed: %+v", all)
		}
	})
}

func TestNobodyGrantsWhatTheyDoNotHold(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		u := h.member().User
		h.must(h.Assign(t.Context(), u.ID, "moderator", "", origin("")))
		grantee := authz.Grantee{Kind: authz.SubjectGrantee, ID: h.member().User.ID}
		for _, c := range []struct {
			name       string
			roles      []string
			scopes     []string
			permission string
			may        bool
		}{
			{"held", []string{"moderator"}, nil, "post:delete", true},
			{"held by inheritance", []string{"moderator"}, nil, "post:create", true},
			{"not held", []string{"moderator"}, nil, "post:edit", false},
			{"a pattern for more than is held", []string{"moderator"}, nil, "post:*", false},
			{"held, within the scope", []string{"moderator"}, []string{"post:*"}, "post:delete", true},
			{"held, and the scope is narrower", []string{"moderator"}, []string{"post:create"}, "post:delete", false},
			{"held, but not by the credential", []string{"member"}, nil, "post:delete", false},
			{"claimed, and not assigned", []string{account.AdminRole}, nil, "post:edit", false},
		} {
			g := authz.Grant{Grantee: grantee, Resource: post7, Permissions: []string{c.permission}}
			o := origin(u.ID)
			o.Giver = &sallyport.Principal{Kind: sallyport.User, Subject: u.ID, Roles: c.roles, Scopes: c.scopes}
			var want error
			if !c.may {
				want = account.ErrExceeds
			}
			h.wants(h.Grant(t.Context(), g, o), want, "giving what is %s", c.name)
			h.must(h.Grant(t.Context(), g, origin("")))
			h.wants(h.Ungrant(t.Context(), g.Grantee, g.Resource, g.Permissions, o), want, "taking what is %s", c.name)
			h.must(h.Ungrant(t.Context(), g.Grantee, g.Resource, nil, origin("")))
		}
		h.must(h.Grant(t.Context(), authz.Grant{Grantee: grantee, Resource: post7, Permissions: []string{"post:delete", "post:edit"}}, origin("")))
		o := origin(u.ID)
		o.Giver = &sallyport.Principal{Kind: sallyport.User, Subject: u.ID, Roles: []string{"moderator"}}
		h.wants(h.Ungrant(t.Context(), grantee, post7, nil, o), account.ErrExceeds, "taking all, of which one is not held")
		if got := h.grantedTo(grantee); len(got) != 2 {
			t.Errorf("left %q", got)
		}
	})
}

func TestGrantsGoWithTheGrantee(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		u, other := h.member().User, h.member().User
		acme, err := h.CreateOrganization(t.Context(), account.NewOrganization{Slug: "acme"}, origin(""))
		h.must(err)
		for _, g := range []authz.Grant{
			postGrant(authz.SubjectGrantee, u.ID), postGrant(authz.SubjectGrantee, other.ID), postGrant(authz.RoleGrantee, "moderator"), postGrant(authz.RoleGrantee, "member"),
			postGrant(authz.OrganizationGrantee, acme.ID),
		} {
			h.must(h.Grant(t.Context(), g, origin("")))
		}
		h.must(h.Delete(t.Context(), u.ID, origin("")))
		h.must(h.DeleteOrganization(t.Context(), acme.ID, origin("")))
		h.must(h.DeleteRole(t.Context(), "moderator", nil, origin("")))
		h.must(h.PutRole(t.Context(), authz.Role{Name: "moderator"}, nil, origin("")))
		for _, c := range []struct {
			kind authz.GranteeKind
			id   string
			want int
		}{
			{authz.SubjectGrantee, u.ID, 0}, {authz.SubjectGrantee, other.ID, 2}, {authz.RoleGrantee, "moderator", 0}, {authz.RoleGrantee, "member", 2},
			{authz.OrganizationGrantee, acme.ID, 0},
		} {
			if got := h.grantedTo(authz.Grantee{Kind: c.kind, ID: c.id}); len(got) != c.want {
				t.Errorf("%s %s has %q", c.kind, c.id, got)
			}
		}
	})
}

// Whoever grants while the grantee is deleted is too late or too early; nothing is
// left for an id that does not exist any more.
func TestNoGrantOutlivesItsGrantee(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		for range testenv.Count(5, 100) {
			u, role := h.member().User, newName()
			h.must(h.PutRole(t.Context(), authz.Role{Name: role}, nil, origin("")))
			g, r := postGrant(authz.SubjectGrantee, u.ID), postGrant(authz.RoleGrantee, role)
			tolerate := func(err error) {
				if err != nil && !errors.Is(err, account.ErrNotFound) && !errors.Is(err, authz.ErrNotFound) {
					t.Error(err)
				}
			}
			together(
				func() { tolerate(h.Grant(t.Context(), g, origin(""))) },
				func() { tolerate(h.Delete(t.Context(), u.ID, origin(""))) },
				func() { tolerate(h.Grant(t.Context(), r, origin(""))) },
				func() { tolerate(h.DeleteRole(t.Context(), role, nil, origin(""))) },
			)
			if left := append(h.grantedTo(g.Grantee), h.grantedTo(r.Grantee)...); len(left) > 0 {
				t.Fatalf("left %q", left)
			}
		}
	})
}

// A check that begins after a grant was taken does not see it any more, while
// others give and take beside it.
func TestATakenGrantIsGone(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		var done atomic.Bool
		many(4, func(i int) {
			if i == 3 { // a reader, for the race detector
				for !done.Load() {
					h.on(t).grantedTo(authz.Grantee{Kind: authz.RoleGrantee, ID: "member"})
				}
				return
			}
			defer done.Store(true)
			n := h.on(t)
			g := postGrant(authz.SubjectGrantee, n.member().User.ID)
			for round := range testenv.Count(5, 50) {
				n.must(n.Grant(t.Context(), g, origin("")))
				if got := n.grantedTo(g.Grantee); len(got) != 2 {
					t.Errorf("round %d: given, and has %q", round, got)
				}
				n.must(n.Ungrant(t.Context(), g.Grantee, g.Resource, nil, origin("")))
				if got := n.grantedTo(g.Grantee); len(got) > 0 {
					t.Errorf("round %d: taken, and has %q", round, got)
				}
			}
		})
	})
}

func TestGrantsPage(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		u := h.member().User
		for i := range 5 {
			g := postGrant(authz.SubjectGrantee, u.ID)
			g.Resource.ID = fmt.Sprint(i)
			h.must(h.Grant(t.Context(), g, origin("")))
		}
		f := authz.GrantFilter{Grantee: authz.Grantee{Kind: authz.SubjectGrantee, ID: u.ID}, Limit: 3}
		var all []authz.Grant
		for {
			page, err := h.Grants(t.Context(), f)
			h.must(err)
			if len(page) == 0 {
				break
			}
			all = append(all, page...)
			f.After = page[len(page)-1]
		}
		if joined := authz.JoinGrants(all); len(all) != 10 || len(joined) != 5 || len(joined[0].Permissions) != 2 {
			t.Errorf("paged through %d, joined to %+v", len(all), joined)
		}
		_, err := h.Grants(t.Context(), authz.GrantFilter{Resource: sallyport.UID{ID: "1"}})
		h.wants(err, authz.ErrFilter, "a filter without type")
	})
}

// A role may permit nothing, and yet be worth much by what was granted to it.
func TestNobodyGivesARoleThatWasGrantedMoreThanTheyHold(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		u := h.member().User
		h.must(h.Assign(t.Context(), u.ID, "moderator", "", origin("")))
		for _, r := range []authz.Role{{Name: "keeper"}, {Name: "heir", Inherits: []string{"keeper"}}, {Name: "sweeper"}} {
			h.must(h.PutRole(t.Context(), r, nil, origin("")))
		}
		h.must(h.Grant(t.Context(), postGrant(authz.RoleGrantee, "keeper"), origin("")))
		sweeps := postGrant(authz.RoleGrantee, "sweeper")
		sweeps.Permissions = []string{"post:delete"}
		h.must(h.Grant(t.Context(), sweeps, origin("")))
		o := given(h.giver(u.ID, ""))
		add := func(role string) error {
			_, err := h.Add(t.Context(), account.Registration{Username: newName(), Roles: []string{role}}, o)
			return err
		}
		for _, c := range []struct {
			name string
			do   func() error
			want error
		}{
			{"the role", func() error { return h.Assign(t.Context(), u.ID, "keeper", "", o) }, account.ErrExceeds},
			{"one that inherits it", func() error { return h.Assign(t.Context(), u.ID, "heir", "", o) }, account.ErrExceeds},
			{"to a new user", func() error { return add("heir") }, account.ErrExceeds},
			{"by a definition", func() error {
				return h.PutRole(t.Context(), authz.Role{Name: "moderator", Inherits: []string{"member", "heir"}}, nil, o)
			}, account.ErrExceeds},
			{"one that was granted what the giver holds", func() error { return h.Assign(t.Context(), u.ID, "sweeper", "", o) }, nil},
			{"that one, to a new user", func() error { return add("sweeper") }, nil},
		} {
			h.wants(c.do(), c.want, "giving %s", c.name)
		}
	})
}
