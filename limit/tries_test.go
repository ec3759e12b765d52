package limit_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-auth/sallyport/limit"
)

func spendTry(t *testing.T, tb *table, tries *limit.Tries, name string) (wait time.Duration) {
	t.Helper()
	err := tb.update(func(st limit.Store) (err error) {
		wait, err = tries.Spend(t.Context(), st, name, time.Now())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return wait
}

func TestTriesGoFreeAndThenPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tb := newTable()
		tries := &limit.Tries{Key: make([]byte, 16), Purpose: "codes", Free: 5, MaxPause: 2 * time.Minute}
		for i := range 5 {
			if wait := spendTry(t, tb, tries, "ann"); wait != 0 {
				t.Fatalf("try %d: a wait of %v", i+1, wait)
			}
		}
		for i, want := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 2 * time.Minute} {
			if wait := spendTry(t, tb, tries, "ann"); wait != want {
				t.Errorf("pause %d: %v, want %v", i, wait, want)
			}
			if wait := spendTry(t, tb, tries, "bob"); i == 0 && wait != 0 {
				t.Errorf("somebody else waits %v", wait)
			}
			time.Sleep(want)
			if wait := spendTry(t, tb, tries, "ann"); wait != 0 {
				t.Errorf("after the pause: %v", wait)
			}
		}
		time.Sleep(24 * time.Hour)
		for range 5 {
			if wait := spendTry(t, tb, tries, "ann"); wait != 0 {
				t.Errorf("a day later: a wait of %v", wait)
			}
		}
	})
}

func TestTriesPauseAfterTheFirstUnlessToldOtherwise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tb := newTable()
		sends := &limit.Tries{Key: make([]byte, 16), Purpose: "sent codes"}
		if wait := spendTry(t, tb, sends, "ann"); wait != 0 {
			t.Errorf("the first: %v", wait)
		}
		time.Sleep(10 * time.Second)
		if wait := spendTry(t, tb, sends, "ann"); wait != 20*time.Second {
			t.Errorf("the second, ten seconds later: %v", wait)
		}
		if err := tb.update(func(st limit.Store) error { return sends.Forgive(t.Context(), st, "ann") }); err != nil {
			t.Fatal(err)
		}
		if wait := spendTry(t, tb, sends, "ann"); wait != 0 {
			t.Errorf("forgiven: %v", wait)
		}
	})
}

func TestTriesAtOnceAreCountedOneByOne(t *testing.T) {
	tb := newTable()
	tries := &limit.Tries{Key: make([]byte, 16), Purpose: "codes", Free: 5}
	var mu sync.Mutex
	free := 0
	var all sync.WaitGroup
	for range 40 {
		all.Go(func() {
			var wait time.Duration
			err := tb.update(func(st limit.Store) (err error) {
				wait, err = tries.Spend(t.Context(), st, "ann", time.Now())
				return err
			})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				t.Error(err)
			case wait == 0:
				free++
			}
		})
	}
	all.Wait()
	if free != 5 {
		t.Errorf("%d of 40 went free", free)
	}
}

func TestTriesNeedAKey(t *testing.T) {
	err := newTable().update(func(st limit.Store) error {
		_, err := (&limit.Tries{Key: []byte("short")}).Spend(t.Context(), st, "ann", time.Now())
		return err
	})
	if err == nil {
		t.Error("counted under a short key")
	}
}
