package limit

import (
	"sync"
	"time"
)

// ways is how many cells share a lock. With fewer, busy rows overflow while
// others are empty.
const ways = 8

// cells hold one moment of a [gcra] for each client, in memory of a fixed size. A
// cell whose moment has passed says nothing any more and is taken over by whoever
// needs one, so there is nothing to sweep.
type cells struct {
	rows []cellRow
	mask uint64
}

type cellRow struct {
	mu      sync.Mutex
	clients [ways]uint64
	earned  [ways]time.Duration
}

// newCells returns at least n cells.
func newCells(n int) *cells {
	rows := 1
	for rows*ways < n {
		rows *= 2
	}
	return &cells{rows: make([]cellRow, rows), mask: uint64(rows - 1)}
}

// spend takes one unit from client and returns how long it has to wait if it
// cannot.
func (c *cells) spend(client uint64, rule gcra, now time.Duration) (wait time.Duration) {
	r := &c.rows[client&c.mask]
	r.mu.Lock()
	i := r.find(client)
	if r.clients[i] != client {
		r.clients[i], r.earned[i] = client, 0
	}
	r.earned[i], wait = rule.spend(r.earned[i], now)
	r.mu.Unlock()
	return wait
}

// find returns the client's cell, or the one to take over: the one of the client
// that has spent least, who loses least by being forgotten.
func (r *cellRow) find(client uint64) int {
	least := 0
	for i := range ways {
		if r.clients[i] == client {
			return i
		}
		if r.earned[i] < r.earned[least] {
			least = i
		}
	}
	return least
}
