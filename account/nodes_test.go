package account_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/revoke"
)

// Two nodes on one database: what one changes the other obeys, at once if it is
// rung and within its next poll if it is not.
func TestTheOtherNodeObeys(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		other := h.start(t)
		cookies := &session.Authenticator{Sessions: other.Service, Cache: revoke.NewCache[[32]byte, *sallyport.Principal](other.Follower, 8)}
		offer := func(cookie string) error {
			_, err := cookies.Authenticate(t.Context(), sallyport.Credential{Scheme: sallyport.SchemeCookie, Value: cookie})
			return err
		}
		for _, c := range []struct {
			name string
			end  func(s, cookie *account.SignedIn) error
		}{
			{"signed out", func(s, cookie *account.SignedIn) error {
				return errors.Join(h.SignOut(t.Context(), by(s), false, origin("")), h.SignOut(t.Context(), by(cookie), false, origin("")))
			}},
			{"signed out everywhere", func(s, _ *account.SignedIn) error { return h.SignOut(t.Context(), by(s), true, origin("")) }},
			{"disabled", func(s, _ *account.SignedIn) error { return h.Disable(t.Context(), s.User.ID, origin("")) }},
			{"deleted", func(s, _ *account.SignedIn) error { return h.Delete(t.Context(), s.User.ID, origin("")) }},
			{"password set", func(s, _ *account.SignedIn) error { return h.SetPassword(t.Context(), s.User.ID, pass2, origin("")) }},
		} {
			for _, rung := range []bool{true, false} {
				s := h.member()
				cookie := h.again(s.User, false)
				other.must(other.dead(s.Tokens.Access))
				other.must(offer(cookie.Cookie)) // and now it is remembered
				h.must(c.end(s, cookie))
				other.hears(h.head(), rung)
				other.wants(other.dead(s.Tokens.Access), revoke.ErrRevoked, "%s, rung %v: the access token", c.name, rung)
				other.wants(offer(cookie.Cookie), sallyport.ErrInvalidCredential, "%s, rung %v: the cookie", c.name, rung)
				_, err := other.refresh(s.Tokens)
				other.wants(err, account.ErrInvalidToken, "%s, rung %v: the refresh token", c.name, rung)
			}
		}
	})
}

// hears waits until the node obeys p: by its own poll, or at once because it is
// rung.
func (n *node) hears(p revoke.Position, rung bool) {
	n.t.Helper()
	if rung {
		n.must(n.Follower.CatchUp(n.t.Context(), p))
		return
	}
	for begun := time.Now(); n.Follower.Cursor().Seq < p.Seq; time.Sleep(time.Millisecond) {
		if time.Since(begun) > time.Minute { // and not a second, lest a busy machine decides
			n.t.Fatalf("not heard of %v after a minute", p)
		}
	}
}

// Nodes that change one user at once: there is one order, and both obey it.
func TestNodesChangeOneUserAtOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		nodes := []*node{h.node, h.start(t)}
		s := h.member()
		for range 10 {
			many(len(nodes), func(i int) {
				n := nodes[i]
				for _, err := range []error{
					n.Assign(t.Context(), s.User.ID, "moderator", "", origin("")),
					n.Unassign(t.Context(), s.User.ID, "moderator", "", origin("")),
				} {
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		for _, n := range nodes {
			if roles, err := n.Assigned(t.Context(), s.User.ID, ""); err != nil || !slices.Equal(roles, []string{"member"}) {
				t.Errorf("roles %v, %v", roles, err)
			}
			n.hears(h.head(), true)
		}
		var last revoke.Entry
		for _, e := range h.entries(s.Session.Position) {
			if e.Effect == revoke.Overlay {
				last = e
			}
		}
		if !slices.Equal(last.Overlay, []string{"member"}) {
			t.Errorf("the newest overlay is %+v", last)
		}
		one, err := h.refresh(s.Tokens)
		h.must(err)
		two, err := nodes[1].refresh(s.Tokens)
		h.must(err)
		if one.Refresh != two.Refresh {
			t.Error("the nodes hand out different successors")
		}
	})
}

// A sign-out that another node was faster with is answered when this one obeys
// it too.
func TestASignOutThatCameLateIsObeyed(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		other := h.start(t)
		for range 3 {
			s := h.member()
			h.must(h.SignOut(t.Context(), by(s), false, origin("")))
			h.must(other.SignOut(t.Context(), by(s), false, origin("")))
			other.obeys("the second sign-out")
			other.wants(other.dead(s.Tokens.Access), revoke.ErrRevoked, "on the other node")

			h.must(h.Assign(t.Context(), s.User.ID, "moderator", "", origin("")))
			h.must(other.Assign(t.Context(), s.User.ID, "moderator", "", origin("")))
			other.obeys("an assignment that changed nothing")

			h.again(s.User, false)
			h.must(h.EndOtherSessions(t.Context(), s.User.ID, "", origin("")))
			h.must(other.EndOtherSessions(t.Context(), s.User.ID, "", origin("")))
			other.obeys("ending sessions that had ended")
		}
	})
}

// A node that does not hear from the log says so and does not say that it is done.
func TestAChangeThatIsNotObeyedIsAnError(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		other := h.start(t)
		s := other.member()
		other.Follower.Close()
		if err := other.SignOut(t.Context(), by(s), false, origin("")); err == nil {
			t.Error("answered as done by a node that does not follow the log")
		}
		h.must(h.Follower.CatchUp(context.Background(), revoke.Position{}))
		h.alive(s, false, "on the node that follows")
	})
}
