package apikey_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authn/apikey"
	"github.com/sallyport-auth/sallyport/revoke"
)

var errDown = errors.New("connection refused")

// A book is a store in memory: keys, roles and the log, changed together.
type book struct {
	mu      sync.Mutex
	keys    map[string]apikey.Key // by id
	roles   map[string][]string   // by subject
	entries []revoke.Entry
	down    bool // nothing can be read
	noRoles bool // roles cannot be read
	left    bool // nobody is in org_a any more
	usedErr error

	asked, used int
	during      func() // runs once, while a key is being read
}

func newBook() *book {
	return &book{keys: map[string]apikey.Key{}, roles: map[string][]string{"usr_ann": {"member"}}}
}

// issue makes a key of ann's and returns it with what she is shown.
func (b *book) issue(change ...func(*apikey.Key)) (apikey.Key, string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k, plain := apikey.Generate()
	k.Owner, k.Org, k.Scopes, k.CreatedAt = "usr_ann", "org_a", []string{"post:read"}, time.Now()
	for _, f := range change {
		f(&k)
	}
	b.keys[k.ID] = k
	return k, plain
}

// commit changes the store and appends to the log, as one transaction.
func (b *book) commit(change func(), effect revoke.Effect, kind revoke.Kind, id string) revoke.Position {
	b.mu.Lock()
	defer b.mu.Unlock()
	if change != nil {
		change()
	}
	seq := int64(len(b.entries)) + 1
	b.entries = append(b.entries, revoke.Entry{
		Seq: seq, Effect: effect, Kind: kind, ID: id, Nonce: fmt.Sprint(seq), CreatedAt: time.Now(), ExpiresAt: time.Now().Add(24 * time.Hour),
	})
	return revoke.Position{Log: "log", Seq: seq}
}

func (b *book) revoke(k apikey.Key) revoke.Position {
	return b.commit(func() { delete(b.keys, k.ID) }, revoke.Kill, revoke.APIKey, k.ID)
}

func (b *book) Key(_ context.Context, id string) (apikey.Key, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	if b.down {
		return apikey.Key{}, errDown
	}
	k, ok := b.keys[id]
	if during := b.during; during != nil {
		b.during = nil
		b.mu.Unlock()
		during()
		b.mu.Lock()
	}
	if !ok {
		return apikey.Key{}, apikey.ErrNotFound
	}
	return k, nil
}

func (b *book) Used(_ context.Context, k apikey.Key, now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used++
	if row, ok := b.keys[k.ID]; ok && b.usedErr == nil {
		row.LastUsedAt = now
		b.keys[k.ID] = row
	}
	return b.usedErr
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
	return revoke.Head{Position: revoke.Position{Log: "log", Seq: int64(len(b.entries))}}, nil
}

func (b *book) Append(context.Context, ...revoke.Entry) (revoke.Position, error) {
	return revoke.Position{}, errors.ErrUnsupported
}

func (b *book) Renew(context.Context, string) (revoke.Position, error) {
	return revoke.Position{}, errors.ErrUnsupported
}

func (b *book) Read(_ context.Context, after int64, limit int) ([]revoke.Entry, error) {
	from := min(after, int64(len(b.entries)))
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

func (b *book) authenticator(f *revoke.Follower) *apikey.Authenticator {
	a := &apikey.Authenticator{Keys: b, Complete: b.Complete}
	if f != nil {
		a.Cache = revoke.NewCache[[32]byte, *sallyport.Principal](f, 64)
	}
	return a
}

func (b *book) set(f func(*book)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(b)
}

func header(plain string) sallyport.Credential {
	return sallyport.Credential{Scheme: sallyport.SchemeAPIKey, Value: plain}
}

func bearer(plain string) sallyport.Credential {
	return sallyport.Credential{Scheme: sallyport.SchemeBearer, Value: plain}
}
