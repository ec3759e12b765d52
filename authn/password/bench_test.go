package password_test

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/argon2"

	"github.com/sallyport-auth/sallyport/authn/password"
)

// BenchmarkRawArgon2id is the floor: the bare function on all processors, nothing around it.
func BenchmarkRawArgon2id(b *testing.B) {
	salt := make([]byte, 16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			argon2.IDKey([]byte(good), salt, password.DefaultTime, password.DefaultMemory, password.DefaultThreads, 32)
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
}

// BenchmarkPool200 is 200 people who sign in again and again, all at once. Its req/s over that of BenchmarkRawArgon2id is the ratio of
// docs/performance.md; peak-MB is the most memory that the process ever had resident meanwhile (Linux only).
func BenchmarkPool200(b *testing.B) {
	h := &password.Hasher{}
	stored := hash(b, password.Params{}, good)
	runtime.GC()
	resetPeak()
	next := make(chan struct{})
	var done sync.WaitGroup
	b.ResetTimer()
	for range 200 {
		done.Go(func() {
			for range next {
				if got, err := h.Verify(b.Context(), stored, good); err != nil || !got.Match {
					b.Errorf("got %+v, %v", got, err)
				}
			}
		})
	}
	for range b.N {
		next <- struct{}{}
	}
	close(next)
	done.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
	if mb, err := peak(); err == nil {
		b.ReportMetric(mb, "peak-MB")
	}
}

// resetPeak lets the kernel forget the highest resident size so far. Where that is not possible, peak is that of the whole process.
func resetPeak() { _ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

// peak returns the highest resident size in MB.
func peak() (float64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	_, rest, found := strings.Cut(string(status), "VmHWM:")
	if !found {
		return 0, errors.New("no VmHWM")
	}
	var kib float64
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		return 0, err
	}
	return kib * 1024 / 1e6, nil
}

// BenchmarkVerify shows what an attacker with a clock could tell apart: all lines but bcrypt's should be the same.
func BenchmarkVerify(b *testing.B) {
	stored := hash(b, password.Params{}, good)
	for _, c := range []struct{ name, stored, password string }{
		{"right", stored, good},
		{"wrong", stored, "wrong"},
		{"unknown", "", good},
		{"empty", stored, ""},
		{"overlong", stored, strings.Repeat("x", 257)},
		{"enormous", stored, strings.Repeat("x", 1<<20)},
		{"unreadable", "$1$abc$def", good},
		{"bcrypt10", "$2a$10$" + blow, "wrong"},
	} {
		b.Run(c.name, func(b *testing.B) {
			h := &password.Hasher{}
			for b.Loop() {
				if _, err := h.Verify(b.Context(), c.stored, c.password); err != nil && !errors.Is(err, password.ErrUnknownFormat) {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCheck(b *testing.B) {
	for _, c := range []struct{ name, password string }{
		{"typical", "elephant trumpet"},
		{"longest", strings.Repeat("xkqzvbwj", 31) + "tr8mlpdy"},
		{"hostile", strings.Repeat("password1qaz", 21) + "abcx"},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				_ = password.Policy{}.Check(c.password, "Ann Example", "ann.example@mail.test", "Sallyport")
			}
		})
	}
}
