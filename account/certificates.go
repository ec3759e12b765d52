package account

import (
	"context"
	"time"
	"unicode/utf8"

	"github.com/sallyport-auth/sallyport/authn/clientcert"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/ssf"
)

// A NewCertificate is a name of client certificates that is to stand for somebody.
type NewCertificate struct {
	Name      clientcert.Name // as [clientcert.ParseName] returns it
	Label     string          // for people; "" = none
	Service   bool            // a program that acts for itself, with the roles of the account
	ExpiresAt time.Time       // of the mapping; zero = never
}

func (in *NewCertificate) check(now time.Time) error {
	switch {
	case utf8.RuneCountInString(in.Label) > maxKeyName || !plainText(in.Label):
		return invalid("name", "must be plain text of at most %d characters", maxKeyName)
	case !in.ExpiresAt.IsZero() && !in.ExpiresAt.After(now):
		return invalid("expires_at", "is in the past")
	}
	n, err := clientcert.ParseName(in.Name.Kind, in.Name.Value)
	if err != nil {
		return invalid("value", "does not fit: %v", err)
	}
	in.Name = n
	return nil
}

// AddCertificate lets every certificate of that name be the owner's credential.
// [clientcert.ErrTaken] if it is somebody's already.
func (s *Service) AddCertificate(ctx context.Context, owner string, in NewCertificate, o Origin) (m clientcert.Mapping, err error) {
	now := present()
	if err := in.check(now); err != nil {
		return m, err
	}
	m = clientcert.Mapping{
		ID: secret.NewID("crt"), Owner: owner, Name: in.Name, Label: in.Label, Service: in.Service,
		CreatedAt: now, ExpiresAt: in.ExpiresAt.Truncate(time.Millisecond),
	}
	err = s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
		u, err := tx.Users.Lock(ctx, owner)
		if err != nil {
			return p, err
		}
		if u.Status != Active {
			return p, ErrNotFound
		}
		if err := tx.Certificates.Create(ctx, m); err != nil {
			return p, err
		}
		return s.certificateChanged(ctx, tx, m, "certificate.add", ssf.Create, o, now)
	})
	if err != nil {
		return clientcert.Mapping{}, err
	}
	return m, nil
}

// Certificates returns the names of certificates that stand for the owner, newest
// first.
func (s *Service) Certificates(ctx context.Context, owner string) (all []clientcert.Mapping, err error) {
	err = s.Store.View(ctx, func(tx Tx) error { all, err = tx.Certificates.List(ctx, owner); return err })
	return all, err
}

// RemoveCertificate ends a mapping of the owner ("" = anybody's, for the command
// line), at once. [clientcert.ErrNotFound] if there is none.
func (s *Service) RemoveCertificate(ctx context.Context, id, owner string, o Origin) error {
	if !plainText(id) { // no store would take it
		return clientcert.ErrNotFound
	}
	now := present()
	return s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
		m, err := tx.Certificates.ByID(ctx, id)
		if err != nil {
			return p, err
		}
		if owner != "" && m.Owner != owner {
			return p, clientcert.ErrNotFound
		}
		there, err := tx.Certificates.Remove(ctx, id)
		if err != nil {
			return p, err
		}
		if !there {
			return p, clientcert.ErrNotFound
		}
		return s.certificateChanged(ctx, tx, m, "certificate.remove", ssf.Revoke, o, now)
	})
}

// certificateChanged ends the transaction of a change. A new mapping may take a
// certificate from somebody else, so it touches all that is remembered of any.
func (s *Service) certificateChanged(ctx context.Context, tx Tx, m clientcert.Mapping, action string, c ssf.Change, o Origin, now time.Time) (revoke.Position, error) {
	e := o.Entry(action, m.Owner, now)
	e.Detail = map[string]string{"certificate": m.ID, "kind": string(m.Name.Kind), "value": m.Name.Value}
	if m.Label != "" {
		e.Detail["name"] = m.Label
	}
	if err := tx.Audit.Append(ctx, e); err != nil {
		return revoke.Position{}, err
	}
	about := o.about(m.Owner, "")
	about.Credential, about.Change, about.Name = ssf.X509, c, m.Label
	return appendTold(ctx, tx, about, s.notice(revoke.Client, clientcert.Everybody, now), s.notice(revoke.Subject, m.Owner, now))
}

// Certificate implements [clientcert.Source].
func (s *Service) Certificate(ctx context.Context, n clientcert.Name) (m clientcert.Mapping, err error) {
	err = Look(ctx, s.Store, func(tx Tx) error { m, err = tx.Certificates.ByName(ctx, n); return err })
	return m, err
}

// CertificateUsed implements [clientcert.Source].
func (s *Service) CertificateUsed(ctx context.Context, m clientcert.Mapping, now time.Time) error {
	if now.Sub(m.LastUsedAt) < time.Minute {
		return nil
	}
	return s.Store.Update(ctx, func(tx Tx) error { return tx.Certificates.Touch(ctx, m.ID, now) })
}
