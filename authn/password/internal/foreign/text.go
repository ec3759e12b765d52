package foreign

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// split cuts text at sep into exactly n pieces.
func split(text, sep string, n int) ([]string, error) {
	parts := strings.Split(text, sep)
	if len(parts) != n {
		return nil, fmt.Errorf("%d parts, want %d", len(parts), n)
	}
	return parts, nil
}

// number reads a decimal number without a sign.
func number(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, errors.New("a parameter is not a number in range")
	}
	return n, nil
}

// named reads "a=1,b=2" with exactly these names in this order.
func named(text string, names ...string) ([]uint64, error) {
	parts, err := split(text, ",", len(names))
	if err != nil {
		return nil, fmt.Errorf("parameters: %w", err)
	}
	values := make([]uint64, len(names))
	for i, name := range names {
		value, ok := strings.CutPrefix(parts[i], name+"=")
		if !ok {
			return nil, fmt.Errorf("the parameter %s is missing", name)
		}
		if values[i], err = number(value); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// Lengths in bytes of what is decoded.
const (
	minKey, maxKey = 10, 512 // 10 bytes are those of the shortest published vectors
	maxSalt        = 256
)

// key decodes the part that is compared.
func key(text string) ([]byte, error) {
	b, err := b64(text)
	if err == nil && (len(b) < minKey || len(b) > maxKey) {
		err = fmt.Errorf("a key of %d bytes, want %d to %d", len(b), minKey, maxKey)
	}
	return b, err
}

// salt decodes what is mixed in; it may be empty.
func salt(text string) ([]byte, error) {
	b, err := b64(text)
	if err == nil && len(b) > maxSalt {
		err = fmt.Errorf("a salt of %d bytes, want at most %d", len(b), maxSalt)
	}
	return b, err
}

// b64 decodes base64 with or without padding, also in the alphabet of passlib, which writes "." for "+".
func b64(text string) ([]byte, error) {
	text = strings.ReplaceAll(strings.TrimRight(text, "="), ".", "+")
	b, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") {
		return nil, errors.New("not base64")
	}
	return b, nil
}

func hexKey(text string) ([]byte, error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) < minKey || len(b) > maxKey {
		return nil, errors.New("the key is not hexadecimal, or has the wrong length")
	}
	return b, nil
}

// digits64 are those of the crypt(3) family.
const digits64 = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// only reports whether text has characters of the set alone.
func only(text, set string) bool { return strings.Trim(text, set) == "" }
