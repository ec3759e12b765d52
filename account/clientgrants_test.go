package account_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/outbox"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/oauth"
)

// allows makes a grant and a consent of the user to a client.
func (n *node) allows(user string) {
	n.t.Helper()
	n.update(func(tx account.Tx) error {
		ctx, now := n.t.Context(), time.Now()
		return errors.Join(
			tx.ClientGrants.Create(ctx, oauth.Grant{ID: secret.NewID("gnt"), User: user, Client: "app", CreatedAt: now, ExpiresAt: now.Add(time.Hour)}),
			tx.Consents.Put(ctx, oauth.Consent{User: user, Client: "app", CreatedAt: now, UpdatedAt: now}))
	})
}

// allowed is how many grants and consents of the user there are.
func (n *node) allowed(user string) (count int) {
	n.t.Helper()
	n.view(func(tx account.Tx) error {
		grants, err := tx.ClientGrants.Of(n.t.Context(), user)
		consents, err2 := tx.Consents.Of(n.t.Context(), user)
		count = len(grants) + len(consents)
		return errors.Join(err, err2)
	})
	return count
}

func TestWhoLosesAnAccountLeavesNoProgramInIt(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		other := h.member().User.ID
		h.allows(other)
		for _, c := range []struct {
			name string
			end  func(*account.SignedIn) error
		}{
			{"the user is deleted", func(s *account.SignedIn) error {
				return h.Delete(t.Context(), s.User.ID, origin(""))
			}},
			{"somebody else proves the address", func(s *account.SignedIn) error {
				b, err := h.Begin(t.Context())
				h.must(err)
				who := account.Elsewhere{
					Provider: "up", Issuer: "https://id.example.com", Subject: s.User.ID, Email: s.User.Username + "@example.org", EmailVerified: true,
				}
				_, err = h.RegisterElsewhere(t.Context(), b, who, newName(), true, account.SignIn{}, origin(""))
				return err
			}},
			{"a change of the address is undone", func(s *account.SignedIn) error {
				old, changed := s.User.Username+"@example.org", s.User.Username+"@new.example"
				h.must(h.VerifyEmail(t.Context(), by(s), account.Verification{Mailed: h.letter(old, outbox.Verify).byLink()}, origin("")))
				h.must(h.SendVerification(t.Context(), by(s), changed, origin("")))
				h.must(h.VerifyEmail(t.Context(), by(s), account.Verification{Mailed: h.letter(changed, outbox.EmailChange).byLink()}, origin("")))
				return h.UndoEmailChange(t.Context(), h.letter(old, outbox.EmailChanged).token, origin(""))
			}},
		} {
			name := newName()
			s, err := h.Register(t.Context(), account.Registration{Username: name, Email: name + "@example.org", Password: pass}, account.SignIn{}, origin(""))
			h.must(err)
			h.allows(s.User.ID)
			h.wants(c.end(s), nil, "%s", c.name)
			if left := h.allowed(s.User.ID); left != 0 {
				t.Errorf("%s: %d left", c.name, left)
			}
		}
		if left := h.allowed(other); left != 2 {
			t.Errorf("somebody else's: %d left", left)
		}
	})
}
