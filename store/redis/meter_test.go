package redis_test

import (
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/limit"
)

// The script and limit.Quotas say the same to the same sequence of requests.
func TestTheScriptDecidesAsQuotasDo(t *testing.T) {
	c, n := client(t), 0
	rapid.Check(t, func(r *rapid.T) {
		interval := time.Duration(rapid.Int64Range(1, 1e9).Draw(r, "interval")) * time.Microsecond
		burst := rapid.IntRange(1, 20).Draw(r, "burst")
		pauses := rapid.SliceOfN(rapid.Int64Range(0, 3*interval.Microseconds()), 1, 40).Draw(r, "pauses")
		var want []time.Duration
		synctest.Test(t, func(t *testing.T) { want = verdicts(t, interval, burst, pauses) })
		n++
		now := time.Hour
		for i, pause := range pauses {
			now += time.Duration(pause) * time.Microsecond
			wait, err := c.SpendAt(t.Context(), fmt.Sprint("client ", n), interval, time.Duration(burst-1)*interval, now)
			if err != nil {
				r.Fatal(err)
			}
			if seconds := (wait + time.Second - 1) / time.Second * time.Second; seconds != want[i] {
				r.Fatalf("request %d: wait %v, and quotas say %v", i, wait, want[i])
			}
		}
	})
}

// verdicts returns how long quotas let each request wait, in whole seconds.
func verdicts(t *testing.T, interval time.Duration, burst int, pauses []int64) (waits []time.Duration) {
	q, err := limit.NewQuotas(map[string]limit.Rate{"x": {Requests: 1, Per: interval, Burst: burst}}, 8)
	if err != nil {
		t.Fatal(err)
	}
	for _, pause := range pauses {
		time.Sleep(time.Duration(pause) * time.Microsecond)
		var wait time.Duration
		if p, ok := q.Spend(t.Context(), "x", &sallyport.Principal{Kind: sallyport.User, Subject: "u"}, netip.Addr{}).(*sallyport.Problem); ok {
			if wait, err = time.ParseDuration(p.Header.Get("Retry-After") + "s"); err != nil {
				t.Fatal(err)
			}
		}
		waits = append(waits, wait)
	}
	return waits
}

func TestMeter(t *testing.T) {
	c := client(t)
	spend := func(step, client string, now time.Duration, want time.Duration) {
		t.Helper()
		if wait, err := c.SpendAt(t.Context(), client, time.Second, 2*time.Second, now); wait != want || err != nil {
			t.Errorf("%s: wait %v, %v, want %v", step, wait, err, want)
		}
	}
	start := 1000 * time.Hour
	for range 3 {
		spend("the burst", "a", start, 0)
	}
	spend("spent", "a", start, time.Second)
	spend("not yet earned", "a", start+400*time.Millisecond, 600*time.Millisecond)
	spend("earned", "a", start+time.Second, 0)
	spend("somebody else", "b", start, 0)
	spend("the clock was set back: no longer than the rule can ask for", "a", 0, time.Second)
}

// However many ask at once, on however many nodes, a burst is a burst.
func TestManySpendAtOnce(t *testing.T) {
	r := client(t)
	var passed atomic.Int64
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			for range 20 {
				wait, err := r.Spend(t.Context(), "u", time.Hour, 99*time.Hour)
				if err != nil {
					t.Error(err)
				} else if wait == 0 {
					passed.Add(1)
				}
			}
		})
	}
	all.Wait()
	if n := passed.Load(); n != 100 {
		t.Errorf("%d passed of a burst of 100", n)
	}
}
