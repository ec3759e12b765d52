package account_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/internal/secret"
)

func TestWhoConfirmsGoesOnUnderANewCookie(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		in := h.again(h.member().User, false)
		p := by(in)
		for !time.Now().After(in.Session.AuthTime.Add(time.Millisecond)) { // which is what times are kept in
		}
		out, err := h.StepUp(t.Context(), p, account.Answer{Method: account.ByPassword, Code: pass}, origin(p.Subject))
		h.must(err)
		if out.Cookie == in.Cookie || out.Session.ID != in.Session.ID || !out.Session.AuthTime.After(in.Session.AuthTime) || out.Session.AAL != 1 {
			t.Fatalf("%+v", out)
		}
		h.view(func(tx account.Tx) error {
			if _, err := tx.Sessions.ByTokenHash(t.Context(), secret.Hash(in.Cookie)); err == nil {
				t.Error("the old cookie works")
			}
			sess, err := tx.Sessions.ByTokenHash(t.Context(), secret.Hash(out.Cookie))
			if err == nil && (sess.ID != in.Session.ID || !slices.Equal(sess.AMR, []string{"pwd"})) {
				t.Errorf("%+v", sess)
			}
			return err
		})
		if out.Access == "" || out.ExpiresIn <= 0 {
			t.Error("no access token")
		}
	})
}

func TestStepUpRefuses(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		in := h.again(h.member().User, false)
		p := by(in)
		other := by(h.member())
		ended := by(h.again(in.User, false))
		h.must(h.SignOut(t.Context(), ended, false, origin(p.Subject)))
		password := func(pw string) account.Answer { return account.Answer{Method: account.ByPassword, Code: pw} }
		for _, tt := range []struct {
			name string
			p    *sallyport.Principal
			a    account.Answer
			want error
		}{
			{"a wrong password", p, password("wrong wrong wrong wrong"), account.ErrInvalidCredentials},
			{"no password", p, password(""), account.ErrInvalidCredentials},
			{"a session that has ended", ended, password(pass), account.ErrNoSession},
			{"the session of somebody else", &sallyport.Principal{Kind: sallyport.User, Subject: p.Subject, Session: other.Session}, password(pass), account.ErrNoSession},
			{"no session", &sallyport.Principal{Kind: sallyport.User, Subject: p.Subject}, password(pass), account.ErrNoSession},
		} {
			_, err := h.StepUp(t.Context(), tt.p, tt.a, origin(tt.p.Subject))
			h.wants(err, tt.want, "%s", tt.name)
		}
		for _, m := range []account.Method{"", "totp", "pwd", "x"} {
			_, err := h.StepUp(t.Context(), p, account.Answer{Method: m, Code: "123456"}, origin(p.Subject))
			if _, ok := errors.AsType[*account.InvalidError](err); !ok {
				t.Errorf("method %q: %v", m, err)
			}
		}
	})
}

// A stolen session is no way to guess the password.
func TestGuessesInStepUpAreCounted(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		p := by(h.again(h.member().User, false))
		for range 5 {
			_, err := h.StepUp(t.Context(), p, account.Answer{Method: account.ByPassword, Code: "wrong wrong wrong wrong"}, origin(p.Subject))
			h.wants(err, account.ErrInvalidCredentials, "guess")
		}
		_, err := h.StepUp(t.Context(), p, account.Answer{Method: account.ByPassword, Code: pass}, origin(p.Subject))
		if _, ok := errors.AsType[*account.LimitError](err); !ok {
			t.Fatalf("the sixth: %v", err)
		}
	})
}

func TestWhoNeedsASecondFactorGetsATicketAndNoSession(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		u := h.member().User
		h.RequireFactorOf = []string{"member"}
		before, err := h.Sessions(t.Context(), u.ID)
		h.must(err)
		_, err = h.SignIn(t.Context(), account.SignIn{Identifier: u.Username, Password: pass, Mode: "cookie", ReturnTo: "/x"}, origin(""))
		need, ok := errors.AsType[*account.NeedsFactorError](err)
		if !ok || !need.Enrol || need.Ticket == "" || len(need.Methods) == 0 || time.Until(need.ExpiresAt) > account.TicketLife {
			t.Fatalf("%v: %+v", err, need)
		}
		after, err := h.Sessions(t.Context(), u.ID)
		h.must(err)
		if len(after) != len(before) {
			t.Error("there is a session")
		}
		p, err := h.Pending(t.Context(), need.Ticket)
		h.must(err)
		if p.User.ID != u.ID || !p.Enrol || p.Mode != "cookie" || p.ReturnTo != "/x" {
			t.Errorf("%+v", p)
		}
		for _, value := range []string{"", "x", need.Ticket + "x"} {
			_, err := h.Pending(t.Context(), value)
			h.wants(err, account.ErrTicket, "ticket %q", value)
			_, err = h.Continue(t.Context(), value, account.Answer{Method: account.ByTOTP, Code: "123456"}, origin(""))
			h.wants(err, account.ErrTicket, "ticket %q", value)
		}
	})
}

// security.md 20: what began before a reset must not finish after it.
func TestATicketDiesWithWhatEndsTheCredentials(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		for name, end := range map[string]func(account.User) error{
			"reset":    func(u account.User) error { return h.SetPassword(t.Context(), u.ID, pass+" new", origin("")) },
			"disabled": func(u account.User) error { return h.Disable(t.Context(), u.ID, origin("")) },
			"deleted":  func(u account.User) error { return h.Delete(t.Context(), u.ID, origin("")) },
		} {
			h.RequireFactor = false
			u := h.member().User
			h.RequireFactor = true
			_, err := h.SignIn(t.Context(), account.SignIn{Identifier: u.Username, Password: pass}, origin(""))
			need, ok := errors.AsType[*account.NeedsFactorError](err)
			if !ok {
				t.Fatal(err)
			}
			h.must(end(u))
			_, err = h.Continue(t.Context(), need.Ticket, account.Answer{Method: account.ByTOTP, Code: "123456"}, origin(""))
			h.wants(err, account.ErrTicket, "%s", name)
		}
	})
}
