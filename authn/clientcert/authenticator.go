// Package clientcert is door one for client certificates: of programs, and of
// people with a smart card. TLS, or a proxy that terminates it, has verified by
// then that the certificate comes from a CA that counts and that the client has its
// key; here its name is looked up. It counts only where a request offers nothing
// else; beside a token it is what the token may be bound to (RFC 8705).
package clientcert

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/internal/recent"
	"github.com/sallyport-auth/sallyport/revoke"
)

// A Source finds mappings. It must be safe for concurrent use.
type Source interface {
	// Certificate returns the mapping of that name if its owner may use it, or
	// [ErrNotFound]. One that has expired may be returned.
	Certificate(ctx context.Context, n Name) (Mapping, error)
	// CertificateUsed records that the mapping is in use. It is called about once a
	// minute at most.
	CertificateUsed(ctx context.Context, m Mapping, now time.Time) error
}

// An Authenticator checks client certificates. Mappings is required; the fields
// must not change after first use. It is safe for concurrent use and must not be
// copied.
//
// What a look-up found is remembered until the revocation log says that something
// about the owner or about mappings has changed, and for a minute at most.
//
// The principal is the owner, not limited by scope, or a program that acts for
// itself. It has no time of authentication, since no person has proved anything
// just now: doors that ask for a fresh sign-in refuse it.
type Authenticator struct {
	Mappings Source

	// Complete fills in the roles and the plan that the owner has now. Nil means that
	// nobody has roles.
	Complete func(ctx context.Context, p *sallyport.Principal) error

	Cache *revoke.Cache[[32]byte, *sallyport.Principal] // keyed by SHA-256; nil = every request is a look-up
	Log   *slog.Logger                                  // nil = slog.Default()

	used recent.Set
}

// Everybody is what all that is remembered of certificates hangs on besides its
// owner, as the id of a [revoke.Client]: a new mapping may be about a certificate
// that has stood for somebody else.
const Everybody = "client certificates"

// remember is how long a look-up serves.
const remember = time.Minute

var (
	errCA        = errors.New("it is a CA's")
	errTime      = errors.New("it has expired, or does not count yet")
	errUsage     = errors.New("it is not for clients")
	errAmbiguous = errors.New("its names stand for more than one")
)

// Authenticate implements [sallyport.Authenticator] for [sallyport.SchemeCertificate].
func (a *Authenticator) Authenticate(ctx context.Context, c sallyport.Credential) (*sallyport.Principal, error) {
	if c.Scheme != sallyport.SchemeCertificate || c.Peer == nil {
		return nil, sallyport.ErrNotMine
	}
	now := time.Now()
	if err := Check(c.Peer, now); err != nil {
		return nil, refused(c.Peer, err)
	}
	hash := sha256.Sum256(c.Peer.Raw)
	return a.Cache.Find(hash, func() (*sallyport.Principal, revoke.IDs, time.Time, error) {
		m, err := a.find(ctx, c.Peer, now)
		if err != nil {
			return nil, revoke.IDs{}, time.Time{}, err
		}
		p := m.principal()
		if a.Complete != nil {
			if err := a.Complete(ctx, p); err != nil {
				return nil, revoke.IDs{}, time.Time{}, fmt.Errorf("reading roles of the certificate's owner: %w", err)
			}
		}
		a.noteUse(ctx, hash, m, now)
		return p, revoke.IDs{Subject: m.Owner, Client: Everybody}, m.until(now), nil
	})
}

// Check looks at what may have changed since the handshake, and at what whoever
// made the connection may have forgotten: time, and that it is a client's.
func Check(c *x509.Certificate, now time.Time) error {
	switch {
	case now.Before(c.NotBefore) || now.After(c.NotAfter):
		return errTime
	case c.BasicConstraintsValid && c.IsCA:
		return errCA
	case !forClients(c):
		return errUsage
	}
	return nil
}

// forClients reports whether the certificate may be a client's (RFC 5280 §4.2.1.12):
// one that names no purpose is for all.
func forClients(c *x509.Certificate) bool {
	if len(c.ExtKeyUsage) == 0 && len(c.UnknownExtKeyUsage) == 0 {
		return true
	}
	return slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth) || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
}

// refused says which certificate does not count, and why: for the log.
func refused(c *x509.Certificate, cause error) error {
	var names []string
	for _, n := range Names(c) {
		names = append(names, string(n.Kind)+" "+n.Value)
	}
	return fmt.Errorf("%w: certificate of %s: %w", sallyport.ErrInvalidCredential, strings.Join(names, ", "), cause)
}

// find looks up whom the names stand for. A mapping of the certificate itself
// counts before all; several DNS names may be mapped, to one owner.
func (a *Authenticator) find(ctx context.Context, c *x509.Certificate, now time.Time) (found Mapping, err error) {
	for _, n := range Names(c) {
		m, err := a.Mappings.Certificate(ctx, n)
		switch {
		case errors.Is(err, ErrNotFound), err == nil && m.expired(now):
			continue
		case err != nil:
			return Mapping{}, fmt.Errorf("reading certificate: %w", err)
		case n.Kind == Fingerprint:
			return m, nil
		case found.ID == "":
			found = m
		case found.Owner != m.Owner || found.Service != m.Service:
			return Mapping{}, refused(c, errAmbiguous)
		default:
			found.ExpiresAt = earlier(found.ExpiresAt, m.ExpiresAt) // look again when either ends
		}
	}
	if found.ID == "" {
		return Mapping{}, refused(c, ErrNotFound)
	}
	return found, nil
}

func (m *Mapping) expired(now time.Time) bool {
	return !m.ExpiresAt.IsZero() && !now.Before(m.ExpiresAt)
}

// until says how long what was found may serve.
func (m *Mapping) until(now time.Time) time.Time { return earlier(m.ExpiresAt, now.Add(remember)) }

// earlier returns the earlier of two times, of which zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// principal is the owner. "pop" is possession of a key (RFC 8176 §2), and nothing
// says how well the key is kept: level 1.
func (m *Mapping) principal() *sallyport.Principal {
	p := &sallyport.Principal{Kind: sallyport.User, Subject: m.Owner, Credential: "certificate", AMR: []string{"pop"}, AAL: 1}
	if m.Service {
		p.Kind, p.AAL = sallyport.Service, 0
	}
	return p
}

// noteUse records the use. Nobody is refused because that failed.
func (a *Authenticator) noteUse(ctx context.Context, hash [32]byte, m Mapping, now time.Time) {
	if now.Sub(m.LastUsedAt) < time.Minute || !a.used.Add(hash, now) {
		return
	}
	if err := a.Mappings.CertificateUsed(ctx, m, now); err != nil && ctx.Err() == nil {
		cmp.Or(a.Log, slog.Default()).WarnContext(ctx, "recording use of certificate", "certificate", m.ID, "cause", err)
	}
}
