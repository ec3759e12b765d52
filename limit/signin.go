package limit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// SignIn limits failed sign-ins, alike for names that exist and names that do
// not. A guess is paid for before it is looked at and repaid if it was right, so
// that guesses made at the same moment cannot exceed a budget together.
//
// Fill its fields before first use; it is then safe for concurrent use.
type SignIn struct {
	// Key hides names and addresses: what is stored are HMACs under it. At least 16
	// bytes, secret, and used for nothing else. With another key all is forgotten.
	Key []byte

	Tries      int           // failures of one name from one address before the first pause; 0 = 5
	FirstPause time.Duration // doubled by each further failure; 0 = 30 s
	MaxPause   time.Duration // 0 = 15 min
	PerAddress int           // failures a minute from one address, for all names; 0 = 30
	PerName    int           // failures an hour of one name, from all addresses; 0 = 20
	InARow     int           // failures of one name without a success, then [SignIn.Reset] is needed; of a device, then it is a stranger; 0 = 100
}

// A Guess is one try at the secret of a name.
type Guess struct {
	// Name is the identifier as accounts are found by it: folded, so that one name is
	// always spelled alike.
	Name string
	// Addr is where it comes from. Of an IPv6 address only the network (/64) counts,
	// since a home has all of it. All clients of unknown address count as one.
	Addr netip.Addr
	// Device identifies a device on which somebody has signed in as Name before; "" = a
	// stranger's. It has a budget of its own for the name, which no stranger can use
	// up, and uses up none of theirs.
	Device string
}

// Spend pays for a guess, or returns for how long there is nothing to pay with:
// then the guess must not be looked at, nothing has been counted, and the answer is
// 429. After InARow failures the wait is a day, again and again. No other exceeds
// MaxPause, as long as PerName and PerAddress grant one failure within it. A device
// that has failed InARow times without a success is a stranger from then on, and
// Spend empties g.Device; the other methods get g as Spend left it.
//
// The payment holds when st's transaction commits, which must be before the
// secret is looked at. Keys are locked in one order, a device's before all others,
// so two transactions that only call Spend and Forgive once each never wait for each
// other.
func (s *SignIn) Spend(ctx context.Context, st Store, g *Guess, now time.Time) (wait time.Duration, err error) {
	if err := s.check(); err != nil {
		return 0, err
	}
	used, err := s.lockDevice(ctx, st, *g)
	if err != nil {
		return 0, err
	}
	if used.Count >= s.inARow() {
		g.Device = ""
	}
	return spend(ctx, st, s.tallies(*g), now)
}

// Forgive repays what [SignIn.Spend] took for a guess that was right. The pair of
// name and address, or the device, starts anew and the row of failures is broken.
// The budgets of the name and of the address get back only what this guess took, so
// that nobody frees an address by signing in to an account of their own.
func (s *SignIn) Forgive(ctx context.Context, st Store, g Guess) error {
	if err := s.repay(ctx, st, g, budget.forgive); err != nil || g.Device == "" {
		return err
	}
	return reset(ctx, st, s.own(g.Name)[:1])
}

// Refund repays what [SignIn.Spend] took for a guess that nobody looked at after
// all. It tells neither success nor failure: everything is as if the guess had
// not been made.
func (s *SignIn) Refund(ctx context.Context, st Store, g Guess) error {
	return s.repay(ctx, st, g, budget.refund)
}

func (s *SignIn) repay(ctx context.Context, st Store, g Guess, how func(budget, Failures) (Failures, time.Time)) error {
	if err := s.check(); err != nil {
		return err
	}
	if _, err := s.lockDevice(ctx, st, g); err != nil {
		return err
	}
	return repay(ctx, st, s.tallies(g), how)
}

// lockDevice reads how often the device has failed in a row: before anything else
// is locked.
func (s *SignIn) lockDevice(ctx context.Context, st Store, g Guess) (Failures, error) {
	if g.Device == "" {
		return Failures{}, nil
	}
	f, err := st.Lock(ctx, s.deviceRow(g).key)
	if err != nil {
		return f, fmt.Errorf("reading limits: %w", err)
	}
	return f, nil
}

// Reset gives the name its own budgets back, hourly and in a row. What single
// addresses have spent on it stays, and with it a pause of at most MaxPause.
func (s *SignIn) Reset(ctx context.Context, st Store, name string) error {
	if err := s.check(); err != nil {
		return err
	}
	return reset(ctx, st, s.own(name))
}

func (s *SignIn) inARow() int { return cmp.Or(s.InARow, 100) }

// own are the budgets of a name, for all strangers together: in a row, and hourly.
func (s *SignIn) own(name string) []tally {
	return []tally{
		{key: s.mac("in a row", name, nil), budget: row{s.inARow()}},
		{key: s.mac("name", name, nil), budget: newBucket(cmp.Or(s.PerName, 20), time.Hour)},
	}
}

// tallies returns those that a guess is paid from.
func (s *SignIn) tallies(g Guess) []tally {
	patience := pause{cmp.Or(s.Tries, 5), cmp.Or(s.FirstPause, 30*time.Second), cmp.Or(s.MaxPause, 15*time.Minute)}
	if g.Device != "" {
		return []tally{s.deviceRow(g), {key: s.mac("device", g.Name, []byte(g.Device)), budget: patience}}
	}
	net := network(g.Addr)
	return append(s.own(g.Name),
		tally{key: s.mac("address", "", net), budget: newBucket(cmp.Or(s.PerAddress, 30), time.Minute)},
		tally{key: s.mac("pair", g.Name, net), budget: patience},
	)
}

// deviceRow counts the failures of a device in a row.
func (s *SignIn) deviceRow(g Guess) tally {
	return tally{key: s.mac("device in a row", g.Name, []byte(g.Device)), budget: row{s.inARow()}}
}

func (s *SignIn) check() error {
	switch {
	case len(s.Key) < 16:
		return errors.New("sign-in limits need a key of at least 16 bytes")
	case min(s.Tries, s.PerAddress, s.PerName, s.InARow) < 0 || min(s.FirstPause, s.MaxPause) < 0:
		return errors.New("a sign-in limit is negative")
	}
	return nil
}

func (s *SignIn) mac(purpose, name string, net []byte) []byte { return mac(s.Key, purpose, name, net) }

// network returns what of addr stands for one client: an IPv4 address, an IPv6
// network of 64 bits, or nothing if addr is unknown.
func network(addr netip.Addr) []byte {
	addr = addr.Unmap()
	if addr.Is6() {
		b := addr.As16()
		return b[:8]
	}
	return addr.AsSlice()
}
