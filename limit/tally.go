package limit

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"
)

// A tally is a budget and what was spent of it.
type tally struct {
	key      []byte
	budget   budget
	failures Failures
}

// spend pays for a guess from all tallies, or from none and returns the wait.
func spend(ctx context.Context, st Store, tallies []tally, now time.Time) (wait time.Duration, err error) {
	if err := lock(ctx, st, tallies); err != nil {
		return 0, err
	}
	now = now.Truncate(time.Millisecond)
	for _, t := range tallies {
		wait = max(wait, t.budget.wait(t.failures, now))
	}
	if wait > 0 {
		return wait, nil
	}
	for _, t := range tallies {
		f, until := t.budget.spend(t.failures, now)
		if err := st.Set(ctx, t.key, f, until); err != nil {
			return 0, fmt.Errorf("counting a guess: %w", err)
		}
	}
	return 0, nil
}

// repay gives back what spend took, in the way that is said.
func repay(ctx context.Context, st Store, tallies []tally, how func(budget, Failures) (Failures, time.Time)) error {
	if err := lock(ctx, st, tallies); err != nil {
		return err
	}
	for _, t := range tallies {
		if t.failures == (Failures{}) {
			continue // swept meanwhile, or reset
		}
		f, until := how(t.budget, t.failures)
		if err := st.Set(ctx, t.key, f, until); err != nil {
			return fmt.Errorf("repaying a guess: %w", err)
		}
	}
	return nil
}

// reset makes the tallies new.
func reset(ctx context.Context, st Store, tallies []tally) error {
	if err := lock(ctx, st, tallies); err != nil {
		return err
	}
	for _, t := range tallies {
		if err := st.Set(ctx, t.key, Failures{}, time.Time{}); err != nil {
			return fmt.Errorf("resetting limits: %w", err)
		}
	}
	return nil
}

// lock reads what was spent, in the order of the keys.
func lock(ctx context.Context, st Store, tallies []tally) error {
	slices.SortFunc(tallies, func(a, b tally) int { return bytes.Compare(a.key, b.key) })
	for i := range tallies {
		f, err := st.Lock(ctx, tallies[i].key)
		if err != nil {
			return fmt.Errorf("reading limits: %w", err)
		}
		tallies[i].failures = f
	}
	return nil
}

// mac hides what is counted. Lengths keep the parts apart.
func mac(key []byte, purpose, name string, net []byte) []byte {
	var text []byte
	for _, part := range [][]byte{[]byte(purpose), []byte(name), net} {
		text = binary.BigEndian.AppendUint64(text, uint64(len(part)))
		text = append(text, part...)
	}
	h := hmac.New(sha256.New, key)
	h.Write(text)
	return h.Sum(nil)
}
