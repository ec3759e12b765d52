package password

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Lengths in bytes. Hashes of other systems may have others within the bounds; ours have the recommended ones (RFC 9106 §4).
const (
	saltSize, minSalt, maxSalt = 16, 8, 64
	keySize, minKey, maxKey    = 32, 16, 64
)

const argon2idPrefix = "$argon2id$v=19$"

// An argon2idHash is a parsed hash string.
type argon2idHash struct {
	params Params
	salt   []byte
	key    []byte
}

// newArgon2id hashes a normalised password under a new salt.
func newArgon2id(p Params, normal string) argon2idHash {
	h := argon2idHash{params: p, salt: make([]byte, saltSize), key: make([]byte, keySize)}
	rand.Read(h.salt) // never fails
	h.key = h.derive(normal)
	return h
}

// decoy returns a hash that costs what a real one costs.
func decoy(p Params) argon2idHash {
	return argon2idHash{params: p, salt: make([]byte, saltSize), key: make([]byte, keySize)}
}

func (h argon2idHash) derive(normal string) []byte {
	return argon2.IDKey([]byte(normal), h.salt, h.params.Time, h.params.Memory, h.params.Threads, uint32(len(h.key)))
}

func (h argon2idHash) matches(password string) bool {
	normal, err := normalize(password)
	key := h.derive(normal) // normal is empty after an error: the work comes before the refusal
	return subtle.ConstantTimeCompare(key, h.key) == 1 && err == nil && normal != ""
}

func (h argon2idHash) outdated(current Params) bool {
	return h.params.below(current) || len(h.salt) < saltSize || len(h.key) < keySize
}

// String is the hash in the PHC string format, in its one canonical spelling.
func (h argon2idHash) String() string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("%sm=%d,t=%d,p=%d$%s$%s", argon2idPrefix,
		h.params.Memory, h.params.Time, h.params.Threads, b64.EncodeToString(h.salt), b64.EncodeToString(h.key))
}

// parseArgon2id accepts exactly what String writes, within the bounds. Version 19 is the only one (RFC 9106 §3.1); the optional
// keyid and data are refused, because the key that they stand for is not here.
func parseArgon2id(s string) (argon2idHash, error) {
	var h argon2idHash
	rest, ok := strings.CutPrefix(s, argon2idPrefix)
	fields := strings.Split(rest, "$")
	if !ok || len(fields) != 3 {
		return h, errors.New("argon2id: want parameters, salt and key of version 19")
	}
	if err := h.parseParams(fields[0]); err != nil {
		return h, err
	}
	var err error
	if h.salt, err = decode(fields[1], minSalt, maxSalt); err != nil {
		return h, fmt.Errorf("argon2id: salt: %w", err)
	}
	if h.key, err = decode(fields[2], minKey, maxKey); err != nil {
		return h, fmt.Errorf("argon2id: key: %w", err)
	}
	if h.String() != s {
		return h, errors.New("argon2id: not in canonical form")
	}
	return h, nil
}

func (h *argon2idHash) parseParams(s string) error {
	var m, t, p uint64
	costs := []struct {
		name string
		bits int
		dst  *uint64
	}{{"m=", 32, &m}, {"t=", 32, &t}, {"p=", 8, &p}}
	parts := strings.Split(s, ",")
	if len(parts) != len(costs) {
		return errors.New("argon2id: want the parameters m, t and p")
	}
	for i, c := range costs {
		n, err := strconv.ParseUint(strings.TrimPrefix(parts[i], c.name), 10, c.bits)
		if err != nil {
			return fmt.Errorf("argon2id: parameter %s is not a number in range", c.name[:1])
		}
		*c.dst = n
	}
	h.params = Params{Memory: uint32(m), Time: uint32(t), Threads: uint8(p)}
	return h.params.inBounds()
}

// decode limits the text before it decodes it, so that a hostile hash allocates nothing to speak of.
func decode(s string, least, most int) ([]byte, error) {
	b64 := base64.RawStdEncoding
	if n := b64.DecodedLen(len(s)); n < least || n > most {
		return nil, fmt.Errorf("%d bytes, want %d to %d", n, least, most)
	}
	b, err := b64.DecodeString(s)
	if err != nil {
		return nil, errors.New("not base64")
	}
	return b, nil
}

func (h argon2idHash) format() string { return "argon2id" }
