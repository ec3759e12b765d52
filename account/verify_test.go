package account_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/outbox"
	"github.com/sallyport-auth/sallyport/authn/otp"
)

func (h *house) byEmail(email string) (ticket string) {
	h.t.Helper()
	ticket, err := h.RegisterByEmail(h.t.Context(), account.Registration{Email: email, Password: pass, Locale: "de"}, origin(""))
	h.must(err)
	return ticket
}

func (h *house) canSignIn(email, pw string) bool {
	h.t.Helper()
	_, err := h.SignIn(h.t.Context(), account.SignIn{Identifier: email, Password: pw}, fresh())
	return err == nil
}

func TestRegisterByEmail(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		email := newName() + "@Example.org"
		ticket := h.byEmail(email)
		m := h.letter(email, outbox.Verify)
		if h.canSignIn(email, pass) {
			t.Error("the account is there before the address is proved")
		}
		h.must(h.VerifyEmail(t.Context(), nobody, account.Verification{Mailed: account.Mailed{Code: m.code}, Ticket: ticket}, origin("")))
		if !h.canSignIn(email, pass) {
			t.Error("cannot sign in")
		}
		u, err := h.Find(t.Context(), email)
		h.must(err)
		if !u.EmailVerified || u.Email != email || u.Locale != "de" || u.Username != "" {
			t.Errorf("%+v", u)
		}
		h.wants(h.VerifyEmail(t.Context(), nobody, account.Verification{Mailed: m.byLink(), Ticket: ticket}, origin("")), account.ErrMailed, "again")

		again := h.byEmail(email) // now it is taken
		if got := h.letter(email, outbox.Registered); got.token != "" || got.code != "" {
			t.Errorf("the owner gets a token: %+v", got)
		}
		if len(again) != len(ticket) || again[:30] != ticket[:30] {
			t.Errorf("the ticket tells that the address is taken: %s, %s", ticket, again)
		}
		h.wants(h.VerifyEmail(t.Context(), nobody, account.Verification{Mailed: account.Mailed{Code: "0000-0000"}, Ticket: again}, origin("")), account.ErrMailed, "a guess")
	})
}

// Somebody registers the address of another, who opens the link: the password that the
// first one chose is worth nothing (security.md 14).
func TestWhoOpensTheLinkDoesNotGetTheStrangersPassword(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		email := newName() + "@example.org"
		h.byEmail(email)
		m := h.letter(email, outbox.Verify)
		v := account.Verification{Mailed: m.byLink()}
		h.wants(h.VerifyEmail(t.Context(), nobody, v, origin("")), account.ErrNotYours, "the link alone")
		v.Ticket = "nob_0.guess"
		h.wants(h.VerifyEmail(t.Context(), nobody, v, origin("")), account.ErrNotYours, "with another ticket")
		v.Password = pass2
		h.must(h.VerifyEmail(t.Context(), nobody, v, origin("")))
		if h.canSignIn(email, pass) || !h.canSignIn(email, pass2) {
			t.Error("the stranger's password works, or the owner's does not")
		}
	})
}

func TestAnAddressIsRegisteredOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		email := newName() + "@example.org"
		first := h.byEmail(email)
		older := h.letter(email, outbox.Verify)
		second := h.byEmail(strings.ToUpper(email))
		m := h.letter(strings.ToUpper(email), outbox.Verify)
		h.wants(h.VerifyEmail(t.Context(), nobody, account.Verification{Mailed: older.byLink(), Ticket: first}, origin("")), account.ErrMailed, "the mail before")
		var won atomic.Int64
		many(6, func(int) {
			if h.VerifyEmail(t.Context(), nobody, account.Verification{Mailed: m.byLink(), Ticket: second}, origin("")) == nil {
				won.Add(1)
			}
		})
		if won.Load() != 1 {
			t.Errorf("%d accounts", won.Load())
		}
	})
}

func TestVerifyAndChangeAnAddress(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		name := newName()
		out, err := h.Register(t.Context(), account.Registration{Username: name, Email: name + "@example.org", Password: pass}, account.SignIn{}, origin(""))
		h.must(err)
		m := h.letter(name+"@example.org", outbox.Verify)
		h.wants(h.VerifyEmail(t.Context(), nobody, account.Verification{Mailed: m.byLink(), Password: pass2}, origin("")), account.ErrNotYours, "by who is not signed in")
		h.wants(h.VerifyEmail(t.Context(), by(h.member()), account.Verification{Mailed: m.byLink()}, origin("")), account.ErrNotYours, "by somebody else")
		h.must(h.VerifyEmail(t.Context(), by(out), account.Verification{Mailed: account.Mailed{Code: m.code}}, origin("")))
		u, err := h.User(t.Context(), out.User.ID)
		h.must(err)
		if !u.EmailVerified {
			t.Error("not verified")
		}
		h.must(h.SendVerification(t.Context(), by(out), name+"@new.example", origin("")))
		change := h.letter(name+"@new.example", outbox.EmailChange)
		h.wants(h.VerifyEmail(t.Context(), nobody, account.Verification{Mailed: change.byLink(), Password: pass2}, origin("")), account.ErrNotYours, "by who is not signed in")
		h.must(h.VerifyEmail(t.Context(), by(out), account.Verification{Mailed: change.byLink()}, origin("")))
		h.wants(h.VerifyEmail(t.Context(), by(out), account.Verification{Mailed: change.byLink()}, origin("")), account.ErrMailed, "again")
		told := h.letter(name+"@example.org", outbox.EmailChanged)
		if u, _ = h.User(t.Context(), u.ID); u.Email != name+"@new.example" || !u.EmailVerified {
			t.Errorf("%+v", u)
		}

		h.must(h.UndoEmailChange(t.Context(), told.token, origin("")))
		h.obeys("UndoEmailChange")
		h.alive(out, false, "the session of whoever changed it")
		if u, _ = h.User(t.Context(), u.ID); u.Email != name+"@example.org" || !u.EmailVerified {
			t.Errorf("%+v", u)
		}
		if h.canSignIn(name, pass) {
			t.Error("the password still works")
		}
		h.wants(h.UndoEmailChange(t.Context(), told.token, origin("")), account.ErrMailed, "again")
		h.must(h.ResetPassword(t.Context(), h.letter(name+"@example.org", outbox.Reset).byLink(), pass2, origin("")))
		if !h.canSignIn(name, pass2) {
			t.Error("the owner does not get in")
		}
	})
}

func TestAnAddressThatIsSomebodyElsesIsNotProvedTwice(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		owner := h.proved()
		out := h.member()
		h.must(h.SendVerification(t.Context(), by(out), owner.Email, origin("")))
		m := h.letter(owner.Email, outbox.EmailChange)
		h.wants(h.VerifyEmail(t.Context(), by(out), account.Verification{Mailed: m.byLink()}, origin("")), account.ErrMailed, "taken")
		if u, _ := h.User(t.Context(), out.User.ID); u.Email != "" {
			t.Errorf("%+v", u)
		}
	})
}

func TestWhatIsNoAddress(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		out := h.member()
		for _, email := range []string{
			"", "ann", "ann@", "@example.org", "ann@example.org\r\nBcc: eve@example.org", "ann@example.org\n", "ann\x00@example.org",
			strings.Repeat("a", 300) + "@example.org", `"quoted part"@example.org`, "Ann <ann@example.org>", "ann@example.org, eve@example.org",
		} {
			if err := h.SendVerification(t.Context(), by(out), email, origin("")); !isInvalid(err, "email") {
				t.Errorf("change to %q: %v", email, err)
			}
			if _, err := h.RegisterByEmail(t.Context(), account.Registration{Email: email, Password: pass}, origin("")); !isInvalid(err, "email") {
				t.Errorf("register %q: %v", email, err)
			}
		}
	})
}

// A letter that only looks the same is another address: its owner proves it, and gets
// nothing of the other's.
func TestAnAddressThatLooksTheSameIsAnother(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		u := h.proved()
		alike := "а" + u.Email[1:] // Cyrillic
		h.must(h.ForgotPassword(t.Context(), alike, origin("")))
		if len(h.mails(u.Email))+len(h.mails(alike)) != 0 {
			t.Error("a mail went out")
		}
		full := strings.ReplaceAll(u.Email, "@", "＠") // full-width, which is the same
		h.must(h.ForgotPassword(t.Context(), full, origin("")))
		h.letter(u.Email, outbox.Reset)
	})
}

func isInvalid(err error, member string) bool {
	e, ok := errors.AsType[*account.InvalidError](err)
	return ok && e.Member == member
}

// Who stole a session may have made themselves at home: the way back ends all of it, and
// nothing that was there before.
func TestUndoingAChangeOfAddressGivesTheAccountBack(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		name := newName()
		out, err := h.Register(t.Context(), account.Registration{Username: name, Email: name + "@example.org", Password: pass}, account.SignIn{}, origin(""))
		h.must(err)
		h.must(h.VerifyEmail(t.Context(), by(out), account.Verification{Mailed: h.letter(name+"@example.org", outbox.Verify).byLink()}, origin("")))
		own, theirs := device(), device()
		old := h.withPasskey(out, own)
		h.update(func(tx account.Tx) error { // it was made long ago
			k, err := tx.Passkeys.ByCredential(t.Context(), old.CredentialID)
			if err != nil {
				return err
			}
			if _, err := tx.Passkeys.Remove(t.Context(), k.ID, k.User); err != nil {
				return err
			}
			k.CreatedAt = k.CreatedAt.AddDate(0, -1, 0)
			return tx.Passkeys.Create(t.Context(), k)
		})

		h.withPasskey(out, theirs) // before they change the address
		change := func(to string) {
			t.Helper()
			for before := time.Now().UnixMilli(); time.Now().UnixMilli() == before; { // links are told apart by the millisecond
			}
			h.must(h.SendVerification(t.Context(), by(out), to, origin("")))
			h.must(h.VerifyEmail(t.Context(), by(out), account.Verification{Mailed: h.letter(to, outbox.EmailChange).byLink()}, origin("")))
		}
		change(name + "@first.example")
		h.enrol(out)
		who := account.Elsewhere{Provider: "acme", Issuer: "https://acme.example", Subject: name}
		_, err = h.Connect(t.Context(), by(out), who, origin(out.User.ID))
		h.must(err)
		code := h.sent(outbox.CodeBySMS, func() error {
			_, err := h.EnrolCode(t.Context(), enroller(out), otp.SMS, "+4930123456", origin(""))
			return err
		})
		_, err = h.ConfirmCode(t.Context(), enroller(out), otp.SMS, code, origin(""))
		h.must(err)
		change(name + "@second.example")
		change(name + "@third.example")
		// The thief may undo a change of their own, and that helps nothing.
		h.must(h.UndoEmailChange(t.Context(), h.letter(name+"@second.example", outbox.EmailChanged).token, origin("")))

		h.must(h.UndoEmailChange(t.Context(), h.letter(name+"@example.org", outbox.EmailChanged).token, origin("")))
		h.obeys("UndoEmailChange")
		u, err := h.User(t.Context(), out.User.ID)
		h.must(err)
		if u.Email != name+"@example.org" || !u.EmailVerified || u.Phone != "" || u.PhoneVerified {
			t.Errorf("%+v", u)
		}
		h.alive(out, false, "the session of whoever changed it")
		_, err = h.byPasskey(h.chosen(theirs))
		h.wants(err, account.ErrPasskeyUnknown, "the passkey of whoever changed it")
		_, err = h.byPasskey(h.chosen(own))
		h.wants(err, nil, "the owner's passkey")
		b, err := h.Begin(t.Context())
		h.must(err)
		_, err = h.SignInElsewhere(t.Context(), b, who, account.SignIn{}, origin(""))
		h.wants(err, account.ErrNotConnected, "the provider of whoever changed it")
		if own := h.own(out); len(own.Factors) != 0 || own.CodesLeft == 0 {
			t.Errorf("factors %+v", own)
		}
		devices, err := h.Devices(t.Context(), u.ID, origin(""))
		h.must(err)
		if len(devices) != 1 { // that of the passkey, just now
			t.Errorf("known devices: %+v", devices)
		}
		es := h.audited("email.undo", u.ID)
		if len(es) != 2 || len(strings.Split(es[1].Detail["removed"], ", ")) != 4 || !strings.Contains(es[1].Detail["removed"], "federated acme") {
			t.Errorf("audited %+v", es)
		}
		h.wants(h.UndoEmailChange(t.Context(), h.letter(name+"@first.example", outbox.EmailChanged).token, origin("")), account.ErrMailed, "the thief's way back")
	})
}

// Without any factor of before the owner is not asked for codes that they never saw.
func TestAfterAnUndoNobodyNeedsTheCodesOfAThief(t *testing.T) {
	h := newHouse(t, backends[0])
	name := newName()
	out, err := h.Register(t.Context(), account.Registration{Username: name, Email: name + "@example.org", Password: pass}, account.SignIn{}, origin(""))
	h.must(err)
	h.must(h.VerifyEmail(t.Context(), by(out), account.Verification{Mailed: h.letter(name+"@example.org", outbox.Verify).byLink()}, origin("")))
	h.must(h.SendVerification(t.Context(), by(out), name+"@thief.example", origin("")))
	h.must(h.VerifyEmail(t.Context(), by(out), account.Verification{Mailed: h.letter(name+"@thief.example", outbox.EmailChange).byLink()}, origin("")))
	h.enrol(out)
	h.must(h.UndoEmailChange(t.Context(), h.letter(name+"@example.org", outbox.EmailChanged).token, origin("")))
	h.must(h.ResetPassword(t.Context(), h.letter(name+"@example.org", outbox.Reset).byLink(), pass2, origin("")))
	if !h.canSignIn(name, pass2) {
		t.Error("the owner does not get in")
	}
}

// Whoever made an account with somebody else's address has nothing once the owner of
// that address has proved it: no password, no passkey, no session, no known device.
func TestProvingAnAddressEndsAccountsThatOnlyClaimedIt(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		address := newName() + "@example.org"
		claims := func(roles ...string) *account.SignedIn {
			name := newName()
			u, err := h.Add(t.Context(), account.Registration{Username: name, Email: address, Password: pass, Roles: roles}, origin(""))
			h.must(err)
			return h.again(u, true)
		}
		squatter, admin, bystander := claims(), claims(account.AdminRole), h.member()
		d := device()
		h.withPasskey(squatter, d)
		owner, err := h.Register(t.Context(), account.Registration{Username: newName(), Email: address, Password: pass}, account.SignIn{WithTokens: true}, origin(""))
		h.must(err)
		h.must(h.VerifyEmail(t.Context(), by(owner), account.Verification{Mailed: h.letter(address, outbox.Verify).byLink()}, origin("")))
		h.obeys("VerifyEmail")
		h.alive(owner, true, "the owner")
		h.alive(admin, true, "an administrator")
		h.alive(bystander, true, "somebody else")
		h.alive(squatter, false, "who claimed it")
		if h.canSignIn(squatter.User.Username, pass) {
			t.Error("the password still works")
		}
		_, err = h.byPasskey(h.chosen(d))
		h.wants(err, account.ErrPasskeyUnknown, "the passkey")
		devices, err := h.Devices(t.Context(), squatter.User.ID, origin(""))
		h.must(err)
		if u, _ := h.User(t.Context(), squatter.User.ID); u.Email != "" || len(devices) != 0 {
			t.Errorf("%+v, devices %+v", u, devices)
		}
		if es := h.audited("user.disown", ""); len(es) != 1 || es[0].Target != squatter.User.ID {
			t.Errorf("audited %+v", es)
		}
	})
}

func TestRegisteringByAddressEndsAccountsThatOnlyClaimedIt(t *testing.T) {
	h := newHouse(t, backends[0])
	address := newName() + "@example.org"
	u, err := h.Add(t.Context(), account.Registration{Username: newName(), Email: address, Password: pass}, origin(""))
	h.must(err)
	squatter := h.again(u, true)
	ticket, err := h.RegisterByEmail(t.Context(), account.Registration{Email: address, Password: pass2}, origin(""))
	h.must(err)
	h.must(h.VerifyEmail(t.Context(), nobody, account.Verification{Mailed: h.letter(address, outbox.Verify).byLink(), Ticket: ticket}, origin("")))
	h.obeys("VerifyEmail")
	h.alive(squatter, false, "who claimed it")
	if !h.canSignIn(address, pass2) {
		t.Error("the owner does not get in")
	}
}
