package revoke_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/revoke"
)

// A book is a log in memory, with the accidents that happen to databases.
type book struct {
	mu      sync.Mutex
	head    revoke.Head
	entries []revoke.Entry
	nonces  int
	err     error         // what reading fails with; nil = nothing
	slow    time.Duration // how long a transaction waits after its snapshot was taken
	reads   int
}

func newBook(id string) *book {
	return &book{head: revoke.Head{Position: revoke.Position{Log: id}}}
}

var quiet = slog.New(slog.DiscardHandler)

var errDown = errors.New("database is down")

// read runs f on a snapshot.
func (b *book) read(ctx context.Context, f func(revoke.Log) error) error {
	b.mu.Lock()
	b.reads++
	err, slow := b.err, b.slow
	tx := &bookTx{b.head, b.entries[:len(b.entries):len(b.entries)]}
	b.mu.Unlock()
	if err != nil {
		return err
	}
	if slow == 0 { // no timer: expired ones crash the race detector in a bubble (compare golang/go#78156)
		return f(tx)
	}
	select {
	case <-time.After(slow):
		return f(tx)
	case <-ctx.Done():
		return ctx.Err()
	}
}

type bookTx struct {
	head    revoke.Head
	entries []revoke.Entry
}

func (t *bookTx) Head(context.Context) (revoke.Head, error) { return t.head, nil }

func (t *bookTx) Append(context.Context, ...revoke.Entry) (revoke.Position, error) {
	return revoke.Position{}, errors.New("read-only transaction")
}

func (t *bookTx) Renew(context.Context, string) (revoke.Position, error) {
	return revoke.Position{}, errors.ErrUnsupported
}

func (t *bookTx) Read(_ context.Context, after int64, limit int) ([]revoke.Entry, error) {
	i := sort.Search(len(t.entries), func(i int) bool { return t.entries[i].Seq > after })
	return slices.Clone(t.entries[i:min(i+limit, len(t.entries))]), nil
}

// add commits entries; with is run in the same transaction.
func (b *book) add(with func(), entries ...revoke.Entry) revoke.Position {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range entries {
		b.head.Seq++
		b.nonces++
		e.Seq, e.Nonce = b.head.Seq, fmt.Sprint("nonce ", b.nonces)
		b.entries = append(b.entries, e)
	}
	if with != nil {
		with()
	}
	return b.head.Position
}

// prune removes entries as a sweeper does.
func (b *book) prune(seqs ...int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var left []revoke.Entry
	for _, e := range b.entries {
		keep := true
		for _, s := range seqs {
			keep = keep && e.Seq != s
		}
		if keep {
			left = append(left, e)
		} else {
			b.head.Floor = max(b.head.Floor, e.Seq)
		}
	}
	b.entries = left
}

// restore takes the database back to a position, under a log id.
func (b *book) restore(id string, seq int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.head.Log, b.head.Seq = id, seq
	var left []revoke.Entry
	for _, e := range b.entries {
		if e.Seq <= seq {
			left = append(left, e)
		}
	}
	b.entries = left
}

func (b *book) set(f func(*book)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(b)
}

func (b *book) config() revoke.Config { return revoke.Config{Read: b.read, Log: quiet} }

func follow(t testing.TB, c revoke.Config) *revoke.Follower {
	t.Helper()
	f, err := revoke.Follow(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

func catchUp(t testing.TB, f *revoke.Follower, p revoke.Position) {
	t.Helper()
	if err := f.CatchUp(t.Context(), p); err != nil {
		t.Fatal(err)
	}
}

func kill(kind revoke.Kind, id string) revoke.Entry {
	return revoke.Entry{Effect: revoke.Kill, Kind: kind, ID: id, ExpiresAt: time.Now().Add(time.Hour)}
}

// within limits an entry to an organization.
func within(org string, e revoke.Entry) revoke.Entry {
	e.Org = org
	return e
}

func overlay(subject string) revoke.Entry {
	return revoke.Entry{Effect: revoke.Overlay, Kind: revoke.Subject, ID: subject, Overlay: []string{"reader"}, ExpiresAt: time.Now().Add(time.Hour)}
}

func notice(kind revoke.Kind, id string) revoke.Entry {
	return revoke.Entry{Effect: revoke.Notice, Kind: kind, ID: id, ExpiresAt: time.Now().Add(time.Hour)}
}

func at(seq int64) revoke.Position { return revoke.Position{Log: "log", Seq: seq} }

func TestParsePosition(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     revoke.Position
	}{
		{"a position", "log.7", at(7)},
		{"the beginning", "log.0", at(0)},
		{"nothing", "", revoke.Position{}},
		{"no number", "log.", revoke.Position{}},
		{"no log", ".7", revoke.Position{}},
		{"no dot", "log7", revoke.Position{}},
		{"a negative number", "log.-7", revoke.Position{}},
		{"a leading zero", "log.07", revoke.Position{}},
		{"a sign", "log.+7", revoke.Position{}},
		{"a number too large", "log.9223372036854775808", revoke.Position{}},
		{"two dots", "log.7.7", revoke.Position{}},
		{"space", "log.7 ", revoke.Position{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := revoke.ParsePosition(c.in)
			if got != c.want || (err == nil) == c.want.IsZero() {
				t.Errorf("ParsePosition(%q) = %v, %v; want %v", c.in, got, err, c.want)
			}
		})
	}
}

func FuzzParsePosition(f *testing.F) {
	for _, s := range []string{"log.7", "log.0", "", ".", "log.-1", "log.007", "a.b.3", "log.9223372036854775807", "l\x00g.1", strings.Repeat("x", 100)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := revoke.ParsePosition(s)
		if err != nil {
			if p != (revoke.Position{}) {
				t.Errorf("ParsePosition(%q) = %v with an error", s, p)
			}
			return
		}
		if p.String() != s || p.IsZero() || p.Seq < 0 {
			t.Errorf("ParsePosition(%q) = %#v, which is written %q", s, p, p)
		}
	})
}
