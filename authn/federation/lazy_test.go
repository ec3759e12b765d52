package federation

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestWhatWasFoundIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries, down := 0, error(nil)
		l := &lazy[int]{fetch: func(context.Context) (int, error) { tries++; return tries, down }}
		expect := func(when string, value, want int, failed bool) {
			t.Helper()
			got, err := l.get(t.Context())
			if got != value || tries != want || (err != nil) != failed {
				t.Errorf("%s: got %d after %d tries, %v", when, got, tries, err)
			}
		}
		expect("at first", 1, 1, false)
		time.Sleep(freshFor - time.Millisecond)
		expect("within an hour", 1, 1, false)
		time.Sleep(time.Millisecond)
		expect("after an hour", 2, 2, false)
		down = errors.New("down")
		time.Sleep(freshFor)
		expect("while it is down", 2, 3, false)
		expect("just after", 2, 3, false)
		time.Sleep(pauseFor)
		expect("a while after", 2, 4, false)
		time.Sleep(staleFor - freshFor - pauseFor)
		expect("a day later", 0, 5, true)
		down = nil
		expect("up, within the pause", 0, 5, true)
		time.Sleep(pauseFor)
		expect("up again", 6, 6, false)
	})
}

func TestNobodyWaitsLongerThanTheyLike(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		l := &lazy[int]{fetch: func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() }}
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := l.get(impatient); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if _, err := l.get(t.Context()); err == nil || time.Since(began) != 5*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}
