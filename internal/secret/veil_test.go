package secret_test

import (
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport-auth/sallyport/internal/secret"
)

func TestAVeilTellsSecretsApart(t *testing.T) {
	v := secret.NewVeil()
	base := secret.NewToken()
	of := map[secret.Veiled]string{}
	see := func(s string) {
		t.Helper()
		value := v.Of(s)
		if other, ok := of[value]; ok && other != s {
			t.Fatalf("%q and %q are taken for each other", s, other)
		}
		of[value] = s
		if v.Of(s) != value {
			t.Fatalf("%q is not recognised", s)
		}
	}
	for i := range base { // what is cut at either end, differs in one bit, or has zeros where nothing was
		see(base[i:])
		see(base[:i])
		see(base[:i] + strings.Repeat("\x00", len(base)-i))
		see(base[:i] + "\x00" + base[i:])
		for bit := range 8 {
			b := []byte(base)
			b[i] ^= 1 << bit
			see(string(b))
		}
	}
	for size := range secret.VeilSize + 1 {
		see(strings.Repeat("\x00", size))
		see(strings.Repeat("a", size))
	}
}

func TestVeilsKnowNothingOfEachOther(t *testing.T) {
	seen := map[secret.Veiled]bool{}
	for range 100 {
		seen[secret.NewVeil().Of("the same secret")] = true
	}
	if len(seen) != 100 {
		t.Errorf("%d values of one secret", len(seen))
	}
}

// The sum is the one of which the proof speaks, at the edges of what its words hold as well.
func TestTheSumOfAVeilIsRight(t *testing.T) {
	random, widest := secret.NewVeil(), secret.NewVeil()
	widest.Stretch(1<<64-1, 1<<55-1)
	one := secret.NewVeil()
	one.Stretch(1, 0)
	ones := strings.Repeat("\xff", secret.VeilSize)
	for name, v := range map[string]*secret.Veil{"random factors": random, "the greatest factors": widest, "factors of 1": one} {
		for size := 0; size <= secret.VeilSize; size += 1 + size/64*61 { // each up to 64, then some
			b := make([]byte, size)
			for i := range b {
				b[i] = byte(rand.Uint32())
			}
			for _, s := range []string{ones[:size], ones[:size&^7], string(b)} {
				if got, want := v.Sum(s); got.Cmp(want) != 0 {
					t.Fatalf("%s, %d bytes: %x, want %x", name, size, got, want)
				}
			}
		}
	}
}

func TestSumsAreReduced(t *testing.T) {
	const ones = 1<<64 - 1
	for name, n := range map[string][3]uint64{
		"nothing": {}, "one": {1, 0, 0}, "the prime": {ones, ones >> 1, 0}, "one less": {ones - 1, ones >> 1, 0}, "one more": {0, 1 << 63, 0},
		"twice the prime": {ones - 1, ones, 0}, "times 2 to the 65th": {0, 0, ones - 1}, "all bits": {ones, ones, ones},
		"a carry out of the first fold": {ones, ones >> 1, ones}, "the upper bits alone": {0, 0, ones}, "the lower bits alone": {ones, ones, 0},
	} {
		if got, want := secret.Reduced(n[0], n[1], n[2]); got.Cmp(want) != 0 {
			t.Errorf("%s: %x, want %x", name, got, want)
		}
	}
}

func TestAVeilServesManyAtOnce(t *testing.T) {
	v := secret.NewVeil()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			s := secret.NewToken()
			want := v.Of(s)
			for range 1000 {
				if v.Of(s) != want {
					t.Error("another value")
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestAVeilAllocatesNothing(t *testing.T) {
	v, s := secret.NewVeil(), secret.NewToken()
	if n := testing.AllocsPerRun(100, func() { v.Of(s) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkVeil(b *testing.B) {
	v := secret.NewVeil()
	for name, size := range map[string]int{"HS256": 43, "API key": 74, "EdDSA": 86, "RS256": 342} {
		s := strings.Repeat("abcdefgh", 50)[:size]
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				v.Of(s)
			}
		})
	}
	b.Run("beside: SHA-256 of 43", func(b *testing.B) {
		s := strings.Repeat("abcdefgh", 50)[:43]
		for b.Loop() {
			secret.Hash(s)
		}
	})
}
