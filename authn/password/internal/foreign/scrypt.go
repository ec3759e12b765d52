package foreign

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"math/bits"
	"strconv"
	"strings"

	"golang.org/x/crypto/scrypt"
)

// memory is what scrypt with these parameters takes, in bytes.
func memory(n, r uint64) uint64 {
	over, bytes := bits.Mul64(n, 128*r)
	if over != 0 {
		return 1 << 63
	}
	return bytes
}

// An scryptHash is what scrypt (RFC 7914) needs, and its result.
type scryptHash struct {
	n, r, p   uint64
	salt, key []byte
}

func (h *scryptHash) check() error {
	size := memory(h.n, h.r)
	switch {
	case h.n < 2 || h.n&(h.n-1) != 0 || h.n > 1<<40 || h.r == 0 || h.p == 0 || h.r > 1<<20 || h.p > 1<<20:
		return errors.New("parameters that scrypt does not have")
	case size > maxMemory:
		return tooCostly("bytes of memory", size, maxMemory)
	case size*h.p > maxTraffic:
		return tooCostly("bytes of work", size*h.p, maxTraffic)
	case len(h.key) < minKey || len(h.key) > maxKey:
		return errors.New("the key has the wrong length")
	}
	return nil
}

func (h *scryptHash) derive(password []byte, size int) []byte {
	key, err := scrypt.Key(password, h.salt, int(h.n), int(h.r), int(h.p), size)
	if err != nil {
		return nil
	}
	return key
}

func (h *scryptHash) matcher() (matcher, error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	return derived(h.key, func(password []byte) []byte { return h.derive(password, len(h.key)) }), nil
}

// phcScrypt reads "ln=16,r=8,p=1$salt$key". Ory Kratos writes N itself as ln.
func phcScrypt(rest string) (matcher, error) {
	h, err := phc(rest)
	if err != nil {
		return nil, err
	}
	return h.matcher()
}

func phc(rest string) (*scryptHash, error) {
	parts, err := split(rest, "$", 3)
	if err != nil {
		return nil, err
	}
	v, err := named(parts[0], "ln", "r", "p")
	if err != nil {
		return nil, err
	}
	h := &scryptHash{n: v[0], r: v[1], p: v[2]}
	if h.n < 64 {
		h.n = 1 << h.n
	}
	if h.salt, err = salt(parts[1]); err != nil {
		return nil, err
	}
	h.key, err = key(parts[2])
	return h, err
}

// s0Scrypt reads "e0801$salt$key": in hexadecimal the logarithm of N, and a byte each for r and p (lambdaworks, SCryptUtil).
func s0Scrypt(rest string) (matcher, error) {
	parts, err := split(rest, "$", 3)
	if err != nil {
		return nil, err
	}
	v, err := strconv.ParseUint(parts[0], 16, 24)
	if err != nil || v>>16 > 40 {
		return nil, errors.New("the parameters are not a number in range")
	}
	h := &scryptHash{n: 1 << (v >> 16), r: v >> 8 & 255, p: v & 255}
	if h.salt, err = salt(parts[1]); err != nil {
		return nil, err
	}
	if h.key, err = key(parts[2]); err != nil {
		return nil, err
	}
	return h.matcher()
}

// djangoScrypt reads "N$salt$r$p$key"; the salt is used as it is written.
func djangoScrypt(rest string) (matcher, error) {
	parts, err := split(rest, "$", 5)
	if err != nil {
		return nil, err
	}
	h, err := numbers(parts[0], parts[2], parts[3])
	if err != nil {
		return nil, err
	}
	h.salt = []byte(parts[1])
	if h.key, err = key(parts[4]); err != nil {
		return nil, err
	}
	return h.matcher()
}

func numbers(n, r, p string) (h *scryptHash, err error) {
	h = &scryptHash{}
	for _, v := range []struct {
		to   *uint64
		text string
	}{{&h.n, n}, {&h.r, r}, {&h.p, p}} {
		if *v.to, err = number(v.text); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// werkzeugScrypt reads "N:r:p$salt$key", the key in hexadecimal.
func werkzeugScrypt(rest string) (matcher, error) {
	parts, err := split(rest, "$", 3)
	if err != nil {
		return nil, err
	}
	v, err := split(parts[0], ":", 3)
	if err != nil {
		return nil, err
	}
	h, err := numbers(v[0], v[1], v[2])
	if err != nil {
		return nil, err
	}
	h.salt = []byte(parts[1])
	if h.key, err = hexKey(parts[2]); err != nil {
		return nil, err
	}
	return h.matcher()
}

// hashcatScrypt reads "N:r:p:salt:key".
func hashcatScrypt(rest string) (matcher, error) {
	parts, err := split(rest, ":", 5)
	if err != nil {
		return nil, err
	}
	h, err := numbers(parts[0], parts[1], parts[2])
	if err != nil {
		return nil, err
	}
	if h.salt, err = salt(parts[3]); err != nil {
		return nil, err
	}
	if h.key, err = key(parts[4]); err != nil {
		return nil, err
	}
	return h.matcher()
}

// firebase matches a key that Firebase made: the signer key of the project, encrypted (AES-CTR, a zero vector) under what scrypt
// makes of the password, the salt and the project's separator.
func firebase(h *scryptHash, signer, separator []byte) (matcher, error) {
	h.salt = append(append([]byte{}, h.salt...), separator...)
	if err := h.check(); err != nil {
		return nil, err
	}
	if len(signer) != len(h.key) {
		return nil, errors.New("the signer key has the wrong length")
	}
	return derived(h.key, func(password []byte) []byte {
		block, err := aes.NewCipher(h.derive(password, 32))
		if err != nil {
			return nil
		}
		out := make([]byte, len(signer))
		cipher.NewCTR(block, make([]byte, aes.BlockSize)).XORKeyStream(out, signer)
		return out
	}), nil
}

// kratosFirebase reads "ln=14,r=8,p=1$salt$key$separator$signer".
func kratosFirebase(rest string) (matcher, error) {
	parts, err := split(rest, "$", 5)
	if err != nil {
		return nil, err
	}
	h, err := phc(strings.Join(parts[:3], "$"))
	if err != nil {
		return nil, err
	}
	separator, err := salt(parts[3])
	if err != nil {
		return nil, err
	}
	signer, err := key(parts[4])
	if err != nil {
		return nil, err
	}
	return firebase(h, signer, separator)
}

// supabaseFirebase reads "v=1,n=14,r=8,p=1,ss=separator,sk=signer$salt$key".
func supabaseFirebase(rest string) (matcher, error) {
	parts, err := split(rest, "$", 3)
	if err != nil {
		return nil, err
	}
	settings, err := split(parts[0], ",", 6)
	if err != nil {
		return nil, err
	}
	for i, name := range []string{"v=1", "n=", "r=", "p=", "ss=", "sk="} {
		text, ok := strings.CutPrefix(settings[i], name)
		if !ok {
			return nil, errors.New("unknown parameters")
		}
		settings[i] = text
	}
	kratos := "ln=" + settings[1] + ",r=" + settings[2] + ",p=" + settings[3]
	return kratosFirebase(strings.Join([]string{kratos, parts[1], parts[2], settings[4], settings[5]}, "$"))
}
