package account_test

import (
	"slices"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/revoke"
)

// frozen returns a service like the node's whose process freezes before it signs,
// after everything was read and committed, while something happens.
func (n *node) frozen(meanwhile func() error) *account.Service {
	s := *n.Service
	s.Sign = func(c *token.Claims) (string, error) {
		if err := meanwhile(); err != nil {
			return "", err
		}
		return n.Sign(c)
	}
	return &s
}

// A process that freezes between reading the position and signing, for however long,
// signs what is dead if something ended it meanwhile: the position is in the token.
func TestAFrozenProcessSignsWhatIsDead(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		other := h.start(t)
		for _, c := range []struct {
			name string
			end  func(s *account.SignedIn) error // on the other node
		}{
			{"signed out", func(s *account.SignedIn) error { return other.SignOut(t.Context(), by(s), false, origin("")) }},
			{"signed out everywhere", func(s *account.SignedIn) error { return other.SignOut(t.Context(), by(s), true, origin("")) }},
			{"reset", func(s *account.SignedIn) error { return other.SetPassword(t.Context(), s.User.ID, pass, origin("")) }},
			{"disabled", func(s *account.SignedIn) error { return other.Disable(t.Context(), s.User.ID, origin("")) }},
			{"deleted", func(s *account.SignedIn) error { return other.Delete(t.Context(), s.User.ID, origin("")) }},
		} {
			s := h.member()
			next, err := h.frozen(func() error { return c.end(s) }).Refresh(t.Context(), s.Tokens.Refresh, account.FirstParty, origin(""))
			h.must(err)
			h.hears(h.head(), true)
			h.wants(h.dead(next.Access), revoke.ErrRevoked, "%s while a refresh was frozen: the access token", c.name)
			other.wants(other.dead(next.Access), revoke.ErrRevoked, "%s while a refresh was frozen: the access token elsewhere", c.name)
			_, err = h.refresh(next)
			h.wants(err, account.ErrInvalidToken, "%s while a refresh was frozen: the refresh token", c.name)

			if c.name == "signed out" {
				continue // nobody knows of the session that begins
			}
			s = h.member()
			in, err := h.frozen(func() error { return c.end(s) }).SignIn(t.Context(), account.SignIn{Identifier: s.User.Username, Password: pass, WithTokens: true}, origin(""))
			h.must(err)
			h.hears(h.head(), true)
			h.alive(in, false, c.name+" while a sign-in was frozen")
		}
	})
}

// Roles that change while a token is minted are in an overlay past the token's
// position, whichever was faster: whoever verifies it replaces them.
func TestRolesThatChangeWhileATokenIsMinted(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		for _, c := range []struct {
			name   string
			change func(user, in string) error
			want   []string
		}{
			{"given", func(user, in string) error { return h.Assign(t.Context(), user, "moderator", in, origin("")) }, []string{"member", "moderator"}},
			{"taken", func(user, in string) error { return h.Unassign(t.Context(), user, "member", in, origin("")) }, nil},
		} {
			for _, everywhere := range []bool{true, false} {
				s := h.member()
				in := ""
				if !everywhere {
					in = h.organization(s).ID
					h.must(h.Assign(t.Context(), s.User.ID, "member", in, origin("")))
					h.must(h.SwitchOrganization(t.Context(), by(s), in, origin("")))
				}
				next, err := h.frozen(func() error { return c.change(s.User.ID, in) }).Refresh(t.Context(), s.Tokens.Refresh, account.FirstParty, origin(""))
				h.must(err)
				claims := h.claims(next.Access)
				rev, err := revoke.ParsePosition(claims.Rev)
				h.must(err)
				var roles []string
				found := false
				for _, e := range h.entries(rev) {
					if e.Effect == revoke.Overlay && e.ID == s.User.ID && e.Org == in {
						roles, found = e.Overlay, true
					}
				}
				if !found || !slices.Equal(roles, c.want) || !claims.AllRoles {
					t.Errorf("%s, everywhere %v: overlay %v past %v (%v), want %v", c.name, everywhere, roles, rev, found, c.want)
				}
			}
		}
	})
}

// Who has the key writes the position himself: only the kill of the key stops him,
// and it does whatever he writes.
func TestAThiefWhoHasTheKeyCannotOutrunItsKill(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s := h.member()
		claims := h.claims(s.Tokens.Access)
		forge := func(log string, seq int64) error {
			return h.Follower.Dead(revoke.Position{Log: log, Seq: seq}, revoke.IDs{Token: "forged", Subject: s.User.ID, Key: claims.KeyID})
		}
		log := h.head().Log
		h.must(forge(log, 1<<40))
		h.must(h.change(func(tx account.Tx) (revoke.Position, error) {
			return tx.Log.Append(t.Context(), revoke.Entry{Effect: revoke.Kill, Kind: revoke.Key, ID: claims.KeyID, ExpiresAt: time.Now().Add(time.Hour)})
		}))
		for _, seq := range []int64{0, h.head().Seq - 1, h.head().Seq, h.head().Seq + 1, 1 << 40, 1<<63 - 1} {
			h.wants(forge(log, seq), revoke.ErrRevoked, "a token that says that it is from %d", seq)
		}
		h.wants(forge("another", 1<<40), revoke.ErrRevoked, "a token of another log")
	})
}

// change does something in a transaction and waits until the node obeys it.
func (n *node) change(f func(account.Tx) (revoke.Position, error)) error {
	var p revoke.Position
	err := n.Store.Update(n.t.Context(), func(tx account.Tx) (err error) { p, err = f(tx); return err })
	if err != nil {
		return err
	}
	return n.CatchUp(n.t.Context(), p)
}
