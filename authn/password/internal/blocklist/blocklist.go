// Package blocklist knows the common passwords: 49,193 of them, folded to lower case.
//
// It holds no passwords but the first 40 bits of the SHA-256 of each, sorted: 246 kB, found by binary search, and any content of the
// file parses. A password that is not in the list is taken for one of it with a chance of one in 22 million. A binary fuse filter of
// the same size would be wrong once in 65,536, which is too often here, because [password.Policy] asks about many parts of one password.
//
// The list comes from the npm package named in generate/main.go; NOTICE holds its licence.
//
// [password.Policy]: https://pkg.go.dev/github.com/sallyport-auth/sallyport/authn/password#Policy
package blocklist

import (
	"crypto/sha256"
	_ "embed"
	"sort"
	"strings"

	"golang.org/x/text/unicode/norm"
)

//go:generate go run ./generate blocklist.bin

// MinLength and MaxLength bound the entries, in bytes. What is shorter is no password, only a syllable in one; nothing in the
// list is longer. The generator keeps to both.
const (
	MinLength = 4
	MaxLength = 20
)

// KeySize is the number of bytes stored for an entry.
const KeySize = 5

//go:embed blocklist.bin
var keys string

// Fold brings a password into the form in which it is compared: NFKC and lower case.
func Fold(password string) string {
	return strings.ToLower(norm.NFKC.String(password))
}

// Key is what the list stores for a folded password.
func Key(folded string) [KeySize]byte {
	sum := sha256.Sum256([]byte(folded))
	return [KeySize]byte(sum[:])
}

// Contains reports whether a folded password is a common one.
func Contains(folded string) bool {
	if len(folded) < MinLength || len(folded) > MaxLength {
		return false
	}
	key := Key(folded)
	want := string(key[:])
	at := func(i int) string { return keys[i*KeySize : (i+1)*KeySize] }
	i := sort.Search(Len(), func(i int) bool { return at(i) >= want })
	return i < Len() && at(i) == want
}

// Len is the number of entries.
func Len() int { return len(keys) / KeySize }
