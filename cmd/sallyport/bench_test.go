//go:build unix

package main_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/internal/process"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/internal/testenv"
	"github.com/sallyport-auth/sallyport/store/sqlite"
)

// BenchmarkProcess measures the program as it is shipped: stripped, on a SQLite
// database that exists.
//
//   - first-ms: from the start of the process until a request was answered, the
//     median of several starts;
//   - binary-MB, and resident memory without a session (idle-MB) and after each of
//     100,000 sessions was used once (sessions-MB; Linux only).
func BenchmarkProcess(b *testing.B) {
	bin := filepath.Join(b.TempDir(), "sallyport")
	if out, err := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bin, ".").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	info, err := os.Stat(bin)
	if err != nil {
		b.Fatal(err)
	}
	data := filepath.Join(b.TempDir(), "data")
	start := func() (*process.Program, time.Duration) {
		began := time.Now()
		p := process.Start(b, bin, "serve", "--data", data, "--addr", "127.0.0.1:0")
		get(b, p.URL+"/readyz", "")
		return p, time.Since(began)
	}
	stop := func(p *process.Program) {
		p.Signal(syscall.SIGTERM)
		if code := p.Wait(); code != 0 {
			b.Fatalf("exit code %d\n%s", code, p.Output())
		}
	}
	p, _ := start() // makes the database
	stop(p)
	var first, idle []float64
	for range testenv.Count(7, 21) {
		p, took := start()
		first = append(first, float64(took)/float64(time.Millisecond))
		idle = append(idle, resident(p))
		stop(p)
	}
	cookies := manySessions(b, filepath.Join(data, "sallyport.db"), 100_000)
	p, _ = start()
	for _, cookie := range cookies {
		get(b, p.URL+"/auth/me", "sallyport="+cookie)
	}
	b.ReportMetric(middle(first), "first-ms")
	b.ReportMetric(float64(info.Size())/1e6, "binary-MB")
	b.ReportMetric(middle(idle), "idle-MB")
	b.ReportMetric(resident(p), "sessions-MB")
	b.ReportMetric(0, "ns/op")
	stop(p)
}

// get fails the benchmark if the answer is not 200.
func get(b *testing.B, url, cookie string) {
	b.Helper()
	r, err := http.NewRequest("GET", url, nil)
	if err != nil {
		b.Fatal(err)
	}
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != 200 {
		b.Fatalf("%s: %d %s %v", url, resp.StatusCode, body, err)
	}
}

// manySessions signs one user in that often, without the work of a password.
func manySessions(b *testing.B, file string, n int) []string {
	b.Helper()
	db, err := sqlite.Open(file)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	now := time.Now()
	user := account.User{ID: secret.NewID("usr"), Username: "ann", UsernameNorm: "ann", Status: account.Active, CreatedAt: now, UpdatedAt: now}
	if err := db.Update(b.Context(), func(tx account.Tx) error { return tx.Users.Create(b.Context(), user) }); err != nil {
		b.Fatal(err)
	}
	var cookies []string
	for batch := range slices.Chunk(make([]string, n), 5000) {
		err := db.Update(b.Context(), func(tx account.Tx) error { return signIn(b.Context(), tx, user.ID, batch, now) })
		if err != nil {
			b.Fatal(err)
		}
		cookies = append(cookies, batch...)
	}
	return cookies
}

// signIn fills cookies with those of new sessions.
func signIn(ctx context.Context, tx account.Tx, user string, cookies []string, now time.Time) error {
	head, err := tx.Log.Head(ctx)
	if err != nil {
		return err
	}
	for i := range cookies {
		s, cookie := session.Timeouts{}.New(user, now)
		s.AMR, s.AAL, s.AuthTime, s.Position = []string{"pwd"}, 1, now, head.Position
		if err := tx.Sessions.Create(ctx, s); err != nil {
			return err
		}
		cookies[i] = cookie
	}
	return nil
}

// resident is the memory of the process in MB, 0 where the system does not say.
func resident(p *process.Program) float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		return 0
	}
	var kib float64
	if _, rest, found := strings.Cut(string(status), "VmRSS:"); found {
		fmt.Sscan(rest, &kib)
	}
	return kib * 1024 / 1e6
}

func middle(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}
