package secret_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/sallyport-auth/sallyport/internal/secret"
)

func TestASequenceAscends(t *testing.T) {
	var s secret.Sequence
	var mu sync.Mutex
	var all []string
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			last := ""
			for range 2000 {
				id := s.Next("aud")
				if !secret.IsID("aud", id) || id <= last {
					t.Errorf("%s after %s", id, last)
				}
				last = id
				mu.Lock()
				all = append(all, id)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	slices.Sort(all)
	if n := len(slices.Compact(all)); n != 16000 {
		t.Errorf("%d different identifiers", n)
	}
}
