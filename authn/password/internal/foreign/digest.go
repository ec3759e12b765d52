package foreign

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strings"
)

// hashOf returns the hash function of that name.
func hashOf(name string) (func() hash.Hash, error) {
	switch name {
	case "md5":
		return md5.New, nil
	case "sha1":
		return sha1.New, nil
	case "sha224":
		return sha256.New224, nil
	case "sha256":
		return sha256.New, nil
	case "sha384":
		return sha512.New384, nil
	case "sha512":
		return sha512.New, nil
	}
	return nil, errors.New("unknown hash function")
}

// known is hashOf for names that this package writes.
func known(name string) func() hash.Hash {
	f, err := hashOf(name)
	if err != nil {
		panic(err)
	}
	return f
}

// sum hashes the parts one after the other.
func sum(newHash func() hash.Hash, parts ...[]byte) []byte {
	h := newHash()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// ldapDigest reads base64 of a digest and the salt behind it (RFC 2307 names the schemes).
func ldapDigest(digest string, salted bool) func(string) (matcher, error) {
	newHash := known(digest)
	return func(rest string) (matcher, error) {
		b, err := b64(rest)
		if err != nil {
			return nil, err
		}
		size := newHash().Size()
		if len(b) < size || len(b) > size+maxSalt || salted == (len(b) == size) {
			return nil, fmt.Errorf("%d bytes do not fit the scheme", len(b))
		}
		return derived(b[:size], func(password []byte) []byte { return sum(newHash, password, b[size:]) }), nil
	}
}

// saltedHex reads "salt$key". Django hashed the salt and then the password; Werkzeug wrote the same for an HMAC under the salt.
func saltedHex(digest string) func(string) (matcher, error) {
	newHash := known(digest)
	return func(rest string) (matcher, error) {
		parts, err := split(rest, "$", 2)
		if err != nil {
			return nil, err
		}
		k, err := hexKey(parts[1])
		if err != nil {
			return nil, err
		}
		if len(k) != newHash().Size() {
			return nil, errors.New("the key has the wrong length")
		}
		salt := []byte(parts[0])
		django := derived(k, func(password []byte) []byte { return sum(newHash, salt, password) })
		werkzeug := derived(k, func(password []byte) []byte { return mac(newHash, salt, password) })
		return func(password []byte) bool {
			one, other := django(password), werkzeug(password)
			return one || other
		}, nil
	}
}

func mac(newHash func() hash.Hash, key, message []byte) []byte {
	h := hmac.New(newHash, key)
	h.Write(message)
	return h.Sum(nil)
}

// template reads "pattern$salt$key" as Ory Kratos writes it, each in base64. The pattern says what is hashed, with {SALT} and {PASSWORD}.
func template(digest string) func(string) (matcher, error) {
	newHash := known(digest)
	return func(rest string) (matcher, error) {
		parts, err := split(rest, "$", 3)
		if err != nil {
			return nil, err
		}
		pattern, err := salt(parts[0])
		if err != nil {
			return nil, err
		}
		s, err := salt(parts[1])
		if err != nil {
			return nil, err
		}
		k, err := key(parts[2])
		if err != nil {
			return nil, err
		}
		if bytes.Count(pattern, []byte("{PASSWORD}")) != 1 || len(k) != newHash().Size() {
			return nil, errors.New("the pattern does not hold the password once, or the key has the wrong length")
		}
		return derived(k, func(password []byte) []byte {
			text := strings.NewReplacer("{SALT}", string(s), "{PASSWORD}", string(password)).Replace(string(pattern))
			return sum(newHash, []byte(text))
		}), nil
	}
}

// plainMD5 reads a digest without a salt.
func plainMD5(rest string) (matcher, error) {
	k, err := key(rest)
	if err != nil {
		return nil, err
	}
	if len(k) != md5.Size {
		return nil, errors.New("the key has the wrong length")
	}
	return derived(k, func(password []byte) []byte { return sum(md5.New, password) }), nil
}

// hmacDigest reads "sha256$key$pepper" as Ory Kratos writes it: base64 of the digest in hexadecimal, and of the key of the HMAC.
func hmacDigest(rest string) (matcher, error) {
	parts, err := split(rest, "$", 3)
	if err != nil {
		return nil, err
	}
	newHash, err := hashOf(parts[0])
	if err != nil {
		return nil, err
	}
	text, err := key(parts[1])
	if err != nil {
		return nil, err
	}
	k, err := hexKey(string(text))
	if err != nil {
		return nil, err
	}
	pepper, err := salt(parts[2])
	if err != nil || len(pepper) == 0 {
		return nil, errors.New("the key of the HMAC is missing")
	}
	return derived(k, func(password []byte) []byte { return mac(newHash, pepper, password) }), nil
}

// mediaWikiB reads "salt:key": the MD5 of salt, hyphen and the MD5 of the password.
func mediaWikiB(sep string) func(string) (matcher, error) {
	return func(rest string) (matcher, error) {
		parts, err := split(rest, sep, 2)
		if err != nil {
			return nil, err
		}
		k, err := hexKey(parts[1])
		if err != nil {
			return nil, err
		}
		if len(k) != md5.Size {
			return nil, errors.New("the key has the wrong length")
		}
		return derived(k, func(password []byte) []byte {
			return sum(md5.New, []byte(parts[0]+"-"+hexOf(sum(md5.New, password))))
		}), nil
	}
}

func hexOf(b []byte) string { return hex.EncodeToString(b) }

// phpass reads one character for the rounds, eight of salt, and size of the key (WordPress until 6.8, phpBB, Drupal 7).
func phpass(digest string, size int) func(string) (matcher, error) {
	newHash := known(digest)
	return func(rest string) (matcher, error) {
		if len(rest) != 9+size || !only(rest, digits64) {
			return nil, fmt.Errorf("want %d characters of the alphabet of crypt", 9+size)
		}
		log := strings.IndexByte(digits64, rest[0])
		switch {
		case log < 7:
			return nil, errors.New("fewer than 128 rounds")
		case log > maxLogRounds:
			return nil, tooCostly("the power of two of the rounds is", uint64(log), maxLogRounds)
		}
		salt, key := []byte(rest[1:9]), []byte(rest[9:])
		return derived(key, func(password []byte) []byte {
			h := sum(newHash, salt, password)
			for range 1 << log {
				h = sum(newHash, h, password)
			}
			return encode64(h)[:size]
		}), nil
	}
}

// twice wraps a hash of the MD5 of the password: what Drupal 7 made of the hashes of Drupal 6.
func twice(parse func(string) (matcher, error)) func(string) (matcher, error) {
	return func(rest string) (matcher, error) {
		inner, err := parse(rest)
		if err != nil {
			return nil, err
		}
		return func(password []byte) bool { return inner([]byte(hexOf(sum(md5.New, password)))) }, nil
	}
}
