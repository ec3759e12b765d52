package token_test

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
	"encoding/json"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/authn/token"
)

// BenchmarkVerify compares the first sight of a token with the bare cryptographic operation over the same bytes, hashing included.
// The goal for EdDSA and ES256 is a ratio of 1.05.
func BenchmarkVerify(b *testing.B) {
	for _, alg := range algs {
		k := key(b, alg)
		s := sign(b, k, claims())
		v := &token.Verifier{Issuer: issuer, Keys: source(k)}
		b.Run(string(alg)+"/ours", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(b.Context(), s); err != nil {
					b.Fatal(err)
				}
			}
		})
		raw := rawVerify(b, k, s)
		b.Run(string(alg)+"/raw", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !raw() {
					b.Fatal("refused")
				}
			}
		})
	}
}

// BenchmarkVerifyRatio runs both in turn and reports the medians and their ratio, which stand still on a machine that others use.
func BenchmarkVerifyRatio(b *testing.B) {
	for _, alg := range algs {
		k := key(b, alg)
		s := sign(b, k, claims())
		v := &token.Verifier{Issuer: issuer, Keys: source(k)}
		raw := rawVerify(b, k, s)
		b.Run(string(alg), func(b *testing.B) {
			var ours, bare []time.Duration
			for b.Loop() {
				t0 := time.Now()
				raw()
				t1 := time.Now()
				if _, err := v.Verify(b.Context(), s); err != nil {
					b.Fatal(err)
				}
				bare, ours = append(bare, t1.Sub(t0)), append(ours, time.Since(t1))
			}
			slices.Sort(ours)
			slices.Sort(bare)
			o, r := float64(ours[len(ours)/2]), float64(bare[len(bare)/2])
			b.ReportMetric(o, "ours-ns")
			b.ReportMetric(r, "raw-ns")
			b.ReportMetric(o/r, "ratio")
		})
	}
}

// BenchmarkSign compares a signed access token with the bare operation.
func BenchmarkSign(b *testing.B) {
	for _, alg := range algs {
		k, c := key(b, alg), claims()
		s := sign(b, k, c)
		b.Run(string(alg)+"/ours", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := k.AccessToken(c); err != nil {
					b.Fatal(err)
				}
			}
		})
		raw := rawSign(b, k, s)
		b.Run(string(alg)+"/raw", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				raw()
			}
		})
	}
}

// BenchmarkRefuse is what nonsense costs: it must be less than the cryptography it avoids.
func BenchmarkRefuse(b *testing.B) {
	k := key(b, token.EdDSA)
	good := sign(b, k, claims())
	v := &token.Verifier{Issuer: issuer, Keys: source(k)}
	for _, c := range []struct{ name, token string }{
		{"TooLong", strings.Repeat("a", 8<<20)},
		{"NotAToken", "sp_live_0123456789"},
		{"UnknownKey", newForger(b).sign(`{"alg":"EdDSA","kid":"other","typ":"at+jwt"}`, payload())},
		{"WrongSignature", good[:len(good)-4] + "AAAA"},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(b.Context(), c.token); err == nil {
					b.Fatal("accepted")
				}
			}
		})
	}
}

// member returns one member of the private JWK as bytes.
func member(t testing.TB, k *token.SigningKey, name string) []byte {
	t.Helper()
	private, err := k.PrivateJWK()
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]string
	if err := json.Unmarshal(private, &m); err != nil {
		t.Fatal(err)
	}
	out, err := base64.RawURLEncoding.DecodeString(m[name])
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func rsaKey(t testing.TB, k *token.SigningKey) *rsa.PrivateKey {
	t.Helper()
	number := func(name string) *big.Int { return new(big.Int).SetBytes(member(t, k, name)) }
	p := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: number("n"), E: int(number("e").Int64())}, D: number("d"), Primes: []*big.Int{number("p"), number("q")}}
	p.Precompute()
	return p
}

func rawVerify(t testing.TB, k *token.SigningKey, s string) func() bool {
	t.Helper()
	i := strings.LastIndexByte(s, '.')
	input := []byte(s[:i])
	signature, err := base64.RawURLEncoding.DecodeString(s[i+1:])
	if err != nil {
		t.Fatal(err)
	}
	switch k.Alg() {
	case token.EdDSA:
		public := ed25519.PublicKey(member(t, k, "x"))
		return func() bool { return ed25519.Verify(public, input, signature) }
	case token.ES256:
		public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, member(t, k, "x")...), member(t, k, "y")...))
		if err != nil {
			t.Fatal(err)
		}
		r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
		return func() bool {
			digest := sha256.Sum256(input)
			return ecdsa.Verify(public, digest[:], r, s)
		}
	case token.HS256:
		secret := member(t, k, "k")
		return func() bool {
			m := hmac.New(sha256.New, secret)
			m.Write(input)
			return hmac.Equal(m.Sum(nil), signature)
		}
	}
	public := &rsaKey(t, k).PublicKey
	if k.Alg() == token.PS256 {
		return func() bool {
			digest := sha256.Sum256(input)
			return rsa.VerifyPSS(public, crypto.SHA256, digest[:], signature, nil) == nil
		}
	}
	return func() bool {
		digest := sha256.Sum256(input)
		return rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature) == nil
	}
}

func rawSign(t testing.TB, k *token.SigningKey, s string) func() {
	t.Helper()
	input := []byte(s[:strings.LastIndexByte(s, '.')])
	switch k.Alg() {
	case token.EdDSA:
		private := ed25519.NewKeyFromSeed(member(t, k, "d"))
		return func() { ed25519.Sign(private, input) }
	case token.ES256:
		private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), member(t, k, "d"))
		if err != nil {
			t.Fatal(err)
		}
		return func() {
			digest := sha256.Sum256(input)
			ecdsa.SignASN1(rand.Reader, private, digest[:])
		}
	case token.HS256:
		secret := member(t, k, "k")
		return func() {
			m := hmac.New(sha256.New, secret)
			m.Write(input)
			m.Sum(nil)
		}
	}
	private := rsaKey(t, k)
	if k.Alg() == token.PS256 {
		return func() {
			digest := sha256.Sum256(input)
			rsa.SignPSS(rand.Reader, private, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		}
	}
	return func() {
		digest := sha256.Sum256(input)
		rsa.SignPKCS1v15(nil, private, crypto.SHA256, digest[:])
	}
}
