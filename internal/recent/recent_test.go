package recent_test

import (
	"crypto/sha256"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/internal/recent"
)

func key(name string) [32]byte { return sha256.Sum256([]byte(name)) }

func TestAdd(t *testing.T) {
	var s recent.Set
	start := time.Unix(1_800_000_000, 0)
	for _, c := range []struct {
		name  string
		key   string
		after time.Duration
		want  bool
	}{
		{"a new key", "a", 0, true},
		{"the same again", "a", 0, false},
		{"another", "b", 0, true},
		{"the first within the minute", "a", 59 * time.Second, false},
		{"the first after the minute", "a", 60 * time.Second, true},
		{"and its minute begins anew", "a", 119 * time.Second, false},
		{"the other one, long after", "b", time.Hour, true},
	} {
		if got := s.Add(key(c.key), start.Add(c.after)); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}

func TestOneOfManyCallersAtOnceGetsTrue(t *testing.T) {
	var s recent.Set
	now := time.Now()
	for round := range 100 {
		var wg sync.WaitGroup
		var added atomic.Int32
		for range 8 {
			wg.Go(func() {
				if s.Add(key(fmt.Sprint(round)), now) {
					added.Add(1)
				}
			})
		}
		wg.Wait()
		if added.Load() != 1 {
			t.Fatalf("%d callers added one key", added.Load())
		}
	}
}

func BenchmarkAdd(b *testing.B) {
	var s recent.Set
	k, now := key("a"), time.Now()
	b.ReportAllocs()
	for b.Loop() {
		s.Add(k, now)
	}
}
