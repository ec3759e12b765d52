package account_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/outbox"
	"github.com/sallyport-auth/sallyport/authn/otp"
)

// ticket signs the user in by password, which is not enough.
func (n *node) ticket(u account.User) *account.NeedsFactorError {
	n.t.Helper()
	_, err := n.SignIn(n.t.Context(), account.SignIn{Identifier: u.Username, Password: pass, WithTokens: true}, origin(""))
	need, ok := errors.AsType[*account.NeedsFactorError](err)
	if !ok {
		n.t.Fatalf("a password was enough, or wrong: %v", err)
	}
	return need
}

// answers answers the ticket.
func (n *node) answers(need *account.NeedsFactorError, m account.Method, code string) (*account.SignedIn, error) {
	return n.Continue(n.t.Context(), need.Ticket, account.Answer{Method: m, Code: code}, origin(""))
}

// laterCode is the code of the next step, which is good already and not used yet.
func laterCode(k otp.Key) string { return k.Code(k.Step(time.Now()) + 1) }

// everyFactor sets up everything that there is.
func (h *house) everyFactor() (s *account.SignedIn, k otp.Key, codes []string) {
	h.t.Helper()
	s = h.member()
	h.proves(s)
	for channel, kind := range map[otp.Kind]outbox.Kind{otp.Email: outbox.CodeByEmail, otp.SMS: outbox.CodeBySMS} {
		code := h.sent(kind, func() error {
			_, err := h.EnrolCode(h.t.Context(), enroller(s), channel, "+4930123456", origin(""))
			return err
		})
		done, err := h.ConfirmCode(h.t.Context(), enroller(s), channel, code, origin(""))
		h.must(err)
		if done.RecoveryCodes != nil {
			codes = done.RecoveryCodes
		}
	}
	k, _ = h.enrol(s)
	return s, k, codes
}

func TestEachFactorFinishesASignIn(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s, k, codes := h.everyFactor()
		need := h.ticket(s.User)
		want := []account.Method{account.ByTOTP, account.ByRecovery, account.ByEmail, account.BySMS}
		if need.Enrol || !slices.Equal(need.Methods, want) {
			t.Errorf("offered: %v, to enrol %v", need.Methods, need.Enrol)
		}
		sent := func(channel otp.Kind, kind outbox.Kind) string {
			return h.sent(kind, func() error {
				_, err := h.SendCode(t.Context(), account.Enroller{Ticket: need.Ticket}, channel, origin(""))
				return err
			})
		}
		for _, c := range []struct {
			method account.Method
			code   func() string
			amr    string
		}{
			{account.ByTOTP, func() string { return laterCode(k) }, "pwd otp mfa"},
			{account.ByRecovery, func() string { return strings.ToLower(codes[3]) }, "pwd otp mfa"},
			{account.ByEmail, func() string { return sent(otp.Email, outbox.CodeByEmail) }, "pwd otp mfa"},
			{account.BySMS, func() string { return sent(otp.SMS, outbox.CodeBySMS) }, "pwd sms mfa"},
		} {
			need = h.ticket(s.User)
			in, err := h.answers(need, c.method, c.code())
			if err != nil {
				t.Errorf("%s: %v", c.method, err)
				continue
			}
			if got := strings.Join(in.Session.AMR, " "); got != c.amr || in.Session.AAL != 2 {
				t.Errorf("%s: amr %s, level %d", c.method, got, in.Session.AAL)
			}
			h.alive(in, true, string(c.method))
			_, err = h.answers(need, c.method, "123456")
			h.wants(err, account.ErrTicket, "%s: the ticket again", c.method)
		}
		if left := h.own(s).CodesLeft; left != otp.RecoverySet-1 {
			t.Errorf("%d recovery codes left", left)
		}
		if ls := h.told(outbox.RecoveryUsed); len(ls) != 1 || ls[0].Data["left"] != "9" {
			t.Errorf("told: %+v", ls)
		}
	})
}

func TestACodeCountsOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s, k, codes := h.everyFactor()
		other, _, _ := h.everyFactor()
		code := laterCode(k)
		for _, c := range []struct {
			method account.Method
			code   string
			again  error
		}{
			{account.ByTOTP, code, account.ErrUsedCode},
			{account.ByRecovery, codes[0], account.ErrWrongCode},
		} {
			_, err := h.answers(h.ticket(other.User), c.method, c.code)
			h.wants(err, account.ErrWrongCode, "%s: the code of somebody else", c.method)
			_, err = h.answers(h.ticket(s.User), c.method, c.code)
			h.wants(err, nil, "%s: the first use", c.method)
			_, err = h.answers(h.ticket(s.User), c.method, c.code)
			h.wants(err, c.again, "%s: the second use, while it would still be good", c.method)
		}
		_, err := h.answers(h.ticket(s.User), account.ByTOTP, k.Code(k.Step(time.Now())))
		if !errors.Is(err, account.ErrUsedCode) && !errors.Is(err, account.ErrWrongCode) {
			t.Errorf("the code before the one that was used: %v", err)
		}
	})
}

func TestOfThoseWhoUseACodeAtOnceOneSignsIn(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s, k, codes := h.everyFactor()
		need := h.ticket(s.User)
		byMail := h.sent(outbox.CodeByEmail, func() error {
			_, err := h.SendCode(t.Context(), account.Enroller{Ticket: need.Ticket}, otp.Email, origin(""))
			return err
		})
		for method, code := range map[account.Method]string{
			account.ByTOTP: laterCode(k), account.ByRecovery: codes[1], account.ByEmail: byMail,
		} {
			tickets := make([]*account.NeedsFactorError, 5) // as many as may be tried
			for i := range tickets {
				tickets[i] = h.ticket(s.User)
			}
			var in atomic.Int64
			many(len(tickets), func(i int) {
				_, err := h.answers(tickets[i], method, code)
				switch {
				case err == nil:
					in.Add(1)
				case !errors.Is(err, account.ErrWrongCode) && !errors.Is(err, account.ErrUsedCode):
					t.Errorf("%s: %v", method, err)
				}
			})
			if in.Load() != 1 {
				t.Errorf("%s: %d signed in", method, in.Load())
			}
			h.update(func(tx account.Tx) error { return h.Codes.Forgive(t.Context(), tx.Failures, s.User.ID) })
		}
	})
}

func TestFiveTriesAcrossTicketsAndMethods(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s, k, codes := h.everyFactor()
		for i, c := range []struct {
			method account.Method
			code   string
		}{
			{account.ByTOTP, "000000"}, {account.ByRecovery, "00000-00000"}, {account.ByEmail, "000000"}, {account.BySMS, "000000"}, {account.ByTOTP, "000001"},
		} {
			_, err := h.answers(h.ticket(s.User), c.method, c.code)
			h.wants(err, account.ErrWrongCode, "try %d", i+1)
		}
		for method, code := range map[account.Method]string{account.ByTOTP: laterCode(k), account.ByRecovery: codes[0]} {
			_, err := h.answers(h.ticket(s.User), method, code)
			if e, ok := errors.AsType[*account.LimitError](err); !ok || e.Wait <= 0 || e.Wait > 30*time.Second {
				t.Errorf("%s, right and too late: %v", method, err)
			}
		}
		if left := h.own(s).CodesLeft; left != otp.RecoverySet {
			t.Errorf("a code that nobody looked at was used: %d left", left)
		}
	})
}

func TestACodeThatCannotBeOneIsNoTry(t *testing.T) {
	h := newHouse(t, backends[0])
	s, k, _ := h.everyFactor()
	for i := range 12 {
		_, err := h.answers(h.ticket(s.User), account.ByTOTP, fmt.Sprintf("12345%c", 'A'+i))
		if _, ok := errors.AsType[*otp.CodeError](err); !ok {
			t.Fatal(err)
		}
	}
	_, err := h.answers(h.ticket(s.User), account.ByTOTP, laterCode(k))
	h.wants(err, nil, "after twelve slips")
}

func TestASentCode(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s, _, _ := h.everyFactor()
		ctx := t.Context()
		need := h.ticket(s.User)
		who := account.Enroller{Ticket: need.Ticket}
		first := h.sent(outbox.CodeBySMS, func() error {
			sent, err := h.SendCode(ctx, who, otp.SMS, origin(""))
			if sent.To != "+49 ••• 56" || sent.Again <= 0 {
				t.Errorf("sent %+v", sent)
			}
			return err
		})
		_, err := h.SendCode(ctx, account.Enroller{Ticket: h.ticket(s.User).Ticket}, otp.SMS, origin(""))
		if _, ok := errors.AsType[*account.TooSoonError](err); !ok {
			t.Errorf("again at once, with another ticket: %v", err)
		}
		_, err = h.answers(need, account.ByEmail, first)
		h.wants(err, account.ErrWrongCode, "a code of another channel")
		_, err = h.SendCode(ctx, account.Enroller{Ticket: "nonsense"}, otp.SMS, origin(""))
		h.wants(err, account.ErrTicket, "no ticket")
		other := h.member()
		h.enrol(other)
		_, err = h.SendCode(ctx, account.Enroller{Ticket: h.ticket(other.User).Ticket}, otp.SMS, origin(""))
		h.wants(err, account.ErrNoFactor, "to who has no such factor")
		h.must(h.SetPassword(ctx, s.User.ID, pass, origin("")))
		_, err = h.SendCode(ctx, who, otp.SMS, origin(""))
		h.wants(err, account.ErrTicket, "after a reset")
		_, err = h.answers(need, account.BySMS, first)
		h.wants(err, account.ErrTicket, "the answer after a reset")
	})
}

func TestWhoNeedsAFactorSetsItUpWithTheirTicket(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s := h.member()
		h.RequireFactor = true
		need := h.ticket(s.User)
		if !need.Enrol || !slices.Contains(need.Methods, account.ByTOTP) {
			t.Errorf("asked for %+v", need)
		}
		who := account.Enroller{Ticket: need.Ticket}
		made, err := h.EnrolTOTP(t.Context(), who, origin(""))
		h.must(err)
		_, err = h.ConfirmTOTP(t.Context(), who, "000000", origin(""))
		h.wants(err, account.ErrWrongCode, "a wrong code")
		thief := h.ticket(s.User) // of somebody who knows the password, too
		done, err := h.ConfirmTOTP(t.Context(), who, nowCode(made.Key), origin(""))
		h.must(err)
		if done.SignedIn == nil || done.SignedIn.Session.AAL != 2 || len(done.RecoveryCodes) != otp.RecoverySet {
			t.Fatalf("got %+v", done)
		}
		h.alive(done.SignedIn, true, "signed in")
		if es := h.audited("factor.add", s.User.ID); len(es) != 1 || es[0].Actor != s.User.ID {
			t.Errorf("audited %+v", es)
		}
		for what, ticket := range map[string]string{"again": need.Ticket, "by a ticket from before": thief.Ticket} {
			_, err = h.EnrolTOTP(t.Context(), account.Enroller{Ticket: ticket}, origin(""))
			h.wants(err, account.ErrTicket, "set up %s", what)
		}
		_, err = h.RemoveFactor(t.Context(), by(done.SignedIn), otp.TOTP, origin(""))
		h.wants(err, account.ErrFactorNeeded, "removed, while one is needed")
	})
}

func TestOneTicketOfManySetsUpAFactor(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s := h.member()
		h.RequireFactor = true
		tickets := make([]*account.NeedsFactorError, 4)
		for i := range tickets {
			tickets[i] = h.ticket(s.User)
		}
		made, err := h.EnrolTOTP(t.Context(), account.Enroller{Ticket: tickets[0].Ticket}, origin(""))
		h.must(err)
		var in atomic.Int64
		many(len(tickets), func(i int) {
			_, err := h.ConfirmTOTP(t.Context(), account.Enroller{Ticket: tickets[i].Ticket}, nowCode(made.Key), origin(""))
			switch {
			case err == nil:
				in.Add(1)
			case !errors.Is(err, account.ErrTicket):
				t.Error(err)
			}
		})
		if own := h.own(s); in.Load() != 1 || len(own.Factors) != 1 {
			t.Errorf("%d signed in, factors %+v", in.Load(), own.Factors)
		}
	})
}

// A ticket that asks for a factor which is there does not set up another.
func TestATicketThatIsToBeAnsweredSetsUpNothing(t *testing.T) {
	h := newHouse(t, backends[0])
	s, _, _ := h.everyFactor()
	who := account.Enroller{Ticket: h.ticket(s.User).Ticket}
	_, err := h.EnrolTOTP(t.Context(), who, origin(""))
	h.wants(err, account.ErrTicket, "an app")
	_, err = h.EnrolCode(t.Context(), who, otp.SMS, "+4930654321", origin(""))
	h.wants(err, account.ErrTicket, "a number")
}

// Who took over a session that never saw the second factor cannot get round it for good.
// What only takes something away is open to everybody who is in.
func TestAWeakSessionChangesNoWayToSignIn(t *testing.T) {
	h := newHouse(t, backends[0])
	s := h.member()
	h.proves(s)
	weak, other := h.again(s.User, false), h.again(s.User, false)
	asked := h.made(enroller(weak), device())
	k := h.withPasskey(s, device())
	who := account.Elsewhere{Provider: "acme", Issuer: "https://acme.example", Subject: "1"}
	_, err := h.Connect(t.Context(), by(s), who, origin(s.User.ID))
	h.must(err)
	key, _, err := h.CreateOwnKey(t.Context(), by(s), account.NewKey{Name: "k", Scopes: []string{"post:read"}}, origin(s.User.ID))
	h.must(err)
	h.enrol(s)

	changes := []struct {
		what string
		do   func(*account.SignedIn) error
	}{
		{"an app", func(s *account.SignedIn) error {
			_, err := h.EnrolTOTP(t.Context(), enroller(s), origin(""))
			return err
		}},
		{"an app confirmed", func(s *account.SignedIn) error {
			_, err := h.ConfirmTOTP(t.Context(), enroller(s), "123456", origin(""))
			return err
		}},
		{"an app removed", func(s *account.SignedIn) error {
			_, err := h.RemoveFactor(t.Context(), by(s), otp.TOTP, origin(""))
			return err
		}},
		{"codes by telephone", func(s *account.SignedIn) error {
			_, err := h.EnrolCode(t.Context(), enroller(s), otp.SMS, "+4930123456", origin(""))
			return err
		}},
		{"codes confirmed", func(s *account.SignedIn) error {
			_, err := h.ConfirmCode(t.Context(), enroller(s), otp.SMS, "123456", origin(""))
			return err
		}},
		{"recovery codes", func(s *account.SignedIn) error {
			_, _, err := h.NewRecoveryCodes(t.Context(), by(s), origin(""))
			return err
		}},
		{"a passkey begun", func(s *account.SignedIn) error { _, err := h.BeginPasskey(t.Context(), enroller(s)); return err }},
		{"a passkey added", func(s *account.SignedIn) error {
			_, _, err := h.AddPasskey(t.Context(), enroller(s), "", asked, origin(""))
			return err
		}},
		{"a passkey named", func(s *account.SignedIn) error {
			_, err := h.RenamePasskey(t.Context(), by(s), k.ID, "Mine", origin(""))
			return err
		}},
		{"a passkey removed", func(s *account.SignedIn) error {
			_, err := h.RemovePasskey(t.Context(), by(s), k.ID, origin(""))
			return err
		}},
		{"a provider to be connected", func(s *account.SignedIn) error { return h.Strong(t.Context(), by(s)) }},
		{"a provider connected", func(s *account.SignedIn) error {
			_, err := h.Connect(t.Context(), by(s), account.Elsewhere{Provider: "other", Issuer: "https://other.example", Subject: "1"}, origin(""))
			return err
		}},
		{"a provider disconnected", func(s *account.SignedIn) error {
			_, err := h.Disconnect(t.Context(), by(s), "acme", origin(""))
			return err
		}},
		{"another address", func(s *account.SignedIn) error {
			return h.SendVerification(t.Context(), by(s), "thief@example.org", origin(""))
		}},
		{"another password", func(s *account.SignedIn) error {
			_, _, err := h.ChangePassword(t.Context(), by(s), pass, pass2, origin(""))
			return err
		}},
		{"an API key", func(s *account.SignedIn) error {
			_, _, err := h.CreateOwnKey(t.Context(), by(s), account.NewKey{Name: "k", Scopes: []string{"post:read"}}, origin(""))
			return err
		}},
		{"the account deleted", func(s *account.SignedIn) error { _, err := h.Leave(t.Context(), by(s), origin("")); return err }},
	}
	for _, c := range changes {
		h.wants(c.do(weak), account.ErrWeakSession, "%s, by a weak session", c.what)
	}
	h.must(h.RevokeKey(t.Context(), key.ID, s.User.ID, origin("")))
	h.must(h.EndSession(t.Context(), other.Session.ID, s.User.ID, origin("")))
	h.must(h.SignOut(t.Context(), by(weak), false, origin("")))
	for _, c := range changes {
		if err := c.do(s); errors.Is(err, account.ErrWeakSession) {
			t.Errorf("%s: the session that set up the factors is too weak", c.what)
		}
	}
}
