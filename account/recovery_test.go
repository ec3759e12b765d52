package account_test

import (
	"errors"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/outbox"
	"github.com/sallyport-auth/sallyport/authn/password"
)

// A letter is a mail that waits to be sent.
type letter struct {
	kind        outbox.Kind
	to          string
	token, code string
}

// mails returns the mails to an address that wait, newest first.
func (h *house) mails(to string) (all []letter) {
	h.t.Helper()
	var waiting []outbox.Message
	h.view(func(tx account.Tx) (err error) { waiting, err = tx.Outbox.Waiting(h.t.Context(), 1000); return err })
	for _, m := range waiting {
		l, err := m.Open(h.sealer)
		h.must(err)
		if l.To != to {
			continue
		}
		u, err := url.Parse(l.Data["link"])
		h.must(err)
		all = append(all, letter{m.Kind, l.To, u.Query().Get("token"), l.Data["code"]})
	}
	return all
}

// letter returns the newest mail to an address, which must be of that kind.
func (h *house) letter(to string, k outbox.Kind) letter {
	h.t.Helper()
	all := h.mails(to)
	if len(all) == 0 || all[0].kind != k {
		h.t.Fatalf("mails to %s: %+v, want %s first", to, all, k)
	}
	return all[0]
}

// proved adds somebody whose address is proved.
func (h *house) proved() account.User {
	h.t.Helper()
	name := newName()
	u, err := h.Add(h.t.Context(), account.Registration{
		Username: name, Email: name + "@example.org", EmailVerified: true, Password: pass,
	}, origin(""))
	h.must(err)
	return u
}

var nobody = &sallyport.Principal{}

func (l letter) byLink() account.Mailed { return account.Mailed{Token: l.token} }

func (l letter) byCode(identifier string) account.Mailed {
	return account.Mailed{Code: l.code, Identifier: identifier}
}

func TestResetPassword(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		for _, byCode := range []bool{false, true} {
			u := h.proved()
			old := h.again(u, true)
			h.must(h.ForgotPassword(t.Context(), u.Username, origin("")))
			m := h.letter(u.Email, outbox.Reset)
			k := m.byLink()
			if byCode {
				k = m.byCode(strings.ToUpper(u.Email))
				k.Code = " " + strings.ToLower(strings.ReplaceAll(k.Code, "-", " ")) // as people type
			}
			if _, ok := errors.AsType[*password.WeakError](h.ResetPassword(t.Context(), k, "short", origin(""))); !ok {
				t.Error("a weak password was taken")
			}
			h.must(h.ResetPassword(t.Context(), k, pass2, origin("")))
			h.obeys("ResetPassword")
			h.alive(old, false, "a session from before")
			h.wants(h.ResetPassword(t.Context(), k, pass, origin("")), account.ErrMailed, "again")
			_, err := h.SignIn(t.Context(), account.SignIn{Identifier: u.Username, Password: pass2}, origin(""))
			h.must(err)
			h.letter(u.Email, outbox.WasReset)
			if es := h.audited("password.reset", u.ID); len(es) != 1 || es[0].Actor != u.ID {
				t.Errorf("audited %+v", es)
			}
		}
	})
}

func TestWhatDoesNotResetAPassword(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		u, other := h.proved(), h.proved()
		h.must(h.ForgotPassword(t.Context(), u.Email, origin("")))
		older := h.letter(u.Email, outbox.Reset)
		h.must(h.ForgotPassword(t.Context(), u.Email, origin("")))
		m := h.letter(u.Email, outbox.Reset)
		h.must(h.SendLink(t.Context(), u.Email, "", origin("")))
		link := h.letter(u.Email, outbox.Link)
		for _, c := range []struct {
			name string
			k    account.Mailed
		}{
			{"the link of a mail before", older.byLink()},
			{"the code of a mail before", older.byCode(u.Email)},
			{"a link to sign in", link.byLink()},
			{"a code to sign in", link.byCode(u.Email)},
			{"somebody else's name with the code", m.byCode(other.Email)},
			{"the name of nobody", m.byCode("nobody@example.org")},
			{"a code in another script", account.Mailed{Code: "٧KQ2M4XT", Identifier: u.Email}},
			{"no link", account.Mailed{Token: "x"}},
			{"nothing", account.Mailed{Identifier: u.Email}},
		} {
			h.wants(h.ResetPassword(t.Context(), c.k, pass2, origin("")), account.ErrMailed, "%s", c.name)
		}
		h.must(h.ResetPassword(t.Context(), m.byLink(), pass2, origin("")))
		h.wants(h.redeemLink(link), account.ErrMailed, "a link to sign in from before the reset")
	})
}

func (h *house) redeemLink(l letter) error {
	_, err := h.RedeemLink(h.t.Context(), l.byLink(), account.SignIn{}, origin(""))
	return err
}

func TestALinkExpires(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		u := h.proved()
		h.must(h.SendLink(t.Context(), u.Email, "", origin("")))
		m := h.letter(u.Email, outbox.Link)
		h.expire(u)
		h.wants(h.redeemLink(m), account.ErrMailed, "expired")
	})
}

// expire puts the times of the user's tokens ten minutes back.
func (h *house) expire(u account.User) {
	h.t.Helper()
	h.update(func(tx account.Tx) error {
		t, err := tx.OneTime.Newest(h.t.Context(), u.ID, "link")
		if err != nil {
			return err
		}
		if err := tx.OneTime.EndAll(h.t.Context(), u.ID, "link"); err != nil {
			return err
		}
		t.CreatedAt, t.ExpiresAt = t.CreatedAt.Add(-10*time.Minute), t.ExpiresAt.Add(-10*time.Minute)
		return tx.OneTime.Create(h.t.Context(), t)
	})
}

func TestOneOfTwoWhoRedeemAtOnceGetsIn(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		other := h.start(t)
		for range 10 {
			u := h.proved()
			h.must(h.SendLink(t.Context(), u.Email, "", origin("")))
			m := h.letter(u.Email, outbox.Link)
			var won, lost atomic.Int64
			many(8, func(i int) {
				s := h.Service
				if i%2 == 0 {
					s = other.Service
				}
				k := m.byLink()
				if i%4 == 1 {
					k = m.byCode(u.Email)
				}
				switch _, err := s.RedeemLink(t.Context(), k, account.SignIn{}, origin("")); {
				case err == nil:
					won.Add(1)
				case errors.Is(err, account.ErrMailed):
					lost.Add(1)
				default:
					t.Error(err)
				}
			})
			if won.Load() != 1 || lost.Load() != 7 {
				t.Fatalf("%d got in, %d did not", won.Load(), lost.Load())
			}
		}
	})
}

// A thief who knows the old password, or has an old link, and began to sign in before
// the reset does not finish after it.
func TestAThiefsSignInRacesAReset(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		for name, steal := range map[string]func(*account.Service, account.User, letter) (*account.SignedIn, error){
			"by password": func(s *account.Service, u account.User, _ letter) (*account.SignedIn, error) {
				return s.SignIn(t.Context(), account.SignIn{Identifier: u.Username, Password: pass}, origin(""))
			},
			"by link": func(s *account.Service, _ account.User, stolen letter) (*account.SignedIn, error) {
				return s.RedeemLink(t.Context(), stolen.byLink(), account.SignIn{}, origin(""))
			},
		} {
			u := h.proved()
			h.must(h.SendLink(t.Context(), u.Email, "", origin("")))
			stolen := h.letter(u.Email, outbox.Link)
			h.must(h.ForgotPassword(t.Context(), u.Username, origin("")))
			m := h.letter(u.Email, outbox.Reset)
			last := 2 // spending is the first Update of a sign-in by password
			if name == "by link" {
				last = 1
			}
			done := false
			slow := h.beside(&hooked{Store: h.Store, before: func(n int) {
				if n == last && !done {
					done = true
					h.must(h.ResetPassword(t.Context(), m.byLink(), pass2, origin("")))
				}
			}})
			out, err := steal(slow, u, stolen)
			if err == nil {
				t.Errorf("%s: the thief is in: %+v", name, out.Session)
			}
		}
	})
}

func TestAskingTellsNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		ann := h.proved()
		unproved, err := h.Add(t.Context(), account.Registration{Username: newName(), Email: "unproved@example.org", Password: pass}, origin(""))
		h.must(err)
		closed := h.proved()
		h.must(h.Disable(t.Context(), closed.ID, origin("")))
		for _, who := range []string{
			ann.Email, ann.Username, unproved.Username, unproved.Email, closed.Email, "nobody@example.org", "nobody", "", "a\nb@example.org",
			strings.Repeat("a", 300) + "@example.org", `"quoted part"@example.org`, "аnn@example.org", ann.Email + "\r\nBcc: eve@example.org",
		} {
			h.must(h.ForgotPassword(t.Context(), who, origin("")))
			h.must(h.SendLink(t.Context(), who, "", origin("")))
		}
		if got := len(h.mails(ann.Email)); got != 4 { // two by address, two by name
			t.Errorf("%d mails to ann", got)
		}
		for _, to := range []string{unproved.Email, closed.Email, "nobody@example.org", "eve@example.org"} {
			if got := h.mails(to); len(got) != 0 {
				t.Errorf("mails to %s: %+v", to, got)
			}
		}
	})
}

func TestTooManyMailsForOneNameAreNotSent(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		u := h.proved()
		for range 20 {
			h.must(h.ForgotPassword(t.Context(), u.Email, origin("")))
		}
		if got := len(h.mails(u.Email)); got != 3 {
			t.Errorf("%d mails", got)
		}
		h.must(h.ResetPassword(t.Context(), h.letter(u.Email, outbox.Reset).byLink(), pass2, origin("")))
	})
}

func TestCodesCannotBeGuessed(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		u := h.proved()
		h.must(h.ForgotPassword(t.Context(), u.Email, origin("")))
		m := h.letter(u.Email, outbox.Reset)
		for _, who := range []string{u.Email, "nobody@example.org"} {
			for range 5 {
				h.wants(h.ResetPassword(t.Context(), account.Mailed{Code: "0000-0000", Identifier: who}, pass2, origin("")), account.ErrMailed, "a guess for %s", who)
			}
			_, limited := errors.AsType[*account.LimitError](h.ResetPassword(t.Context(), account.Mailed{Code: "0000-0000", Identifier: who}, pass2, origin("")))
			if !limited {
				t.Errorf("a sixth guess for %s is looked at", who)
			}
		}
		if _, limited := errors.AsType[*account.LimitError](h.ResetPassword(t.Context(), m.byCode(u.Email), pass2, origin(""))); !limited {
			t.Error("the right code is looked at in the pause")
		}
		h.must(h.ResetPassword(t.Context(), m.byLink(), pass2, origin(""))) // the link is nobody's guess
	})
}

func TestResetLink(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		u := h.member().User
		link, expires, err := h.ResetLink(t.Context(), u.ID, origin("usr_admin"))
		h.must(err)
		if d := time.Until(expires); d < 9*time.Minute || d > 10*time.Minute || !strings.HasPrefix(link, issuer+"/auth/password/reset?token=") {
			t.Errorf("%s for %v", link, d)
		}
		at, err := url.Parse(link)
		h.must(err)
		h.must(h.ResetPassword(t.Context(), account.Mailed{Token: at.Query().Get("token")}, pass2, origin("")))
		h.must(h.Disable(t.Context(), u.ID, origin("")))
		if _, _, err := h.ResetLink(t.Context(), u.ID, origin("usr_admin")); err == nil {
			t.Error("a link for a closed account")
		}
	})
}
