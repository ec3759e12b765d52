package account_test

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/outbox"
	"github.com/sallyport-auth/sallyport/authn/otp"
	"github.com/sallyport-auth/sallyport/revoke"
)

// enroller is somebody with a fresh session.
func enroller(s *account.SignedIn) account.Enroller { return account.Enroller{Principal: by(s)} }

// enrol sets up an authenticator app, and returns its key and the recovery codes.
func (n *node) enrol(s *account.SignedIn) (otp.Key, []string) {
	n.t.Helper()
	made, err := n.EnrolTOTP(n.t.Context(), enroller(s), origin(s.User.ID))
	n.must(err)
	done, err := n.ConfirmTOTP(n.t.Context(), enroller(s), nowCode(made.Key), origin(s.User.ID))
	n.must(err)
	return made.Key, done.RecoveryCodes
}

func nowCode(k otp.Key) string { return k.Code(k.Step(time.Now())) }

// letters are the messages of a kind that wait.
func (h *house) letters(k outbox.Kind) (all []outbox.Letter) {
	h.t.Helper()
	for _, l := range h.waiting(k) {
		all = append(all, l)
	}
	return all
}

// waiting are the same by the id of the message.
func (h *house) waiting(k outbox.Kind) map[string]outbox.Letter {
	h.t.Helper()
	all := map[string]outbox.Letter{}
	h.view(func(tx account.Tx) error {
		ms, err := tx.Outbox.Waiting(h.t.Context(), 1000)
		for _, m := range ms {
			if m.Kind != k {
				continue
			}
			if all[m.ID], err = m.Open(h.sealer); err != nil {
				return err
			}
		}
		return err
	})
	return all
}

// sent is the code that f has sent.
func (h *house) sent(k outbox.Kind, f func() error) string {
	h.t.Helper()
	before := h.waiting(k)
	h.must(f())
	for id, l := range h.waiting(k) {
		if _, was := before[id]; !was {
			return l.Data["code"]
		}
	}
	h.t.Fatal("nothing was sent")
	return ""
}

// proves gives the user an address that is proved.
func (h *house) proves(s *account.SignedIn) {
	h.t.Helper()
	h.update(func(tx account.Tx) error {
		u, err := tx.Users.Lock(h.t.Context(), s.User.ID)
		if err != nil {
			return err
		}
		u.Email, u.EmailVerified, u.UpdatedAt = u.Username+"@example.org", true, time.Now()
		u.EmailNorm = u.Email
		return tx.Users.SetProfile(h.t.Context(), u)
	})
}

func kinds(own account.OwnFactors) (all []otp.Kind) {
	for _, f := range own.Factors {
		all = append(all, f.Kind)
	}
	return all
}

func (n *node) own(s *account.SignedIn) account.OwnFactors {
	n.t.Helper()
	own, err := n.Factors(n.t.Context(), s.User.ID)
	n.must(err)
	return own
}

func TestAnAppCountsOnceItsCodeCameBack(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s := h.member()
		h.proves(s)
		ctx, who, from := t.Context(), enroller(s), origin(s.User.ID)
		_, err := h.ConfirmTOTP(ctx, who, "123456", from)
		h.wants(err, account.ErrNoFactor, "confirmed before it was begun")

		first, err := h.EnrolTOTP(ctx, who, from)
		h.must(err)
		made, err := h.EnrolTOTP(ctx, who, from)
		h.must(err)
		if !strings.Contains(made.URI, "Orchard") || !strings.Contains(made.URI, s.User.Username) {
			t.Errorf("the app will show %s", made.URI)
		}
		for what, code := range map[string]string{"wrong": "000000", "of the key before": nowCode(first.Key)} {
			_, err = h.ConfirmTOTP(ctx, who, code, from)
			h.wants(err, account.ErrWrongCode, "a code that is %s", what)
		}
		_, err = h.ConfirmTOTP(ctx, who, "12345O", from)
		if _, ok := errors.AsType[*otp.CodeError](err); !ok {
			t.Errorf("a code with a letter: %v", err)
		}
		if own := h.own(s); len(own.Factors) != 0 || own.CodesLeft != 0 {
			t.Errorf("before a good code: %+v", own)
		}

		head := h.head()
		done, err := h.ConfirmTOTP(ctx, who, nowCode(made.Key), from)
		h.must(err)
		h.obeys("ConfirmTOTP")
		if own := h.own(s); !slices.Equal(kinds(own), []otp.Kind{otp.TOTP}) || own.CodesLeft != otp.RecoverySet || len(done.RecoveryCodes) != otp.RecoverySet {
			t.Errorf("after a good code: %+v, and %d codes handed out", own, len(done.RecoveryCodes))
		}
		if es := h.entries(head); len(es) != 1 || es[0].Effect != revoke.Notice || es[0].Kind != revoke.Session {
			t.Errorf("the log says %+v", es)
		}
		if !h.found(done.Renewed.Cookie) {
			t.Error("the session has no new cookie")
		}
		if es := h.audited("factor.add", s.User.ID); len(es) != 1 || es[0].Detail["factor"] != "totp" || contains(es, made.Key.Text()) {
			t.Errorf("audited: %+v", es)
		}
		if ls := h.letters(outbox.FactorAdded); len(ls) != 1 || ls[0].Data["factor"] != "totp" {
			t.Errorf("told: %+v", ls)
		}
		_, err = h.ConfirmTOTP(ctx, who, nowCode(made.Key), from)
		h.wants(err, account.ErrNoFactor, "confirmed twice")
	})
}

func TestANewAppTakesThePlaceOfTheOldOne(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s := h.member()
		_, codes := h.enrol(s)
		made, err := h.EnrolTOTP(t.Context(), enroller(s), origin(s.User.ID))
		h.must(err)
		before := h.own(s).Factors[0].ID
		done, err := h.ConfirmTOTP(t.Context(), enroller(s), nowCode(made.Key), origin(s.User.ID))
		h.must(err)
		if own := h.own(s); len(own.Factors) != 1 || own.Factors[0].ID == before || own.CodesLeft != len(codes) || done.RecoveryCodes != nil {
			t.Errorf("now: %+v, handed out %d codes", own, len(done.RecoveryCodes))
		}
	})
}

func TestOfThoseWhoConfirmAtOnceOneAddsTheFactor(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s := h.member()
		made, err := h.EnrolTOTP(t.Context(), enroller(s), origin(s.User.ID))
		h.must(err)
		var added, sets atomic.Int64
		many(8, func(int) {
			done, err := h.ConfirmTOTP(t.Context(), enroller(s), nowCode(made.Key), origin(s.User.ID))
			switch {
			case err == nil:
				added.Add(1)
				if done.RecoveryCodes != nil {
					sets.Add(1)
				}
			case !errors.Is(err, account.ErrNoFactor) && !errors.Is(err, account.ErrWrongCode):
				t.Error(err)
			}
		})
		if own := h.own(s); added.Load() != 1 || sets.Load() != 1 || len(own.Factors) != 1 || own.CodesLeft != otp.RecoverySet {
			t.Errorf("%d added it, %d got codes; now %+v", added.Load(), sets.Load(), own)
		}
	})
}

func TestCodesByMailAndTelephone(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s := h.member()
		ctx, who, from := t.Context(), enroller(s), origin(s.User.ID)
		_, err := h.EnrolCode(ctx, who, otp.Email, "", from)
		if e, ok := errors.AsType[*account.InvalidError](err); !ok || e.Member != "channel" {
			t.Errorf("to no address: %v", err)
		}
		h.proves(s)
		for _, c := range []struct {
			channel  otp.Kind
			phone    string
			kind     outbox.Kind
			to, hint string
		}{
			{otp.Email, "", outbox.CodeByEmail, s.User.Username + "@example.org", "u•••@example.org"},
			{otp.SMS, "+4930123456", outbox.CodeBySMS, "+4930123456", "+49 ••• 56"},
		} {
			_, err = h.ConfirmCode(ctx, who, c.channel, "123456", from)
			h.wants(err, account.ErrWrongCode, "%s: a code before one was sent", c.channel)
			sent, err := h.EnrolCode(ctx, who, c.channel, c.phone, from)
			h.must(err)
			if sent.To != c.hint || sent.Again <= 0 || sent.Again > 30*time.Second {
				t.Errorf("%s: sent %+v", c.channel, sent)
			}
			_, err = h.EnrolCode(ctx, who, c.channel, c.phone, from)
			if e, ok := errors.AsType[*account.TooSoonError](err); !ok || e.Wait > 30*time.Second {
				t.Errorf("%s: asked again at once: %v", c.channel, err)
			}
			ls := h.letters(c.kind)
			if len(ls) != 1 || ls[0].To != c.to || ls[0].Data["host"] != "id.example" {
				t.Fatalf("%s: letters %+v", c.channel, ls)
			}
			code := ls[0].Data["code"]
			other := h.member()
			_, err = h.ConfirmCode(ctx, enroller(other), c.channel, code, from)
			h.wants(err, account.ErrWrongCode, "%s: a code of somebody else", c.channel)
			done, err := h.ConfirmCode(ctx, who, c.channel, otp.Grouped(code), from)
			h.must(err)
			if (done.RecoveryCodes != nil) != (c.channel == otp.Email) {
				t.Errorf("%s: %d recovery codes", c.channel, len(done.RecoveryCodes))
			}
			_, err = h.ConfirmCode(ctx, who, c.channel, code, from)
			h.wants(err, account.ErrWrongCode, "%s: a code that was used", c.channel)
			if es := h.audited("code.send", s.User.ID); contains(es, code) {
				t.Errorf("%s: the code is audited", c.channel)
			}
		}
		if got := kinds(h.own(s)); len(got) != 2 || !slices.Contains(got, otp.Email) || !slices.Contains(got, otp.SMS) {
			t.Errorf("factors: %v", got)
		}
		u, err := h.User(ctx, s.User.ID)
		h.must(err)
		if u.Phone != "+4930123456" || !u.PhoneVerified {
			t.Errorf("the number is %q, verified %v", u.Phone, u.PhoneVerified)
		}
	})
}

func TestWhoSetsUpANumberHasFiveTries(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s := h.member()
		ctx, who, from := t.Context(), enroller(s), origin(s.User.ID)
		_, err := h.EnrolCode(ctx, who, otp.SMS, "+4930123456", from)
		h.must(err)
		code := h.letters(outbox.CodeBySMS)[0].Data["code"]
		wrong := "000000"
		if code == wrong {
			wrong = "111111"
		}
		var looked, limited atomic.Int64
		many(12, func(int) {
			_, err := h.ConfirmCode(ctx, who, otp.SMS, wrong, from)
			_, over := errors.AsType[*account.LimitError](err)
			switch {
			case over:
				limited.Add(1)
			case errors.Is(err, account.ErrWrongCode):
				looked.Add(1)
			default:
				t.Error(err)
			}
		})
		if looked.Load() != 5 || limited.Load() != 7 {
			t.Errorf("of 12 at once %d were looked at, %d were not", looked.Load(), limited.Load())
		}
		_, err = h.ConfirmCode(ctx, who, otp.SMS, code, from)
		if _, over := errors.AsType[*account.LimitError](err); !over {
			t.Errorf("the right code, too late: %v", err)
		}
	})
}

func TestRemovingAFactor(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s := h.member()
		h.proves(s)
		ctx, from := t.Context(), origin(s.User.ID)
		_, err := h.RemoveFactor(ctx, by(s), otp.TOTP, from)
		h.wants(err, account.ErrNoFactor, "one that is not there")
		other := h.again(s.User, false)
		h.enrol(s)
		r, err := h.RemoveFactor(ctx, by(s), otp.TOTP, from)
		h.must(err)
		h.obeys("RemoveFactor")
		if own := h.own(s); len(own.Factors) != 0 || own.CodesLeft != 0 {
			t.Errorf("left: %+v", own)
		}
		if !h.found(r.Cookie) || !h.hasSession(other) {
			t.Error("a session ended")
		}
		if len(h.audited("factor.remove", s.User.ID)) != 1 || len(h.letters(outbox.FactorRemoved)) != 1 {
			t.Error("not audited, or not told")
		}
		_, err = h.RemoveFactor(ctx, by(h.member()), otp.TOTP, from)
		h.wants(err, account.ErrNoFactor, "somebody else's")
		h.must(h.SignOut(ctx, by(s), false, from))
		_, err = h.EnrolTOTP(ctx, enroller(s), from)
		h.wants(err, account.ErrNoSession, "signed out")
	})
}

func TestRecoveryCodesAreReplaced(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s := h.member()
		h.proves(s)
		_, _, err := h.NewRecoveryCodes(t.Context(), by(s), origin(s.User.ID))
		h.wants(err, account.ErrNoFactor, "without a factor")
		_, before := h.enrol(s)
		codes, r, err := h.NewRecoveryCodes(t.Context(), by(s), origin(s.User.ID))
		h.must(err)
		if len(codes) != otp.RecoverySet || slices.Equal(codes, before) || h.own(s).CodesLeft != otp.RecoverySet || !h.found(r.Cookie) {
			t.Errorf("%d codes, left %d", len(codes), h.own(s).CodesLeft)
		}
		if len(h.letters(outbox.RecoveryMade)) != 1 || len(h.audited("recovery_codes.make", s.User.ID)) != 1 {
			t.Error("not audited, or not told")
		}
	})
}

func TestAnAdministratorResetsFactors(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s, other := h.member(), h.member()
		h.proves(s)
		h.enrol(s)
		h.enrol(other)
		admin := h.admin()
		h.must(h.ResetFactors(t.Context(), s.User.ID, origin(admin.ID)))
		h.obeys("ResetFactors")
		if own := h.own(s); len(own.Factors) != 0 || own.CodesLeft != 0 {
			t.Errorf("left: %+v", own)
		}
		h.alive(s, false, "reset")
		h.alive(other, true, "somebody else")
		if len(h.own(other).Factors) != 1 {
			t.Error("somebody else's are gone")
		}
		if es := h.audited("factors.reset", s.User.ID); len(es) != 1 || es[0].Actor != admin.ID || len(h.letters(outbox.FactorsReset)) != 1 {
			t.Errorf("audited %+v", es)
		}
		h.wants(h.ResetFactors(t.Context(), "usr_none", origin("")), account.ErrNotFound, "nobody")
		h.again(s.User, true)
	})
}

func TestADeletedUserLeavesNoFactor(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s := h.member()
		h.enrol(s)
		h.must(h.Delete(t.Context(), s.User.ID, origin("")))
		h.view(func(tx account.Tx) error {
			left, err := tx.Recovery.Left(t.Context(), s.User.ID)
			fs, err2 := tx.Factors.Of(t.Context(), s.User.ID)
			if left != 0 || len(fs) != 0 {
				t.Errorf("left: %d codes, %+v", left, fs)
			}
			return errors.Join(err, err2)
		})
	})
}
