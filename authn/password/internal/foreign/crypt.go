package foreign

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"strings"

	"github.com/go-crypt/x/crypt"
	"github.com/go-crypt/x/yescrypt"
)

// encode64 is the base64 of the crypt(3) family: least significant bits first.
func encode64(b []byte) []byte { return yescrypt.Encode64(b) }

func sha256Crypt(rest string) (matcher, error) { return shaCrypt(sha256.New, 43, rest) }
func sha512Crypt(rest string) (matcher, error) { return shaCrypt(sha512.New, 86, rest) }

// shaCrypt reads "rounds=5000$salt$key", the rounds being optional (Drepper, "Unix crypt using SHA-256 and SHA-512").
func shaCrypt(newHash func() hash.Hash, size int, rest string) (matcher, error) {
	rounds := uint64(5000)
	if text, ok := strings.CutPrefix(rest, "rounds="); ok {
		text, after, _ := strings.Cut(text, "$")
		n, err := number(text)
		if err != nil {
			return nil, err
		}
		rounds, rest = max(n, 1000), after
	}
	parts, err := split(rest, "$", 2)
	switch {
	case err != nil:
		return nil, err
	case rounds > maxRounds:
		return nil, tooCostly("rounds", rounds, maxRounds)
	case len(parts[0]) > 16 || len(parts[1]) != size || !only(parts[1], digits64):
		return nil, fmt.Errorf("want at most 16 characters of salt and %d of key", size)
	}
	return derived([]byte(parts[1]), func(password []byte) []byte {
		return crypt.KeySHACrypt(newHash, password, []byte(parts[0]), int(rounds))
	}), nil
}

// sha1Crypt reads "rounds$salt$key" (NetBSD, Juniper).
func sha1Crypt(rest string) (matcher, error) {
	parts, err := split(rest, "$", 3)
	if err != nil {
		return nil, err
	}
	rounds, err := number(parts[0])
	switch {
	case err != nil:
		return nil, err
	case rounds == 0:
		return nil, errors.New("no rounds")
	case rounds > maxRounds:
		return nil, tooCostly("rounds", rounds, maxRounds)
	case len(parts[1]) > 64 || len(parts[2]) != 28 || !only(parts[2], digits64):
		return nil, errors.New("want at most 64 characters of salt and 28 of key")
	}
	return derived([]byte(parts[2]), func(password []byte) []byte {
		return crypt.KeySHA1Crypt(password, []byte(parts[1]), uint32(rounds))
	}), nil
}

// yescryptCrypt reads the parameters that libxcrypt writes.
func yescryptCrypt(rest string) (matcher, error) {
	parts, err := split(rest, "$", 3)
	if err != nil {
		return nil, err
	}
	if len(parts[0]) != 3 || parts[0][0] != 'j' || !only(rest, digits64+"$") || len(parts[1]) > 86 || len(parts[2]) != 43 {
		return nil, errors.New("unsupported parameters, or a key of the wrong length")
	}
	_, logN, r, err := yescrypt.DecodeSetting([]byte(parts[0]))
	switch {
	case err != nil || logN < 10 || logN > 18 || r > 32:
		return nil, errors.New("unsupported parameters")
	case memory(1<<logN, uint64(r)) > maxMemory:
		return nil, tooCostly("bytes of memory", memory(1<<logN, uint64(r)), maxMemory)
	case yescrypt.Decode64([]byte(parts[1])) == nil && parts[1] != "":
		return nil, errors.New("the salt is malformed")
	}
	stored := []byte("$y$" + rest)
	return derived(stored, func(password []byte) []byte {
		h, err := yescrypt.Hash(password, stored)
		if err != nil {
			return nil
		}
		return h
	}), nil
}

// md5Crypt reads "salt$key" (Kamp, FreeBSD 2.0). Apache's has another magic word.
func md5Crypt(magic string) func(string) (matcher, error) {
	return func(rest string) (matcher, error) {
		parts, err := split(rest, "$", 2)
		if err != nil {
			return nil, err
		}
		if len(parts[0]) > 8 || len(parts[1]) != 22 || !only(parts[1], digits64) {
			return nil, errors.New("want at most 8 characters of salt and 22 of key")
		}
		return derived([]byte(parts[1]), func(password []byte) []byte {
			return md5CryptKey(password, []byte(parts[0]), []byte(magic))
		}), nil
	}
}

func md5CryptKey(password, salt, magic []byte) []byte {
	first := sum(md5.New, password, salt, password)
	h := md5.New()
	h.Write(password)
	h.Write(magic)
	h.Write(salt)
	for n := len(password); n > 0; n -= md5.Size {
		h.Write(first[:min(n, md5.Size)])
	}
	for n := len(password); n > 0; n >>= 1 {
		if n&1 == 1 {
			h.Write([]byte{0})
		} else {
			h.Write(password[:1])
		}
	}
	key := h.Sum(nil)
	for i := range 1000 {
		h.Reset()
		odd := i&1 == 1
		h.Write(either(odd, password, key))
		if i%3 != 0 {
			h.Write(salt)
		}
		if i%7 != 0 {
			h.Write(password)
		}
		h.Write(either(odd, key, password))
		key = h.Sum(nil)
	}
	// The bytes are written in groups of three, the last one alone.
	order := []int{12, 6, 0, 13, 7, 1, 14, 8, 2, 15, 9, 3, 5, 10, 4, 11}
	mixed := make([]byte, len(order))
	for i, j := range order {
		mixed[i] = key[j]
	}
	return encode64(mixed)
}

func either(yes bool, a, b []byte) []byte {
	if yes {
		return a
	}
	return b
}
