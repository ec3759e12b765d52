package session

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/internal/recent"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/revoke"
)

// HostCookies writes and reads the values of cookies by which a session counts at
// other hosts than the one where its person signed in. Nothing of them is stored: such
// a cookie names the session, is good at one host, and hangs on the session's own
// cookie, so that it ends with the session and whenever that is rotated.
type HostCookies struct {
	Key []byte // of 32 bytes, secret, and used for nothing else
}

const (
	generationSize = 16
	proofSize      = generationSize + sha256.Size
	maxHostCookie  = 128
)

// New returns the value of the cookie by which s counts at host.
func (c HostCookies) New(s *Session, host string) string {
	generation := c.generation(s)
	proof := append(generation, c.proof(host, s.ID, generation)...)
	return s.ID + "." + strict.EncodeToString(proof)
}

// parse returns which session a value names and the generation of that session's own
// cookie that it hangs on; false for what was not made here for that host.
func (c HostCookies) parse(host, value string) (id string, generation []byte, ok bool) {
	id, text, _ := strings.Cut(value, ".")
	proof, err := strict.DecodeString(text)
	if err != nil || len(proof) != proofSize || len(text) != base64.RawURLEncoding.EncodedLen(proofSize) { // it skips line breaks
		return "", nil, false
	}
	generation = proof[:generationSize]
	if !hmac.Equal(proof[generationSize:], c.proof(host, id, generation)) {
		return "", nil, false
	}
	return id, generation, true
}

// generation stands for the session's own cookie, of which it says nothing.
func (c HostCookies) generation(s *Session) []byte {
	return c.mac("generation", string(s.TokenHash))[:generationSize]
}

func (c HostCookies) proof(host, id string, generation []byte) []byte {
	return c.mac("proof", host, id, string(generation))
}

// mac tells parts apart wherever they are cut.
func (c HostCookies) mac(parts ...string) []byte {
	h := hmac.New(sha256.New, c.Key)
	for _, part := range parts {
		h.Write([]byte{byte(len(part) >> 8), byte(len(part))})
		h.Write([]byte(part))
	}
	return h.Sum(nil)
}

// Sessions finds sessions by their ids. It must be safe for concurrent use.
type Sessions interface {
	// SessionByID returns the session, or [ErrNotFound]. One that has expired may be
	// returned.
	SessionByID(ctx context.Context, id string) (Session, error)
	// Seen is as in [Source].
	Seen(ctx context.Context, s Session, now time.Time) error
}

// A HostAuthenticator checks the cookies of one host beside that of the sign-in: see
// [HostCookies]. All fields but Cache and Log are required and must not change after
// first use. It is safe for concurrent use and must not be copied. It remembers as an
// [Authenticator] does.
type HostAuthenticator struct {
	Host     string
	Cookies  HostCookies
	Sessions Sessions
	Complete func(ctx context.Context, p *sallyport.Principal) error // see Authenticator

	Cache *revoke.Cache[[32]byte, *sallyport.Principal] // may be that of several hosts; nil = every request is a look-up
	Log   *slog.Logger                                  // nil = slog.Default()

	seen recent.Set
}

// Authenticate implements [sallyport.Authenticator] for [sallyport.SchemeCookie].
func (a *HostAuthenticator) Authenticate(ctx context.Context, c sallyport.Credential) (*sallyport.Principal, error) {
	if c.Scheme != sallyport.SchemeCookie {
		return nil, sallyport.ErrNotMine
	}
	if len(c.Value) > maxHostCookie {
		return nil, errMalformed
	}
	key := a.key(c.Value)
	return a.Cache.Find(key, func() (*sallyport.Principal, revoke.IDs, time.Time, error) {
		now := time.Now()
		s, p, err := a.find(ctx, c.Value, now)
		if err == nil {
			noteUse(ctx, &a.seen, a.Sessions.Seen, a.Log, key, s, now)
		}
		return p, s.ids(), earliest(now.Add(remember), s.IdleExpiresAt, s.ExpiresAt), err
	})
}

// key is that of a cookie in the cache, which hosts share.
func (a *HostAuthenticator) key(value string) [32]byte {
	var room [512]byte
	b := append(room[:0], a.Host...)
	b = append(b, 0)
	return sha256.Sum256(append(b, value...))
}

func (a *HostAuthenticator) find(ctx context.Context, value string, now time.Time) (s Session, p *sallyport.Principal, err error) {
	id, generation, ok := a.Cookies.parse(a.Host, value)
	if !ok {
		return s, nil, errMalformed
	}
	s, err = a.Sessions.SessionByID(ctx, id)
	switch {
	case errors.Is(err, ErrNotFound):
		return s, nil, fmt.Errorf("%w: %w", sallyport.ErrInvalidCredential, err)
	case err != nil:
		return s, nil, fmt.Errorf("reading session: %w", err)
	case !secret.Equal(generation, a.Cookies.generation(&s)):
		return s, nil, fmt.Errorf("%w: session %s has another cookie now", sallyport.ErrInvalidCredential, s.ID)
	}
	p, err = s.whose(ctx, a.Complete, now)
	return s, p, err
}
