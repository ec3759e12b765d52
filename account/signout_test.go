package account_test

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/revoke"
)

func TestSignOut(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s := h.member()
		other, somebody := h.again(s.User, true), h.member()
		key, _, err := h.CreateKey(t.Context(), s.User.ID, account.NewKey{Name: "k", Scopes: []string{"post:create"}}, origin(s.User.ID))
		h.must(err)

		h.must(h.SignOut(t.Context(), by(s), false, origin(s.User.ID)))
		h.obeys("SignOut")
		h.alive(s, false, "signed out")
		h.alive(other, true, "another session")
		h.must(h.SignOut(t.Context(), by(s), false, origin(s.User.ID)))
		if es := h.audited("session.end", s.User.ID); len(es) != 1 || es[0].Detail["session"] != s.Session.ID || es[0].Actor != s.User.ID {
			t.Errorf("audited %+v", es)
		}

		h.must(h.SignOut(t.Context(), by(other), true, origin(s.User.ID)))
		h.obeys("SignOut everywhere")
		h.alive(other, false, "signed out everywhere")
		if es := h.audited("user.sign_out_everywhere", s.User.ID); len(es) != 1 {
			t.Errorf("audited %+v", es)
		}
		if _, err := h.Key(t.Context(), key.ID); err != nil {
			t.Errorf("the API key: %v", err)
		}
		h.alive(somebody, true, "somebody else")
		h.alive(h.again(s.User, true), true, "signed in again")

		for _, everywhere := range []bool{false, true} {
			err := h.SignOut(t.Context(), &sallyport.Principal{Kind: sallyport.User, Subject: s.User.ID, Credential: "apikey"}, everywhere, origin(""))
			h.wants(err, account.ErrNoSession, "signing out with an API key")
		}
	})
}

func TestSessions(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s := h.member()
		list := func() (ids []string) {
			t.Helper()
			all, err := h.Sessions(t.Context(), s.User.ID)
			h.must(err)
			for _, sess := range all {
				ids = append(ids, sess.ID)
			}
			return ids
		}
		time.Sleep(2 * time.Millisecond) // newest first, to the millisecond
		second := h.again(s.User, false)
		h.Service = h.beside(h.Store)
		h.Timeouts = session.Timeouts{Idle: time.Millisecond}
		h.again(s.User, false)
		time.Sleep(3 * time.Millisecond)
		if got := list(); !slices.Equal(got, []string{second.Session.ID, s.Session.ID}) {
			t.Errorf("listed %v, want the two that are alive: %s, %s", got, second.Session.ID, s.Session.ID)
		}
		if all, err := h.Sessions(t.Context(), "usr_nobody"); err != nil || len(all) > 0 {
			t.Errorf("of nobody: %v, %v", all, err)
		}
	})
}

func TestEndSession(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s, other := h.member(), h.member()
		for _, c := range []struct{ name, id, subject string }{
			{"somebody else's", s.Session.ID, other.User.ID},
			{"one that is not there", strings.Replace(s.Session.ID, s.Session.ID[10:], strings.Repeat("0", len(s.Session.ID)-10), 1), s.User.ID},
			{"NUL", "\x00", ""},
			{"invalid UTF-8", "\xff", ""},
			{"nothing", "", s.User.ID},
		} {
			h.wants(h.EndSession(t.Context(), c.id, c.subject, origin("")), session.ErrNotFound, "ending %s", c.name)
		}
		h.alive(s, true, "after refusals")
		if es := h.audited("session.end", ""); len(es) > 0 {
			t.Errorf("audited %+v", es)
		}
		h.must(h.EndSession(t.Context(), s.Session.ID, s.User.ID, origin(s.User.ID)))
		h.obeys("EndSession")
		h.alive(s, false, "ended by its owner")
		h.must(h.EndSession(t.Context(), other.Session.ID, "", origin("usr_admin")))
		h.alive(other, false, "ended by an administrator")
		if es := h.audited("session.end", other.User.ID); len(es) != 1 || es[0].Actor != "usr_admin" {
			t.Errorf("audited %+v", es)
		}
	})
}

func TestASessionEndsOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s := h.member()
		var ended atomic.Int64
		many(4, func(int) {
			if h.EndSession(t.Context(), s.Session.ID, "", origin("")) == nil {
				ended.Add(1)
			}
		})
		if es := h.audited("session.end", s.User.ID); ended.Load() != 1 || len(es) != 1 {
			t.Errorf("ended %d times, audited %d times", ended.Load(), len(es))
		}
	})
}

func TestEndOtherSessions(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s := h.member()
		others := []*account.SignedIn{h.again(s.User, true), h.again(s.User, false), h.again(s.User, true)}
		somebody := h.member()
		before := h.head()
		h.must(h.EndOtherSessions(t.Context(), s.User.ID, s.Session.ID, origin(s.User.ID)))
		h.obeys("EndOtherSessions")
		for _, other := range others {
			h.alive(other, false, "another session")
		}
		h.alive(s, true, "the one that was kept")
		h.alive(somebody, true, "somebody else")
		es := h.entries(before)
		if len(es) != len(others) || slices.ContainsFunc(es, func(e revoke.Entry) bool { return e.Effect != revoke.Kill || e.Kind != revoke.Session }) {
			t.Errorf("wrote %+v", es)
		}
		h.must(h.EndOtherSessions(t.Context(), s.User.ID, s.Session.ID, origin(s.User.ID)))
		if es := h.audited("session.end_others", s.User.ID); len(es) != 1 {
			t.Errorf("audited %+v", es)
		}
		h.must(h.EndOtherSessions(t.Context(), s.User.ID, "", origin("usr_admin")))
		h.alive(s, false, "with nothing kept")
		h.wants(h.EndOtherSessions(t.Context(), "usr_nobody", "", origin("")), account.ErrNotFound, "of nobody")
	})
}

func TestSeenMovesTheIdleTimeoutOnceAMinute(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s := h.member().Session
		for _, c := range []struct {
			after time.Duration
			want  time.Duration
		}{{30 * time.Second, 0}, {time.Minute, time.Minute}, {-time.Hour, time.Minute}} {
			h.must(h.Seen(t.Context(), s, s.CreatedAt.Add(c.after)))
			all, err := h.Sessions(t.Context(), s.Subject)
			h.must(err)
			if got := all[0].IdleExpiresAt.Sub(s.IdleExpiresAt); got != c.want || all[0].LastSeenAt.Sub(s.LastSeenAt) != c.want {
				t.Errorf("seen after %v: moved by %v, want %v", c.after, got, c.want)
			}
		}
	})
}
