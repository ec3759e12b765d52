package session_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/internal/testenv"
	"github.com/sallyport-auth/sallyport/revoke"
)

// A heap is a memory that forgets nothing, whatever it is told, and returns what it
// likes of that.
type heap struct {
	mu     sync.Mutex
	values map[string][][]byte
	pick   func(values [][]byte) []byte // nil = the last
	err    error
	sets   int
}

func (h *heap) Get(_ context.Context, key string) ([]byte, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	values := h.values[key]
	switch {
	case h.err != nil:
		return nil, h.err
	case len(values) == 0:
		return nil, nil
	case h.pick != nil:
		return h.pick(values), nil
	}
	return values[len(values)-1], nil
}

func (h *heap) Set(_ context.Context, key string, value []byte, _ time.Duration) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sets++
	if h.err == nil {
		h.values[key] = append(h.values[key], bytes.Clone(value))
	}
	return h.err
}

func newHeap() *heap { return &heap{values: map[string][][]byte{}} }

var sharedKey = bytes.Repeat([]byte("k"), 32)

func (b *book) shared(h *heap, f *revoke.Follower) *session.Shared {
	return &session.Shared{Sessions: b, Memory: h, Follower: f, Key: sharedKey}
}

func (b *book) other() revoke.Position {
	return b.commit(nil, revoke.Kill, revoke.Session, "ses_other")
}

// One node has kept a session; another one asks.
func TestWhatAnotherNodeKept(t *testing.T) {
	const lookedUp, kept = 1, 0
	type scene struct {
		*testing.T
		*book
		*heap
		s     session.Session
		asker *session.Shared
	}
	reach := func(c *scene, p revoke.Position) {
		if err := c.asker.Follower.CatchUp(c.Context(), p); err != nil {
			c.Error(err)
		}
	}
	for _, tt := range []struct {
		name    string
		between func(*scene)
		lookUps int
		want    error
		idle    time.Duration // 0 = an hour
	}{
		{"nothing happened", func(*scene) {}, kept, nil, 0},
		{"something else happened", func(c *scene) { reach(c, c.other()) }, kept, nil, 0},
		{"much else happened", func(c *scene) {
			for range 4000 {
				c.other()
			}
			reach(c, c.other())
		}, kept, nil, 0},
		{"more happened than is remembered", func(c *scene) {
			for range 5000 {
				c.other()
			}
			reach(c, c.other())
		}, lookedUp, nil, 0},
		{"it was ended", func(c *scene) { reach(c, c.end(c.s)) }, lookedUp, session.ErrNotFound, 0},
		{"its subject was touched", func(c *scene) { reach(c, c.commit(nil, revoke.Overlay, revoke.Subject, "usr_ann")) }, lookedUp, nil, 0},
		{"its organization was touched", func(c *scene) { reach(c, c.commit(nil, revoke.Notice, revoke.Org, "org_a")) }, lookedUp, nil, 0},
		{"a policy was published", func(c *scene) { reach(c, c.commit(nil, revoke.Notice, revoke.Policy, "")) }, lookedUp, nil, 0},
		{"almost a minute passed", func(*scene) { time.Sleep(time.Minute - 2*time.Millisecond) }, kept, nil, 0},
		{"it idled out, but was used elsewhere", func(c *scene) {
			time.Sleep(31 * time.Second)
			c.s.IdleExpiresAt = c.s.ExpiresAt
			c.rows[string(c.s.TokenHash)] = c.s
		}, lookedUp, nil, 30 * time.Second},
		{"a minute passed", func(*scene) { time.Sleep(time.Minute) }, lookedUp, nil, 0},
		{"the memory failed", func(c *scene) { c.heap.err = errors.New("away") }, lookedUp, nil, 0},
		{"the memory was emptied", func(c *scene) { clear(c.values) }, lookedUp, nil, 0},
		{"the asker has another key", func(c *scene) { c.asker.Key = bytes.Repeat([]byte("x"), 32) }, lookedUp, nil, 0},
		{"a bit was changed", func(c *scene) {
			c.pick = func(v [][]byte) []byte { b := bytes.Clone(v[0]); b[len(b)/2] ^= 1; return b }
		}, lookedUp, nil, 0},
		{"it was cut off", func(c *scene) { c.pick = func(v [][]byte) []byte { return v[0][:5] } }, lookedUp, nil, 0},
		{"nonsense took its place", func(c *scene) { c.pick = func([][]byte) []byte { return []byte(`{"ID":"ses_x"}`) } }, lookedUp, nil, 0},
		{"the value of another session took its place", func(c *scene) {
			other, _ := c.signIn(func(s *session.Session) { s.Subject = "usr_boss" })
			if _, err := c.asker.Session(c.Context(), other.TokenHash); err != nil {
				c.Error(err)
			}
			c.asked--
			var all [][]byte
			for _, v := range c.values {
				all = append(all, v[0])
			}
			c.pick = func(v [][]byte) []byte {
				for _, b := range all {
					if !bytes.Equal(b, v[0]) {
						return b
					}
				}
				return nil
			}
		}, lookedUp, nil, 0},
		{"the asker has not come so far", func(c *scene) {
			c.values = map[string][][]byte{}
			ahead := c.shared(c.heap, c.follow(c.T))
			if err := ahead.Follower.CatchUp(c.Context(), c.other()); err != nil {
				c.Error(err)
			}
			if _, err := ahead.Session(c.Context(), c.s.TokenHash); err != nil {
				c.Error(err)
			}
			c.asked--
		}, lookedUp, nil, 0},
		{"the database was restored, and has another entry there", func(c *scene) {
			c.entries[len(c.entries)-1].Nonce = "another"
			c.asker = c.shared(c.heap, c.follow(c.T))
		}, lookedUp, nil, 0},
		{"the asker started a moment ago", func(c *scene) { c.asker = c.shared(c.heap, c.follow(c.T)) }, kept, nil, 0},
		{"the asker hears nothing of the log", func(c *scene) {
			c.set(func(b *book) { b.down = true })
			time.Sleep(6 * time.Second)
		}, kept, revoke.ErrStale, 0},
		{"the clock of the keeper is far ahead", func(c *scene) {
			c.values = map[string][][]byte{}
			row := c.s
			row.LastSeenAt = time.Now().Add(time.Hour)
			c.rows[string(c.s.TokenHash)] = row
			if _, err := c.asker.Session(c.Context(), c.s.TokenHash); err != nil {
				c.Error(err)
			}
			c.asked--
		}, lookedUp, nil, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &scene{T: t, book: newBook(), heap: newHeap()}
				c.other() // what is before the first entry cannot be told from what is before nothing
				c.s, _ = c.signIn(func(s *session.Session) { s.IdleExpiresAt = time.Now().Add(cmp.Or(tt.idle, time.Hour)) })
				keeper := c.shared(c.heap, c.follow(t))
				c.asker = c.shared(c.heap, c.follow(t))
				for range 2 {
					if _, err := keeper.Session(t.Context(), c.s.TokenHash); err != nil {
						t.Fatal(err)
					}
				}
				if c.asked != 1 || c.sets != 1 {
					t.Fatalf("kept %d times, looked up %d times", c.sets, c.asked)
				}
				tt.between(c)
				c.asked = 0
				s, err := c.asker.Session(t.Context(), c.s.TokenHash)
				if !errors.Is(err, tt.want) || c.asked != tt.lookUps {
					t.Errorf("%v after %d look-ups, want %v after %d", err, c.asked, tt.want, tt.lookUps)
				}
				if err == nil && fmt.Sprintf("%+v", said(s, time.Now())) != fmt.Sprintf("%+v", said(c.s, time.Now())) {
					t.Errorf("got  %+v\nwant %+v", s, c.s)
				}
			})
		})
	}
}

// said is what of a session an answer depends on.
func said(s session.Session, now time.Time) session.Session {
	alive := s.Alive(now)
	s.LastSeenAt, s.IdleExpiresAt = time.Time{}, time.Time{}
	if alive {
		s.IdleExpiresAt = s.ExpiresAt
	}
	for _, at := range []*time.Time{&s.AuthTime, &s.CreatedAt, &s.ExpiresAt, &s.IdleExpiresAt} {
		*at = at.Truncate(time.Millisecond).UTC()
	}
	return s
}

func TestTheMemoryLearnsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, h := newBook(), newHeap()
		b.other()
		s, cookie := b.signIn(func(s *session.Session) { s.Address, s.UserAgent = "192.0.2.7", "Firefox" })
		if _, err := b.shared(h, b.follow(t)).Session(t.Context(), s.TokenHash); err != nil {
			t.Fatal(err)
		}
		for key, values := range h.values {
			all := key + string(bytes.Join(values, nil))
			for _, secret := range []string{cookie, string(s.TokenHash), s.ID, s.Subject, s.Org, s.Address, s.UserAgent} {
				if strings.Contains(all, secret) {
					t.Errorf("it can read %q", secret)
				}
			}
		}
		if len(h.values) != 1 {
			t.Errorf("%d values", len(h.values))
		}
	})
}

// All nodes together record a use once a minute, and read the store about as often.
func TestNodesShareTheLookUps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, h := newBook(), newHeap()
		b.other()
		_, value := b.signIn()
		var nodes []*session.Authenticator
		for range 4 {
			f := b.follow(t)
			a := b.authenticator(f)
			a.Sessions = b.shared(h, f)
			nodes = append(nodes, a)
		}
		for range 10 * 60 {
			for _, a := range nodes {
				if _, err := a.Authenticate(t.Context(), cookie(value)); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Second)
		}
		if b.seen > 10 || b.asked > 22 {
			t.Errorf("in ten minutes four nodes recorded %d uses and read the store %d times", b.seen, b.asked)
		}
	})
}

// Whatever a memory returns of all that it ever held, a node that has read the log
// says what the store says.
func TestTheMemoryNeverChangesAnAnswer(t *testing.T) {
	for seed := range uint64(testenv.Count(20, 500)) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			b, h := newBook(), newHeap()
			b.other()
			h.pick = func(v [][]byte) []byte { return v[r.IntN(len(v))] }
			followers, nodes := []*revoke.Follower{}, []*session.Shared{}
			for range 3 {
				f := b.follow(t)
				followers, nodes = append(followers, f), append(nodes, b.shared(h, f))
			}
			var hashes [][]byte
			for range 6 {
				s, _ := b.signIn()
				hashes = append(hashes, s.TokenHash)
			}
			hits := 0
			for range 400 {
				hash := hashes[r.IntN(len(hashes))]
				s, there := b.rows[string(hash)]
				switch n := r.IntN(20); {
				case n < 1 && there:
					b.end(s)
				case n < 2 && there:
					b.commit(func() { s.Org = fmt.Sprint("org_", r.IntN(3)); b.rows[string(hash)] = s }, revoke.Notice, revoke.Session, s.ID)
				case n < 3 && there:
					b.Seen(t.Context(), s, time.Now())
				case n < 4:
					b.other()
				case n < 5:
					time.Sleep(time.Duration(r.IntN(40)) * time.Second)
				case n < 6 && !there: // the same token again: the worst that could happen
					b.rows[string(hash)], _ = session.Timeouts{}.New("usr_bob", time.Now())
					s = b.rows[string(hash)]
					s.TokenHash = hash
					b.rows[string(hash)] = s
					b.commit(nil, revoke.Notice, revoke.Session, s.ID)
				case n < 7:
					i := r.IntN(len(nodes))
					followers[i] = b.follow(t)
					nodes[i] = b.shared(h, followers[i])
				}
				i := r.IntN(len(nodes))
				if err := followers[i].CatchUp(t.Context(), b.position()); err != nil {
					t.Fatal(err)
				}
				now, asked := time.Now(), b.asked
				got, err := nodes[i].Session(t.Context(), hash)
				if b.asked == asked {
					hits++
				}
				want, there := b.rows[string(hash)]
				switch {
				case !there && !errors.Is(err, session.ErrNotFound), there && err != nil:
					t.Fatalf("seed %d: %v, and in the store: %v", seed, err, there)
				case there && fmt.Sprintf("%+v", said(got, now)) != fmt.Sprintf("%+v", said(want, now)):
					t.Fatalf("seed %d: got  %+v\nwant %+v", seed, got, want)
				}
			}
			if hits == 0 {
				t.Errorf("seed %d: the memory was never used", seed)
			}
		})
	}
}
