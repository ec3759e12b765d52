// Package apikey is door one for programs of a person: a key that is shown once,
// limited to some scopes, and looked up by its id.
package apikey

import (
	"crypto/rand"
	"crypto/sha256"
	"hash/crc32"
	"strings"
)

// A key reads sp_live_<id>_<secret><checksum>, all in base62: an id of 95 random
// bits, a secret of 256, and the CRC-32 of everything before it. The prefix and
// the checksum let scanners of source code find keys that got there by mistake,
// and let us refuse garbage before any query.
const (
	// Prefix begins every key.
	Prefix = "sp_live_"

	idSize     = 16
	secretSize = 43 // 62^43 > 2^256
	sumSize    = 6  // 62^6 > 2^32
	keySize    = len(Prefix) + idSize + 1 + secretSize + sumSize
)

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// Generate returns a new key as it is kept, and as its owner is shown it, once.
// The rest of the fields are for the caller to fill in.
func Generate() (k Key, plain string) {
	b := make([]byte, 0, keySize)
	b = append(b, Prefix...)
	b = appendRandom(b, idSize)
	b = append(b, '_')
	b = appendRandom(b, secretSize)
	b = appendSum(b)
	hash := sha256.Sum256(b)
	plain = string(b)
	return Key{ID: idOf(plain), Hash: hash[:], Scopes: []string{}, Last4: plain[keySize-4:]}, plain
}

func idOf(plain string) string { return plain[len(Prefix) : len(Prefix)+idSize] }

// Parse returns the id in a key that is written as Generate writes one, which
// does not mean that there is such a key. It says so of no other text.
func Parse(plain string) (id string, ok bool) {
	const end = keySize - sumSize
	if len(plain) != keySize || !strings.HasPrefix(plain, Prefix) || plain[len(Prefix)+idSize] != '_' {
		return "", false
	}
	id = idOf(plain)
	if !inAlphabet(id) || !inAlphabet(plain[len(Prefix)+idSize+1:end]) {
		return "", false
	}
	var b [keySize]byte
	copy(b[:], plain[:end])
	if string(appendSum(b[:end])) != plain {
		return "", false
	}
	return id, true
}

func inAlphabet(s string) bool {
	for _, c := range []byte(s) {
		if !('0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z') {
			return false
		}
	}
	return true
}

// appendRandom appends n characters, each as likely as any other.
func appendRandom(b []byte, n int) []byte {
	const fair = 256 - 256%len(alphabet) // bytes from here on would favour some
	var random [64]byte
	for n > 0 {
		rand.Read(random[:])
		for _, r := range random {
			if int(r) < fair && n > 0 {
				b = append(b, alphabet[int(r)%len(alphabet)])
				n--
			}
		}
	}
	return b
}

// appendSum appends the CRC-32 (IEEE) of b, in a fixed width.
func appendSum(b []byte) []byte {
	sum := crc32.ChecksumIEEE(b)
	b = append(b, make([]byte, sumSize)...)
	for i := range sumSize {
		b[len(b)-1-i] = alphabet[sum%uint32(len(alphabet))]
		sum /= uint32(len(alphabet))
	}
	return b
}
