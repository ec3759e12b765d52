//go:build !race

package testenv

// Race reports whether the race detector is on. With it, a sync.Pool drops values
// at random, so that what allocates nothing otherwise allocates now and then.
const Race = false
