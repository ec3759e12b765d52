package limit

import "time"

// A gcra is the generic cell rate algorithm: one request each interval, and burst
// of them at once after a quiet time. All it keeps of a client is one moment: when
// everything spent so far is earned back. Times are durations since any start.
type gcra struct {
	interval time.Duration
	ahead    time.Duration // how far a client may be ahead of its earnings: burst - 1 intervals
}

// spend returns the client's new moment, or how long it has to wait.
func (g gcra) spend(earned, now time.Duration) (_ time.Duration, wait time.Duration) {
	earned = max(earned, now)
	if wait := earned - now - g.ahead; wait > 0 {
		return earned, wait
	}
	return earned + g.interval, 0
}
