package limit

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// Tries limits what one account may try, or ask for, wherever it comes from: some
// go one after the other, and after the last and each further one there is a pause, twice as long as the one
// before. After a day of quiet all is forgotten.
//
// Fill its fields before first use; it is then safe for concurrent use.
type Tries struct {
	Key     []byte // as of [SignIn]
	Purpose string // what is counted: what has another is counted apart

	Free       int           // before the first pause; 0 = 1
	FirstPause time.Duration // 0 = 30 s
	MaxPause   time.Duration // 0 = 15 min
}

func (t *Tries) budget() pause {
	return pause{cmp.Or(t.Free, 1), cmp.Or(t.FirstPause, 30*time.Second), cmp.Or(t.MaxPause, 15*time.Minute)}
}

// Spend counts one, or returns how long there is nothing to spend: then nothing
// was counted. The row of name is locked until the transaction of st ends.
func (t *Tries) Spend(ctx context.Context, st Store, name string, now time.Time) (wait time.Duration, err error) {
	return t.change(ctx, st, name, func(b pause, f Failures) (Failures, time.Time, time.Duration) {
		if wait := b.wait(f, now); wait > 0 {
			return f, time.Time{}, wait
		}
		f, until := b.spend(f, now.Truncate(time.Millisecond))
		return f, until, 0
	})
}

// Wait returns for how long nothing may be spent.
func (t *Tries) Wait(ctx context.Context, st Store, name string, now time.Time) (wait time.Duration, err error) {
	return t.change(ctx, st, name, func(b pause, f Failures) (Failures, time.Time, time.Duration) {
		return f, time.Time{}, b.wait(f, now)
	})
}

// Forgive forgets what the name has spent.
func (t *Tries) Forgive(ctx context.Context, st Store, name string) error {
	key, err := t.mac(name)
	if err != nil {
		return err
	}
	if _, err := st.Lock(ctx, key); err != nil {
		return fmt.Errorf("reading limits of %s: %w", t.Purpose, err)
	}
	if err := st.Set(ctx, key, Failures{}, time.Time{}); err != nil {
		return fmt.Errorf("forgiving %s: %w", t.Purpose, err)
	}
	return nil
}

// change sets what f makes of what was spent, unless it must wait.
func (t *Tries) change(ctx context.Context, st Store, name string, f func(pause, Failures) (Failures, time.Time, time.Duration)) (time.Duration, error) {
	key, err := t.mac(name)
	if err != nil {
		return 0, err
	}
	before, err := st.Lock(ctx, key)
	if err != nil {
		return 0, fmt.Errorf("reading limits of %s: %w", t.Purpose, err)
	}
	after, until, wait := f(t.budget(), before)
	if wait > 0 || until.IsZero() {
		return wait, nil
	}
	if err := st.Set(ctx, key, after, until); err != nil {
		return 0, fmt.Errorf("counting %s: %w", t.Purpose, err)
	}
	return 0, nil
}

func (t *Tries) mac(name string) ([]byte, error) {
	if len(t.Key) < 16 {
		return nil, errors.New("limits need a key of at least 16 bytes")
	}
	h := hmac.New(sha256.New, t.Key)
	for _, part := range []string{"tries", t.Purpose, name} {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	return h.Sum(nil), nil
}
