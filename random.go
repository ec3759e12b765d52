package sallyport

import (
	"crypto/rand"
	"sync"
)

// A supply is a stock of random bytes. Reading as many at once costs little more
// than reading those of one id.
type supply struct {
	bytes [512]byte
	left  int // still unused, at the end
}

var supplies = sync.Pool{New: func() any { return new(supply) }}

// random fills b, of at most 512 bytes, with bytes from crypto/rand, each of which
// is handed out once. They lie in memory for a while before they are used, so they
// are for ids that name something, and not for secrets.
func random(b []byte) {
	s := supplies.Get().(*supply)
	defer supplies.Put(s)
	if s.left < len(b) {
		rand.Read(s.bytes[:]) // never fails
		s.left = len(s.bytes)
	}
	copy(b, s.bytes[len(s.bytes)-s.left:])
	s.left -= len(b)
}
