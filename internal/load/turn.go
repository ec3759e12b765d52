//go:build linux

package load

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/internal/testenv"
)

// A Turn is one side of a comparison: a GET request to a server, what its answer must be, and what was measured each time.
type Turn struct {
	On     *Process
	Path   string
	Header http.Header
	Status int
	Body   string // a part of it

	Rate  []float64 // requests per second
	Cost  []float64 // processor time of the server per request, in seconds
	Share []float64 // processor time of the server per second

	load *load
}

const (
	conns  = 32
	lasts  = 150 * time.Millisecond
	quick  = 15
	longer = 45
)

// Compare lets the turns alternate, in changing order, after one round that warms up. Their figures have the order of the rounds.
func Compare(b testing.TB, turns ...*Turn) {
	b.Helper()
	leaveLast(b)
	for _, t := range turns {
		var err error
		t.load, err = newLoad(t.On.Address, t.Path, t.Header, t.Status, t.Body, conns)
		b.Cleanup(t.load.close)
		if err != nil {
			b.Fatal(err)
		}
	}
	order := slices.Clone(turns)
	for round := range testenv.Count(quick, longer) + 1 {
		for _, t := range order {
			if err := t.take(round > 0); err != nil {
				b.Fatal(err)
			}
		}
		slices.Reverse(order)
	}
}

func (t *Turn) take(counts bool) error {
	before, err := t.On.busy()
	if err != nil {
		return err
	}
	start := time.Now()
	rate, err := t.load.run(lasts)
	if err != nil {
		return err
	}
	after, err := t.On.busy()
	if err != nil || !counts {
		return err
	}
	busy, elapsed := (after - before).Seconds(), time.Since(start).Seconds()
	t.Rate = append(t.Rate, rate)
	t.Cost = append(t.Cost, busy/elapsed/rate)
	t.Share = append(t.Share, busy/elapsed)
	return nil
}
