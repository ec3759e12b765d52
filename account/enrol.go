package account

import (
	"context"
	"errors"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authn/otp"
	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/ssf"
)

// An Enroller is who sets up a factor: somebody whose session is fresh enough, which
// is for the caller to see to, or somebody whose sign-in may not end without a factor
// that they do not have yet. Exactly one of its fields is set.
type Enroller struct {
	Principal *sallyport.Principal
	Ticket    string // of a [NeedsFactorError] with Enrol
}

// Enrolled is what somebody gets who has set up a factor.
type Enrolled struct {
	RecoveryCodes []string  // with the first factor, this once
	Renewed       Renewed   // the session, of who has one
	SignedIn      *SignedIn // of who had a ticket: the sign-in ends with it
}

// A NewTOTP is a key for an authenticator app. It counts once a code of it came back.
type NewTOTP struct {
	Key otp.Key
	URI string // what the app reads
}

// EnrolTOTP makes a key. One that was made before and waits is worth nothing any more;
// one that counts does, until a code of the new one has come back.
func (s *Service) EnrolTOTP(ctx context.Context, e Enroller, o Origin) (made NewTOTP, err error) {
	now := present()
	if err := s.checkKind(otp.TOTP); err != nil {
		return made, err
	}
	k := otp.NewKey()
	err = s.Store.Update(ctx, func(tx Tx) error {
		u, err := s.enroller(ctx, tx, e, &o, now)
		if err != nil {
			return err
		}
		if err := removeWaiting(ctx, tx, u.ID); err != nil {
			return err
		}
		if err := tx.Factors.Create(ctx, s.newTOTP(u.ID, k, now)); err != nil {
			return err
		}
		made = NewTOTP{k, k.URI(s.ServiceName, u.name())}
		entry := o.Entry("factor.begin", u.ID, now)
		entry.Detail = map[string]string{"factor": string(otp.TOTP)}
		return tx.Audit.Append(ctx, entry)
	})
	return made, err
}

// WaitingTOTP returns the key that waits for its first code, or [ErrNoFactor].
func (s *Service) WaitingTOTP(ctx context.Context, e Enroller) (made NewTOTP, err error) {
	err = s.Store.Update(ctx, func(tx Tx) error {
		u, err := s.enroller(ctx, tx, e, new(Origin), present())
		if err != nil {
			return err
		}
		f, err := waitingTOTP(ctx, tx, u.ID)
		if err != nil {
			return err
		}
		k, err := s.totpKey(&f)
		made = NewTOTP{k, k.URI(s.ServiceName, u.name())}
		return err
	})
	return made, err
}

func waitingTOTP(ctx context.Context, tx Tx, user string) (otp.Factor, error) {
	all, err := tx.Factors.Of(ctx, user)
	if err != nil {
		return otp.Factor{}, err
	}
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].Kind == otp.TOTP && !all[i].Confirmed() {
			return all[i], nil
		}
	}
	return otp.Factor{}, ErrNoFactor
}

func removeWaiting(ctx context.Context, tx Tx, user string) error {
	all, err := tx.Factors.Of(ctx, user)
	if err != nil {
		return err
	}
	for _, f := range all {
		if f.Confirmed() {
			continue
		}
		if _, err := tx.Factors.Remove(ctx, f.ID); err != nil {
			return err
		}
	}
	return nil
}

// ConfirmTOTP ends what [Service.EnrolTOTP] began: with a good code the key counts,
// in place of the one before. Errors: [ErrWrongCode], [ErrNoFactor] if no key waits,
// [otp.CodeError], and those of an [Enroller].
func (s *Service) ConfirmTOTP(ctx context.Context, e Enroller, code string, o Origin) (*Enrolled, error) {
	// Wrong codes are not counted: who guesses at a key that was shown to them wins
	// nothing.
	return s.enrolled(ctx, e, otp.TOTP, o, func(tx Tx, u User, now time.Time) (refused, err error) {
		f, err := waitingTOTP(ctx, tx, u.ID)
		if err != nil {
			return nil, err
		}
		k, err := s.totpKey(&f)
		if err != nil {
			return nil, err
		}
		typed, err := otp.ParseCode(code, k.Digits)
		if err != nil {
			return nil, err
		}
		step, ok := k.Match(typed, now, f.LastStep)
		if !ok {
			return ErrWrongCode, nil
		}
		old, err := factor(ctx, tx, u.ID, otp.TOTP)
		switch {
		case errors.Is(err, ErrNoFactor):
		case err != nil:
			return nil, err
		default:
			if _, err := tx.Factors.Remove(ctx, old.ID); err != nil {
				return nil, err
			}
		}
		if ok, err = tx.Factors.Use(ctx, f.ID, step, now); err == nil && !ok {
			return ErrWrongCode, nil
		}
		return nil, err
	})
}

// enroller locks who sets up a factor. With a ticket that is who has none, and may not
// go on without: one who has set up another meanwhile shows that.
func (s *Service) enroller(ctx context.Context, tx Tx, e Enroller, o *Origin, now time.Time) (u User, err error) {
	if e.Ticket == "" {
		u, _, err = s.strongSession(ctx, tx, e.Principal, now)
		return u, err
	}
	t, u, err := s.lockTicket(ctx, tx, e.Ticket, now)
	if err != nil {
		return u, err
	}
	o.Actor = u.ID
	own, err := s.methods(ctx, tx, u)
	if err == nil && (!t.enrol || len(t.proof.unshown(own)) > 0) {
		err = ErrTicket
	}
	return u, err
}

// enrolled adds a factor of codes with add, which proves it: what it refuses is counted
// and committed.
func (s *Service) enrolled(ctx context.Context, e Enroller, kind otp.Kind, o Origin, add func(Tx, User, time.Time) (refused, err error)) (*Enrolled, error) {
	return s.settingUp(ctx, e, o, func(tx Tx, u User, now time.Time, o Origin) (n newFactor, err error) {
		if n.refused, err = add(tx, u, now); err != nil || n.refused != nil {
			return n, err
		}
		if err := s.changedFactor(ctx, tx, u, "factor.add", kind, o, now); err != nil {
			return n, err
		}
		n.shown, n.about = proofBy(Method(kind), now), o.about(u.ID, "factor added")
		n.about.Change, n.about.Credential = ssf.Create, ssfCredential(kind)
		return n, nil
	})
}

// A newFactor is one that somebody has set up, or was refused.
type newFactor struct {
	refused error // what was wrong with it: committed, and returned
	shown   proof // by setting it up
	about   ssf.About
}

// settingUp adds a factor with add, in the transaction that holds the user's row. A
// first one comes with recovery codes, and ends the sign-in of a ticket or strengthens
// the session, which goes on under a new cookie.
func (s *Service) settingUp(ctx context.Context, e Enroller, o Origin, add func(Tx, User, time.Time, Origin) (newFactor, error)) (*Enrolled, error) {
	now := present()
	var n newFactor
	var done Enrolled
	var ends outcome
	err := s.change(ctx, func(tx Tx) (pos revoke.Position, err error) {
		o := o // f may run again
		done, ends = Enrolled{}, outcome{}
		u, err := s.enroller(ctx, tx, e, &o, now)
		if err != nil {
			return pos, err
		}
		if n, err = add(tx, u, now, o); err != nil || n.refused != nil {
			return pos, err
		}
		if done.RecoveryCodes, err = s.firstRecoveryCodes(ctx, tx, u.ID); err != nil {
			return pos, err
		}
		told := s.notice(revoke.Subject, u.ID, now)
		if e.Ticket != "" {
			ends, err = s.endsWith(ctx, tx, e.Ticket, n.shown, now, o)
		} else {
			told = s.notice(revoke.Session, e.Principal.Session, now)
			done.Renewed, err = strengthen(ctx, tx, e.Principal, n.shown, now)
		}
		if err == nil && ends.needs != nil { // it shows nothing beside the first proof
			err = ErrFactorNeeded
		}
		if err != nil {
			return pos, err
		}
		return appendTold(ctx, tx, n.about, told)
	})
	if err == nil {
		err = n.refused
	}
	if err == nil && e.Ticket != "" {
		done.SignedIn, err = s.finish(ends, nil)
	}
	if err != nil {
		return nil, err
	}
	return &done, nil
}

// endsWith ends the sign-in of a ticket with the new factor.
func (s *Service) endsWith(ctx context.Context, tx Tx, value string, shown proof, now time.Time, o Origin) (outcome, error) {
	t, u, err := s.lockTicket(ctx, tx, value, now)
	if err != nil {
		return outcome{}, err
	}
	return s.concludeTicket(ctx, tx, t, u, shown, now, o)
}

// strengthen lets p's session go on under a new cookie, and count what was shown.
func strengthen(ctx context.Context, tx Tx, p *sallyport.Principal, shown proof, now time.Time) (Renewed, error) {
	sess, err := liveSession(ctx, tx, p, now) // enroller holds its user's row
	if err != nil {
		return Renewed{}, err
	}
	return strengthenSession(ctx, tx, sess, shown)
}
