package account

import (
	"cmp"
	"context"
	"slices"

	"github.com/sallyport-auth/sallyport/account/org"
	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/authn/apikey"
	"github.com/sallyport-auth/sallyport/authn/clientcert"
	"github.com/sallyport-auth/sallyport/authn/otp"
	"github.com/sallyport-auth/sallyport/authn/passkey"
	"github.com/sallyport-auth/sallyport/authn/session"
)

// Held is everything that is kept of a user, with what is secret of it left to whoever
// shows it to leave out.
type Held struct {
	User          User
	Roles         []string
	Organizations []org.Membership
	Sessions      []session.Session
	APIKeys       []apikey.Key
	Passkeys      []passkey.Passkey
	Factors       []otp.Factor
	RecoveryCodes int // that are left
	Identities    []Identity
	Certificates  []clientcert.Mapping
	Activity      []audit.Entry // newest first
}

// maxHeldActivity bounds how many entries of the audit log are given out at once.
const maxHeldActivity = 10_000

// Held returns everything that is kept of a user, as it is at one moment, and notes that
// it was given out.
func (s *Service) Held(ctx context.Context, user string, o Origin) (h Held, err error) {
	now := present()
	err = s.Store.Update(ctx, func(tx Tx) error { return tx.Audit.Append(ctx, o.Entry("user.export", user, now)) })
	if err != nil {
		return h, err
	}
	return h, s.Store.View(ctx, func(tx Tx) (err error) {
		for _, read := range []func() error{
			func() error { h.User, err = tx.Users.ByID(ctx, user); return err },
			func() error { h.Roles, err = tx.Roles.Assigned(ctx, user, ""); return err },
			func() error { h.Organizations, err = tx.Members.Of(ctx, user); return err },
			func() error { h.Sessions, err = tx.Sessions.List(ctx, user); return err },
			func() error { h.APIKeys, err = tx.APIKeys.List(ctx, user); return err },
			func() error { h.Passkeys, err = tx.Passkeys.List(ctx, user); return err },
			func() error { h.Factors, err = tx.Factors.Of(ctx, user); return err },
			func() error { h.RecoveryCodes, err = tx.Recovery.Left(ctx, user); return err },
			func() error { h.Identities, err = tx.Identities.Of(ctx, user); return err },
			func() error { h.Certificates, err = tx.Certificates.List(ctx, user); return err },
			func() error { h.Activity, err = activity(ctx, tx, user, "", maxHeldActivity); return err },
		} {
			if err := read(); err != nil {
				return err
			}
		}
		return nil
	})
}

// Activity returns up to limit entries of the audit log about a user, newest first:
// what was done to the account, and what its owner did. before is the id of the last one
// that was read, "" begins with the newest.
func (s *Service) Activity(ctx context.Context, user, before string, limit int) (all []audit.Entry, err error) {
	err = s.Store.View(ctx, func(tx Tx) error { all, err = activity(ctx, tx, user, before, limit); return err })
	return all, err
}

func activity(ctx context.Context, tx Tx, user, before string, limit int) ([]audit.Entry, error) {
	to, err := tx.Audit.List(ctx, audit.Filter{Target: user, Before: before, Limit: limit})
	if err != nil {
		return nil, err
	}
	by, err := tx.Audit.List(ctx, audit.Filter{Actor: user, Before: before, Limit: limit})
	if err != nil {
		return nil, err
	}
	all := append(to, by...)
	slices.SortFunc(all, func(a, b audit.Entry) int { return cmp.Compare(b.ID, a.ID) })
	all = slices.CompactFunc(all, func(a, b audit.Entry) bool { return a.ID == b.ID })
	return all[:min(len(all), limit)], nil
}
