//go:build linux

package server_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/internal/testenv"
)

// BenchmarkHTTP compares a handler behind the doors of a whole server with the
// same handler on a bare [http.ServeMux]. Each is a process of its own on one
// processor, the load comes from here, on another. Both get the same bytes, so
// what differs is the doors. They take turns, and each ratio is the median over
// the turns:
//
//   - xbare: requests per second of processor time over those of the bare
//     handler, which is what a server that is busy serves, and which other
//     programs on the machine hardly disturb;
//   - xwall: the same by the clock on the wall, which they do disturb;
//   - xplain: xbare if the requests to the bare handler carry no credential;
//   - load: share of a processor that the guarded server used. Far below 1, it
//     shared the processor or had time to spare, and xwall says little.
func BenchmarkHTTP(b *testing.B) {
	bare, doors := startProcess(b, "bare"), startProcess(b, "guarded")
	leaveLast(b)
	bearer := http.Header{"Authorization": {"Bearer " + doors.Token}}
	for _, c := range []struct {
		name, path string
		header     http.Header
		status     int
		body       string
	}{
		{"token", "/signed-in/7", bearer, 200, greeting},
		{"session", "/signed-in/7", http.Header{"Cookie": {"sallyport=" + doors.Cookie}}, 200, greeting},
		{"apikey", "/signed-in/7", http.Header{"X-Api-Key": {doors.Key}}, 200, greeting},
		{"allowed", "/allowed/7", bearer, 200, greeting},
		{"denied", "/denied/7", bearer, 403, `"code":"forbidden"`},
	} {
		b.Run(c.name, func(b *testing.B) {
			const conns = 32
			turns := []*turn{
				{on: doors, load: newLoad(b, doors.Address, c.path, c.header, conns, c.status, c.body)},
				{on: bare, load: newLoad(b, bare.Address, c.path, c.header, conns, 200, greeting)},
				{on: bare, load: newLoad(b, bare.Address, c.path, nil, conns, 200, greeting)},
			}
			rounds(b, turns)
			ours, same, plain := turns[0], turns[1], turns[2]
			b.ReportMetric(1/median(ours.cost), "req/cpu-s")
			b.ReportMetric(1/median(same.cost), "bare-req/cpu-s")
			b.ReportMetric(median(over(same.cost, ours.cost)), "xbare")
			b.ReportMetric(median(over(ours.rate, same.rate)), "xwall")
			b.ReportMetric(median(over(plain.cost, ours.cost)), "xplain")
			b.ReportMetric(median(ours.share), "load")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// A turn is one side of a comparison, and what each of its turns measured.
type turn struct {
	on    *served
	load  *load
	rate  []float64 // requests per second
	cost  []float64 // processor time of the server per request, in seconds
	share []float64 // processor time of the server per second
}

// rounds lets the turns alternate, in changing order, after one that warms up.
func rounds(b *testing.B, turns []*turn) {
	b.Helper()
	n, d := testenv.Count(15, 45), 150*time.Millisecond
	order := slices.Clone(turns)
	for i := range n + 1 {
		for _, t := range order {
			t.take(b, d)
		}
		if i == 0 {
			for _, t := range order {
				t.rate, t.cost, t.share = nil, nil, nil
			}
		}
		slices.Reverse(order)
	}
}

func (t *turn) take(b *testing.B, d time.Duration) {
	b.Helper()
	before, start := t.on.busy(), time.Now()
	rate, err := t.load.run(d)
	if err != nil {
		b.Fatal(err)
	}
	busy, elapsed := (t.on.busy() - before).Seconds(), time.Since(start).Seconds()
	t.rate = append(t.rate, rate)
	t.cost = append(t.cost, busy/elapsed/rate)
	t.share = append(t.share, busy/elapsed)
}

// over divides one by one.
func over(a, b []float64) []float64 {
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = a[i] / b[i]
	}
	return ratios
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}
