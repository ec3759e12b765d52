package memory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport/authn/otp"
)

type factors struct{ *tx }

func (x factors) Create(_ context.Context, f otp.Factor) error {
	if err := x.write(f.ID, f.User, string(f.Kind)); err != nil {
		return fmt.Errorf("creating factor: %w", err)
	}
	if x.state.factors.has(f.ID) || f.Confirmed() && x.confirmed(f.User, f.Kind) {
		return otp.ErrTaken
	}
	f = cloneFactor(&f)
	f.ConfirmedAt, f.CreatedAt, f.LastUsedAt = optional(f.ConfirmedAt), ms(f.CreatedAt), optional(f.LastUsedAt)
	x.state.factors.put(f.ID, &f)
	x.factorsOf.add(f.User, f.ID)
	if !f.Confirmed() {
		x.factorWaiting.add(f.CreatedAt, f.ID)
	}
	return nil
}

func cloneFactor(f *otp.Factor) otp.Factor {
	c := *f
	c.KeySealed = append([]byte{}, f.KeySealed...)
	return c
}

// optional is a time to the precision that a database keeps; none stays none.
func optional(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return ms(t)
}

// confirmed reports whether the user has a confirmed factor of that kind.
func (x factors) confirmed(user string, kind otp.Kind) bool {
	return slices.ContainsFunc(x.factorsOf.members(user, ""), func(id string) bool {
		f, _ := x.state.factors.get(id)
		return f.Kind == kind && f.Confirmed()
	})
}

func (x factors) Of(_ context.Context, user string) (all []otp.Factor, err error) {
	for _, id := range x.factorsOf.members(user, "") {
		f, _ := x.state.factors.get(id)
		all = append(all, cloneFactor(f))
	}
	return all, nil
}

func (x factors) Use(_ context.Context, id string, step int64, now time.Time) (bool, error) {
	if err := x.write(id); err != nil {
		return false, fmt.Errorf("using factor: %w", err)
	}
	f, ok := x.state.factors.get(id)
	if !ok || f.LastStep >= step || !f.Confirmed() && x.confirmed(f.User, f.Kind) {
		return false, nil
	}
	c := *f
	c.LastStep, c.LastUsedAt = step, ms(now)
	if !c.Confirmed() {
		c.ConfirmedAt = ms(now)
		x.factorWaiting.drop(c.CreatedAt, id)
	}
	x.state.factors.put(id, &c)
	return true, nil
}

func (x factors) Remove(_ context.Context, id string) (bool, error) {
	if err := x.write(id); err != nil {
		return false, fmt.Errorf("removing factor: %w", err)
	}
	there := x.state.factors.has(id)
	x.drop(id)
	return there, nil
}

func (x factors) RemoveAll(_ context.Context, user string) (confirmed int, err error) {
	if err := x.write(user); err != nil {
		return 0, fmt.Errorf("removing factors: %w", err)
	}
	for _, id := range x.factorsOf.members(user, "") {
		if f, _ := x.state.factors.get(id); f.Confirmed() {
			confirmed++
		}
		x.drop(id)
	}
	return confirmed, nil
}

// drop takes the factor out of every index.
func (x factors) drop(id string) {
	f, ok := x.state.factors.get(id)
	if !ok {
		return
	}
	x.state.factors.remove(id)
	x.factorsOf.drop(f.User, id)
	x.factorWaiting.drop(f.CreatedAt, id)
}

type recoveryCodes struct{ *tx }

const used = "used"

func (x recoveryCodes) Replace(_ context.Context, user string, macs [][]byte) error {
	if err := x.write(user); err != nil {
		return fmt.Errorf("replacing recovery codes: %w", err)
	}
	var codes tree[string]
	for _, mac := range macs {
		if codes.has(string(mac)) {
			return fmt.Errorf("replacing recovery codes: one %w", errExists)
		}
		codes.put(string(mac), "")
	}
	x.recovery.put(user, codes)
	return nil
}

func (x recoveryCodes) Use(_ context.Context, user string, mac []byte, _ time.Time) (bool, error) {
	if err := x.write(user); err != nil {
		return false, fmt.Errorf("using recovery code: %w", err)
	}
	codes, _ := x.recovery.get(user)
	if mark, ok := codes.get(string(mac)); !ok || mark == used {
		return false, nil
	}
	codes.put(string(mac), used)
	x.recovery.put(user, codes)
	return true, nil
}

func (x recoveryCodes) Left(_ context.Context, user string) (n int, err error) {
	codes, _ := x.recovery.get(user)
	for _, mark := range codes.from("") {
		if mark != used {
			n++
		}
	}
	return n, nil
}

func (x recoveryCodes) RemoveAll(_ context.Context, user string) error {
	if err := x.write(user); err != nil {
		return fmt.Errorf("removing recovery codes: %w", err)
	}
	x.recovery.remove(user)
	return nil
}
