package foreign

import (
	"errors"
	"fmt"
	"strings"

	goargon2 "github.com/go-crypt/x/argon2"
	"golang.org/x/crypto/argon2"
)

type argon2Key func(password, salt []byte, time, memory uint32, threads uint8, size uint32) []byte

func argon2i(rest string) (matcher, error) { return argon2Of(argon2.Key, rest) }

func argon2d(rest string) (matcher, error) {
	return argon2Of(func(password, salt []byte, time, memory uint32, threads uint8, size uint32) []byte {
		return goargon2.DKey(password, salt, time, memory, uint32(threads), size)
	}, rest)
}

// argon2Of reads "v=19$m=65536,t=3,p=4$salt$key".
func argon2Of(derive argon2Key, rest string) (matcher, error) {
	rest, ok := strings.CutPrefix(rest, "v=19$")
	if !ok {
		return nil, errors.New("the version is not 19")
	}
	parts, err := split(rest, "$", 3)
	if err != nil {
		return nil, err
	}
	v, err := named(parts[0], "m", "t", "p")
	if err != nil {
		return nil, err
	}
	memory, time, threads := v[0], v[1], v[2]
	switch {
	case time == 0 || threads == 0 || threads > 16 || memory < 8*threads:
		return nil, errors.New("parameters that argon2 does not have, or more than 16 threads")
	case memory > maxMemory>>10:
		return nil, tooCostly("KiB of memory", memory, maxMemory>>10)
	case memory*time > 4<<20:
		return nil, tooCostly("KiB of work", memory*time, 4<<20)
	}
	s, err := salt(parts[1])
	if err != nil {
		return nil, err
	}
	if len(s) < 8 {
		return nil, fmt.Errorf("a salt of %d bytes, want at least 8", len(s))
	}
	k, err := key(parts[2])
	if err != nil {
		return nil, err
	}
	return derived(k, func(password []byte) []byte {
		return derive(password, s, uint32(time), uint32(memory), uint8(threads), uint32(len(k)))
	}), nil
}
