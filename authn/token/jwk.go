package token

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"slices"
)

var (
	// ErrInvalidKey is what every refused JWK or JWKS is; the text around it says why and contains nothing secret.
	ErrInvalidKey = errors.New("invalid key")
	// ErrUnsupportedKey says that a JWK may be in order but is not for us: another type, curve, algorithm or use, or an RSA modulus
	// of a size we do not accept. It is an ErrInvalidKey. ParseJWKS skips such keys, as RFC 7517 §5 asks.
	ErrUnsupportedKey = fmt.Errorf("%w: unsupported", ErrInvalidKey)
)

func badKey(why string) error         { return fmt.Errorf("%w: %s", ErrInvalidKey, why) }
func unsupportedKey(why string) error { return fmt.Errorf("%w: %s", ErrUnsupportedKey, why) }

// ParseKey reads one JWK (RFC 7517) that is for verifying: a public key of type OKP (Ed25519), EC (P-256) or RSA, or an "oct" secret
// of at least 32 bytes. The key is bound to its alg; without one, to the only algorithm of its type, which for RSA is RS256. A
// public key that carries private members is refused: it has been given away. Every error is an ErrInvalidKey.
func ParseKey(data []byte) (*Key, error) {
	j, err := parseJWK(string(data))
	if err != nil {
		return nil, err
	}
	return j.key()
}

// ParseSigningKey reads one JWK that is for signing: a private key, or an "oct" secret. Every error is an ErrInvalidKey.
func ParseSigningKey(data []byte) (*SigningKey, error) {
	j, err := parseJWK(string(data))
	if err != nil {
		return nil, err
	}
	return j.signingKey()
}

// A jwk holds the members of a JWK as text. Members are those of RFC 7517 §4, RFC 7518 §6 and RFC 8037 §2.
type jwk struct {
	kty, use, alg, kid, crv string
	n, e, x, y, k           string
	d, p, q, dp, dq, qi     string
	ops, x5c                []string
	hasUse, hasAlg, hasOps  bool
	private                 bool  // has members, even empty, that only the holder of an asymmetric private key may know
	oth                     bool  // has more than two primes
	malformed               error // a member of the wrong type; it counts only if the key is one of ours
}

var jwkNames = []string{"kty", "use", "alg", "kid", "crv", "n", "e", "x", "y", "k", "d", "p", "q", "dp", "dq", "qi", "oth", "key_ops", "x5c"}

func parseJWK(s string) (*jwk, error) {
	j := &jwk{}
	if err := parseObject(s, j.member); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidKey, err)
	}
	return j, nil
}

func (j *jwk) member(p *parser, name string) error {
	if field := j.field(name); field != nil {
		return j.text(p, field)
	}
	switch name {
	case "key_ops":
		j.hasOps = true
		return j.texts(p, &j.ops)
	case "x5c":
		return j.texts(p, &j.x5c)
	case "oth":
		j.oth, j.private = true, true
	}
	if resembles(name, jwkNames) {
		return errResembling
	}
	return p.skip()
}

func (j *jwk) field(name string) *string {
	switch name {
	case "kty":
		return &j.kty
	case "use":
		j.hasUse = true
		return &j.use
	case "alg":
		j.hasAlg = true
		return &j.alg
	case "kid":
		return &j.kid
	case "crv":
		return &j.crv
	case "n":
		return &j.n
	case "e":
		return &j.e
	case "x":
		return &j.x
	case "y":
		return &j.y
	case "k":
		return &j.k
	}
	return j.privateField(name)
}

func (j *jwk) privateField(name string) *string {
	was := j.private
	j.private = true
	switch name {
	case "d":
		return &j.d
	case "p":
		return &j.p
	case "q":
		return &j.q
	case "dp":
		return &j.dp
	case "dq":
		return &j.dq
	case "qi":
		return &j.qi
	}
	j.private = was
	return nil
}

func (j *jwk) texts(p *parser, list *[]string) error {
	if p.peek() != '[' {
		j.malformed = errType
		return p.skip()
	}
	return p.array(func(p *parser) error {
		var s string
		err := j.text(p, &s)
		*list = append(*list, s)
		return err
	})
}

func (j *jwk) text(p *parser, field *string) (err error) {
	if p.peek() != '"' {
		j.malformed = errType
		return p.skip()
	}
	*field, err = p.str()
	return err
}

// key returns the verification key.
func (j *jwk) key() (*Key, error) {
	if err := j.coherent("verify"); err != nil {
		return nil, err
	}
	if j.private {
		return nil, badKey("private members in a key for verifying")
	}
	return j.public()
}

// coherent checks that kty, crv, alg, use and key_ops agree with each other and with what we do, and fills in alg.
func (j *jwk) coherent(op string) error {
	if j.malformed != nil && (j.kty == "" || j.supportedType()) {
		return fmt.Errorf("%w: %w", ErrInvalidKey, j.malformed)
	}
	switch {
	case j.kty == "":
		return badKey("no kty")
	case !j.supportedType():
		return unsupportedKey("key type or curve")
	case j.hasUse && j.use != "sig":
		return unsupportedKey("use is not sig")
	case j.hasAlg && !Alg(j.alg).supported():
		return unsupportedKey("algorithm")
	case j.kty != "oct" && j.k != "":
		return badKey("a secret in an asymmetric key")
	case j.kty == "oct" && (j.private || j.n+j.e+j.x+j.y != ""):
		return badKey("members of an asymmetric key in a secret")
	}
	if err := j.checkOps(op); err != nil {
		return err
	}
	if j.alg == "" {
		j.alg = map[string]string{"OKP": "EdDSA", "EC": "ES256", "RSA": "RS256", "oct": "HS256"}[j.kty]
	}
	want := map[Alg]string{EdDSA: "OKP", ES256: "EC", RS256: "RSA", PS256: "RSA", HS256: "oct"}[Alg(j.alg)]
	if want != j.kty {
		return badKey("algorithm does not fit the key type")
	}
	return nil
}

func (j *jwk) supportedType() bool {
	switch j.kty {
	case "OKP":
		return j.crv == "Ed25519"
	case "EC":
		return j.crv == "P-256"
	case "RSA", "oct":
		return true
	}
	return false
}

// checkOps refuses duplicates (RFC 7517 §4.3), and encryption keys: one key, one purpose.
func (j *jwk) checkOps(op string) error {
	if !j.hasOps {
		return nil
	}
	for i, o := range j.ops {
		if slices.Contains(j.ops[:i], o) {
			return badKey("repeated key_ops")
		}
		if o != "sign" && o != "verify" {
			return unsupportedKey("key_ops other than sign and verify")
		}
	}
	if !slices.Contains(j.ops, op) {
		return unsupportedKey("key_ops without " + op)
	}
	return nil
}

func (j *jwk) public() (k *Key, err error) {
	switch j.kty {
	case "OKP":
		k, err = j.okp()
	case "EC":
		k, err = j.ec()
	case "RSA":
		k, err = j.rsa()
	default:
		k, err = j.oct()
	}
	if err != nil {
		return nil, err
	}
	if len(j.kid) > maxKeyID {
		return nil, badKey("kid longer than 128 bytes")
	}
	if err := j.certificate(k); err != nil {
		return nil, err
	}
	if k.id = j.kid; k.id == "" {
		k.id = k.Thumbprint()
	}
	return k, nil
}

const maxKeyID = 128

// certificate reads the one that the key came with. It must be of this key (RFC 7517 §4.7).
func (j *jwk) certificate(k *Key) error {
	if len(j.x5c) == 0 {
		return nil
	}
	der, err := base64.StdEncoding.DecodeString(j.x5c[0])
	if err != nil {
		return badKey("x5c is not base64")
	}
	c, err := x509.ParseCertificate(der)
	if err != nil || !k.is(c.PublicKey) {
		return badKey("the certificate of x5c cannot be read, or is of another key")
	}
	k.x5t = hashOf(string(c.Raw))
	return nil
}

func (j *jwk) okp() (*Key, error) {
	x, err := decode(j.x)
	if err != nil || len(x) != ed25519.PublicKeySize || j.y != "" {
		return nil, badKey("x is not 32 bytes in base64url")
	}
	if !strongEd25519(x) {
		return nil, badKey("x is not a point of large order on the curve")
	}
	return &Key{alg: EdDSA, ed: x}, nil
}

func (j *jwk) ec() (*Key, error) {
	x, errX := decode(j.x)
	y, errY := decode(j.y)
	if errX != nil || errY != nil || len(x) != 32 || len(y) != 32 {
		return nil, badKey("x or y is not 32 bytes in base64url")
	}
	pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, x, y))
	if err != nil {
		return nil, badKey("point is not on the curve")
	}
	return &Key{alg: ES256, ec: pub}, nil
}

// The sizes of RSA modulus that we accept, in bits. Verifying with more than the upper one would be a way to deny service.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

func (j *jwk) rsa() (*Key, error) {
	n, err := decodeUint(j.n)
	if err != nil {
		return nil, badKey("n is not a number in base64url")
	}
	e, err := decodeUint(j.e)
	if err != nil {
		return nil, badKey("e is not a number in base64url")
	}
	switch bits := n.BitLen(); {
	case bits < minRSABits || bits > maxRSABits:
		return nil, unsupportedKey("RSA modulus outside 2048 to 8192 bits")
	case n.Bit(0) == 0:
		return nil, badKey("even RSA modulus")
	case e.Bit(0) == 0 || e.Cmp(big.NewInt(65537)) < 0 || e.BitLen() > 31:
		return nil, badKey("RSA exponent even, below 65537 or above 31 bits")
	case roca(n):
		return nil, badKey("RSA modulus made by a generator with a known flaw (CVE-2017-15361)")
	}
	return &Key{alg: Alg(j.alg), rsa: &rsa.PublicKey{N: n, E: int(e.Int64())}}, nil
}

// A secret must have at least as many bits as the hash (RFC 7518 §3.2).
const (
	minSecret = 32
	maxSecret = 1024
)

func (j *jwk) oct() (*Key, error) {
	k, err := decode(j.k)
	if err != nil {
		return nil, badKey("k is not base64url")
	}
	if len(k) < minSecret || len(k) > maxSecret {
		return nil, badKey("secret shorter than 32 bytes or longer than 1024")
	}
	return newSecretKey("", k), nil
}

// decodeUint reads a Base64urlUInt (RFC 7518 §2): big-endian, without leading zero octets.
func decodeUint(s string) (*big.Int, error) {
	b, err := decode(s)
	if err != nil || len(b) == 0 || b[0] == 0 {
		return nil, errBase64
	}
	return new(big.Int).SetBytes(b), nil
}

// MarshalJSON returns the public JWK, with kid, alg and use. It fails for a secret (HS256), which has nothing public.
func (k *Key) MarshalJSON() ([]byte, error) {
	if k.alg == HS256 || !k.alg.supported() {
		return nil, badKey("nothing public to write")
	}
	b, err := appendString([]byte(`{"kid":`), k.id)
	if err != nil {
		return nil, err
	}
	b = fmt.Appendf(b, `,"alg":%q,"use":"sig",`, string(k.alg))
	return append(append(b, k.members()...), '}'), nil
}

// members returns the members that define the key, in the order that RFC 7638 §3.2 asks for and without braces.
func (k *Key) members() string {
	switch k.alg {
	case EdDSA:
		return `"crv":"Ed25519","kty":"OKP","x":"` + encode(k.ed) + `"`
	case ES256:
		point, err := k.ec.Bytes()
		if err != nil {
			return ""
		}
		return `"crv":"P-256","kty":"EC","x":"` + encode(point[1:33]) + `","y":"` + encode(point[33:]) + `"`
	case HS256:
		return `"k":"` + encode(k.secret) + `","kty":"oct"`
	default:
		e := big.NewInt(int64(k.rsa.E)).Bytes()
		return `"e":"` + encode(e) + `","kty":"RSA","n":"` + encode(k.rsa.N.Bytes()) + `"`
	}
}

// Thumbprint returns the SHA-256 thumbprint of RFC 7638 in base64url. We use it as kid.
func (k *Key) Thumbprint() string {
	h := sha256.Sum256([]byte("{" + k.members() + "}"))
	return encode(h[:])
}

// Equal reports whether both keys verify the same signatures under the same id.
func (k *Key) Equal(other *Key) bool {
	return k.id == other.id && k.alg == other.alg && k.audience == other.audience &&
		bytes.Equal([]byte(k.members()), []byte(other.members()))
}
