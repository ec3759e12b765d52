package secret

import (
	"crypto/sha256"
	"crypto/subtle"
)

// Hash returns the SHA-256 of a token of at least 128 random bits, as it is stored and looked up. It is not for passwords, nor for
// short codes, which can be guessed: those need argon2id or a keyed hash.
func Hash(token string) []byte {
	h := sha256.Sum256([]byte(token))
	return h[:]
}

// Equal compares in time that depends on the lengths only. Two empty values are never equal, so that a column that was never
// filled matches nothing.
func Equal(a, b []byte) bool {
	return len(a) > 0 && subtle.ConstantTimeCompare(a, b) == 1
}
