package account_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/revoke"
)

// Whatever was signed in before the database was put back is out on every node,
// and stays so on nodes that begin afterwards; keys go on, and people come back.
func TestAfterARestoreEverybodySignsInAgain(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		other := h.start(t)
		s := h.member()
		cookie := h.again(s.User, false)
		key, _, err := h.CreateKey(t.Context(), s.User.ID, account.NewKey{Name: "k", Scopes: []string{"post:create"}}, origin(""))
		h.must(err)
		old := h.head()

		p, err := account.Restored(t.Context(), h.Store, "", "restore", account.Origin{Actor: "cli"})
		h.must(err)
		if head := h.head(); p != head || p.Log == old.Log || p.Seq <= old.Seq {
			t.Errorf("renewed from %v to %v, head %v", old, p, head)
		}
		nodes := []*node{h.node, other, h.start(t)}
		for i, n := range nodes {
			n.hears(p, true)
			n.isOut(s, fmt.Sprintf("node %d", i))
			if n.found(cookie.Cookie) || n.hasSession(cookie) {
				t.Errorf("node %d: the cookie goes on", i)
			}
			_, err := n.Token(t.Context(), by(cookie), "https://hs.example")
			n.wants(err, account.ErrNoSession, "node %d: a token of the session", i)
			k, err := n.Key(t.Context(), key.ID)
			if n.must(err); k.ID != key.ID {
				t.Errorf("node %d: the API key is gone", i)
			}
		}
		back := h.again(s.User, true)
		for _, n := range nodes {
			n.hears(h.head(), true)
			n.alive(back, true, "signed in again")
		}

		es := h.audited("log.renew", old.Log)
		if len(es) != 1 || es[0].Actor != "cli" || es[0].Detail["cause"] != "restore" || es[0].Detail["was"] != old.String() {
			t.Errorf("audited %+v", es)
		}
	})
}

// isOut checks that nothing of what a sign-in handed out works.
func (n *node) isOut(s *account.SignedIn, what string) {
	n.t.Helper()
	if n.hasSession(s) {
		n.t.Errorf("%s: the session goes on", what)
	}
	n.wants(n.dead(s.Tokens.Access), revoke.ErrRevoked, "%s: the access token", what)
	_, err := n.refresh(s.Tokens)
	n.wants(err, account.ErrInvalidToken, "%s: the refresh token", what)
}

// Of nodes that notice at once one renews, and the others find out where it is.
func TestNodesThatNoticeARestoreAtOnceRenewOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		nodes := []*node{h.node, h.start(t), h.start(t), h.start(t)}
		for range 5 {
			old := h.head()
			got := make([]revoke.Position, len(nodes))
			many(len(nodes), func(i int) {
				var err error
				if got[i], err = account.Restored(t.Context(), nodes[i].Store, old.Log, "went back", account.Origin{}); err != nil {
					t.Error(err)
				}
			})
			head := h.head()
			for _, p := range got {
				if p != head || p.Log == old.Log {
					t.Errorf("from %v to %v, head %v", old, p, head)
				}
			}
			if es := h.audited("log.renew", old.Log); len(es) != 1 || es[0].Actor != "system" {
				t.Errorf("audited %+v", es)
			}
		}
	})
}

// What began before a restore does not finish after it, wherever it was.
func TestNothingCrossesARestore(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		for _, c := range []struct {
			name   string
			update int // before which the database is put back
			do     func(s *account.Service, m *account.SignedIn) (cookie string, err error)
			want   error
		}{
			{"sign-in", 2, func(s *account.Service, m *account.SignedIn) (string, error) {
				_, err := s.SignIn(t.Context(), account.SignIn{Identifier: m.User.Username, Password: pass}, origin(""))
				return "", err
			}, account.ErrInvalidCredentials},
			{"refresh", 1, func(s *account.Service, m *account.SignedIn) (string, error) {
				_, err := s.Refresh(t.Context(), m.Tokens.Refresh, account.FirstParty, origin(""))
				return "", err
			}, account.ErrInvalidToken},
			{"password change", 2, func(s *account.Service, m *account.SignedIn) (string, error) {
				_, cookie, err := s.ChangePassword(t.Context(), by(m), pass, pass2, origin(""))
				return cookie, err
			}, account.ErrInvalidCredentials},
		} {
			n := h.on(t)
			m := n.member()
			s := n.beside(&hooked{Store: n.Store, before: func(update int) {
				if update == c.update {
					_, err := account.Restored(t.Context(), n.Store, "", "restore", account.Origin{})
					n.must(err)
				}
			}})
			cookie, err := c.do(s, m)
			n.wants(err, c.want, "%s", c.name)
			if cookie != "" && n.found(cookie) {
				t.Errorf("%s: its cookie works", c.name)
			}
			n.hears(n.head(), true)
			n.isOut(m, c.name)
		}
	})
}

// A restore that cannot be audited does not happen.
func TestRestoredIsAtomic(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		old := h.head()
		for at := 1; ; at++ {
			_, err := account.Restored(t.Context(), &faulty{Store: h.Store, failAt: at}, "", "restore", account.Origin{})
			if err == nil {
				break
			}
			h.wants(err, errDisk, "write %d", at)
			if head := h.head(); head != old {
				t.Fatalf("write %d failed, and yet the log went from %v to %v", at, old, head)
			}
			if es := h.audited("log.renew", ""); len(es) != 0 {
				t.Fatalf("write %d failed, and yet there is %+v", at, es)
			}
		}
		if head := h.head(); head.Log == old.Log {
			t.Error("nothing was done")
		}
	})
}

// A session that a transaction brought into being beside the restore ends, too,
// although nobody saw its row.
func TestASessionOfAnotherLogIsNone(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		m := h.member()
		sess, cookie := session.Timeouts{}.New(m.User.ID, time.Now())
		sess.AuthTime, sess.Position = time.Now(), revoke.Position{Log: "another", Seq: 1 << 40}
		h.update(func(tx account.Tx) error { return tx.Sessions.Create(t.Context(), sess) })
		if h.found(cookie) {
			t.Error("it is found")
		}
		all, err := h.Sessions(t.Context(), m.User.ID)
		if err != nil || len(all) != 1 || all[0].ID != m.Session.ID {
			t.Errorf("listed %+v, %v", all, err)
		}
		if err := h.EndSession(t.Context(), sess.ID, "", origin("")); err != nil && !errors.Is(err, session.ErrNotFound) {
			t.Error(err)
		}
	})
}

// A node asks the database before its follower has looked again. What is read in
// one that is behind what the node has read is worth nothing.
func TestADatabaseThatWasPutBackIsNotBelieved(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s := h.member()
		cookie := h.again(s.User, false)
		from := h.head()
		h.must(h.Assign(t.Context(), s.User.ID, "moderator", "", origin("")))
		back := h.beside(&behind{Store: h.Store, head: from})
		_, err := back.Session(t.Context(), secret.Hash(cookie.Cookie))
		h.wants(err, revoke.ErrStale, "the session of a cookie")
		_, err = back.SignIn(t.Context(), account.SignIn{Identifier: s.User.Username, Password: pass}, origin(""))
		h.wants(err, revoke.ErrStale, "a sign-in")
		_, err = back.Refresh(t.Context(), s.Tokens.Refresh, account.FirstParty, origin(""))
		h.wants(err, revoke.ErrStale, "a refresh")
		_, err = back.Token(t.Context(), by(cookie), "https://hs.example")
		h.wants(err, revoke.ErrStale, "a token")
		h.alive(s, true, "in the database as it is")
	})
}

// A behind store says that its log ends where it once did.
type behind struct {
	account.Store
	head revoke.Position
}

func (s *behind) View(ctx context.Context, f func(account.Tx) error) error {
	return s.Store.View(ctx, func(tx account.Tx) error {
		tx.Log = behindLog{tx.Log, s.head}
		return f(tx)
	})
}

type behindLog struct {
	revoke.Log
	head revoke.Position
}

func (l behindLog) Head(context.Context) (revoke.Head, error) {
	return revoke.Head{Position: l.head}, nil
}
