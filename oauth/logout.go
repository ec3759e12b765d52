package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// TypLogoutToken is the type of a logout token: nothing else of ours has it (OpenID Connect
// Back-Channel Logout 1.0 §2.4).
const TypLogoutToken = "logout+jwt"

// LogoutLife is how long a logout token is good for: two minutes at most (§2.4). Each
// attempt to deliver one signs it anew.
const LogoutLife = 2 * time.Minute

// logoutEvent is what a logout token says has happened.
const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// A LogoutToken tells a client that a session in which it knew somebody has ended.
type LogoutToken struct {
	Issuer   string
	Subject  string
	Audience string // the client
	ID       string // the same however often it is delivered
	Session  string // sid of the ID tokens
	IssuedAt time.Time
}

// Payload writes the claims. There is no nonce, by which it could pass for an ID token
// (§2.4).
func (t *LogoutToken) Payload() ([]byte, error) {
	return json.Marshal(map[string]any{
		"iss": t.Issuer, "sub": t.Subject, "aud": t.Audience, "jti": t.ID, "sid": t.Session,
		"iat": t.IssuedAt.Unix(), "exp": t.IssuedAt.Add(LogoutLife).Unix(),
		"events": map[string]any{logoutEvent: struct{}{}},
	})
}

// An Introduction is that a client knows of a session: it got an ID token in it, and wants
// to know when it ends. Times have millisecond precision.
type Introduction struct {
	Session   string
	Client    string
	User      string
	CreatedAt time.Time
	ExpiresAt time.Time // when the session ends if nobody ends it before
}

// Hears reports whether the client wants to be told of the end of sessions that it knew of at
// that time. One that was registered anew since is another, of the same name.
func (c *Client) Hears(knew time.Time) bool {
	return c.BackchannelLogout != "" && !c.Disabled && !knew.Before(c.CreatedAt)
}

// Introductions keeps them within one transaction, one for each session and client.
type Introductions interface {
	// Add notes that the client knows the session, and keeps anybody from ending that
	// session until this transaction has ended. ErrNoSession if there is none. The one that
	// there may be stays as it is.
	Add(ctx context.Context, session, client string, now time.Time) error
	// Take removes those of a session, and returns them by client.
	Take(ctx context.Context, session string) ([]Introduction, error)
	// TakeExpired removes up to limit that have expired, and returns them, the oldest first.
	TakeExpired(ctx context.Context, now time.Time, limit int) ([]Introduction, error)
	// ExpireAll lets all expire by then: their sessions have ended together.
	ExpireAll(ctx context.Context, now time.Time) error
}

// ErrNoSession means that a session is gone.
var ErrNoSession = errors.New("no such session")
