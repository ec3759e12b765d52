package limit_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sallyport-auth/sallyport/internal/testenv"
	"github.com/sallyport-auth/sallyport/limit"
)

// table is where failures are kept, with a lock for each key that a transaction
// holds until it ends. That is what the contract of limit.Store asks for.
type table struct {
	mu   sync.Mutex
	rows map[string]kept
	held map[string]*sync.Mutex
}

type kept struct {
	failures limit.Failures
	until    time.Time
}

func newTable() *table { return &table{rows: map[string]kept{}, held: map[string]*sync.Mutex{}} }

// update runs f in a transaction that commits unless f returns an error.
func (tb *table) update(f func(limit.Store) error) error {
	tx := &tableTx{table: tb, written: map[string]kept{}}
	defer func() {
		for _, l := range tx.locks {
			l.Unlock()
		}
	}()
	if err := f(tx); err != nil {
		return err
	}
	if !slices.IsSorted(tx.locked) {
		return errors.New("locked in no order")
	}
	tb.mu.Lock()
	defer tb.mu.Unlock()
	for key, row := range tx.written {
		if row.failures == (limit.Failures{}) {
			delete(tb.rows, key)
		} else {
			tb.rows[key] = row
		}
	}
	return nil
}

// sweep removes what the store was told means nothing any more.
func (tb *table) sweep(now time.Time) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	maps.DeleteFunc(tb.rows, func(_ string, row kept) bool { return row.until.Before(now) })
}

type tableTx struct {
	*table
	written map[string]kept
	locks   []*sync.Mutex
	locked  []string
	fail    error
}

func (tx *tableTx) Lock(_ context.Context, key []byte) (limit.Failures, error) {
	if tx.fail != nil {
		return limit.Failures{}, tx.fail
	}
	k := string(key)
	tx.mu.Lock()
	l := tx.held[k]
	if l == nil {
		l = new(sync.Mutex)
		tx.held[k] = l
	}
	tx.mu.Unlock()
	if !slices.Contains(tx.locked, k) {
		l.Lock()
		tx.locks, tx.locked = append(tx.locks, l), append(tx.locked, k)
	}
	tx.mu.Lock()
	defer tx.mu.Unlock()
	return tx.rows[k].failures, nil
}

func (tx *tableTx) Set(_ context.Context, key []byte, f limit.Failures, until time.Time) error {
	if !slices.Contains(tx.locked, string(key)) {
		return errors.New("written without a lock")
	}
	f.FirstAt, f.LockedUntil = f.FirstAt.Truncate(time.Millisecond), f.LockedUntil.Truncate(time.Millisecond)
	tx.written[string(key)] = kept{f, until}
	return nil
}

var (
	signIn = &limit.SignIn{Key: []byte("0123456789abcdef0123456789abcdef")}
	home   = netip.MustParseAddr("192.0.2.1")
	day    = time.Date(2026, 11, 20, 12, 0, 0, 123456789, time.UTC)
)

// guess is one attempt with the wrong secret.
func (tb *table) guess(t interface{ Fatal(...any) }, s *limit.SignIn, name string, addr netip.Addr, now time.Time) (wait time.Duration) {
	err := tb.update(func(st limit.Store) (err error) {
		wait, err = s.Spend(context.Background(), st, &limit.Guess{Name: name, Addr: addr}, now)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return wait
}

// signIn is one attempt with the right secret.
func (tb *table) signIn(t interface{ Fatal(...any) }, s *limit.SignIn, name string, addr netip.Addr, now time.Time) (wait time.Duration) {
	if wait = tb.guess(t, s, name, addr, now); wait > 0 {
		return wait
	}
	if err := tb.update(func(st limit.Store) error {
		return s.Forgive(context.Background(), st, limit.Guess{Name: name, Addr: addr})
	}); err != nil {
		t.Fatal(err)
	}
	return 0
}

func (tb *table) reset(t interface{ Fatal(...any) }, s *limit.SignIn, name string) {
	if err := tb.update(func(st limit.Store) error { return s.Reset(context.Background(), st, name) }); err != nil {
		t.Fatal(err)
	}
}

// another returns the i-th of many addresses.
func another(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)})
}

func TestFailures(t *testing.T) {
	const min = time.Minute
	// A step is a number of guesses, all of which pass, and what the next one is
	// told, some time after it.
	type step struct {
		after  time.Duration
		pass   int
		refuse time.Duration
	}
	for _, c := range []struct {
		it    string
		guess func(i int) (name string, addr netip.Addr)
		steps []step
	}{
		{"five of a pair, then a growing pause", func(int) (string, netip.Addr) { return "ann", home }, []step{
			{0, 5, 30 * time.Second}, {10 * time.Second, 0, 20 * time.Second}, {20 * time.Second, 1, min}, {min, 1, 2 * min},
			{2 * min, 1, 4 * min}, {4 * min, 1, 8 * min}, {8 * min, 1, 15 * min}, {15 * min, 1, 15 * min},
		}},
		{"a pair forgets in a day", func(int) (string, netip.Addr) { return "ann", home }, []step{
			{0, 4, 0}, {24 * time.Hour, 5, 30 * time.Second}, {23 * time.Hour, 1, min},
		}},
		{"thirty of an address, then one in two seconds", func(i int) (string, netip.Addr) { return fmt.Sprint("user", i), home }, []step{
			{0, 30, 2 * time.Second}, {time.Second, 0, time.Second}, {time.Second, 1, 2 * time.Second}, {min, 30, 2 * time.Second},
		}},
		{"twenty of a name, then one in three minutes", func(i int) (string, netip.Addr) { return "ann", another(i) }, []step{
			{0, 20, 3 * min}, {2 * min, 0, min}, {min, 1, 3 * min}, {time.Hour, 20, 3 * min},
		}},
		{"a hundred of a name in a row, then none", func(i int) (string, netip.Addr) { return "ann", another(i) }, []step{
			{0, 20, 3 * min}, {time.Hour, 20, 3 * min}, {time.Hour, 20, 3 * min}, {time.Hour, 20, 3 * min},
			{time.Hour, 20, 24 * time.Hour}, {24 * time.Hour, 0, 24 * time.Hour}, {10000 * time.Hour, 0, 24 * time.Hour},
		}},
	} {
		failures := func(t *testing.T, sweep bool) {
			tb, now, i := newTable(), day, 0
			guess := func() time.Duration {
				name, addr := c.guess(i)
				i++
				return tb.guess(t, signIn, name, addr, now)
			}
			for n, s := range c.steps {
				now = now.Add(s.after)
				if sweep {
					tb.sweep(now)
				}
				for range s.pass {
					if wait := guess(); wait != 0 {
						t.Fatalf("step %d: guess %d has to wait %v", n+1, i, wait)
					}
				}
				if s.refuse == 0 {
					continue
				}
				for range 3 { // what is refused is not counted
					if wait := guess(); wait.Round(time.Millisecond) != s.refuse {
						t.Fatalf("step %d: guess %d has to wait %v, want %v", n+1, i, wait, s.refuse)
					}
				}
			}
		}
		t.Run(c.it, func(t *testing.T) { failures(t, false) })
		t.Run(c.it+", also when swept", func(t *testing.T) { failures(t, true) })
	}
}

func TestSuccess(t *testing.T) {
	fill := func(t *testing.T, tb *table, n int, name string, addr func(i int) netip.Addr) {
		t.Helper()
		for i := range n {
			if wait := tb.guess(t, signIn, name, addr(i), day); wait > 0 {
				t.Fatalf("guess %d has to wait %v", i, wait)
			}
		}
	}
	at := func(a netip.Addr) func(int) netip.Addr { return func(int) netip.Addr { return a } }
	t.Run("clears the pair", func(t *testing.T) {
		tb := newTable()
		fill(t, tb, 4, "ann", at(home))
		tb.signIn(t, signIn, "ann", home, day)
		fill(t, tb, 5, "ann", at(home))
	})
	t.Run("by the last try is no failure", func(t *testing.T) {
		tb := newTable()
		fill(t, tb, 4, "ann", at(home))
		for range 3 {
			if wait := tb.signIn(t, signIn, "ann", home, day); wait > 0 {
				t.Fatalf("has to wait %v", wait)
			}
		}
	})
	t.Run("breaks the row", func(t *testing.T) {
		tb, now, i := newTable(), day, 0
		for range 3 {
			for range 99 {
				now, i = now.Add(time.Hour), i+1
				if wait := tb.guess(t, signIn, "ann", another(i), now); wait > 0 {
					t.Fatalf("guess %d has to wait %v", i, wait)
				}
			}
			if wait := tb.signIn(t, signIn, "ann", home, now.Add(time.Hour)); wait > 0 {
				t.Fatalf("the owner has to wait %v", wait)
			}
		}
	})
	t.Run("does not free the address", func(t *testing.T) {
		tb := newTable()
		for i := range 29 {
			fill(t, tb, 1, fmt.Sprint("user", i), at(home))
			tb.signIn(t, signIn, "mine", home, day)
		}
		fill(t, tb, 1, "last", at(home))
		if wait := tb.guess(t, signIn, "more", home, day); wait == 0 {
			t.Error("signing in to one's own account gave the address new tries")
		}
	})
	t.Run("does not free the name elsewhere", func(t *testing.T) {
		tb := newTable()
		fill(t, tb, 19, "ann", another)
		tb.signIn(t, signIn, "ann", home, day)
		fill(t, tb, 1, "ann", at(another(100)))
		if wait := tb.guess(t, signIn, "ann", another(101), day); wait == 0 {
			t.Error("the name has new tries")
		}
	})
	t.Run("costs nothing and leaves nothing", func(t *testing.T) {
		tb := newTable()
		for range 100 {
			if wait := tb.signIn(t, signIn, "ann", home, day); wait > 0 {
				t.Fatalf("has to wait %v", wait)
			}
		}
		if len(tb.rows) > 0 {
			t.Errorf("%d rows are left", len(tb.rows))
		}
	})
	t.Run("is not remembered where nothing was", func(t *testing.T) {
		tb := newTable()
		err := tb.update(func(st limit.Store) error {
			return signIn.Forgive(t.Context(), st, limit.Guess{Name: "ann", Addr: home})
		})
		if err != nil || len(tb.rows) > 0 {
			t.Errorf("%v, %d rows", err, len(tb.rows))
		}
	})
}

// A guess that nobody looked at leaves everything as if it had not been made.
func TestRefund(t *testing.T) {
	for before := range 5 {
		with, without, now := newTable(), newTable(), day
		for range before {
			with.guess(t, signIn, "ann", home, now)
			without.guess(t, signIn, "ann", home, now)
		}
		for range 20 { // a rush
			if wait := with.guess(t, signIn, "ann", home, now); wait > 0 {
				t.Fatalf("after %d failures: has to wait %v", before, wait)
			}
			if err := with.update(func(st limit.Store) error {
				return signIn.Refund(t.Context(), st, limit.Guess{Name: "ann", Addr: home})
			}); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 8 {
			if got, want := with.guess(t, signIn, "ann", home, now), without.guess(t, signIn, "ann", home, now); got != want {
				t.Errorf("after %d failures and a rush, guess %d waits %v, not %v", before, i+1, got, want)
			}
		}
	}
	t.Run("of one leaves the pause that others deserve", func(t *testing.T) {
		tb, now := newTable(), day
		for range 5 {
			tb.guess(t, signIn, "ann", home, now)
		}
		now = now.Add(time.Minute)
		tb.guess(t, signIn, "ann", home, now)
		if err := tb.update(func(st limit.Store) error {
			return signIn.Refund(t.Context(), st, limit.Guess{Name: "ann", Addr: home})
		}); err != nil {
			t.Fatal(err)
		}
		if wait := tb.guess(t, signIn, "ann", home, now); wait == 0 {
			t.Error("no pause is left")
		}
	})
}

func TestReset(t *testing.T) {
	tb, now := newTable(), day
	for i := range 100 {
		now = now.Add(time.Hour)
		tb.guess(t, signIn, "ann", another(i), now)
	}
	if wait := tb.guess(t, signIn, "ann", home, now); wait != 24*time.Hour {
		t.Fatalf("not locked: %v", wait)
	}
	tb.reset(t, signIn, "bob")
	if wait := tb.guess(t, signIn, "ann", home, now); wait == 0 {
		t.Error("somebody else's reset frees the name")
	}
	tb.reset(t, signIn, "ann")
	if wait := tb.guess(t, signIn, "ann", home, now); wait != 0 {
		t.Errorf("after a reset the name has to wait %v", wait)
	}
}

func TestWhoCountsAsOne(t *testing.T) {
	for _, c := range []struct {
		it, a, b string
		one      bool
	}{
		{"one IPv6 network of 64 bits", "2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true},
		{"two IPv6 networks", "2001:db8:1:2::1", "2001:db8:1:3::1", false},
		{"an IPv4 address, also inside IPv6", "192.0.2.1", "::ffff:192.0.2.1", true},
		{"two IPv4 addresses", "192.0.2.1", "192.0.2.2", false},
		{"an address with a zone", "fe80::1%eth0", "fe80::2", true},
		{"clients of unknown address", "", "", true},
		{"known and unknown", "", "0.0.0.0", false},
		{"an IPv4 address is no IPv6 network of the same bytes", "32.1.13.184", "2001:db8::", false},
	} {
		t.Run(c.it, func(t *testing.T) {
			tb, s := newTable(), &limit.SignIn{Key: signIn.Key, PerAddress: 1}
			a, _ := netip.ParseAddr(c.a)
			b, _ := netip.ParseAddr(c.b)
			tb.guess(t, s, "ann", a, day)
			if one := tb.guess(t, s, "bob", b, day) > 0; one != c.one {
				t.Errorf("count as one: %v", one)
			}
		})
	}
}

func TestNothingReadableIsStored(t *testing.T) {
	tb := newTable()
	tb.guess(t, signIn, "ann@example.org", home, day)
	if len(tb.rows) != 4 {
		t.Errorf("%d rows", len(tb.rows))
	}
	other := newTable()
	other.guess(t, &limit.SignIn{Key: []byte("another key of 32 bytes .........")}, "ann@example.org", home, day)
	for key := range tb.rows {
		if len(key) != 32 || strings.Contains(key, "ann") {
			t.Errorf("key %q", key)
		}
		if _, same := other.rows[key]; same {
			t.Error("a key does not depend on the secret")
		}
	}
}

func TestAClockThatGoesBackLocksNobodyOut(t *testing.T) {
	tb := newTable()
	for i := range 30 {
		tb.guess(t, signIn, "ann", home, day.Add(time.Duration(i)*15*time.Minute))
	}
	for i := range 30 {
		tb.guess(t, signIn, fmt.Sprint("user", i), home, day.Add(24*time.Hour))
	}
	if wait := tb.guess(t, signIn, "ann", home, day); wait > 0 {
		t.Errorf("a day back, the pair has to wait %v", wait)
	}
	// A node that is a little behind another gives no budget away.
	tb = newTable()
	for range 5 {
		tb.guess(t, signIn, "bob", home, day)
	}
	if wait := tb.guess(t, signIn, "bob", home, day.Add(-5*time.Second)); wait == 0 {
		t.Error("a clock that is 5 s behind gives new tries")
	}
}

func TestSignInErrors(t *testing.T) {
	down := errors.New("down")
	for it, c := range map[string]struct {
		s    *limit.SignIn
		fail error
	}{
		"no key":            {&limit.SignIn{}, nil},
		"a short key":       {&limit.SignIn{Key: make([]byte, 15)}, nil},
		"a negative limit":  {&limit.SignIn{Key: signIn.Key, PerName: -1}, nil},
		"a negative pause":  {&limit.SignIn{Key: signIn.Key, FirstPause: -1}, nil},
		"the store is down": {signIn, down},
	} {
		t.Run(it, func(t *testing.T) {
			tx := &tableTx{table: newTable(), fail: c.fail}
			_, spend := c.s.Spend(t.Context(), tx, &limit.Guess{Name: "ann", Addr: home}, day)
			for _, err := range []error{spend, c.s.Forgive(t.Context(), tx, limit.Guess{Name: "ann", Addr: home}), c.s.Reset(t.Context(), tx, "ann")} {
				if err == nil || c.fail != nil && !errors.Is(err, c.fail) {
					t.Errorf("error %v", err)
				}
			}
		})
	}
}

func TestExtremeLimitsDoNotPanic(t *testing.T) {
	for _, s := range []*limit.SignIn{
		{Key: signIn.Key, Tries: 1, PerAddress: 1, PerName: 1, InARow: 1, FirstPause: 1, MaxPause: 1},
		{Key: signIn.Key, Tries: 1 << 40, PerAddress: 1 << 40, PerName: 1 << 62, InARow: 1 << 40, FirstPause: 1 << 62, MaxPause: 1 << 50},
	} {
		tb := newTable()
		for i := range 200 {
			tb.guess(t, s, "ann", home, day.Add(time.Duration(i)*time.Second))
		}
	}
}

func TestParallelGuessesDoNotExceedABudget(t *testing.T) {
	for _, c := range []struct {
		it    string
		guess func(i int) (string, netip.Addr)
		want  int64
	}{
		{"of a pair", func(int) (string, netip.Addr) { return "ann", home }, 5},
		{"of an address", func(i int) (string, netip.Addr) { return fmt.Sprint("user", i), home }, 30},
		{"of a name", func(i int) (string, netip.Addr) { return "ann", another(i) }, 20},
	} {
		t.Run(c.it, func(t *testing.T) {
			for range testenv.Count(3, 200) {
				tb := newTable()
				var passed sync.Map
				var wg sync.WaitGroup
				for i := range 100 {
					wg.Go(func() {
						name, addr := c.guess(i)
						if tb.guess(fatal{t}, signIn, name, addr, day) == 0 {
							passed.Store(i, true)
						}
					})
				}
				wg.Wait()
				n := int64(0)
				passed.Range(func(any, any) bool { n++; return true })
				if n != c.want {
					t.Fatalf("%d of 100 guesses passed, want %d", n, c.want)
				}
			}
		})
	}
}

// fatal reports from another goroutine than the test's.
type fatal struct{ t *testing.T }

func (f fatal) Fatal(args ...any) { f.t.Error(args...) }

func TestManyAtOnceNeverWaitForEachOther(t *testing.T) {
	// Names and addresses crossed, guesses and successes mixed: with locks taken in
	// no order this comes to a standstill.
	tb := newTable()
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			name, addr := fmt.Sprint("user", i%5), another(i%7)
			for j := range 10 {
				now := day.Add(time.Duration(j) * time.Hour)
				if i%2 == 0 {
					tb.signIn(fatal{t}, signIn, name, addr, now)
				} else {
					tb.guess(fatal{t}, signIn, name, addr, now)
				}
			}
		})
	}
	wg.Wait()
}

func TestSignInProperties(t *testing.T) {
	for range testenv.Count(1, 50) {
		rapid.Check(t, signInProperties)
	}
}

// signInProperties lets a few people and attackers try in any order at any time.
func signInProperties(t *rapid.T) {
	tb, now := newTable(), day
	guesses := map[string][]time.Time{} // that passed and failed, by what they are paid from
	inARow := map[string]int{}
	count := rapid.IntRange(1, 150).Draw(t, "count")
	for range count {
		// Mostly quick, sometimes a long wait.
		gap := rapid.OneOf(rapid.IntRange(0, 1500), rapid.IntRange(0, 400_000), rapid.IntRange(0, 30_000_000)).Draw(t, "ms")
		now = now.Add(time.Duration(gap) * time.Millisecond)
		if rapid.Bool().Draw(t, "sweep") {
			tb.sweep(now)
		}
		name := rapid.SampledFrom([]string{"ann", "bob", "nobody"}).Draw(t, "name")
		addr := another(rapid.IntRange(0, 3).Draw(t, "address"))
		before := maps.Clone(tb.rows)
		right := rapid.IntRange(0, 4).Draw(t, "right") == 0
		attempt := tb.guess
		if right {
			attempt = tb.signIn
		}
		wait := attempt(t, signIn, name, addr, now)
		locked := inARow[name] >= 100
		switch {
		case wait > 0:
			if !maps.Equal(before, tb.rows) {
				t.Fatal("a refused guess changed what is stored")
			}
			if wait > 15*time.Minute && !locked {
				t.Fatalf("has to wait %v", wait)
			}
			if !locked && rapid.Bool().Draw(t, "patient") {
				now = now.Add(wait)
				if again := tb.guess(t, signIn, name, addr, now); again > 0 {
					t.Fatalf("waited %v and has to wait %v more", wait, again)
				}
				fail(guesses, inARow, name, addr, now)
			}
		case locked:
			t.Fatal("a guess passed after 100 failures in a row")
		case right:
			inARow[name] = 0
			delete(guesses, name+addr.String())
		default:
			fail(guesses, inARow, name, addr, now)
		}
	}
	for key, times := range guesses {
		size, every := 5, 30*time.Second // a pair: at best one for each shortest pause
		switch {
		case strings.HasPrefix(key, "198."):
			size, every = 30, 2*time.Second
		case !strings.Contains(key, "198."):
			size, every = 20, 3*time.Minute
		}
		for i := range times {
			for j := i + size; j < len(times); j++ {
				if earned := int(times[j].Sub(times[i])/every) + 1; j-i+1 > size+earned {
					t.Fatalf("%s: %d failures in %v", key, j-i+1, times[j].Sub(times[i]))
				}
			}
		}
	}
}

func fail(guesses map[string][]time.Time, inARow map[string]int, name string, addr netip.Addr, now time.Time) {
	inARow[name]++
	for _, key := range []string{name, addr.String(), name + addr.String()} {
		guesses[key] = append(guesses[key], now)
	}
}

func BenchmarkSpend(b *testing.B) {
	tb, now := newTable(), day
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Hour)
		tb.signIn(b, signIn, "ann", home, now)
	}
}
