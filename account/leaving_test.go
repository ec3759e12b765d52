package account_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/apikey"
)

func TestLeave(t *testing.T) {
	later := func() time.Time { return time.Now().Add(account.LeavingPeriod + time.Minute) }
	everywhere(t, func(t *testing.T, h *house) {
		s, somebody := h.named("leaver"), h.member()
		other := h.again(s.User, false)
		key, _, err := h.CreateKey(t.Context(), s.User.ID, account.NewKey{Name: "k", Scopes: []string{"post:create"}}, origin(""))
		h.must(err)
		leave := func(s *account.SignedIn) time.Time {
			t.Helper()
			at, err := h.Leave(t.Context(), by(s), origin(s.User.ID))
			h.must(err)
			return at
		}
		first := leave(s)
		if d := time.Until(first); d < account.LeavingPeriod-time.Hour || d > account.LeavingPeriod {
			t.Errorf("it will be deleted in %v", d)
		}
		_, err = h.Leave(t.Context(), by(s), origin(s.User.ID))
		h.wants(err, account.ErrNoSession, "asked for again")
		h.obeys("Leave")
		h.alive(s, false, "with tokens")
		h.alive(other, false, "with a cookie")
		h.alive(somebody, true, "somebody else")
		_, err = h.Key(t.Context(), key.ID)
		h.wants(err, apikey.ErrNotFound, "the API key")

		if n, err := h.DeleteLeaving(t.Context(), time.Now(), 10); err != nil || n != 0 {
			t.Errorf("too early: %d, %v", n, err)
		}
		back := h.again(s.User, true)
		h.alive(back, true, "who came back")
		if es := h.audited("user.stay", s.User.ID); len(es) != 1 {
			t.Errorf("audited %+v", es)
		}
		if n, err := h.DeleteLeaving(t.Context(), later(), 10); err != nil || n != 0 {
			t.Errorf("who came back was looked at: %d, %v", n, err)
		}

		leave(back)
		if n, err := h.DeleteLeaving(t.Context(), later(), 10); err != nil || n != 1 {
			t.Errorf("in time: %d, %v", n, err)
		}
		_, err = h.User(t.Context(), s.User.ID)
		h.wants(err, account.ErrNotFound, "the user")
		if es := h.audited("user.delete", s.User.ID); len(es) != 1 || es[0].Actor != "system" {
			t.Errorf("audited %+v", es)
		}
		if n, err := h.DeleteLeaving(t.Context(), later(), 10); err != nil || n != 0 {
			t.Errorf("once more: %d, %v", n, err)
		}
	})
}

func TestTheLastAdministratorDoesNotLeave(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		first := h.again(h.admin(), false)
		_, err := h.Leave(t.Context(), by(first), origin(first.User.ID))
		h.wants(err, account.ErrLastAdmin, "leaving alone")
		second := h.member()
		h.must(h.Assign(t.Context(), second.User.ID, account.AdminRole, "", origin("")))
		for _, s := range []*account.SignedIn{first, second} { // each while the other is there
			if _, err := h.Leave(t.Context(), by(s), origin(s.User.ID)); err != nil && !errors.Is(err, account.ErrLastAdmin) {
				t.Error(err)
			}
		}
		if _, err := h.DeleteLeaving(t.Context(), time.Now().Add(account.LeavingPeriod+time.Minute), 10); err != nil {
			t.Error(err)
		}
		if has, err := h.HasAdmin(t.Context()); err != nil || !has {
			t.Errorf("an administrator is left: %v, %v", has, err)
		}
	})
}

func TestProfile(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s := h.member()
		for _, c := range []struct {
			name    string
			profile account.Profile
			want    account.Profile
			member  string // that is wrong
		}{
			{"a name and a language", account.Profile{DisplayName: "Änne 🌊", Locale: "de"}, account.Profile{DisplayName: "Änne 🌊", Locale: "de"}, ""},
			{"a language of a country, in its own way to write it", account.Profile{Locale: "EN_gb"}, account.Profile{Locale: "en-GB"}, ""},
			{"nothing", account.Profile{}, account.Profile{}, ""},
			{"a name of two lines", account.Profile{DisplayName: "a\nb"}, account.Profile{}, "display_name"},
			{"a name without an end", account.Profile{DisplayName: string(make([]byte, 500))}, account.Profile{}, "display_name"},
			{"no language", account.Profile{Locale: "<script>"}, account.Profile{}, "locale"},
		} {
			err := h.ChangeProfile(t.Context(), s.User.ID, c.profile, origin(s.User.ID))
			if e, ok := errors.AsType[*account.InvalidError](err); c.member != "" && (!ok || e.Member != c.member) || c.member == "" && err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			u, err := h.User(t.Context(), s.User.ID)
			if got := (account.Profile{DisplayName: u.DisplayName, Locale: u.Locale}); err != nil || got != c.want {
				t.Errorf("%s: %+v, %v", c.name, got, err)
			}
		}
		h.wants(h.ChangeProfile(t.Context(), "usr_nobody", account.Profile{}, origin("")), account.ErrNotFound, "of nobody")
	})
}

func TestActivity(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s, somebody := h.member(), h.member()
		h.must(h.ChangeProfile(t.Context(), s.User.ID, account.Profile{DisplayName: "Ann"}, origin(s.User.ID)))
		h.must(h.SetPlan(t.Context(), s.User.ID, "gold", origin("usr_admin")))
		h.must(h.SetPlan(t.Context(), somebody.User.ID, "gold", origin("usr_admin")))
		all, err := h.Activity(t.Context(), s.User.ID, "", 100)
		h.must(err)
		if len(all) < 3 || all[0].Action != "user.plan" || all[1].Action != "user.profile" {
			t.Fatalf("%+v", all)
		}
		seen := map[string]bool{}
		for before := ""; ; {
			page, err := h.Activity(t.Context(), s.User.ID, before, 1)
			h.must(err)
			if len(page) == 0 {
				break
			}
			before = page[0].ID
			if seen[before] || page[0].Target != s.User.ID && page[0].Actor != s.User.ID {
				t.Errorf("again, or of somebody else: %+v", page[0])
			}
			seen[before] = true
		}
		if len(seen) != len(all) {
			t.Errorf("page by page %d, at once %d", len(seen), len(all))
		}
	})
}
