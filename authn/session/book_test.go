package session_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/revoke"
)

var errDown = errors.New("connection refused")

// A book is a store in memory: sessions, roles and the log, changed together.
type book struct {
	mu      sync.Mutex
	rows    map[string]session.Session // by token hash
	roles   map[string][]string        // by subject
	entries []revoke.Entry
	down    bool  // nothing can be read
	noRoles bool  // roles cannot be read
	left    bool  // nobody is in org_a any more
	seenErr error // what Seen returns

	asked, seen int
	during      func() // runs once, while a session is being read
}

func newBook() *book {
	return &book{rows: map[string]session.Session{}, roles: map[string][]string{"usr_ann": {"member"}}}
}

// signIn starts a session and returns it with its cookie.
func (b *book) signIn(change ...func(*session.Session)) (session.Session, string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s, cookie := session.Timeouts{}.New("usr_ann", time.Now())
	s.Org, s.AAL, s.AMR, s.AuthTime, s.Position = "org_a", 1, []string{"pwd"}, s.CreatedAt, b.position()
	for _, f := range change {
		f(&s)
	}
	b.rows[string(s.TokenHash)] = s
	return s, cookie
}

func (b *book) position() revoke.Position {
	return revoke.Position{Log: "log", Seq: int64(len(b.entries)) + 1}
}

// commit changes the store and appends to the log, as one transaction.
func (b *book) commit(change func(), effect revoke.Effect, kind revoke.Kind, id string) revoke.Position {
	b.mu.Lock()
	defer b.mu.Unlock()
	if change != nil {
		change()
	}
	p := b.position()
	p.Seq++
	b.entries = append(b.entries, revoke.Entry{
		Seq: p.Seq, Effect: effect, Kind: kind, ID: id, Nonce: fmt.Sprint(p.Seq), CreatedAt: time.Now(), ExpiresAt: time.Now().Add(24 * time.Hour),
	})
	return p
}

func (b *book) end(s session.Session) revoke.Position {
	return b.commit(func() { delete(b.rows, string(s.TokenHash)) }, revoke.Kill, revoke.Session, s.ID)
}

func (b *book) Session(_ context.Context, hash []byte) (session.Session, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	if b.down {
		return session.Session{}, errDown
	}
	s, ok := b.rows[string(hash)]
	if during := b.during; during != nil {
		b.during = nil
		b.mu.Unlock()
		during()
		b.mu.Lock()
	}
	if !ok {
		return session.Session{}, session.ErrNotFound
	}
	return s, nil
}

func (b *book) Seen(_ context.Context, s session.Session, now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen++
	if row, ok := b.rows[string(s.TokenHash)]; ok && b.seenErr == nil {
		row.LastSeenAt, row.IdleExpiresAt = now, now.Add(session.Timeouts{}.IdleOrDefault())
		b.rows[string(s.TokenHash)] = row
	}
	return b.seenErr
}

// Complete knows of roles in org_a only. Whoever has none there is no member.
func (b *book) Complete(_ context.Context, p *sallyport.Principal) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down || b.noRoles {
		return errDown
	}
	p.Roles, p.Plan = b.roles[p.Subject], "free"
	if p.Org != "org_a" || b.left {
		p.Org = ""
		return nil
	}
	p.OrgRoles, p.Plan = []string{"chief"}, "gold"
	return nil
}

// Head, Append, Renew and Read implement [revoke.Log].
func (b *book) Head(context.Context) (revoke.Head, error) {
	return revoke.Head{Position: b.position()}, nil
}

func (b *book) Append(context.Context, ...revoke.Entry) (revoke.Position, error) {
	return revoke.Position{}, errors.ErrUnsupported
}

func (b *book) Renew(context.Context, string) (revoke.Position, error) {
	return revoke.Position{}, errors.ErrUnsupported
}

func (b *book) Read(_ context.Context, after int64, limit int) ([]revoke.Entry, error) {
	from := max(after-1, 0) // the first entry has number 2
	if from >= int64(len(b.entries)) {
		return nil, nil
	}
	return b.entries[from:min(from+int64(limit), int64(len(b.entries)))], nil
}

func (b *book) follow(t testing.TB) *revoke.Follower {
	t.Helper()
	f, err := revoke.Follow(t.Context(), revoke.Config{
		Read: func(_ context.Context, f func(revoke.Log) error) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			if b.down {
				return errDown
			}
			return f(b)
		},
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

func (b *book) authenticator(f *revoke.Follower) *session.Authenticator {
	a := &session.Authenticator{Sessions: b, Complete: b.Complete}
	if f != nil {
		a.Cache = revoke.NewCache[[32]byte, *sallyport.Principal](f, 64)
	}
	return a
}

func cookie(value string) sallyport.Credential {
	return sallyport.Credential{Scheme: sallyport.SchemeCookie, Value: value}
}

func (b *book) set(f func(*book)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(b)
}

func hashOf(cookie string) []byte { return secret.Hash(cookie) }
