package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport/account/outbox"
	"github.com/sallyport-auth/sallyport/authn/onetime"
	"github.com/sallyport-auth/sallyport/authn/otp"
	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/ssf"
)

// undoReach is for how long before a change of address what somebody has set up to sign
// in with goes with it: a thief may have come in by the back door before they closed
// the front one, and nobody reads every mail at once.
const undoReach = 24 * time.Hour

// UndoEmailChange gives an account back the address that it had, for who brings the
// link that went there, and takes from everybody else what they have to it: sessions,
// the password, API keys, known devices, and the passkeys, factors and connected
// sign-ins that were set up since a day before the change. What is older stays, so that
// a mailbox alone does not get round a second factor. Another mail leads the owner to a
// new password. Errors: [ErrMailed].
func (s *Service) UndoEmailChange(ctx context.Context, token string, o Origin) error {
	now := present()
	k := Mailed{Token: token}
	email := ""
	err := s.redeem(ctx, k, "", "email.undo", o, func() error {
		return s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
			t, d, u, err := s.takeUndo(ctx, tx, k, now)
			if err != nil {
				return p, err
			}
			u.Email, u.EmailNorm, u.EmailVerified, u.UpdatedAt = d.Email, t.Target, true, now
			email = u.Email
			return s.takeBack(ctx, tx, t, u, now, o)
		})
	})
	if err != nil {
		return err
	}
	return s.ForgotPassword(ctx, email, o)
}

// takeUndo is take for a link that outlives whatever a thief does to the account.
func (s *Service) takeUndo(ctx context.Context, tx Tx, k Mailed, now time.Time) (t onetime.Token, d mailedData, u User, err error) {
	if t, err = s.mailed(ctx, tx, k, "", now, forUndo); err != nil {
		return t, d, u, err
	}
	if err = json.Unmarshal(t.Data, &d); err != nil {
		return t, d, u, fmt.Errorf("reading token: %w", err)
	}
	if u, err = tx.Users.Lock(ctx, t.User); err == nil {
		err = s.consume(ctx, tx, t, now)
	}
	return t, d, u, missed(err)
}

// takeBack writes u, who has their address again, and ends what others have to the
// account, as of the change that t undoes.
func (s *Service) takeBack(ctx context.Context, tx Tx, t onetime.Token, u User, now time.Time, o Origin) (p revoke.Position, err error) {
	o.Actor = u.ID
	dead, err := s.kill(ctx, tx, u.ID, "address change undone", now)
	if err != nil {
		return p, err
	}
	if _, err := tx.APIKeys.RevokeAll(ctx, u.ID); err != nil {
		return p, err
	}
	if err := removeClients(ctx, tx, u.ID); err != nil {
		return p, err
	}
	if err := tx.Credentials.SetPassword(ctx, u.ID, "", now); err != nil {
		return p, err
	}
	if err := tx.Devices.RemoveOthers(ctx, u.ID, ""); err != nil {
		return p, err
	}
	removed, err := s.removeSince(ctx, tx, &u, t.CreatedAt.Add(-undoReach))
	if err != nil {
		return p, err
	}
	u.DeleteAt = time.Time{}
	if err := tx.Users.SetProfile(ctx, u); err != nil {
		if errors.Is(err, ErrTaken) {
			err = ErrMailed
		}
		return p, err
	}
	if err := endMailedSince(ctx, tx, t, now); err != nil {
		return p, err
	}
	for _, factor := range removed {
		if err := s.notify(ctx, tx, u, outbox.FactorRemoved, factor); err != nil {
			return p, err
		}
	}
	e := o.Entry("email.undo", u.ID, now)
	if len(removed) > 0 {
		e.Detail = map[string]string{"removed": inWords(removed)}
	}
	if err := tx.Audit.Append(ctx, e); err != nil {
		return p, err
	}
	about := o.about(u.ID, "address change undone")
	about.Change = ssf.Update
	return appendKills(ctx, tx, u.ID, about, dead, s.notice(revoke.Subject, u.ID, now))
}

func inWords(removed []map[string]string) string {
	names := make([]string, 0, len(removed))
	for _, factor := range removed {
		names = append(names, strings.TrimSpace(factor["factor"]+" "+factor["name"]))
	}
	return strings.Join(names, ", ")
}

// removeSince removes what was set up to sign in with since then, and recovery codes
// where no factor is left that they could stand in for. It returns what its owner is
// told of each. A number for codes is forgotten with them.
func (s *Service) removeSince(ctx context.Context, tx Tx, u *User, since time.Time) (removed []map[string]string, err error) {
	keys, err := tx.Passkeys.List(ctx, u.ID)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if k.CreatedAt.Before(since) {
			continue
		}
		if _, err := tx.Passkeys.Remove(ctx, k.ID, u.ID); err != nil {
			return nil, err
		}
		removed = append(removed, map[string]string{"factor": k.Name})
	}
	factors, err := tx.Factors.Of(ctx, u.ID)
	if err != nil {
		return nil, err
	}
	for _, f := range factors {
		if f.Confirmed() && f.ConfirmedAt.Before(since) {
			continue
		}
		if _, err := tx.Factors.Remove(ctx, f.ID); err != nil {
			return nil, err
		}
		if f.Kind == otp.SMS {
			u.Phone, u.PhoneVerified = "", false
		}
		if f.Confirmed() {
			removed = append(removed, map[string]string{"factor": string(f.Kind)})
		}
	}
	identities, err := tx.Identities.Of(ctx, u.ID)
	if err != nil {
		return nil, err
	}
	for _, i := range identities {
		if i.CreatedAt.Before(since) {
			continue
		}
		if _, err := tx.Identities.Remove(ctx, i.ID); err != nil {
			return nil, err
		}
		removed = append(removed, map[string]string{"factor": "federated", "name": i.Provider})
	}
	left, err := s.methods(ctx, tx, *u)
	if err == nil && !hasFactor(left) {
		err = tx.Recovery.RemoveAll(ctx, u.ID)
	}
	return removed, err
}

// endMailedSince ends what was mailed, or begun, for the user of the link t. Links like
// it that are older stay: who changed the address twice must not, by undoing the second
// change, keep the owner from undoing the first.
func endMailedSince(ctx context.Context, tx Tx, t onetime.Token, now time.Time) error {
	for {
		later, err := tx.OneTime.Newest(ctx, t.User, forUndo)
		if errors.Is(err, onetime.ErrNotFound) || err == nil && later.ID < t.ID {
			break
		}
		if err != nil {
			return err
		}
		if there, err := tx.OneTime.Consume(ctx, later.ID, now); err != nil {
			return err
		} else if !there { // it has expired, and so have those before it
			break
		}
	}
	return tx.OneTime.EndAll(ctx, t.User, forReset, forLink, forVerify, forChange, ticketPurpose, passkeyCreation, passkeyFactor,
		challenge(otp.Email), challenge(otp.SMS), enrolment(otp.Email), enrolment(otp.SMS))
}
