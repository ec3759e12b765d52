package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
	"unique"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/internal/recent"
	"github.com/sallyport-auth/sallyport/revoke"
)

// A Source finds sessions. It must be safe for concurrent use.
type Source interface {
	// Session returns the session whose token has that SHA-256, or [ErrNotFound].
	// One that has expired may be returned.
	Session(ctx context.Context, hash []byte) (Session, error)
	// Seen records that the session is in use, and moves its idle timeout on. It
	// is called about once a minute at most.
	Seen(ctx context.Context, s Session, now time.Time) error
}

// An Authenticator checks session cookies. Sessions is required; the fields must
// not change after first use. It is safe for concurrent use and must not be copied.
//
// What a look-up found is remembered until the revocation log says that something
// about the session, its subject or its organization has changed, and for a
// minute at most.
type Authenticator struct {
	Sessions Source

	// Complete fills in the roles and the plan that the principal has now, and
	// empties Org if the subject is no member of it. Nil means that nobody has roles
	// or is a member.
	Complete func(ctx context.Context, p *sallyport.Principal) error

	Cache *revoke.Cache[[32]byte, *sallyport.Principal] // keyed by SHA-256; nil = every request is a look-up
	Log   *slog.Logger                                  // nil = slog.Default()

	seen recent.Set
}

// remember is how long a look-up serves. It bounds how late the idle timeout
// notices a use, which the cache hides.
const remember = time.Minute

var errMalformed = fmt.Errorf("%w: malformed session cookie", sallyport.ErrInvalidCredential)

// Authenticate implements [sallyport.Authenticator] for [sallyport.SchemeCookie].
func (a *Authenticator) Authenticate(ctx context.Context, c sallyport.Credential) (*sallyport.Principal, error) {
	if c.Scheme != sallyport.SchemeCookie {
		return nil, sallyport.ErrNotMine
	}
	hash, ok := hashToken(c.Value)
	if !ok {
		return nil, errMalformed
	}
	return a.Cache.Find(hash, func() (*sallyport.Principal, revoke.IDs, time.Time, error) {
		now := time.Now()
		s, p, err := a.find(ctx, hash, now)
		return p, s.ids(), earliest(now.Add(remember), s.IdleExpiresAt, s.ExpiresAt), err
	})
}

// find looks the session up, and who is behind it.
func (a *Authenticator) find(ctx context.Context, hash [32]byte, now time.Time) (s Session, p *sallyport.Principal, err error) {
	s, err = a.Sessions.Session(ctx, hash[:])
	switch {
	case errors.Is(err, ErrNotFound):
		return s, nil, fmt.Errorf("%w: %w", sallyport.ErrInvalidCredential, err)
	case err != nil:
		return s, nil, fmt.Errorf("reading session: %w", err)
	}
	if p, err = s.whose(ctx, a.Complete, now); err == nil {
		noteUse(ctx, &a.seen, a.Sessions.Seen, a.Log, hash, s, now)
	}
	return s, p, err
}

// whose returns who is behind a session that is alive.
func (s *Session) whose(ctx context.Context, complete func(context.Context, *sallyport.Principal) error, now time.Time) (*sallyport.Principal, error) {
	if !s.Alive(now) {
		return nil, fmt.Errorf("%w: session %s has expired", sallyport.ErrInvalidCredential, s.ID)
	}
	p := s.principal()
	if complete == nil {
		p.Org = ""
	} else if err := complete(ctx, p); err != nil {
		return nil, fmt.Errorf("reading roles of the session's subject: %w", err)
	}
	return p, nil
}

// noteUse records the use. Nobody is refused because that failed: the idle
// timeout is far longer than the next attempt is away.
func noteUse(ctx context.Context, recently *recent.Set, record func(context.Context, Session, time.Time) error, log *slog.Logger, key [32]byte, s Session, now time.Time) {
	if !useIsDue(s, now) || !recently.Add(key, now) {
		return
	}
	if err := record(ctx, s, now); err != nil && ctx.Err() == nil {
		cmp.Or(log, slog.Default()).WarnContext(ctx, "recording use of session", "session", s.ID, "cause", err)
	}
}

// useIsDue reports whether it is time to record that the session is in use.
func useIsDue(s Session, now time.Time) bool { return now.Sub(s.LastSeenAt) >= time.Minute }

// ids are what in the log touches the session. They name its organization also if
// the subject has left it: they may be asked back.
func (s *Session) ids() revoke.IDs {
	return revoke.IDs{Session: s.ID, Subject: s.Subject, Org: s.Org}
}

func (s *Session) principal() *sallyport.Principal {
	p := &sallyport.Principal{
		Kind: sallyport.User, Subject: s.Subject, Org: s.Org, Session: s.ID, Credential: "session",
		AuthTime: s.AuthTime, AMR: compact(s.AMR), AAL: s.AAL,
	}
	if !s.Position.IsZero() {
		p.Rev = s.Position.String()
	}
	return p
}

// compact returns a copy that takes no more memory than it must, because it is kept: a
// store makes lists with room to spare, and the same few words again and again.
func compact(words []string) []string {
	if words == nil {
		return nil
	}
	c := make([]string, len(words))
	for i, w := range words {
		c[i] = unique.Make(w).Value()
	}
	return c
}

func earliest(t time.Time, others ...time.Time) time.Time {
	for _, o := range others {
		if o.Before(t) {
			t = o
		}
	}
	return t
}
