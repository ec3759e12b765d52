// Package secret keeps what must not be read: it seals private keys and factor seeds at rest, derives the working keys of an
// installation from its one sealing key, and makes the random identifiers and tokens that everything else is named by.
package secret

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// KeySize is the length of a sealing key, in bytes.
const KeySize = 32

// Labels of HKDF, one per use, so that no two uses of the installation's key ever share a key. They are part of the format at
// rest: to change one is to lose what was sealed under it.
const (
	labelID     = "sallyport/v1/id"
	labelSeal   = "sallyport/v1/seal/"
	labelDerive = "sallyport/v1/derive/"
)

// A sealed box is: version (1 byte), key id (4 bytes), nonce (12 bytes), ciphertext, tag (16 bytes).
const (
	boxVersion = 1
	boxHeader  = 1 + 4
	boxMinimum = boxHeader + 12 + 16
)

var (
	// ErrUnknownKey says that a box was sealed under a key that this Sealer does not have. A wrong sealing key looks like this.
	ErrUnknownKey = errors.New("sealed under an unknown key")
	// ErrCorrupt says that a box cannot be opened although its key is known: it was altered, cut, or belongs to another record.
	ErrCorrupt = errors.New("sealed value is corrupt")
)

// KeyID names a sealing key without revealing it. It is what a box, or a token made with a derived key, carries as key version.
type KeyID uint32

type sealingKey struct {
	id  KeyID
	key []byte
}

// A Sealer seals under the newest sealing key and opens under any that it was given. It is immutable and safe for concurrent use.
type Sealer struct {
	keys []sealingKey // newest first, never empty
}

// New returns a Sealer over one or more sealing keys of KeySize bytes, the newest first. To rotate the key of an installation, put
// a new one in front; the old ones stay until everything has been sealed again (see Stale). The keys are copied.
func New(keys ...[]byte) (*Sealer, error) {
	if len(keys) == 0 {
		return nil, errors.New("no sealing key given")
	}
	s := &Sealer{}
	for i, k := range keys {
		if len(k) != KeySize {
			return nil, fmt.Errorf("sealing key %d has %d bytes instead of %d", i+1, len(k), KeySize)
		}
		if bytes.Count(k, k[:1]) == KeySize {
			return nil, fmt.Errorf("sealing key %d is one byte repeated", i+1)
		}
		id := KeyID(binary.BigEndian.Uint32(expand(k, labelID, 4)))
		if s.find(id) != nil {
			return nil, fmt.Errorf("sealing key %d is given twice", i+1)
		}
		s.keys = append(s.keys, sealingKey{id: id, key: bytes.Clone(k)})
	}
	return s, nil
}

// NewKey returns a random sealing key.
func NewKey() []byte {
	k := make([]byte, KeySize)
	rand.Read(k) // never fails: crypto/rand ends the program rather than return an error
	return k
}

// FormatKey writes a sealing key as one line of text for a file or the environment; ParseKey reads it.
func FormatKey(key []byte) string { return base64.RawURLEncoding.EncodeToString(key) }

// ParseKey reads what FormatKey wrote. White space around it is ignored, because files end with a newline. The error never
// contains the text.
func ParseKey(text string) ([]byte, error) {
	text = strings.TrimSpace(text)
	k, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(k) != KeySize || strings.ContainsAny(text, "\r\n") {
		return nil, fmt.Errorf("a sealing key is %d bytes in unpadded base64url (%d characters)", KeySize, base64.RawURLEncoding.EncodedLen(KeySize))
	}
	return k, nil
}

// Seal encrypts and authenticates plain. The same purpose and id must be given to Open: they bind the box to the one record it was
// made for, so that a box copied to another row or column does not open.
func (s *Sealer) Seal(purpose, id string, plain []byte) []byte {
	k := &s.keys[0]
	box := make([]byte, boxHeader, boxMinimum+len(plain))
	box[0] = boxVersion
	binary.BigEndian.PutUint32(box[1:], uint32(k.id))
	return k.aead(purpose).Seal(box, nil, plain, additional(box[:boxHeader], purpose, id))
}

// Open returns what Seal was given. It fails with ErrUnknownKey or ErrCorrupt.
func (s *Sealer) Open(purpose, id string, box []byte) ([]byte, error) {
	if len(box) < boxMinimum || box[0] != boxVersion {
		return nil, ErrCorrupt
	}
	k := s.find(boxKey(box))
	if k == nil {
		return nil, ErrUnknownKey
	}
	plain, err := k.aead(purpose).Open(nil, nil, box[boxHeader:], additional(box[:boxHeader], purpose, id))
	if err != nil {
		return nil, ErrCorrupt
	}
	return plain, nil
}

// Stale reports whether a box was not sealed under the newest key and should be opened and sealed again.
func (s *Sealer) Stale(box []byte) bool {
	return len(box) < boxMinimum || box[0] != boxVersion || boxKey(box) != s.keys[0].id
}

// KeyID names the newest key, the one that Seal and Derive use.
func (s *Sealer) KeyID() KeyID { return s.keys[0].id }

// Derive returns the 32-byte working key for a purpose, derived from the newest sealing key. It is always the same for the same
// sealing key and purpose, and says nothing about any other.
func (s *Sealer) Derive(purpose string) []byte {
	return expand(s.keys[0].key, labelDerive+purpose, 32)
}

// DeriveFrom returns the working key for a purpose under the sealing key named id; false if there is no such key (any more).
func (s *Sealer) DeriveFrom(id KeyID, purpose string) ([]byte, bool) {
	k := s.find(id)
	if k == nil {
		return nil, false
	}
	return expand(k.key, labelDerive+purpose, 32), true
}

// DeriveAll returns the working keys for a purpose under every sealing key, the newest first: what was made under an older one is
// still found.
func (s *Sealer) DeriveAll(purpose string) [][]byte {
	all := make([][]byte, len(s.keys))
	for i, k := range s.keys {
		all[i] = expand(k.key, labelDerive+purpose, 32)
	}
	return all
}

// Check returns a value to store beside the first sealed data. Confirm, at every later start, tells whether the keys given then
// can open what is stored.
func (s *Sealer) Check() []byte { return s.Seal(checkPurpose, "", []byte(checkPlain)) }

// Confirm returns nil if check was made by Check under one of the keys. A wrong key must keep the program from starting: it would
// otherwise seal new rows that the right key cannot open.
func (s *Sealer) Confirm(check []byte) error {
	plain, err := s.Open(checkPurpose, "", check)
	if err != nil {
		return fmt.Errorf("the sealing key does not fit the stored data: %w", err)
	}
	if string(plain) != checkPlain {
		return fmt.Errorf("the sealing key does not fit the stored data: %w", ErrCorrupt)
	}
	return nil
}

const (
	checkPurpose = "check"
	checkPlain   = "sallyport"
)

func (s *Sealer) find(id KeyID) *sealingKey {
	for i := range s.keys {
		if s.keys[i].id == id {
			return &s.keys[i]
		}
	}
	return nil
}

func boxKey(box []byte) KeyID { return KeyID(binary.BigEndian.Uint32(box[1:boxHeader])) }

// aead makes the cipher of one purpose. Its random 96-bit nonces are safe for 2³² boxes per purpose (NIST SP 800-38D §8.3).
func (k *sealingKey) aead(purpose string) cipher.AEAD {
	block, err := aes.NewCipher(expand(k.key, labelSeal+purpose, 32))
	if err != nil {
		panic("secret: " + err.Error()) // unreachable: the key has 32 bytes
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic("secret: " + err.Error()) // unreachable: AES has 16-byte blocks
	}
	return aead
}

// additional is the authenticated data: the header, then purpose and id, with a length between them so that ("a", "bc") and
// ("ab", "c") differ.
func additional(header []byte, purpose, id string) []byte {
	b := make([]byte, 0, len(header)+4+len(purpose)+len(id))
	b = append(b, header...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(purpose)))
	b = append(b, purpose...)
	return append(b, id...)
}

func expand(key []byte, label string, n int) []byte {
	out, err := hkdf.Key(sha256.New, key, nil, label, n)
	if err != nil {
		panic("secret: " + err.Error()) // unreachable: n is far below HKDF's limit
	}
	return out
}
