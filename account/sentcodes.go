package account

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport/account/outbox"
	"github.com/sallyport-auth/sallyport/authn/onetime"
	"github.com/sallyport-auth/sallyport/authn/otp"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/limit"
	"github.com/sallyport-auth/sallyport/revoke"
)

// challenge is the purpose of a code that is sent to a factor, enrolment that of the
// one with which it begins.
func challenge(channel otp.Kind) onetime.Purpose { return onetime.Purpose("factor." + string(channel)) }
func enrolment(channel otp.Kind) onetime.Purpose { return onetime.Purpose("enrol." + string(channel)) }

// sends spaces out the codes that are sent to somebody: half a minute, then twice as
// long each time. A code that was used starts it anew.
func (s *Service) sends() *limit.Tries {
	return &limit.Tries{Key: s.Sealer.Derive("limits of codes"), Purpose: "sent codes"}
}

// enrolTries are the codes that somebody may try who sets up a factor, whatever was
// sent meanwhile.
func (s *Service) enrolTries() *limit.Tries {
	return &limit.Tries{Key: s.Sealer.Derive("limits of codes"), Purpose: "enrolment codes", Free: 5}
}

// A SentCode says of a code that is on its way what anybody may know.
type SentCode struct {
	Channel   otp.Kind
	To        string // "a•••@example.org": its owner knows it, nobody else
	ExpiresAt time.Time
	Again     time.Duration // until another can be asked for
}

// A TooSoonError means that a code was sent just now. It is on its way.
type TooSoonError struct {
	Wait time.Duration // until another can be asked for
}

func (e *TooSoonError) Error() string {
	return fmt.Sprintf("a code was sent just now; wait %v", e.Wait.Round(time.Second))
}

// contact returns where codes of the channel go, "" if there is nothing that the user
// has proved to be theirs.
func (u *User) contact(channel otp.Kind) string {
	switch {
	case channel == otp.Email && u.EmailVerified:
		return u.Email
	case channel == otp.SMS && u.PhoneVerified:
		return u.Phone
	}
	return ""
}

func hint(channel otp.Kind, to string) string {
	if channel == otp.SMS {
		return otp.HintPhone(to)
	}
	return otp.HintEmail(to)
}

// send sends a code to the address or number, in this transaction. p is the position
// of the request that it belongs to.
func (s *Service) send(ctx context.Context, tx Tx, u User, channel otp.Kind, purpose onetime.Purpose, to string, p revoke.Position, now time.Time) (SentCode, error) {
	sends, name := s.sends(), u.ID+" "+string(purpose)
	wait, err := sends.Spend(ctx, tx.Failures, name, now)
	if err != nil {
		return SentCode{}, err
	}
	if wait > 0 {
		return SentCode{}, &TooSoonError{wait}
	}
	again, err := sends.Wait(ctx, tx.Failures, name, now)
	if err != nil {
		return SentCode{}, err
	}
	if err := tx.OneTime.EndAll(ctx, u.ID, purpose); err != nil {
		return SentCode{}, err
	}
	code := otp.NewCode()
	t := onetime.Token{
		ID: secret.NewID("otk"), User: u.ID, Purpose: purpose, Target: to, Position: p,
		// Only the code counts: of this value nobody hears.
		Hash:    secret.Hash(secret.NewToken()),
		CodeMAC: s.codes().MAC(purpose, u.ID, code), CreatedAt: now, ExpiresAt: now.Add(outbox.CodeLifetime),
	}
	if err := tx.OneTime.Create(ctx, t); err != nil {
		return SentCode{}, err
	}
	letter := outbox.Letter{User: u.ID, To: to, Locale: u.Locale, Data: map[string]string{"code": code, "host": s.host()}}
	kind := outbox.CodeByEmail
	if channel == otp.SMS {
		kind = outbox.CodeBySMS
	}
	if err := s.write(ctx, tx, kind, letter); err != nil {
		return SentCode{}, err
	}
	return SentCode{channel, hint(channel, to), t.ExpiresAt, again}, nil
}

// host is where a browser may fill in a code of a text message.
func (s *Service) host() string {
	u, err := url.Parse(s.Issuer)
	if err != nil {
		return ""
	}
	return u.Host
}

// SendCode sends a code to the factor of that channel, for who has a ticket or
// confirms within a session who they are. Errors: [ErrNoFactor], [TooSoonError],
// [ErrTicket], [ErrNoSession].
func (s *Service) SendCode(ctx context.Context, e Enroller, channel otp.Kind, o Origin) (sent SentCode, err error) {
	p, now, err := s.position(ctx)
	if err != nil {
		return sent, err
	}
	err = s.Store.Update(ctx, func(tx Tx) error {
		u, err := s.challenged(ctx, tx, e, now)
		if err != nil {
			return err
		}
		o := o
		o.Actor = u.ID
		own, err := s.methods(ctx, tx, u)
		if err != nil {
			return err
		}
		if !slices.Contains(own, Method(channel)) {
			return ErrNoFactor
		}
		if sent, err = s.send(ctx, tx, u, channel, challenge(channel), u.contact(channel), p, now); err != nil {
			return err
		}
		return s.auditSent(ctx, tx, u, channel, o, now)
	})
	return sent, err
}

// challenged locks who is to show a factor.
func (s *Service) challenged(ctx context.Context, tx Tx, e Enroller, now time.Time) (u User, err error) {
	if e.Ticket == "" {
		u, _, err = s.ownSession(ctx, tx, e.Principal, now)
	} else {
		_, u, err = s.lockTicket(ctx, tx, e.Ticket, now)
	}
	return u, err
}

func (s *Service) auditSent(ctx context.Context, tx Tx, u User, channel otp.Kind, o Origin, now time.Time) error {
	e := o.Entry("code.send", u.ID, now)
	e.Detail = map[string]string{"factor": string(channel)}
	return tx.Audit.Append(ctx, e)
}

// EnrolCode begins to set up codes by mail or telephone: it sends one to the user's
// verified address, or to phone. Errors: [InvalidError], [otp.CodeError], [TooSoonError],
// and those of an [Enroller].
func (s *Service) EnrolCode(ctx context.Context, e Enroller, channel otp.Kind, phone string, o Origin) (sent SentCode, err error) {
	if channel == otp.SMS {
		if phone, err = otp.ParsePhone(phone); err != nil {
			return sent, err
		}
	}
	if err := s.checkKind(channel); err != nil {
		return sent, err
	}
	p, now, err := s.position(ctx)
	if err != nil {
		return sent, err
	}
	err = s.Store.Update(ctx, func(tx Tx) error {
		u, err := s.enroller(ctx, tx, e, &o, now)
		if err != nil {
			return err
		}
		to := phone
		if channel == otp.Email {
			if to = u.contact(otp.Email); to == "" {
				return invalid("channel", "cannot be email: there is no address that you have verified")
			}
		}
		if sent, err = s.send(ctx, tx, u, channel, enrolment(channel), to, p, now); err != nil {
			return err
		}
		return s.auditSent(ctx, tx, u, channel, o, now)
	})
	return sent, err
}

// ConfirmCode ends what [Service.EnrolCode] began: with the code that was sent the
// number is verified, and the factor counts. Errors: [ErrWrongCode], also if none was
// sent, [otp.CodeError], [LimitError], and those of an [Enroller].
func (s *Service) ConfirmCode(ctx context.Context, e Enroller, channel otp.Kind, code string, o Origin) (*Enrolled, error) {
	typed, err := otp.ParseCode(code, otp.SentDigits)
	if err != nil {
		return nil, err
	}
	return s.enrolled(ctx, e, channel, o, func(tx Tx, u User, now time.Time) (refused, err error) {
		tries := s.enrolTries()
		wait, err := tries.Spend(ctx, tx.Failures, u.ID, now)
		if err != nil {
			return nil, err
		}
		if wait > 0 {
			return &LimitError{wait}, nil
		}
		t, ok, err := s.useSent(ctx, tx, u.ID, enrolment(channel), typed, now)
		switch {
		case err != nil:
			return nil, err
		case !ok:
			return ErrWrongCode, nil
		}
		if err := tries.Forgive(ctx, tx.Failures, u.ID); err != nil {
			return nil, err
		}
		if channel == otp.Email && t.Target != u.contact(otp.Email) { // it was changed meanwhile
			return ErrWrongCode, nil
		}
		return nil, s.addCode(ctx, tx, u, channel, t.Target, now)
	})
}

// addCode adds the factor, in place of the one of that channel that there may be.
func (s *Service) addCode(ctx context.Context, tx Tx, u User, channel otp.Kind, to string, now time.Time) error {
	if channel == otp.SMS {
		u.Phone, u.PhoneVerified, u.UpdatedAt = to, true, now
		if err := tx.Users.SetProfile(ctx, u); err != nil {
			return err
		}
	}
	old, err := factor(ctx, tx, u.ID, channel)
	switch {
	case errors.Is(err, ErrNoFactor):
	case err != nil:
		return err
	default:
		if _, err := tx.Factors.Remove(ctx, old.ID); err != nil {
			return err
		}
	}
	return tx.Factors.Create(ctx, otp.Factor{ID: secret.NewID("fac"), User: u.ID, Kind: channel, ConfirmedAt: now, CreatedAt: now})
}
