package token

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
)

// OpaquePrefix begins access tokens that only the issuer can read.
const OpaquePrefix = "sp_at_"

const (
	opaqueSalt = 16
	opaqueHead = 4 + opaqueSalt // key version, salt

	// opaqueClear is how many characters of a wrapped token say nothing of what is in it: those that have no bit of the ciphertext.
	opaqueClear = len(OpaquePrefix) + opaqueHead*8/6
)

// OpaqueTokens wraps access tokens so that nobody but the issuer can read them: what they say is known to whoever introspects them
// (RFC 7662), and to no client. It is safe for concurrent use.
//
// A wrapped token is the key version, a random salt and the token, encrypted by AES-256-GCM with a key of its own, which
// HMAC-SHA256 makes of the salt: no number of tokens repeats a key and its nonce (NIST SP 800-38D §8.3).
type OpaqueTokens struct {
	// Current is the version of the key that new tokens use.
	Current uint32
	// Key returns the key of a version; false: there is none, or no longer.
	Key func(version uint32) (key []byte, ok bool)
}

// Wrap makes a signed access token opaque. It fails if what comes of it would be longer than MaxSize.
func (o *OpaqueTokens) Wrap(access string) (string, error) {
	head := make([]byte, opaqueHead, opaqueHead+len(access)+16)
	binary.BigEndian.PutUint32(head, o.Current)
	rand.Read(head[4:])
	aead, ok := o.cipher(head)
	if !ok {
		return "", fmt.Errorf("wrapping token: there is no key %d", o.Current)
	}
	box := aead.Seal(head, make([]byte, aead.NonceSize()), []byte(access), head)
	if n := len(OpaquePrefix) + base64.RawURLEncoding.EncodedLen(len(box)); n > MaxSize {
		return "", fmt.Errorf("wrapping token: it would have %d bytes", n)
	}
	return OpaquePrefix + base64.RawURLEncoding.EncodeToString(box), nil
}

var errOpaque = invalid("malformed, forged, or wrapped with an unknown key")

// Unwrap returns the access token that Wrap was given. Whether that is good is for a Verifier to say. Every error is an ErrInvalid. A nil
// o knows no key.
func (o *OpaqueTokens) Unwrap(value string) (string, error) {
	text, ok := strings.CutPrefix(value, OpaquePrefix)
	if !ok || o == nil || len(value) > MaxSize {
		return "", errOpaque
	}
	box, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(box) < opaqueHead || strings.ContainsAny(text, "\r\n") {
		return "", errOpaque
	}
	head := box[:opaqueHead]
	aead, ok := o.cipher(head)
	if !ok {
		return "", errOpaque
	}
	access, err := aead.Open(nil, make([]byte, aead.NonceSize()), box[opaqueHead:], head)
	if err != nil {
		return "", errOpaque
	}
	return string(access), nil
}

// cipher is that of the one token that begins so.
func (o *OpaqueTokens) cipher(head []byte) (cipher.AEAD, bool) {
	key, ok := o.Key(binary.BigEndian.Uint32(head))
	if !ok {
		return nil, false
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(head)
	block, err := aes.NewCipher(mac.Sum(nil))
	if err != nil {
		panic("token: " + err.Error()) // unreachable: the key has 32 bytes
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic("token: " + err.Error()) // unreachable: AES has 16-byte blocks
	}
	return aead, true
}
