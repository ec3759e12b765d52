package oauth

import (
	"context"
	"errors"
	"time"

	"github.com/sallyport-auth/sallyport/revoke"
)

// A Grant is what somebody has let a client do, once: all that its code and its tokens
// have in common, so that they end together. Times have millisecond precision.
type Grant struct {
	ID      string // "gnt_…", the claim gid of its tokens
	User    string
	Client  string
	Session string // in which it was given; "" = it outlives every session (offline_access)
	Org     string // where the user acts; "" = none

	GrantData
	Position revoke.Position // of the sign-in: compared with the user's last kill

	CodeHash   []byte    // SHA-256 of the code; nil = there is none
	CodeUntil  time.Time // when the code expires
	RedeemedAt time.Time // zero = not yet

	CreatedAt time.Time
	ExpiresAt time.Time // when everything of it has expired
}

// GrantData is what nobody looks a grant up by.
type GrantData struct {
	Scope     []string  `json:"scope"` // all that was granted
	Resources []string  `json:"resources"`
	Redirect  string    `json:"redirect_uri,omitempty"` // that the token request must repeat; "" = it was not given
	Challenge string    `json:"code_challenge,omitempty"`
	Nonce     string    `json:"nonce,omitempty"`
	JKT       string    `json:"jkt,omitempty"`
	Claims    Claims    `json:"claims,omitzero"`
	AuthTime  time.Time `json:"auth_time"`
	AMR       []string  `json:"amr,omitempty"`
	AAL       int       `json:"aal,omitempty"`
	SID       string    `json:"sid,omitempty"`     // session in which it was given, also if it outlives that
	MaxAge    bool      `json:"max_age,omitempty"` // was asked for, so that auth_time must be told
}

// CodeLife is how long a code works (RFC 6749 §4.1.2 wants at most ten minutes).
const CodeLife = time.Minute

// Grants keeps grants within one transaction. One that has ended is gone, and so is one
// that has expired once it is swept.
type Grants interface {
	Create(ctx context.Context, g Grant) error          // fails if the id or the code is known
	ByID(ctx context.Context, id string) (Grant, error) // ErrNoGrant
	// ByCode returns the grant of a code, redeemed or not.
	ByCode(ctx context.Context, hash []byte) (Grant, error)
	// Redeem marks the code as used and reports whether it was not: true for exactly one
	// of those who try at once.
	Redeem(ctx context.Context, id string, now time.Time) (bool, error)
	// Of returns the grants of a user, newest first.
	Of(ctx context.Context, user string) ([]Grant, error)
	// End removes one, and reports whether it was there.
	End(ctx context.Context, id string) (bool, error)
	// EndAll removes those of a user to a client ("" = to all), and returns their ids in
	// order.
	EndAll(ctx context.Context, user, client string) ([]string, error)
}

// ErrNoGrant means that there is no such grant, or no longer.
var ErrNoGrant = errors.New("no such grant")

// A Consent is what somebody has let a client do from now on, without being asked again.
type Consent struct {
	User      string
	Client    string
	Scope     []string
	Resources []string
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Covers reports whether nothing that is asked for is new. A consent to an earlier
// client of that name covers nothing.
func (c *Consent) Covers(scope, resources []string, client *Client) bool {
	return len(Beyond(scope, c.Scope)) == 0 && len(Beyond(resources, c.Resources)) == 0 && !c.CreatedAt.Before(client.CreatedAt)
}

// Consents keeps consents within one transaction.
type Consents interface {
	// Get returns the consent of a user to a client, or ErrNoGrant.
	Get(ctx context.Context, user, client string) (Consent, error)
	// Put writes all of a consent, CreatedAt too, in place of the one there may be.
	Put(ctx context.Context, c Consent) error
	// Of returns those of a user, by client.
	Of(ctx context.Context, user string) ([]Consent, error)
	// Remove removes that to a client ("" = all), and reports whether there was one.
	Remove(ctx context.Context, user, client string) (bool, error)
}
