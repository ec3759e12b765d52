package limit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// Tries limits what one account may try, or ask for, wherever it comes from: some
// go one after the other, and after the last and each further one there is a pause,
// twice as long as the one before. After a day of quiet the pauses are forgotten.
//
// Fill its fields before first use; it is then safe for concurrent use.
type Tries struct {
	Key     []byte // as of [SignIn]
	Purpose string // what is counted: what has another is counted apart

	Free       int           // before the first pause; 0 = 1
	FirstPause time.Duration // 0 = 30 s
	MaxPause   time.Duration // 0 = 15 min
	InARow     int           // until one is forgiven; then [Tries.Forgive] is needed; 0 = any number
}

// Spend counts one, or returns how long there is nothing to spend: then nothing
// was counted. It is locked for the name until the transaction of st ends.
func (t *Tries) Spend(ctx context.Context, st Store, name string, now time.Time) (wait time.Duration, err error) {
	if err := t.check(); err != nil {
		return 0, err
	}
	return spend(ctx, st, t.tallies(name), now)
}

// Wait returns for how long nothing may be spent.
func (t *Tries) Wait(ctx context.Context, st Store, name string, now time.Time) (wait time.Duration, err error) {
	if err := t.check(); err != nil {
		return 0, err
	}
	tallies := t.tallies(name)
	if err := lock(ctx, st, tallies); err != nil {
		return 0, err
	}
	for _, y := range tallies {
		wait = max(wait, y.budget.wait(y.failures, now))
	}
	return wait, nil
}

// Forgive forgets what the name has spent.
func (t *Tries) Forgive(ctx context.Context, st Store, name string) error {
	if err := t.check(); err != nil {
		return err
	}
	return reset(ctx, st, t.tallies(name))
}

// Refund takes back one that came to nothing, as if it had not been spent.
func (t *Tries) Refund(ctx context.Context, st Store, name string) error {
	if err := t.check(); err != nil {
		return err
	}
	return repay(ctx, st, t.tallies(name), budget.refund)
}

func (t *Tries) tallies(name string) []tally {
	all := []tally{{
		key:    mac(t.Key, "tries of "+t.Purpose, name, nil),
		budget: pause{cmp.Or(t.Free, 1), cmp.Or(t.FirstPause, 30*time.Second), cmp.Or(t.MaxPause, 15*time.Minute)},
	}}
	if t.InARow > 0 {
		all = append(all, tally{key: mac(t.Key, "row of "+t.Purpose, name, nil), budget: row{t.InARow}})
	}
	return all
}

func (t *Tries) check() error {
	switch {
	case len(t.Key) < 16:
		return fmt.Errorf("limits of %s need a key of at least 16 bytes", t.Purpose)
	case min(t.Free, t.InARow) < 0 || min(t.FirstPause, t.MaxPause) < 0:
		return errors.New("a limit of " + t.Purpose + " is negative")
	}
	return nil
}
