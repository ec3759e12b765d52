package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
)

// A SigningKey signs with exactly one algorithm. It comes from Generate or ParseSigningKey. It is immutable and safe for concurrent
// use. Printing it shows no secret.
type SigningKey struct {
	*publicKey

	ed    ed25519.PrivateKey
	ec    *ecdsa.PrivateKey
	rsa   *rsa.PrivateKey
	atJWT string // the encoded header of an access token, with its dot
}

// publicKey is Key under a name that can be embedded without being exported.
type publicKey = Key

// rsaBits is the size of RSA keys that we make: 112 bits of strength, enough for tokens that live for minutes.
const rsaBits = 2048

// Generate makes a new key; its id is its thumbprint, and does not begin with "-", because a command that is given such an id takes it
// for an option, just when a key has to be revoked. It fails for an unknown algorithm only.
func Generate(alg Alg) (*SigningKey, error) {
	for {
		if k, err := generate(alg); err != nil || k.ID()[0] != '-' {
			return k, err
		}
	}
}

func generate(alg Alg) (*SigningKey, error) {
	k := &SigningKey{publicKey: &Key{alg: alg}}
	switch alg {
	case EdDSA:
		pub, priv, err := ed25519.GenerateKey(nil)
		if err != nil {
			return nil, fmt.Errorf("generating key: %w", err)
		}
		k.ed, k.publicKey.ed = priv, pub
	case ES256:
		priv, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, fmt.Errorf("generating key: %w", err)
		}
		k.ec, k.publicKey.ec = priv, &priv.PublicKey
	case RS256, PS256:
		priv, err := rsa.GenerateKey(rand.Reader, rsaBits)
		if err != nil {
			return nil, fmt.Errorf("generating key: %w", err)
		}
		k.rsa, k.publicKey.rsa = priv, &priv.PublicKey
	case HS256:
		secret := make([]byte, 32)
		rand.Read(secret)
		k.publicKey = newSecretKey("", secret)
	default:
		return nil, unsupportedKey("algorithm")
	}
	k.id = k.Thumbprint()
	return k.ready()
}

// ready prepares the header once. It fails if the kid cannot be written as JSON.
func (k *SigningKey) ready() (*SigningKey, error) {
	h, err := k.header(TypAccessToken)
	if err != nil {
		return nil, badKey("kid is not text")
	}
	k.atJWT = h
	return k, nil
}

func (k *SigningKey) header(typ string) (string, error) {
	b := []byte(`{"alg":"` + string(k.alg) + `","kid":`)
	b, err := appendString(b, k.id)
	if err != nil {
		return "", err
	}
	if typ != "" {
		if b, err = appendString(append(b, `,"typ":`...), typ); err != nil {
			return "", err
		}
	}
	return encode(append(b, '}')) + ".", nil
}

// Sign returns a compact JWS over the payload. typ says what kind of token it is (RFC 8725 §3.11); every kind has its own, so that
// one never passes for another. It fails if the result would be longer than MaxSize.
func (k *SigningKey) Sign(typ string, payload []byte) (string, error) {
	h := k.atJWT
	if typ != TypAccessToken {
		var err error
		if h, err = k.header(typ); err != nil {
			return "", fmt.Errorf("signing: %w", err)
		}
	}
	b := make([]byte, 0, len(h)+base64.RawURLEncoding.EncodedLen(len(payload))+1+700)
	b = append(b, h...)
	b = base64.RawURLEncoding.AppendEncode(b, payload)
	signature, err := k.signature(b)
	if err != nil {
		return "", fmt.Errorf("signing: %w", err)
	}
	b = base64.RawURLEncoding.AppendEncode(append(b, '.'), signature)
	if len(b) > MaxSize {
		return "", errors.New("signing: token longer than 8 KiB")
	}
	return string(b), nil
}

// AccessToken returns the claims as a signed access token (RFC 9068). It fails unless they are complete; see Claims.
func (k *SigningKey) AccessToken(c *Claims) (string, error) {
	if k.audience != "" && (len(c.Audience) != 1 || c.Audience[0] != k.audience) {
		return "", fmt.Errorf("signing: the key is for audience %q only", k.audience)
	}
	payload, err := c.MarshalJSON()
	if err != nil {
		return "", fmt.Errorf("signing: %w", err)
	}
	return k.Sign(TypAccessToken, payload)
}

func (k *SigningKey) signature(input []byte) ([]byte, error) {
	switch k.alg {
	case EdDSA:
		return ed25519.Sign(k.ed, input), nil
	case ES256:
		digest := sha256.Sum256(input)
		r, s, err := ecdsa.Sign(rand.Reader, k.ec, digest[:])
		if err != nil {
			return nil, err
		}
		out := make([]byte, 64)
		r.FillBytes(out[:32])
		s.FillBytes(out[32:])
		return out, nil
	case RS256:
		digest := sha256.Sum256(input)
		return rsa.SignPKCS1v15(nil, k.rsa, crypto.SHA256, digest[:])
	case PS256:
		digest := sha256.Sum256(input)
		return rsa.SignPSS(rand.Reader, k.rsa, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	case HS256:
		m := hmac.New(sha256.New, k.secret)
		m.Write(input)
		return m.Sum(nil), nil
	}
	return nil, unsupportedKey("algorithm")
}

// forAudience limits the key as Key.ForAudience does.
func (k *SigningKey) forAudience(audience string) *SigningKey {
	c := *k
	c.publicKey = k.publicKey.ForAudience(audience)
	return &c
}

// Public returns the verification key. For HS256 that is the secret itself.
func (k *SigningKey) Public() *Key { return k.publicKey }

// MarshalJSON always fails: a private key is never written by accident. See PrivateJWK.
func (k *SigningKey) MarshalJSON() ([]byte, error) {
	return nil, errors.New("refusing to marshal a private key")
}

// PrivateJWK returns the key as a private JWK, which ParseSigningKey reads. Seal it before it is stored.
func (k *SigningKey) PrivateJWK() ([]byte, error) {
	b, err := appendString([]byte(`{"kid":`), k.id)
	if err != nil {
		return nil, err
	}
	b = fmt.Appendf(b, `,"alg":%q,"use":"sig",`, string(k.alg))
	b = append(b, k.members()...)
	number := func(name string, n *big.Int) { b = append(b, `,"`+name+`":"`+encode(n.Bytes())+`"`...) }
	switch k.alg {
	case EdDSA:
		b = append(b, `,"d":"`+encode(k.ed.Seed())+`"`...)
	case ES256:
		d, err := k.ec.Bytes()
		if err != nil {
			return nil, err
		}
		b = append(b, `,"d":"`+encode(d)+`"`...)
	case RS256, PS256:
		number("d", k.rsa.D)
		number("p", k.rsa.Primes[0])
		number("q", k.rsa.Primes[1])
		number("dp", k.rsa.Precomputed.Dp)
		number("dq", k.rsa.Precomputed.Dq)
		number("qi", k.rsa.Precomputed.Qinv)
	}
	return append(b, '}'), nil
}

// signingKey returns the private key, having checked that it belongs to its public members.
func (j *jwk) signingKey() (*SigningKey, error) {
	if err := j.coherent("sign"); err != nil {
		return nil, err
	}
	pub, err := j.public()
	if err != nil {
		return nil, err
	}
	k := &SigningKey{publicKey: pub}
	switch k.alg {
	case EdDSA:
		err = k.parseEd(j)
	case ES256:
		err = k.parseEC(j)
	case RS256, PS256:
		err = k.parseRSA(j)
	}
	if err != nil {
		return nil, err
	}
	return k.ready()
}

var errPrivate = badKey("private members are missing, malformed, or not those of the public key")

func (k *SigningKey) parseEd(j *jwk) error {
	seed, err := decode(j.d)
	if err != nil || len(seed) != ed25519.SeedSize {
		return errPrivate
	}
	k.ed = ed25519.NewKeyFromSeed(seed)
	if !k.publicKey.ed.Equal(k.ed.Public()) {
		return errPrivate
	}
	return nil
}

func (k *SigningKey) parseEC(j *jwk) error {
	d, err := decode(j.d)
	if err != nil || len(d) != 32 {
		return errPrivate
	}
	if k.ec, err = ecdsa.ParseRawPrivateKey(elliptic.P256(), d); err != nil || !k.publicKey.ec.Equal(k.ec.Public()) {
		return errPrivate
	}
	return nil
}

func (k *SigningKey) parseRSA(j *jwk) error {
	var v [6]*big.Int
	for i, s := range [...]string{j.d, j.p, j.q, j.dp, j.dq, j.qi} {
		n, err := decodeUint(s)
		if err != nil {
			return errPrivate
		}
		v[i] = n
	}
	if j.oth {
		return unsupportedKey("RSA key of more than two primes")
	}
	k.rsa = &rsa.PrivateKey{PublicKey: *k.publicKey.rsa, D: v[0], Primes: []*big.Int{v[1], v[2]}}
	k.rsa.Precompute()
	if k.rsa.Validate() != nil {
		return errPrivate
	}
	pre := &k.rsa.Precomputed
	if pre.Dp.Cmp(v[3]) != 0 || pre.Dq.Cmp(v[4]) != 0 || pre.Qinv.Cmp(v[5]) != 0 {
		return errPrivate
	}
	return nil
}
