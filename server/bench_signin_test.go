//go:build linux

package server_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/password"
	"github.com/sallyport-auth/sallyport/internal/load"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/internal/testenv"
	"github.com/sallyport-auth/sallyport/server"
	"github.com/sallyport-auth/sallyport/store/sqlite"
)

// BenchmarkSignIn is 200 people who sign in again and again, all at once: limits,
// password, session, tokens and audit entry in SQLite that waits for the disk.
// It takes turns with the bare argon2id on all processors. xraw is the median of
// the ratios per processor time, xwall by the clock on the wall; peak-MB is the
// most memory that the process had resident while people signed in.
func BenchmarkSignIn(b *testing.B) {
	people := crowd(b, 200)
	var ours, raw pace
	var peak float64
	for range testenv.Count(5, 9) {
		raw.take(b, func() (float64, error) { return rawHashes(runtime.GOMAXPROCS(0), 2*time.Second), nil })
		debug.FreeOSMemory()
		forgetPeak()
		ours.take(b, func() (float64, error) { return people.signIn(b.Context(), 5*time.Second) })
		peak = max(peak, peakMB())
	}
	b.ReportMetric(load.Median(ours.rate), "sign-ins/s")
	b.ReportMetric(load.Median(raw.rate), "argon2id/s")
	b.ReportMetric(load.Median(load.Over(raw.cost, ours.cost)), "xraw")
	b.ReportMetric(load.Median(load.Over(ours.rate, raw.rate)), "xwall")
	b.ReportMetric(peak, "peak-MB")
	b.ReportMetric(0, "ns/op")
}

// pace is what turns of this process measured.
type pace struct {
	rate []float64 // per second
	cost []float64 // processor time of one, in seconds
}

func (p *pace) take(b *testing.B, run func() (rate float64, err error)) {
	b.Helper()
	before, start := load.ProcessorTime(), time.Now()
	rate, err := run()
	if err != nil {
		b.Fatal(err)
	}
	p.rate = append(p.rate, rate)
	p.cost = append(p.cost, (load.ProcessorTime()-before).Seconds()/(rate*time.Since(start).Seconds()))
}

// people are accounts, each with an address of its own.
type people struct {
	accounts *account.Service
	count    int
}

func crowd(b *testing.B, n int) *people {
	b.Helper()
	db, err := sqlite.Open(filepath.Join(b.TempDir(), "house.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	s, err := server.Open(b.Context(), server.Config{
		BaseURL: "http://127.0.0.1:1", Store: db, SealingKey: bytes.Repeat([]byte("0123456789abcdef"), secret.KeySize/16),
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			if _, err := s.Accounts.Add(b.Context(), account.Registration{Username: fmt.Sprintf("person-%d", i), Password: pass}, account.Origin{}); err != nil {
				b.Error(err)
			}
		})
	}
	all.Wait()
	return &people{s.Accounts, n}
}

// signIn lets everybody sign in for that long and returns how many did a second.
// Who has begun is waited for, and counts.
func (p *people) signIn(ctx context.Context, d time.Duration) (float64, error) {
	var count atomic.Int64
	errs := make(chan error, p.count)
	var all sync.WaitGroup
	start := time.Now()
	for i := range p.count {
		all.Go(func() {
			in := account.SignIn{Identifier: fmt.Sprintf("person-%d", i), Password: pass, WithTokens: true}
			from := account.Origin{Address: netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})}
			for time.Since(start) < d {
				out, err := p.accounts.SignIn(ctx, in, from)
				if err != nil || out.Tokens == nil {
					errs <- fmt.Errorf("signing in: %w", err)
					return
				}
				count.Add(1)
			}
		})
	}
	all.Wait()
	select {
	case err := <-errs:
		return 0, err
	default:
		return float64(count.Load()) / time.Since(start).Seconds(), nil
	}
}

// rawHashes returns how many hashes a second n goroutines make.
func rawHashes(n int, d time.Duration) float64 {
	salt := make([]byte, 16)
	var count atomic.Int64
	var all sync.WaitGroup
	start := time.Now()
	for range n {
		all.Go(func() {
			for time.Since(start) < d {
				argon2.IDKey([]byte(pass), salt, password.DefaultTime, password.DefaultMemory, password.DefaultThreads, 32)
				count.Add(1)
			}
		})
	}
	all.Wait()
	return float64(count.Load()) / time.Since(start).Seconds()
}

// forgetPeak lets the kernel forget the highest resident size so far.
func forgetPeak() { _ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

// peakMB is the highest resident size since, 0 if the kernel does not say.
func peakMB() float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	var kib float64
	if _, rest, found := strings.Cut(string(status), "VmHWM:"); found {
		fmt.Sscan(rest, &kib)
	}
	return kib * 1024 / 1e6
}
