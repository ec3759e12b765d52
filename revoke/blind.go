package revoke

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
)

// saltSize is the size of the salt of a feed. With the longest kind and an id of
// ours, what is hashed fits one block of SHA-256.
const saltSize = 16

// A blinder hides ids in a feed. Whoever reads the feed recognises an id that they
// have, because a token with it was shown to them, and learns of no other: ids are
// random. The salt is that of one log, so nothing can be compared across logs.
type blinder struct{ salt [saltSize]byte }

// blinded is what a feed says instead of an id.
type blinded [16]byte

// id blinds an id of a kind.
func (b *blinder) id(kind Kind, id string) blinded {
	var scratch [128]byte
	text := append(scratch[:0], b.salt[:]...)
	text = append(text, kind...)
	text = append(text, 0)
	text = append(text, id...)
	sum := sha256.Sum256(text)
	return blinded(sum[:16]) // half of it, so that nothing can be appended to what was hashed
}

func (b blinded) String() string { return base64.RawURLEncoding.EncodeToString(b[:]) }

// name is the number under which a [set] knows the id.
func (b blinded) name() uint64 { return max(binary.LittleEndian.Uint64(b[:]), 1) }

var errBlinded = errors.New("malformed id")

// parseBlinded reads what [blinded.String] wrote, and nothing else.
func parseBlinded(s string) (b blinded, err error) {
	if len(s) != base64.RawURLEncoding.EncodedLen(len(b)) {
		return b, errBlinded
	}
	if _, err := base64.RawURLEncoding.Strict().Decode(b[:], []byte(s)); err != nil {
		return b, errBlinded
	}
	return b, nil
}

// rolesPadding hides how many roles an overlay has, and how long their names are.
const rolesPadding = 64

// seal encrypts the roles of an overlay for those who know whose they are.
func (b *blinder) seal(e *Entry) ([]byte, error) {
	text, err := json.Marshal(e.Overlay)
	if err != nil {
		return nil, err
	}
	if n := len(text) % rolesPadding; n != 0 {
		text = append(text, bytes.Repeat([]byte(" "), rolesPadding-n)...)
	}
	aead, err := b.aead(e.ID, e.Org)
	if err != nil {
		return nil, err
	}
	return aead.Seal(nil, sealNonce(e.Seq), text, nil), nil
}

// open returns the roles that seal has hidden.
func (b *blinder) open(sealed []byte, subject, org string, seq int64) (roles []string, err error) {
	aead, err := b.aead(subject, org)
	if err != nil {
		return nil, err
	}
	text, err := aead.Open(nil, sealNonce(seq), sealed, nil)
	if err == nil {
		err = json.Unmarshal(text, &roles)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the roles of entry %d: %w", seq, err)
	}
	return roles, nil
}

// aead is AES-256-GCM under a key that follows from the subject and the
// organization. One key seals each sequence number once.
func (b *blinder) aead(subject, org string) (cipher.AEAD, error) {
	text := append([]byte("overlay\x00"), b.salt[:]...)
	text = binary.BigEndian.AppendUint64(text, uint64(len(subject)))
	text = append(append(text, subject...), org...)
	key := sha256.Sum256(text)
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func sealNonce(seq int64) []byte { return binary.BigEndian.AppendUint64(make([]byte, 4), uint64(seq)) }
