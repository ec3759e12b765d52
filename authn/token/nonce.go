package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// Nonces are what proofs of possession must repeat, so that none can be made in advance (RFC 9449 §8). They hold the time and a keyed
// hash of it: all nodes that share the key know them, and nothing is stored.
type Nonces struct {
	Key []byte // secret, and used for nothing else
}

// nonceLife is how long a nonce is good, at least; at most twice as long.
const nonceLife = 2 * time.Minute

// New returns the nonce of this moment.
func (n *Nonces) New(now time.Time) string { return n.of(now.UnixNano() / int64(nonceLife)) }

// Good reports whether the nonce is that of this moment, or the one before.
func (n *Nonces) Good(nonce string, now time.Time) bool {
	period := now.UnixNano() / int64(nonceLife)
	return hmac.Equal([]byte(nonce), []byte(n.of(period))) || hmac.Equal([]byte(nonce), []byte(n.of(period-1)))
}

func (n *Nonces) of(period int64) string {
	m := hmac.New(sha256.New, n.Key)
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(period))
	m.Write(b[:])
	return encode(m.Sum(nil)[:18])
}
