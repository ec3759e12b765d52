package account_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/revoke"
)

func TestTokenForAnotherAudience(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s := h.member()
		h.must(h.Assign(t.Context(), s.User.ID, "moderator", "", origin("")))
		audiences := []string{issuer, "https://hs.example", "https://es.example", "https://other.example"}
		kids := map[string]bool{}
		for _, audience := range audiences {
			position := h.head()
			signed, err := h.Token(t.Context(), by(s), audience)
			h.must(err)
			for _, at := range audiences {
				c, err := (&token.Verifier{Issuer: issuer, Audience: at, Keys: h.ring.Keys()}).Verify(t.Context(), signed)
				if (err == nil) != (at == audience) || err != nil && !errors.Is(err, token.ErrInvalid) {
					t.Errorf("a token for %s at %s: %v", audience, at, err)
				}
				if err != nil {
					continue
				}
				kids[c.KeyID] = true
				if c.Subject != s.User.ID || c.Session != s.Session.ID || c.Rev != position.String() || !c.AllRoles ||
					!slices.Equal(c.Roles, []string{"member", "moderator"}) || c.Expiry.Sub(c.IssuedAt) != 15*time.Minute || c.ACR != "aal1" {
					t.Errorf("the token says %+v", c)
				}
				// The key of one audience verifies no other's.
				key, err := h.ring.Keys().Key(t.Context(), c.KeyID)
				h.must(err)
				want := map[string]token.Alg{"https://hs.example": token.HS256, "https://es.example": token.ES256}[audience]
				if want != "" && key.Alg() != want {
					t.Errorf("%s is signed with %s", audience, key.Alg())
				}
			}
		}
		if len(kids) != 3 {
			t.Errorf("%d keys for three kinds of audience", len(kids))
		}
	})
}

func TestTokenRefuses(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s, out, idle, thief := h.member(), h.member(), h.member(), h.member()
		h.must(h.SignOut(t.Context(), by(out), false, origin("")))
		h.update(func(tx account.Tx) error {
			if _, err := tx.Sessions.End(t.Context(), idle.Session.ID); err != nil {
				return err
			}
			idle.Session.IdleExpiresAt = time.Now().Add(-time.Millisecond)
			return tx.Sessions.Create(t.Context(), idle.Session)
		})
		scoped, nothing, foreign := by(s), by(s), by(s)
		scoped.Scopes, nothing.Scopes, foreign.Session = []string{"post:create"}, []string{}, thief.Session.ID
		for _, c := range []struct {
			name string
			p    *sallyport.Principal
			want error
		}{
			{"a session that has ended", by(out), account.ErrNoSession},
			{"a session that idled out", by(idle), account.ErrNoSession},
			{"somebody else's session", foreign, account.ErrNoSession},
			{"a credential that is limited by scope", scoped, account.ErrNoToken},
			{"a credential that may nothing", nothing, account.ErrNoToken},
			{"a credential without session", &sallyport.Principal{Kind: sallyport.User, Subject: s.User.ID}, account.ErrNoToken},
			{"nobody", &sallyport.Principal{}, account.ErrNoToken},
		} {
			signed, err := h.Token(t.Context(), c.p, issuer)
			h.wants(err, c.want, "%s", c.name)
			if signed != "" {
				t.Errorf("%s: got a token", c.name)
			}
		}
	})
}

func TestATokenForAnotherAudienceDiesWithItsSession(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s := h.member()
		signed, err := h.Token(t.Context(), by(s), issuer)
		h.must(err)
		h.must(h.dead(signed))
		h.must(h.SignOut(t.Context(), by(s), false, origin("")))
		h.wants(h.dead(signed), revoke.ErrRevoked, "after sign-out")

		h.Service = h.beside(h.Store)
		h.Timeouts = session.Timeouts{Absolute: time.Minute}
		short := h.member()
		signed, err = h.Token(t.Context(), by(short), issuer)
		h.must(err)
		if c := h.claims(signed); c.Expiry.After(short.Session.ExpiresAt) {
			t.Errorf("a token until %v, of a session until %v", c.Expiry, short.Session.ExpiresAt)
		}
	})
}
