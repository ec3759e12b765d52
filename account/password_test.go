package account_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/authn/password"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/revoke"
)

func TestChangePassword(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s := h.member()
		others := []*account.SignedIn{h.again(s.User, true), h.again(s.User, false)}
		somebody := h.member()
		key, _, err := h.CreateKey(t.Context(), s.User.ID, account.NewKey{Name: "k", Scopes: []string{"post:create"}}, origin(""))
		h.must(err)
		sess, cookie, err := h.ChangePassword(t.Context(), by(s), pass, pass2, origin(s.User.ID))
		h.must(err)
		h.obeys("ChangePassword")

		for _, other := range others {
			h.alive(other, false, "another session")
		}
		h.alive(s, true, "the current session")
		h.alive(somebody, true, "somebody else")
		if _, err := h.Key(t.Context(), key.ID); err != nil {
			t.Errorf("the API key: %v", err)
		}
		if sess.ID != s.Session.ID || !h.found(cookie) {
			t.Errorf("goes on with %+v", sess)
		}
		u, err := h.User(t.Context(), s.User.ID)
		h.must(err)
		if sess.Position.Seq < u.KilledSeq || u.KilledSeq <= s.Session.Position.Seq {
			t.Errorf("the session is at %v, the user was killed at %d: it would not survive its own change", sess.Position, u.KilledSeq)
		}
		if es := h.audited("password.change", s.User.ID); len(es) != 1 || es[0].Outcome != audit.Success || contains(es, pass2) {
			t.Errorf("audited %+v", es)
		}
		_, err = h.SignIn(t.Context(), account.SignIn{Identifier: s.User.Username, Password: pass}, origin(""))
		h.wants(err, account.ErrInvalidCredentials, "the old password")
		_, err = h.SignIn(t.Context(), account.SignIn{Identifier: s.User.Username, Password: pass2}, origin(""))
		h.wants(err, nil, "the new password")
	})
}

// A cookie of which a copy was stolen is void, here and in every node's cache,
// even when no other session ends.
func TestChangePasswordRotatesTheCookie(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		for _, keep := range []bool{false, true} {
			for _, alone := range []bool{false, true} {
				h.Service = h.beside(h.Store)
				h.KeepOtherSessions = keep
				u := h.member().User
				s := h.again(u, false)
				if alone {
					h.must(h.EndOtherSessions(t.Context(), u.ID, s.Session.ID, origin("")))
				}
				a := &session.Authenticator{Sessions: h.Service, Cache: revoke.NewCache[[32]byte, *sallyport.Principal](h.Follower, 8)}
				offer := func(cookie string) error {
					_, err := a.Authenticate(t.Context(), sallyport.Credential{Scheme: sallyport.SchemeCookie, Value: cookie})
					return err
				}
				h.must(offer(s.Cookie)) // and now it is remembered
				_, cookie, err := h.ChangePassword(t.Context(), by(s), pass, pass2, origin(""))
				h.must(err)
				h.wants(offer(s.Cookie), sallyport.ErrInvalidCredential, "the old cookie, keep %v, alone %v", keep, alone)
				h.wants(offer(cookie), nil, "the new cookie, keep %v, alone %v", keep, alone)
			}
		}
	})
}

func TestChangePasswordMayKeepOtherSessions(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		h.Service = h.beside(h.Store)
		h.KeepOtherSessions = true
		s := h.member()
		others := []*account.SignedIn{h.again(s.User, true), h.again(s.User, false)}
		_, _, err := h.ChangePassword(t.Context(), by(s), pass, pass2, origin(""))
		h.must(err)
		h.obeys("ChangePassword")
		for _, each := range append(others, s) {
			h.alive(each, true, "a session that is kept")
		}
		if !h.found(others[1].Cookie) {
			t.Error("the cookie of another session is void")
		}
		began := &hooked{Store: h.Store, before: func(i int) {
			if i == 2 {
				_, _, err := h.ChangePassword(t.Context(), by(s), pass2, pass, origin(""))
				h.must(err)
			}
		}}
		_, err = h.beside(began).SignIn(t.Context(), account.SignIn{Identifier: s.User.Username, Password: pass2}, fresh())
		h.wants(err, account.ErrInvalidCredentials, "a sign-in with the old password that began before")
	})
}

func TestChangePasswordRefuses(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s, gone, out := h.member(), h.member(), h.member()
		h.must(h.Delete(t.Context(), gone.User.ID, origin("")))
		h.must(h.SignOut(t.Context(), by(out), false, origin("")))
		for _, c := range []struct {
			name          string
			p             *sallyport.Principal
			current, next string
			err           error
			reason        password.Reason
		}{
			{"wrong current password", by(s), pass2, pass2, account.ErrInvalidCredentials, ""},
			{"no current password", by(s), "", pass2, account.ErrInvalidCredentials, ""},
			{"no new password", by(s), pass, "", nil, password.TooShort},
			{"a short new password", by(s), pass, "short", nil, password.TooShort},
			{"a common new password", by(s), pass, "passwordpassword", nil, password.Common},
			{"a new password of the service's name", by(s), pass, "orchard-orchard", nil, password.Context},
			{"a credential without session", &sallyport.Principal{Kind: sallyport.User, Subject: s.User.ID}, pass, pass2, account.ErrNoSession, ""},
			{"a session that has ended", by(out), pass, pass2, account.ErrNoSession, ""},
			{"a user who is gone", by(gone), pass, pass2, account.ErrNoSession, ""},
		} {
			t.Run(c.name, func(t *testing.T) {
				n := h.on(t)
				before := h.hash(s.User)
				sess, cookie, err := n.ChangePassword(t.Context(), c.p, c.current, c.next, fresh())
				weak, isWeak := errors.AsType[*password.WeakError](err)
				if c.err != nil && !errors.Is(err, c.err) || (c.reason != "") != isWeak || isWeak && weak.Reason != c.reason {
					t.Errorf("error %v", err)
				}
				if cookie != "" || sess.ID != "" || h.hash(s.User) != before {
					t.Error("something was changed")
				}
			})
		}
		h.alive(s, true, "after refusals")
		es := h.audited("password.change", s.User.ID)
		if len(es) != 2 || slices.ContainsFunc(es, func(e audit.Entry) bool { return e.Outcome != audit.Failure }) {
			t.Errorf("audited %+v", es)
		}
	})
}

// A stolen session must not become a way to guess the password, and a new one
// that is too weak is no guess.
func TestChangePasswordIsLimitedLikeSignIn(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s := h.member()
		from := fresh()
		for range 10 {
			_, _, err := h.ChangePassword(t.Context(), by(s), pass, "short", from)
			if _, ok := errors.AsType[*password.WeakError](err); !ok {
				t.Fatal(err)
			}
		}
		for range 5 {
			_, _, err := h.ChangePassword(t.Context(), by(s), pass2, pass2, from)
			h.wants(err, account.ErrInvalidCredentials, "a wrong password")
		}
		_, _, err := h.ChangePassword(t.Context(), by(s), pass, pass2, from)
		if _, ok := errors.AsType[*account.LimitError](err); !ok {
			t.Errorf("after five: %v", err)
		}
		_, err = h.SignIn(t.Context(), account.SignIn{Identifier: s.User.Username, Password: pass}, from)
		if _, ok := errors.AsType[*account.LimitError](err); !ok {
			t.Errorf("signing in has a budget of its own: %v", err)
		}
	})
}

// What ends the session between the look at the password and the change.
func TestAPasswordChangeThatBeganBeforeDoesNotFinishAfter(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		for _, c := range []struct {
			name string
			end  func(n *node, s *account.SignedIn) error
			want error
		}{
			{"disabled", func(n *node, s *account.SignedIn) error { return n.Disable(t.Context(), s.User.ID, origin("")) }, account.ErrInvalidCredentials},
			{"deleted", func(n *node, s *account.SignedIn) error { return n.Delete(t.Context(), s.User.ID, origin("")) }, account.ErrInvalidCredentials},
			{"password set", func(n *node, s *account.SignedIn) error {
				return n.SetPassword(t.Context(), s.User.ID, "another heron, another river", origin(""))
			}, account.ErrInvalidCredentials},
			{"signed out everywhere", func(n *node, s *account.SignedIn) error { return n.SignOut(t.Context(), by(s), true, origin("")) }, account.ErrInvalidCredentials},
			{"signed out", func(n *node, s *account.SignedIn) error { return n.SignOut(t.Context(), by(s), false, origin("")) }, account.ErrNoSession},
		} {
			t.Run(c.name, func(t *testing.T) {
				n := h.on(t)
				s := n.member()
				store := &hooked{Store: n.Store, before: func(i int) {
					if i == 2 {
						n.must(c.end(n, s))
					}
				}}
				_, cookie, err := n.beside(store).ChangePassword(t.Context(), by(s), pass, pass2, fresh())
				n.wants(err, c.want, "changing the password")
				if cookie != "" {
					t.Error("got a cookie")
				}
				n.alive(s, false, c.name)
				_, err = n.SignIn(t.Context(), account.SignIn{Identifier: s.User.Username, Password: pass2}, fresh())
				n.wants(err, account.ErrInvalidCredentials, "the password that was refused")
			})
		}
	})
}

func TestSetPassword(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s := h.member()
		other := h.again(s.User, false)
		h.must(h.SetPassword(t.Context(), s.User.ID, pass2, origin("usr_admin")))
		h.obeys("SetPassword")
		h.alive(s, false, "with tokens")
		h.alive(other, false, "with a cookie")
		if es := h.audited("password.set", s.User.ID); len(es) != 1 || es[0].Actor != "usr_admin" || contains(es, pass2) {
			t.Errorf("audited %+v", es)
		}
		_, err := h.SignIn(t.Context(), account.SignIn{Identifier: s.User.Username, Password: pass2}, origin(""))
		h.wants(err, nil, "the new password")
		err = h.SetPassword(t.Context(), s.User.ID, "short", origin(""))
		if _, ok := errors.AsType[*password.WeakError](err); !ok {
			t.Errorf("a short password: %v", err)
		}
		for _, id := range []string{"usr_nobody", "", "\x00"} {
			h.wants(h.SetPassword(t.Context(), id, pass, origin("")), account.ErrNotFound, "of %q", id)
		}
		none, err := h.Add(t.Context(), account.Registration{Username: newName()}, origin(""))
		h.must(err)
		h.must(h.SetPassword(t.Context(), none.ID, pass, origin("")))
		h.again(none, false)
	})
}
