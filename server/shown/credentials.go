package shown

import (
	"encoding/json"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/apikey"
	"github.com/sallyport-auth/sallyport/authn/clientcert"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/authn/token"
)

// A Session is how a session is shown to administrators.
type Session struct {
	ID        string    `json:"id"`
	User      string    `json:"user"`
	Device    string    `json:"device"` // as the browser says of itself: a hint
	Address   string    `json:"address"`
	AMR       []string  `json:"amr"`
	AAL       int       `json:"aal"`
	CreatedAt time.Time `json:"created_at"`
	LastSeen  time.Time `json:"last_seen_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

// NewSession shows s.
func NewSession(s session.Session) Session {
	return Session{
		s.ID, s.Subject, Device(s.UserAgent), s.Address, List(s.AMR), s.AAL,
		s.CreatedAt.UTC(), s.LastSeenAt.UTC(), s.ExpiresAt.UTC(),
	}
}

// An OwnSession is how a session is shown to whose it is.
type OwnSession struct {
	ID        string    `json:"id"`
	Device    string    `json:"device"` // as the browser says of itself: a hint
	Address   string    `json:"address"`
	CreatedAt time.Time `json:"created_at"`
	LastSeen  time.Time `json:"last_seen_at"`
	ExpiresAt time.Time `json:"expires_at"`
	Current   bool      `json:"current"`
}

// NewOwnSession shows s to somebody whose request came by the session named
// current.
func NewOwnSession(s session.Session, current string) OwnSession {
	return OwnSession{
		s.ID, Device(s.UserAgent), s.Address, s.CreatedAt.UTC(), s.LastSeenAt.UTC(), s.ExpiresAt.UTC(), s.ID == current,
	}
}

// A KnownDevice is how a device is shown to whose it is.
type KnownDevice struct {
	ID           string     `json:"id"`
	Device       string     `json:"device"`  // as the browser says of itself: a hint
	Address      string     `json:"address"` // of the last sign-in
	CreatedAt    time.Time  `json:"created_at"`
	LastSeen     time.Time  `json:"last_seen_at"`
	TrustedUntil *time.Time `json:"trusted_until"`
	Current      bool       `json:"current"`
}

// NewKnownDevice shows d.
func NewKnownDevice(d account.KnownDevice) KnownDevice {
	return KnownDevice{
		d.ID, Device(d.UserAgent), d.Address, d.CreatedAt.UTC(), d.LastSeenAt.UTC(), Moment(d.TrustedUntil), d.Current,
	}
}

// An APIKey is how an API key is shown to its owner.
type APIKey struct {
	ID         string     `json:"id"`
	Key        string     `json:"key,omitempty"` // once, when it is made
	Name       string     `json:"name"`
	Org        string     `json:"org,omitempty"` // id of the organization in which it acts
	Scopes     []string   `json:"scopes"`
	Last4      string     `json:"last4"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
}

// NewAPIKey shows k; plain is the key itself when it was just made, and otherwise
// empty.
func NewAPIKey(k apikey.Key, plain string) APIKey {
	return APIKey{k.ID, plain, k.Name, k.Org, List(k.Scopes), k.Last4, k.CreatedAt.UTC(), Moment(k.ExpiresAt), Moment(k.LastUsedAt)}
}

// A Certificate is how a name of client certificates is shown.
type Certificate struct {
	ID         string     `json:"id"`
	User       string     `json:"user"`
	Kind       string     `json:"kind"`
	Value      string     `json:"value"`
	Name       string     `json:"name,omitempty"`
	Service    bool       `json:"service"` // a program that acts for itself
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
}

// NewCertificate shows m.
func NewCertificate(m clientcert.Mapping) Certificate {
	return Certificate{
		m.ID, m.Owner, string(m.Name.Kind), m.Name.Value, m.Label, m.Service,
		m.CreatedAt.UTC(), Moment(m.ExpiresAt), Moment(m.LastUsedAt),
	}
}

// A SigningKey is how a signing key is shown: its public half.
type SigningKey struct {
	KID       string          `json:"kid"`
	Alg       token.Alg       `json:"alg"`
	Resource  string          `json:"resource,omitempty"` // audience; left out: every other one
	State     token.State     `json:"state"`
	NotBefore time.Time       `json:"not_before"`
	RetireAt  time.Time       `json:"retire_at"`
	PublicJWK json.RawMessage `json:"public_jwk,omitempty"`
}

// NewSigningKey shows k.
func NewSigningKey(k token.StoredKey) SigningKey {
	return SigningKey{k.KID, k.Alg, k.Resource, k.State, k.NotBefore.UTC(), k.RetireAt.UTC(), k.PublicJWK}
}
