package limit_test

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/limit"
)

var _ sallyport.Limiter = (*limit.Shared)(nil)

// A meter is one that several nodes ask, or none: then it fails.
type meter struct {
	start  time.Time
	earned map[string]time.Duration
	err    error
}

func (m *meter) Spend(_ context.Context, client string, interval, ahead time.Duration) (time.Duration, error) {
	if m.err != nil {
		return 0, m.err
	}
	now := time.Since(m.start)
	earned := max(m.earned[client], now)
	if wait := earned - now - ahead; wait > 0 {
		return wait, nil
	}
	m.earned[client] = earned + interval
	return 0, nil
}

func TestSharedQuotas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rates := map[string]limit.Rate{"search": {Requests: 60, Per: time.Minute, Burst: 4}, "export": {Requests: 1, Per: time.Hour}}
		m := &meter{time.Now(), map[string]time.Duration{}, nil}
		node := func() *limit.Shared {
			return &limit.Shared{Quotas: quotas(t, rates), Meter: m, Key: bytes.Repeat([]byte("k"), 32)}
		}
		one, two := node(), node()
		home, same, office := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2"), netip.MustParseAddr("192.0.2.1")
		spend := func(step string, q *limit.Shared, name string, p *sallyport.Principal, addr netip.Addr, want bool) {
			t.Helper()
			err := q.Spend(t.Context(), name, p, addr)
			_, refused := errors.AsType[*sallyport.Problem](err)
			if refused == want || err != nil && !refused {
				t.Errorf("%s: %v", step, err)
			}
		}
		for range 2 {
			spend("the nodes share a burst", one, "search", user("ann"), home, true)
			spend("the nodes share a burst", two, "search", user("ann"), office, true)
		}
		spend("it is spent on one", one, "search", user("ann"), home, false)
		spend("it is spent on the other", two, "search", user("ann"), home, false)
		spend("another limit", two, "export", user("ann"), home, true)
		spend("somebody else", two, "search", user("bob"), home, true)
		spend("nobody of that address", two, "export", nil, home, true)
		spend("a neighbour", one, "export", nil, same, false)
		spend("another address", one, "export", nil, office, true)
		spend("an unknown address", one, "export", nil, netip.Addr{}, true)
		if err := one.Spend(t.Context(), "serch", nil, home); err == nil {
			t.Error("a limit that does not exist")
		}

		m.err = errors.New("away")
		spend("a node alone goes on from what it let through", one, "search", user("ann"), home, true)
		spend("what others let through it does not know", one, "search", user("ann"), home, true)
		spend("alone it refuses too", one, "search", user("ann"), home, false)
		m.err = nil
		time.Sleep(time.Second)
		spend("the meter is back", two, "search", user("ann"), home, true)
		spend("and refuses", two, "search", user("ann"), home, false)
	})
}
