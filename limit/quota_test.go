package limit_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/limit"
)

var _ sallyport.Limiter = (*limit.Quotas)(nil)

func quotas(t testing.TB, rates map[string]limit.Rate) *limit.Quotas {
	t.Helper()
	q, err := limit.NewQuotas(rates, 0)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func user(subject string) *sallyport.Principal {
	return &sallyport.Principal{Kind: sallyport.User, Subject: subject}
}

// passes spends until the first refusal, and returns how often that went well.
func passes(t *testing.T, q *limit.Quotas, name string, p *sallyport.Principal, addr netip.Addr) (n int, refusal *sallyport.Problem) {
	t.Helper()
	for ; n < 10000; n++ {
		err := q.Spend(t.Context(), name, p, addr)
		if err == nil {
			continue
		}
		problem, ok := errors.AsType[*sallyport.Problem](err)
		if !ok {
			t.Fatal(err)
		}
		return n, problem
	}
	return n, nil
}

func TestQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := quotas(t, map[string]limit.Rate{
			"search": {Requests: 60, Per: time.Minute},
			"export": {Requests: 2, Per: time.Hour, Burst: 1},
			"upload": {Requests: 1, Per: time.Second, Burst: 3},
		})
		for _, c := range []struct {
			it    string
			name  string
			after time.Duration
			want  int
		}{
			{"all at once after a quiet time", "search", 0, 60},
			{"nothing more", "search", 0, 0},
			{"not before one is earned", "search", time.Second - 1, 0},
			{"one is earned", "search", 1, 1},
			{"ten are earned", "search", 10 * time.Second, 10},
			{"never more than the burst", "search", time.Hour, 60},
			{"another limit has its own budget", "export", 0, 1},
			{"a burst smaller than the rate", "export", time.Hour, 1},
			{"a burst larger than the rate", "upload", 0, 3},
			{"which is earned at the rate", "upload", 2 * time.Second, 2},
		} {
			time.Sleep(c.after)
			if n, _ := passes(t, q, c.name, user("ann"), home); n != c.want {
				t.Errorf("%s: %d passed, want %d", c.it, n, c.want)
			}
		}
	})
}

func TestWhoSharesAQuota(t *testing.T) {
	anonymous := &sallyport.Principal{}
	at := func(s string) netip.Addr { a, _ := netip.ParseAddr(s); return a }
	for _, c := range []struct {
		it           string
		a, b         *sallyport.Principal
		aAddr, bAddr netip.Addr
		shared       bool
	}{
		{"one subject at two addresses", user("ann"), user("ann"), at("192.0.2.1"), at("192.0.2.2"), true},
		{"two subjects at one address", user("ann"), user("bob"), home, home, false},
		{"two anonymous at one address", anonymous, nil, home, home, true},
		{"two anonymous at two addresses", anonymous, anonymous, at("192.0.2.1"), at("192.0.2.2"), false},
		{"two anonymous in one IPv6 network", anonymous, anonymous, at("2001:db8::1"), at("2001:db8::2"), true},
		{"two anonymous in two IPv6 networks", anonymous, anonymous, at("2001:db8:0:1::1"), at("2001:db8:0:2::1"), false},
		{"one IPv4 address, also inside IPv6", anonymous, anonymous, at("192.0.2.1"), at("::ffff:192.0.2.1"), true},
		{"two of unknown address", anonymous, anonymous, netip.Addr{}, netip.Addr{}, true},
		{"somebody and anonymous at one address", user("ann"), anonymous, home, home, false},
		{"a subject that looks like an address", user("192.0.2.1"), anonymous, home, home, false},
	} {
		t.Run(c.it, func(t *testing.T) {
			q := quotas(t, map[string]limit.Rate{"once": {Requests: 1, Per: time.Hour}})
			if err := q.Spend(t.Context(), "once", c.a, c.aAddr); err != nil {
				t.Fatal(err)
			}
			if err := q.Spend(t.Context(), "once", c.b, c.bAddr); (err != nil) != c.shared {
				t.Errorf("shared: %v", err)
			}
		})
	}
}

func TestRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := quotas(t, map[string]limit.Rate{
			"search": {Requests: 20, Per: time.Minute},
			"fast":   {Requests: 10, Per: 100 * time.Millisecond},
			"odd":    {Requests: 3, Per: 2500 * time.Millisecond},
		})
		for _, c := range []struct{ name, retry, limit, policy string }{
			{"search", "3", `"search";r=0;t=3`, `"search";q=20;w=60`},
			{"fast", "1", `"fast";r=0;t=1`, `"fast";q=100;w=1`},
			{"odd", "1", `"odd";r=0;t=1`, `"odd";q=3;w=3`},
		} {
			_, p := passes(t, q, c.name, user("ann"), home)
			if p.Status != http.StatusTooManyRequests || p.Code != "rate_limited" || p.Detail == "" {
				t.Errorf("%s: %+v", c.name, p)
			}
			for field, want := range map[string]string{"Retry-After": c.retry, "RateLimit": c.limit, "RateLimit-Policy": c.policy} {
				if got := p.Header.Get(field); got != want {
					t.Errorf("%s: %s: %s, want %s", c.name, field, got, want)
				}
			}
		}
		// Whoever waits as long as told gets in.
		time.Sleep(3 * time.Second)
		if err := q.Spend(t.Context(), "search", user("ann"), home); err != nil {
			t.Error(err)
		}
	})
}

func TestADoorAnswers429(t *testing.T) {
	gate := &sallyport.Gate{Limiter: quotas(t, map[string]limit.Rate{"search": {Requests: 1, Per: time.Hour}})}
	routes := sallyport.Routes{Gate: gate}
	routes.Handle("GET /search", sallyport.Public().Limit("search"), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	routes.Handle("GET /serch", sallyport.Public().Limit("serch"), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for i, c := range []struct {
		path string
		want int
	}{{"/search", 200}, {"/search", 429}, {"/serch", 503}} {
		w := httptest.NewRecorder()
		routes.ServeHTTP(w, httptest.NewRequest("GET", c.path, nil))
		if w.Code != c.want {
			t.Errorf("request %d: %d, want %d", i, w.Code, c.want)
		}
		if c.want == 429 && (w.Header().Get("Retry-After") != "3600" || !strings.Contains(w.Body.String(), `"rate_limited"`)) {
			t.Errorf("%v %s", w.Header(), w.Body)
		}
	}
}

func TestAnUnknownLimitIsNamed(t *testing.T) {
	q := quotas(t, map[string]limit.Rate{"search": {Requests: 1, Per: time.Hour}, "export": {Requests: 1, Per: time.Hour}})
	want := `there is no limit "serch"; did you mean "search"?`
	if err := q.Spend(t.Context(), "serch", user("ann"), home); err == nil || err.Error() != want {
		t.Errorf("Spend: %v", err)
	}
	if err := q.Check("search", "serch", "", "zzz"); err == nil || err.Error() != want+"\n"+`there is no limit "zzz"` {
		t.Errorf("Check: %v", err)
	}
	if err := q.Check("search", "", "export"); err != nil {
		t.Errorf("Check: %v", err)
	}
}

func TestNewQuotasRefuses(t *testing.T) {
	for it, c := range map[string]struct {
		name string
		rate limit.Rate
	}{
		"no name":               {"", limit.Rate{Requests: 1, Per: time.Second}},
		"a name to be escaped":  {`a"b`, limit.Rate{Requests: 1, Per: time.Second}},
		"no requests":           {"a", limit.Rate{Per: time.Second}},
		"negative requests":     {"a", limit.Rate{Requests: -1, Per: time.Second}},
		"no time":               {"a", limit.Rate{Requests: 1}},
		"more than can be":      {"a", limit.Rate{Requests: 1001, Per: time.Microsecond}},
		"a negative burst":      {"a", limit.Rate{Requests: 1, Per: time.Second, Burst: -1}},
		"a burst for centuries": {"a", limit.Rate{Requests: 1, Per: time.Hour, Burst: 1 << 40}},
	} {
		t.Run(it, func(t *testing.T) {
			q, err := limit.NewQuotas(map[string]limit.Rate{c.name: c.rate, "Bad": {}}, 0)
			if q != nil || err == nil || !strings.Contains(err.Error(), `"Bad"`) || !strings.Contains(err.Error(), fmt.Sprintf("limit %q", c.name)) {
				t.Errorf("NewQuotas = %v, %v", q, err)
			}
		})
	}
}

func TestManyAtOnceDoNotExceedAQuota(t *testing.T) {
	q := quotas(t, map[string]limit.Rate{"search": {Requests: 100, Per: time.Hour}, "other": {Requests: 1 << 20, Per: time.Hour}})
	var passed [3]atomic.Int64
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			for j := range 200 {
				if q.Spend(t.Context(), "search", user(fmt.Sprint("user", j%3)), home) == nil {
					passed[j%3].Add(1)
				}
				q.Spend(t.Context(), "other", user(fmt.Sprint(i, "-", j)), home)
			}
		})
	}
	wg.Wait()
	for i := range passed {
		if n := passed[i].Load(); n < 100 || n > 101 { // one may be earned on a slow machine
			t.Errorf("user %d: %d passed, want 100", i, n)
		}
	}
}

func TestQuotasStayAsLargeAsTheyAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, err := limit.NewQuotas(map[string]limit.Rate{"search": {Requests: 10, Per: time.Minute}}, 64)
		if err != nil {
			t.Fatal(err)
		}
		if n, _ := passes(t, q, "search", user("greedy"), home); n != 10 {
			t.Fatalf("%d passed", n)
		}
		// A crowd that asks once each pushes out each other, not who has spent most.
		for i := range 100_000 {
			if err := q.Spend(t.Context(), "search", user(fmt.Sprint("user", i)), home); err != nil {
				t.Fatalf("user %d: %v", i, err)
			}
		}
		if n, _ := passes(t, q, "search", user("greedy"), home); n != 0 {
			t.Errorf("%d passed after the crowd", n)
		}
	})
}

func TestQuotaProperties(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		rate := limit.Rate{Requests: rapid.IntRange(1, 50).Draw(rt, "requests"), Burst: rapid.IntRange(0, 20).Draw(rt, "burst")}
		rate.Per = time.Duration(rapid.Int64Range(int64(rate.Requests), int64(time.Minute)).Draw(rt, "per"))
		gaps := rapid.SliceOfN(rapid.Int64Range(0, int64(rate.Per)), 1, 60).Draw(rt, "gaps")
		burst := rate.Burst
		if burst == 0 {
			burst = rate.Requests
		}
		var passed []time.Time
		synctest.Test(t, func(t *testing.T) {
			q := quotas(t, map[string]limit.Rate{"it": rate})
			for _, gap := range gaps {
				time.Sleep(time.Duration(gap))
				if q.Spend(t.Context(), "it", user("ann"), home) == nil {
					passed = append(passed, time.Now())
				}
			}
		})
		if len(passed) == 0 {
			rt.Fatal("the first request was refused")
		}
		for i := range passed {
			for j := i; j < len(passed); j++ {
				earned := float64(passed[j].Sub(passed[i])) / float64(rate.Per) * float64(rate.Requests)
				if n := j - i + 1; float64(n) > float64(burst)+earned+1e-6 {
					rt.Fatalf("%d passed in %v at %+v", n, passed[j].Sub(passed[i]), rate)
				}
			}
		}
	})
}

func BenchmarkQuota(b *testing.B) {
	q := quotas(b, map[string]limit.Rate{"search": {Requests: 1 << 40, Per: 1 << 50}, "export": {Requests: 1, Per: time.Hour}})
	people := make([]*sallyport.Principal, 1024)
	for i := range people {
		people[i] = user(fmt.Sprint("usr_01jd", i))
	}
	spend := func(b *testing.B, p *sallyport.Principal, addr netip.Addr) {
		if err := q.Spend(context.Background(), "search", p, addr); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("user", func(b *testing.B) {
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			spend(b, people[i&1023], home)
			i++
		}
	})
	b.Run("address", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			spend(b, nil, home)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		var workers atomic.Int64
		b.RunParallel(func(pb *testing.PB) {
			for i := workers.Add(1) * 500; pb.Next(); i++ {
				spend(b, people[i&1023], home)
			}
		})
	})
	b.Run("refused", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			q.Spend(context.Background(), "export", people[0], home)
		}
	})
	b.Run("floor-clock", func(b *testing.B) {
		start := time.Now()
		for b.Loop() {
			_ = time.Since(start)
		}
	})
}
