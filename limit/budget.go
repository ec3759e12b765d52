package limit

import "time"

// A budget is arithmetic: how many failures something may have, and what becomes
// of its Failures. It neither reads a clock nor stores anything.
type budget interface {
	// wait returns how long nothing more may be spent; 0 = it may be now.
	wait(f Failures, now time.Time) time.Duration
	// spend counts one failure, and says until when the result means something.
	spend(f Failures, now time.Time) (Failures, time.Time)
	// forgive takes back one failure that turned out to be a success.
	forgive(f Failures) (Failures, time.Time)
	// refund takes back one failure that turned out to be nothing at all.
	refund(f Failures) (Failures, time.Time)
}

// maxSkew is how far the clocks of two nodes may differ. A time that lies further
// ahead was written before the clock went back, and would lock for no reason.
const maxSkew = time.Minute

// A bucket holds size failures and loses one at the end of every period, so that
// nobody who used it up waits longer than one period for the next. Count is its
// level at FirstAt.
type bucket struct {
	size  int
	every time.Duration
}

// newBucket returns a bucket for n failures a period.
func newBucket(n int, period time.Duration) bucket {
	return bucket{n, max(period/time.Duration(n), time.Millisecond)}
}

func (b bucket) wait(f Failures, now time.Time) time.Duration {
	f = b.at(f, now)
	if f.Count < b.size {
		return 0
	}
	lowered := f.FirstAt.Add(time.Duration(f.Count-b.size+1) * b.every)
	return lowered.Sub(now)
}

func (b bucket) spend(f Failures, now time.Time) (Failures, time.Time) {
	f = b.at(f, now)
	f.Count++
	return f, b.empty(f)
}

func (b bucket) forgive(f Failures) (Failures, time.Time) {
	if f.Count <= 1 {
		return Failures{}, time.Time{}
	}
	f.Count--
	return f, b.empty(f)
}

func (b bucket) refund(f Failures) (Failures, time.Time) { return b.forgive(f) }

// at returns what f has become by now.
func (b bucket) at(f Failures, now time.Time) Failures {
	lost := int64(now.Sub(f.FirstAt) / b.every)
	switch {
	case lost >= int64(f.Count), f.FirstAt.Sub(now) > maxSkew:
		return Failures{FirstAt: now}
	case lost > 0:
		f.Count -= int(lost)
		f.FirstAt = f.FirstAt.Add(time.Duration(lost) * b.every)
	}
	return f
}

func (b bucket) empty(f Failures) time.Time {
	return f.FirstAt.Add(time.Duration(f.Count) * b.every)
}

// A pause lets tries failures pass and then locks after each further one, twice
// as long as before and never longer than most. FirstAt is the last failure.
type pause struct {
	tries       int
	first, most time.Duration
}

// pauseMemory is how long it must be quiet for a pause to forget. Whoever waits
// for that gets fewer tries than whoever takes one at the end of every pause.
const pauseMemory = 24 * time.Hour

func (p pause) wait(f Failures, now time.Time) time.Duration {
	left := f.LockedUntil.Sub(now)
	if left <= 0 || left > p.most+maxSkew {
		return 0
	}
	return min(left, p.most)
}

func (p pause) spend(f Failures, now time.Time) (Failures, time.Time) {
	if quiet := now.Sub(f.FirstAt); quiet >= pauseMemory {
		f = Failures{}
	}
	f.Count++
	f.FirstAt, f.LockedUntil = now, time.Time{}
	if beyond := f.Count - p.tries; beyond >= 0 {
		f.LockedUntil = now.Add(p.length(beyond))
	}
	return f, now.Add(pauseMemory)
}

// length returns the pause after that many failures more than the tries.
func (p pause) length(beyond int) time.Duration {
	d := p.first
	for ; beyond > 0 && d < p.most; beyond-- {
		d *= 2
	}
	return min(d, p.most)
}

// forgive forgets everything: a pair that has signed in starts anew.
func (p pause) forgive(Failures) (Failures, time.Time) { return Failures{}, time.Time{} }

// refund leaves what the other failures deserve: the pause ends only if they are
// too few for one.
func (p pause) refund(f Failures) (Failures, time.Time) {
	if f.Count <= 1 {
		return Failures{}, time.Time{}
	}
	f.Count--
	if f.Count < p.tries {
		f.LockedUntil = time.Time{}
	}
	return f, f.FirstAt.Add(pauseMemory)
}

// A row counts failures without a success between them, and locks for good after
// the last one that it has room for.
type row struct{ size int }

const (
	rowMemory = 365 * 24 * time.Hour // of a row that is not full: for how long nobody failed
	rowWait   = 24 * time.Hour       // that is answered when nobody knows how long it will be
	forGood   = 100 * rowMemory
)

func (r row) wait(f Failures, _ time.Time) time.Duration {
	if f.Count < r.size {
		return 0
	}
	return rowWait
}

func (r row) spend(f Failures, now time.Time) (Failures, time.Time) {
	if f.Count == 0 {
		f.FirstAt = now
	}
	f.Count++
	if f.Count >= r.size {
		return f, now.Add(forGood)
	}
	return f, now.Add(rowMemory)
}

func (r row) forgive(Failures) (Failures, time.Time) { return Failures{}, time.Time{} }

func (r row) refund(f Failures) (Failures, time.Time) {
	if f.Count <= 1 {
		return Failures{}, time.Time{}
	}
	f.Count--
	return f, f.FirstAt.Add(forGood) // when the last of them failed is not known: longer than needed
}
