package secret

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"strings"
	"time"
)

// Lower-case base32 in Crockford's order: it sorts like the bytes, and has no i, l, o or u to misread.
const idAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"

// IDLength is the number of characters after the prefix and its underscore.
const IDLength = 26

var idEncoding = base32.NewEncoding(idAlphabet).WithPadding(base32.NoPadding)

// NewID returns a new identifier such as "usr_01k9y…": the prefix, an underscore and 26 characters made of the time in milliseconds
// (48 bits) and 80 random bits. Identifiers made in different milliseconds sort by time, which keeps indices compact. An identifier
// names a thing; it is never a secret.
func NewID(prefix string) string { return IDFromBytes(prefix, newID()) }

func newID() (b [16]byte) {
	ms := uint64(time.Now().UnixMilli())
	for i := range 6 {
		b[i] = byte(ms >> (40 - 8*i))
	}
	rand.Read(b[6:])
	return b
}

// IDFromBytes writes an identifier of its 16 bytes.
func IDFromBytes(prefix string, b [16]byte) string {
	out := make([]byte, 0, len(prefix)+1+IDLength)
	out = append(append(out, prefix...), '_')
	return string(idEncoding.AppendEncode(out, b[:]))
}

// IsID reports whether s has the form of an identifier with this prefix. Use it to refuse nonsense before a query.
func IsID(prefix, s string) bool {
	rest, ok := strings.CutPrefix(s, prefix+"_")
	if !ok || len(rest) != IDLength {
		return false
	}
	for i := range len(rest) {
		if strings.IndexByte(idAlphabet, rest[i]) < 0 {
			return false
		}
	}
	// 26 characters hold 130 bits; the last two must be zero, or one identifier could be written in four ways.
	return strings.IndexByte(idAlphabet, rest[IDLength-1])&3 == 0
}

// NewToken returns 256 random bits in unpadded base64url (43 characters): an opaque session id, a reset code, a set-up link. Store
// its Hash, never the token.
func NewToken() string {
	var b [32]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// IDBytes returns the 16 bytes behind an identifier, and whether s is one with this prefix.
func IDBytes(prefix, s string) (b [16]byte, ok bool) {
	if !IsID(prefix, s) {
		return b, false
	}
	n, err := idEncoding.Decode(b[:], []byte(s[len(prefix)+1:]))
	return b, err == nil && n == len(b)
}
