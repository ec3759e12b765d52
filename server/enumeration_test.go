package server_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/importer"
	"github.com/sallyport-auth/sallyport/authn/password"
	"github.com/sallyport-auth/sallyport/internal/load"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/server"
	"github.com/sallyport-auth/sallyport/store/sqlite"
)

// A question is what somebody asks who wants to know whether there is an account: of
// each kind the i-th, about an account that nobody asked about before.
type question struct {
	path   string
	status int
	kinds  map[string]func(i int) string // body
}

func signInWith(name, pw string) func(int) string {
	return func(i int) string { return fmt.Sprintf(`{"identifier":"%s-%d","password":"%s"}`, name, i, pw) }
}

func about(format, name string) func(int) string {
	return func(i int) string { return fmt.Sprintf(format, fmt.Sprintf("%s-%d@b.example", name, i)) }
}

var questions = map[string]question{
	"sign-in": {"/auth/login", 401, map[string]func(int) string{
		"known": signInWith("known", "wrong wrong wrong"), "unknown": signInWith("unknown", "wrong wrong wrong"),
		"locked": signInWith("locked", pass), "empty": signInWith("empty", ""), "over-long": signInWith("over-long", strings.Repeat("x", 5000)),
	}},
	"forgot": {"/auth/password/forgot", 202, map[string]func(int) string{
		"known": about(`{"identifier":%q}`, "known"), "unknown": about(`{"identifier":%q}`, "unknown"),
	}},
	"link": {"/auth/link", 202, map[string]func(int) string{
		"known": about(`{"identifier":%q}`, "known"), "unknown": about(`{"identifier":%q}`, "unknown"),
	}},
	"register": {"/auth/register", 202, map[string]func(int) string{
		"known": about(`{"email":%q,"password":"`+pass+`"}`, "known"), "unknown": about(`{"email":%q,"password":"`+pass+`"}`, "unknown"),
	}},
}

// town opens a server whose names are addresses, with n accounts of each kind.
func town(tb testing.TB, n int, costs password.Params, change ...func(*server.Config)) *server.Server {
	tb.Helper()
	db, err := sqlite.Open(filepath.Join(tb.TempDir(), "town.db"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	c := server.Config{
		BaseURL: "http://127.0.0.1:1", Store: db, SealingKey: bytes.Repeat([]byte("0123456789abcdef"), secret.KeySize/16),
		EmailIsName: true, Passwords: costs, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	for _, f := range change {
		f(&c)
	}
	s, err := server.Open(tb.Context(), c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	phc, err := s.Accounts.Passwords.Hash(tb.Context(), pass)
	if err != nil {
		tb.Fatal(err)
	}
	err = db.Update(tb.Context(), func(tx account.Tx) error {
		for i := range n {
			for _, kind := range []string{"known", "locked", "empty", "over-long"} {
				name, now := fmt.Sprintf("%s-%d", kind, i), time.Now()
				u := account.User{
					ID: secret.NewID("usr"), Username: name, UsernameNorm: name, Email: name + "@b.example", EmailNorm: name + "@b.example", EmailVerified: true,
					Status: account.Active, CreatedAt: now, UpdatedAt: now,
				}
				if kind == "locked" {
					u.Status = account.Disabled
				}
				if err := tx.Users.Create(tb.Context(), u); err != nil {
					return err
				}
				if err := tx.Credentials.SetPassword(tb.Context(), u.ID, phc, now); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// asker asks from an address that nobody asked from before, so that nothing is limited.
type asker struct {
	tb    testing.TB
	s     *server.Server
	asked int
}

func (a *asker) ask(q question, body string) (*httptest.ResponseRecorder, time.Duration) {
	a.tb.Helper()
	a.asked++
	r := httptest.NewRequest("POST", q.path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.RemoteAddr = fmt.Sprintf("10.%d.%d.%d:4711", a.asked>>16, a.asked>>8&0xff, a.asked&0xff)
	w := httptest.NewRecorder()
	start := time.Now()
	a.s.ServeHTTP(w, r)
	took := time.Since(start)
	if w.Code != q.status {
		a.tb.Fatalf("%s with %.100s: %d %s", q.path, body, w.Code, w.Body)
	}
	return w, took
}

// Whoever asks about an account learns nothing: every kind gets the same answer after
// the same number of password hashes, which are counted by the memory that they take.
func TestAnswersTellNothingOfWhetherThereIsAnAccount(t *testing.T) {
	const each = 8 << 10 // KiB
	costs := password.Params{Memory: each, Time: 1, InsecureBelowMinimum: true}
	var elsewhere atomic.Int64 // how often the old system was asked
	alone := &asker{tb: t, s: town(t, 2, costs)}
	beside := &asker{tb: t, s: town(t, 2, costs, func(c *server.Config) {
		c.OldSystem = func(context.Context, string, string) (*importer.Record, error) { elsewhere.Add(1); return nil, nil }
	})}
	for _, name := range append(slices.Sorted(maps.Keys(questions)), "sign-in beside an old system") {
		name, rest, old := strings.Cut(name, " ")
		t.Run(name+rest, func(t *testing.T) {
			a, q := alone, questions[name]
			if old {
				a = beside
			}
			want := ""
			for i := range 2 {
				for _, kind := range slices.Sorted(maps.Keys(q.kinds)) {
					var before, after runtime.MemStats
					runtime.ReadMemStats(&before)
					asked := elsewhere.Load()
					w, _ := a.ask(q, q.kinds[kind](i))
					runtime.ReadMemStats(&after)
					hashes := math.Round(float64(after.TotalAlloc-before.TotalAlloc) / (each << 10))
					var body map[string]any
					if w.Body.Len() > 0 {
						if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
							t.Fatal(err)
						}
					}
					for _, random := range []string{"trace_id", "ticket"} {
						if body[random] != nil {
							body[random] = "…"
						}
					}
					got := fmt.Sprint(w.Code, w.Header(), body, " elsewhere: ", elsewhere.Load()-asked, " hashes: ", hashes)
					if want == "" {
						want = got
					}
					if got != want {
						t.Errorf("%s:\n%s\nbut before:\n%s", kind, got, want)
					}
				}
			}
			hashes := map[string]string{"sign-in": "1", "register": "1"}[name]
			if !strings.HasSuffix(want, "hashes: "+cmp.Or(hashes, "0")) {
				t.Errorf("%s", want)
			}
		})
	}
}

// BenchmarkEnumeration asks 200 times about each kind, in random order, and prints the
// medians and the largest over the smallest: what a clock tells whoever asks. Sign-in
// is at the costs that a server has if nothing is set, and once more at next to none,
// so that the hash hides nothing.
func BenchmarkEnumeration(b *testing.B) {
	const samples = 200
	cheap := password.Params{Memory: 64, Time: 1, InsecureBelowMinimum: true}
	for _, flow := range []struct {
		name, question string
		costs          password.Params
	}{
		{"sign-in", "sign-in", password.Params{}}, {"sign-in-without-the-hash", "sign-in", cheap},
		{"forgot", "forgot", cheap}, {"link", "link", cheap}, {"register", "register", password.Params{}}, {"register-without-the-hash", "register", cheap},
	} {
		b.Run(flow.name, func(b *testing.B) {
			for range b.N {
				medians := enumerate(b, questions[flow.question], samples, flow.costs)
				values := slices.Sorted(maps.Values(medians))
				for kind, median := range medians {
					b.ReportMetric(median, kind+"-ms")
				}
				b.ReportMetric(values[len(values)-1]/values[0], "ratio")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

func enumerate(b *testing.B, q question, samples int, costs password.Params) map[string]float64 {
	type one struct {
		kind string
		i    int
	}
	var all []one
	for kind := range q.kinds {
		for i := range samples {
			all = append(all, one{kind, i})
		}
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	a := &asker{tb: b, s: town(b, samples, costs)}
	took := map[string][]float64{}
	for _, o := range all {
		_, d := a.ask(q, q.kinds[o.kind](o.i))
		took[o.kind] = append(took[o.kind], float64(d)/float64(time.Millisecond))
	}
	medians := map[string]float64{}
	for kind, v := range took {
		medians[kind] = load.Median(v)
	}
	return medians
}
