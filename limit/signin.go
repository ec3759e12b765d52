package limit

import (
	"cmp"
	"context"
	"errors"
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
	InARow     int           // failures of one name without a success, then [SignIn.Reset] is needed; 0 = 100
}

// Spend pays for a guess of name's secret from addr, or returns for how long
// there is nothing to pay with: then the guess must not be looked at, nothing has
// been counted, and the answer is 429. After InARow failures the wait is a day,
// again and again. No other exceeds MaxPause, as long as PerName and PerAddress
// grant one failure within it.
//
// name is the identifier as accounts are found by it: folded, so that one name
// is always spelled alike. Of an IPv6 address only the network (/64) counts,
// since a home has all of it. All clients of unknown address count as one.
//
// The payment holds when st's transaction commits, which must be before the
// secret is looked at. Keys are locked in one order, so two transactions that
// only call Spend and Forgive once each never wait for each other.
func (s *SignIn) Spend(ctx context.Context, st Store, name string, addr netip.Addr, now time.Time) (wait time.Duration, err error) {
	if err := s.check(); err != nil {
		return 0, err
	}
	return spend(ctx, st, s.tallies(name, addr), now)
}

// Forgive repays what [SignIn.Spend] took for a guess that was right. The pair of
// name and address starts anew and the row of failures is broken. The budgets of
// the name and of the address get back only what this guess took, so that
// nobody frees an address by signing in to an account of their own.
func (s *SignIn) Forgive(ctx context.Context, st Store, name string, addr netip.Addr) error {
	return s.repay(ctx, st, name, addr, budget.forgive)
}

// Refund repays what [SignIn.Spend] took for a guess that nobody looked at after
// all. It tells neither success nor failure: everything is as if the guess had
// not been made.
func (s *SignIn) Refund(ctx context.Context, st Store, name string, addr netip.Addr) error {
	return s.repay(ctx, st, name, addr, budget.refund)
}

func (s *SignIn) repay(ctx context.Context, st Store, name string, addr netip.Addr, how func(budget, Failures) (Failures, time.Time)) error {
	if err := s.check(); err != nil {
		return err
	}
	return repay(ctx, st, s.tallies(name, addr), how)
}

// Reset gives the name its own budgets back, hourly and in a row. What single
// addresses have spent on it stays, and with it a pause of at most MaxPause.
func (s *SignIn) Reset(ctx context.Context, st Store, name string) error {
	if err := s.check(); err != nil {
		return err
	}
	return reset(ctx, st, s.tallies(name, netip.Addr{})[:2])
}

// tallies returns those that a guess is paid from; the name's own come first.
func (s *SignIn) tallies(name string, addr netip.Addr) []tally {
	net := network(addr)
	return []tally{
		{key: s.mac("in a row", name, nil), budget: row{cmp.Or(s.InARow, 100)}},
		{key: s.mac("name", name, nil), budget: newBucket(cmp.Or(s.PerName, 20), time.Hour)},
		{key: s.mac("address", "", net), budget: newBucket(cmp.Or(s.PerAddress, 30), time.Minute)},
		{key: s.mac("pair", name, net), budget: pause{cmp.Or(s.Tries, 5), cmp.Or(s.FirstPause, 30*time.Second), cmp.Or(s.MaxPause, 15*time.Minute)}},
	}
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
