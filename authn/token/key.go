package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"hash"
	"sync"
)

// An Alg is a signature algorithm of RFC 7518 or RFC 8037.
type Alg string

// The algorithms that are supported. There is no "none".
const (
	EdDSA Alg = "EdDSA" // Ed25519; the default
	ES256 Alg = "ES256" // ECDSA on P-256
	RS256 Alg = "RS256" // RSASSA-PKCS1-v1_5
	PS256 Alg = "PS256" // RSASSA-PSS
	HS256 Alg = "HS256" // HMAC with a shared secret: whoever can verify can also forge
)

func (a Alg) supported() bool {
	switch a {
	case EdDSA, ES256, RS256, PS256, HS256:
		return true
	}
	return false
}

// A Key verifies signatures of exactly one algorithm. It comes from ParseKey, ParseJWKS or a SigningKey and has passed all their
// checks; the zero Key verifies nothing. It is immutable and safe for concurrent use. Printing it shows no secret.
type Key struct {
	id       string
	alg      Alg
	audience string // "" = any

	ed     ed25519.PublicKey
	ec     *ecdsa.PublicKey
	rsa    *rsa.PublicKey
	x5t    string // of the certificate that it came with (x5c); "" = none
	secret []byte
	macs   *sync.Pool // of *keyedMAC, for HS256
}

// ID returns the key id: the JWK's kid, or the RFC 7638 thumbprint if it has none.
func (k *Key) ID() string { return k.id }

// Alg returns the one algorithm that the key is for.
func (k *Key) Alg() Alg { return k.alg }

// Audience returns the only audience whose tokens the key may sign, or "" if it is not limited.
func (k *Key) Audience() string { return k.audience }

// ForAudience returns the key limited to tokens that are for this audience and no other. A resource that shares a secret with us
// could otherwise forge tokens for every other resource.
func (k *Key) ForAudience(audience string) *Key {
	c := *k
	c.audience = audience
	return &c
}

// Certifies reports whether the certificate is of this key; and of a key that came with a certificate (x5c), whether it is this one.
func (k *Key) Certifies(c *x509.Certificate) bool {
	return k.is(c.PublicKey) && (k.x5t == "" || k.x5t == hashOf(string(c.Raw)))
}

func (k *Key) is(public crypto.PublicKey) bool {
	switch {
	case k.ed != nil:
		return k.ed.Equal(public)
	case k.ec != nil:
		return k.ec.Equal(public)
	case k.rsa != nil:
		return k.rsa.Equal(public)
	}
	return false
}

// String names the key.
func (k *Key) String() string { return fmt.Sprintf("%s key %q", k.alg, k.id) }

// GoString is String, so that %#v shows no secret either.
func (k *Key) GoString() string { return k.String() }

// verify reports whether signature is the key's over input.
func (k *Key) verify(input, signature []byte) bool {
	switch k.alg {
	case EdDSA:
		return len(signature) == ed25519.SignatureSize && ed25519.Verify(k.ed, input, signature)
	case ES256:
		var room [72]byte
		der, ok := appendDER(room[:0], signature)
		digest := sha256.Sum256(input)
		return ok && ecdsa.VerifyASN1(k.ec, digest[:], der)
	case RS256:
		digest := sha256.Sum256(input)
		return rsa.VerifyPKCS1v15(k.rsa, crypto.SHA256, digest[:], signature) == nil
	case PS256:
		// RFC 7518 §3.5: the salt is as long as the hash; any other length is refused.
		digest := sha256.Sum256(input)
		opts := rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
		return rsa.VerifyPSS(k.rsa, crypto.SHA256, digest[:], signature, &opts) == nil
	case HS256:
		return k.checkMAC(input, signature)
	}
	return false
}

// A keyedMAC is an HMAC that has absorbed the secret already, and room for its result.
type keyedMAC struct {
	hash.Hash
	sum [sha256.Size]byte
}

func newSecretKey(id string, secret []byte) *Key {
	k := &Key{id: id, alg: HS256, secret: secret}
	k.macs = &sync.Pool{New: func() any { return &keyedMAC{Hash: hmac.New(sha256.New, secret)} }}
	return k
}

func (k *Key) checkMAC(input, signature []byte) bool {
	m := k.macs.Get().(*keyedMAC)
	defer k.macs.Put(m)
	m.Reset()
	m.Write(input)
	return hmac.Equal(m.Sum(m.sum[:0]), signature)
}

// appendDER turns the fixed-size r‖s of RFC 7518 §3.4 into the ASN.1 that crypto/ecdsa reads. It fails unless there are 64 bytes;
// the range of r and s is checked by crypto/ecdsa.
func appendDER(dst, signature []byte) ([]byte, bool) {
	if len(signature) != 64 {
		return nil, false
	}
	dst = append(dst, 0x30, 0)
	dst = appendDERInteger(dst, signature[:32])
	dst = appendDERInteger(dst, signature[32:])
	dst[1] = byte(len(dst) - 2)
	return dst, true
}

func appendDERInteger(dst, n []byte) []byte {
	for len(n) > 1 && n[0] == 0 {
		n = n[1:]
	}
	if n[0] >= 0x80 {
		dst = append(dst, 0x02, byte(len(n)+1), 0)
	} else {
		dst = append(dst, 0x02, byte(len(n)))
	}
	return append(dst, n...)
}
