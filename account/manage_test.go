package account_test

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/apikey"
	"github.com/sallyport-auth/sallyport/internal/testenv"
)

func TestDisable(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s, somebody := h.member(), h.member()
		other := h.again(s.User, false)
		key, _, err := h.CreateKey(t.Context(), s.User.ID, account.NewKey{Name: "k", Scopes: []string{"post:create"}}, origin(""))
		h.must(err)
		for range 2 {
			h.must(h.Disable(t.Context(), s.User.ID, origin("usr_admin")))
			h.obeys("Disable")
			h.alive(s, false, "with tokens")
			h.alive(other, false, "with a cookie")
			_, err = h.Key(t.Context(), key.ID)
			h.wants(err, apikey.ErrNotFound, "the API key")
			_, _, err = h.CreateKey(t.Context(), s.User.ID, account.NewKey{Name: "k2", Scopes: []string{"post:create"}}, origin(""))
			h.wants(err, account.ErrNotFound, "a new API key")
		}
		h.alive(somebody, true, "somebody else")
		if es := h.audited("user.disable", s.User.ID); len(es) != 2 || es[0].Actor != "usr_admin" {
			t.Errorf("audited %+v", es)
		}

		h.must(h.Enable(t.Context(), s.User.ID, origin("usr_admin")))
		h.alive(s, false, "with tokens, enabled again")
		h.alive(other, false, "with a cookie, enabled again")
		_, err = h.Key(t.Context(), key.ID)
		h.wants(err, nil, "the API key, enabled again")
		h.alive(h.again(s.User, true), true, "signed in again")
		if roles, err := h.Assigned(t.Context(), s.User.ID, ""); err != nil || !slices.Equal(roles, []string{"member"}) {
			t.Errorf("roles %v, %v", roles, err)
		}
		for _, id := range []string{"usr_nobody", "", "\x00"} {
			h.wants(h.Disable(t.Context(), id, origin("")), account.ErrNotFound, "disabling %q", id)
			h.wants(h.Enable(t.Context(), id, origin("")), account.ErrNotFound, "enabling %q", id)
		}
	})
}

func TestDelete(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s, somebody := h.named("leaver"), h.member()
		other := h.again(s.User, false)
		key, _, err := h.CreateKey(t.Context(), s.User.ID, account.NewKey{Name: "k", Scopes: []string{"post:create"}}, origin(""))
		h.must(err)
		h.must(h.Delete(t.Context(), s.User.ID, origin("usr_admin")))
		h.obeys("Delete")
		h.alive(s, false, "with tokens")
		h.alive(other, false, "with a cookie")
		h.alive(somebody, true, "somebody else")
		_, err = h.Key(t.Context(), key.ID)
		h.wants(err, apikey.ErrNotFound, "the API key")
		_, err = h.User(t.Context(), s.User.ID)
		h.wants(err, account.ErrNotFound, "the user")
		if keys, err := h.Keys(t.Context(), s.User.ID); err != nil || len(keys) > 0 {
			t.Errorf("keys %v, %v", keys, err)
		}
		if roles, err := h.Assigned(t.Context(), s.User.ID, ""); err != nil || len(roles) > 0 {
			t.Errorf("roles %v, %v", roles, err)
		}
		if es := h.audited("user.delete", s.User.ID); len(es) != 1 || es[0].Actor != "usr_admin" {
			t.Errorf("audited %+v", es)
		}

		again := h.named("leaver")
		if again.User.ID == s.User.ID {
			t.Error("the id is used again")
		}
		h.alive(s, false, "after somebody took the name")
		h.alive(again, true, "who took the name")
		for _, id := range []string{s.User.ID, "usr_nobody", "", "\x00"} {
			h.wants(h.Delete(t.Context(), id, origin("")), account.ErrNotFound, "deleting %q", id)
		}
	})
}

func TestTheLastAdministratorStays(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		last, plain := h.admin(), h.member().User
		leave := map[string]func(account.User) error{
			"Disable": func(u account.User) error { return h.Disable(t.Context(), u.ID, origin("")) },
			"Delete":  func(u account.User) error { return h.Delete(t.Context(), u.ID, origin("")) },
			"Unassign": func(u account.User) error {
				return h.Unassign(t.Context(), u.ID, account.AdminRole, "", origin(""))
			},
		}
		s := h.again(last, true)
		for name, f := range leave {
			before := h.head()
			h.wants(f(last), account.ErrLastAdmin, "%s of the last administrator", name)
			if h.head() != before {
				t.Errorf("%s: refused, and yet in the log", name)
			}
		}
		h.alive(s, true, "the last administrator")
		h.wants(h.Unassign(t.Context(), plain.ID, account.AdminRole, "", origin("")), nil, "taking the role from who does not have it")

		// A disabled administrator is none, and may go.
		for _, f := range leave {
			other := h.admin()
			h.must(f(other))
			if h.Unassign(t.Context(), last.ID, account.AdminRole, "", origin("")) == nil {
				t.Error("the other one could not administer any more")
			}
		}
		disabled := h.admin()
		h.must(h.Disable(t.Context(), disabled.ID, origin("")))
		h.must(h.Unassign(t.Context(), disabled.ID, account.AdminRole, "", origin("")))
		h.must(h.Disable(t.Context(), plain.ID, origin("")))
		if got, err := h.HasAdmin(t.Context()); err != nil || !got {
			t.Errorf("there is an administrator: %v, %v", got, err)
		}
	})
}

// Two administrators remove each other, in every combination of ways, at once.
func TestAdministratorsCannotRemoveEachOther(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		ways := []func(account.User) error{
			func(u account.User) error { return h.Disable(t.Context(), u.ID, origin("")) },
			func(u account.User) error { return h.Delete(t.Context(), u.ID, origin("")) },
			func(u account.User) error { return h.Unassign(t.Context(), u.ID, account.AdminRole, "", origin("")) },
		}
		previous := h.admin()
		for i := range testenv.Count(3, 60) * len(ways) * len(ways) {
			a, b := h.admin(), h.admin()
			h.must(h.Disable(t.Context(), previous.ID, origin("")))
			var refused atomic.Int64
			remove := func(f func(account.User) error, u account.User) {
				switch err := f(u); {
				case errors.Is(err, account.ErrLastAdmin):
					refused.Add(1)
				case err != nil:
					t.Error(err)
				}
			}
			together(
				func() { remove(ways[i%3], a) },
				func() { remove(ways[i/3%3], b) },
			)
			if refused.Load() != 1 {
				t.Fatalf("round %d: %d of the two were refused", i, refused.Load())
			}
			previous = a
			if roles, err := h.Assigned(t.Context(), a.ID, ""); err != nil || !slices.Contains(roles, account.AdminRole) || h.disabled(a) {
				previous = b
			}
		}
	})
}

func (n *node) disabled(u account.User) bool {
	n.t.Helper()
	u, err := n.User(n.t.Context(), u.ID)
	if errors.Is(err, account.ErrNotFound) {
		return true
	}
	n.must(err)
	return u.Status == account.Disabled
}
