package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/sallyport-auth/sallyport/internal/secret"
)

const (
	refreshPrefix  = "sp_rt_"
	refreshVersion = 1
	familyPrefix   = "fam"

	// version, key version, family, counter
	refreshBody = 1 + 4 + 16 + 8
	refreshMAC  = 16
)

// NewFamilyID returns the id of a new refresh family.
func NewFamilyID() string { return secret.NewID(familyPrefix) }

// RefreshTokens writes and reads refresh tokens. A token is its family, a
// counter and a keyed hash of both, so that a forged one dies before any query,
// a repeated use computes the same successor, and the database holds no secret.
// It is safe for concurrent use.
type RefreshTokens struct {
	// Current is the version of the key that new families use.
	Current uint32
	// Key returns the key of a version; false: there is none, or no longer.
	Key func(version uint32) (key []byte, ok bool)
}

// A RefreshToken is what a refresh token says once its hash was found good.
type RefreshToken struct {
	Family     string
	KeyVersion uint32
	Counter    int64
}

var errRefresh = errors.New("malformed or forged refresh token")

// Format writes the token: always the same for the same t.
func (r *RefreshTokens) Format(t RefreshToken) (string, error) {
	family, ok := secret.IDBytes(familyPrefix, t.Family)
	key, known := r.Key(t.KeyVersion)
	if !ok || !known || t.Counter < 0 {
		return "", fmt.Errorf("writing refresh token of family %q with key %d", t.Family, t.KeyVersion)
	}
	b := make([]byte, 0, refreshBody+refreshMAC)
	b = append(b, refreshVersion)
	b = binary.BigEndian.AppendUint32(b, t.KeyVersion)
	b = append(b, family[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(t.Counter))
	b = append(b, refreshHash(key, b)...)
	return refreshPrefix + base64.RawURLEncoding.EncodeToString(b), nil
}

// Parse reads a token that Format wrote, and nothing else.
func (r *RefreshTokens) Parse(s string) (RefreshToken, error) {
	encoded, ok := strings.CutPrefix(s, refreshPrefix)
	if !ok || len(encoded) != base64.RawURLEncoding.EncodedLen(refreshBody+refreshMAC) {
		return RefreshToken{}, errRefresh
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil || len(b) != refreshBody+refreshMAC || b[0] != refreshVersion {
		return RefreshToken{}, errRefresh
	}
	t := RefreshToken{
		KeyVersion: binary.BigEndian.Uint32(b[1:]),
		Family:     secret.IDFromBytes(familyPrefix, [16]byte(b[5:21])),
		Counter:    int64(binary.BigEndian.Uint64(b[21:])),
	}
	key, ok := r.Key(t.KeyVersion)
	if !ok || t.Counter < 0 || !hmac.Equal(b[refreshBody:], refreshHash(key, b[:refreshBody])) {
		return RefreshToken{}, errRefresh
	}
	return t, nil
}

func refreshHash(key, body []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(body)
	return h.Sum(nil)[:refreshMAC]
}
