package token_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/authn/token"
)

const (
	edX   = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
	edD   = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
	ecX   = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
	ecY   = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
	octK  = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
	short = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg" // 31 bytes
)

func okp(extra string) string {
	return `{"kty":"OKP","crv":"Ed25519","x":"` + edX + `"` + extra + `}`
}
func ec(extra string) string {
	return `{"kty":"EC","crv":"P-256","x":"` + ecX + `","y":"` + ecY + `"` + extra + `}`
}
func oct(extra string) string { return `{"kty":"oct","k":"` + octK + `"` + extra + `}` }

func rsaJWK(n *big.Int, e int64, extra string) string {
	return fmt.Sprintf(`{"kty":"RSA","n":"%s","e":"%s"%s}`, b64(string(n.Bytes())), b64(string(big.NewInt(e).Bytes())), extra)
}

// odd returns an odd number of exactly that many bits.
func odd(bits uint) *big.Int {
	n := new(big.Int).Lsh(big.NewInt(1), bits-1)
	n.Add(n, new(big.Int).Lsh(big.NewInt(1), bits/2))
	return n.SetBit(n, 0, 1)
}

// point encodes a y coordinate as Ed25519 does.
func point(y *big.Int, sign byte) string {
	b := make([]byte, 32)
	y.FillBytes(b)
	for i := range 16 {
		b[i], b[31-i] = b[31-i], b[i]
	}
	b[31] |= sign << 7
	return b64(string(b))
}

func TestParseKeyAccepts(t *testing.T) {
	for _, c := range []struct {
		name, jwk string
		alg       token.Alg
		id        string
	}{
		{"Ed25519", okp(`,"alg":"EdDSA","use":"sig","kid":"a"`), token.EdDSA, "a"},
		{"an id is the thumbprint if there is none", okp(""), token.EdDSA, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"},
		{"P-256", ec(`,"kid":"b","key_ops":["verify"]`), token.ES256, "b"},
		{"RSA is for RS256 unless it says otherwise", rsaJWK(odd(2048), 65537, `,"kid":"c"`), token.RS256, "c"},
		{"RSA for PS256", rsaJWK(odd(2048), 65537, `,"alg":"PS256","kid":"c"`), token.PS256, "c"},
		{"RSA with 8192 bits", rsaJWK(odd(8192), 65537, `,"kid":"c"`), token.RS256, "c"},
		{"a secret", oct(`,"kid":"d","key_ops":["sign","verify"]`), token.HS256, "d"},
		{"unknown members are ignored", okp(`,"x5t":"a","foo":{"bar":[1]},"kid":"a"`), token.EdDSA, "a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, err := token.ParseKey([]byte(c.jwk))
			if err != nil {
				t.Fatal(err)
			}
			if k.Alg() != c.alg || k.ID() != c.id {
				t.Errorf("got %v", k)
			}
			if c.alg == token.HS256 {
				return
			}
			out, err := json.Marshal(k)
			if err != nil {
				t.Fatal(err)
			}
			again, err := token.ParseKey(out)
			if err != nil || !again.Equal(k) {
				t.Errorf("%s does not survive: %v", out, err)
			}
		})
	}
}

func TestParseKeyRefuses(t *testing.T) {
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	ed := func(x string) string { return `{"kty":"OKP","crv":"Ed25519","x":"` + x + `"}` }
	order8, _ := new(big.Int).SetString("2707385501144840649318225287225658788936804267575313519463743609750303402022", 10)
	for _, c := range []struct {
		name, jwk   string
		unsupported bool
	}{
		{"nothing", ``, false},
		{"an array", `[` + okp("") + `]`, false},
		{"no kty", `{"crv":"Ed25519","x":"` + edX + `"}`, false},
		{"an unknown kty", `{"kty":"AKP","pub":"x"}`, true},
		{"kty in another case", `{"kty":"okp","crv":"Ed25519","x":"` + edX + `"}`, true},
		{"kty that is a list", `{"kty":["OKP"],"crv":"Ed25519","x":"` + edX + `"}`, false},
		{"another curve", `{"kty":"EC","crv":"P-384","x":"` + ecX + `","y":"` + ecY + `"}`, true},
		{"secp256k1", `{"kty":"EC","crv":"secp256k1","x":"` + ecX + `","y":"` + ecY + `"}`, true},
		{"X25519", `{"kty":"OKP","crv":"X25519","x":"` + edX + `"}`, true},
		{"no curve", `{"kty":"EC","x":"` + ecX + `","y":"` + ecY + `"}`, true},
		{"an algorithm we do not have", ec(`,"alg":"ES384"`), true},
		{"none", ec(`,"alg":"none"`), true},
		{"an empty algorithm", ec(`,"alg":""`), true},
		{"an algorithm of another type", ec(`,"alg":"RS256"`), false},
		{"a secret's algorithm on a public key", ec(`,"alg":"HS256"`), false},
		{"a public key's algorithm on a secret", oct(`,"alg":"RS256"`), false},
		{"for encryption", ec(`,"use":"enc"`), true},
		{"an empty use", ec(`,"use":""`), true},
		{"a use that is a list", ec(`,"use":["sig"]`), false},
		{"key_ops for encryption", ec(`,"key_ops":["encrypt"]`), true},
		{"key_ops for both", ec(`,"key_ops":["verify","encrypt"]`), true},
		{"key_ops without verify", ec(`,"key_ops":["sign"]`), true},
		{"empty key_ops", ec(`,"key_ops":[]`), true},
		{"repeated key_ops", ec(`,"key_ops":["verify","verify"]`), false},
		{"key_ops as a string", ec(`,"key_ops":"verify"`), false},
		{"key_ops with a number", ec(`,"key_ops":["verify",1]`), false},
		{"use and key_ops at odds", ec(`,"use":"enc","key_ops":["verify"]`), true},
		{"a private Ed25519 key", okp(`,"d":"` + edD + `"`), false},
		{"an empty private member", okp(`,"d":""`), false},
		{"a private member that is null", okp(`,"d":null`), false},
		{"a private RSA key", rsaJWK(odd(2048), 65537, `,"d":"AQAB"`), false},
		{"an RSA key with further primes", rsaJWK(odd(2048), 65537, `,"oth":[]`), false},
		{"a secret in a public key", okp(`,"k":"` + octK + `"`), false},
		{"public members in a secret", oct(`,"n":"AQAB"`), false},
		{"a repeated member", okp(`,"x":"` + edX + `"`), false},
		{"a case-folded member", okp(`,"X":"` + edX + `"`), false},
		{"a lone member in another case", okp(`,"Use":"enc"`), false},
		{"trailing data", okp("") + "x", false},
		{"a kid that is a number", okp(`,"kid":1`), false},
		{"an overlong kid", okp(`,"kid":"` + strings.Repeat("k", 129) + `"`), false},
		{"x missing", `{"kty":"OKP","crv":"Ed25519"}`, false},
		{"x too short", ed(edX[:40]), false},
		{"x padded", ed(edX + "="), false},
		{"x with spare bits", ed(edX[:42] + "p"), false},
		{"y beside an Ed25519 x", okp(`,"y":"` + ecY + `"`), false},
		{"an Ed25519 point off the curve", ed(point(big.NewInt(2), 0)), false},
		{"an Ed25519 point not canonical", ed(point(new(big.Int).Add(p, big.NewInt(3)), 0)), false},
		{"the Ed25519 point of order 1", ed(point(big.NewInt(1), 0)), false},
		{"the Ed25519 point of order 1 with the other sign", ed(point(big.NewInt(1), 1)), false},
		{"the Ed25519 point of order 2", ed(point(new(big.Int).Sub(p, big.NewInt(1)), 0)), false},
		{"an Ed25519 point of order 4", ed(point(big.NewInt(0), 0)), false},
		{"the other Ed25519 point of order 4", ed(point(big.NewInt(0), 1)), false},
		{"an Ed25519 point of order 8", ed(point(order8, 0)), false},
		{"a second Ed25519 point of order 8", ed(point(order8, 1)), false},
		{"a third Ed25519 point of order 8", ed(point(new(big.Int).Sub(p, order8), 0)), false},
		{"a fourth Ed25519 point of order 8", ed(point(new(big.Int).Sub(p, order8), 1)), false},
		{"a P-256 point off the curve", `{"kty":"EC","crv":"P-256","x":"` + ecX + `","y":"` + ecX + `"}`, false},
		{"the P-256 point at infinity", `{"kty":"EC","crv":"P-256","x":"` + b64(strings.Repeat("\x00", 32)) + `","y":"` + b64(strings.Repeat("\x00", 32)) + `"}`, false},
		{"a P-256 coordinate of 33 bytes", `{"kty":"EC","crv":"P-256","x":"` + b64("\x00"+strings.Repeat("\x01", 32)) + `","y":"` + ecY + `"}`, false},
		{"a P-256 coordinate without its leading zero", `{"kty":"EC","crv":"P-256","x":"` + ecX[:42] + `","y":"` + ecY + `"}`, false},
		{"y missing", `{"kty":"EC","crv":"P-256","x":"` + ecX + `"}`, false},
		{"RSA with 1024 bits", rsaJWK(odd(1024), 65537, ""), true},
		{"RSA with 2047 bits", rsaJWK(odd(2047), 65537, ""), true},
		{"RSA with 8193 bits", rsaJWK(odd(8193), 65537, ""), true},
		{"RSA with an even modulus", rsaJWK(new(big.Int).Lsh(big.NewInt(1), 2047), 65537, ""), false},
		{"RSA exponent 1", rsaJWK(odd(2048), 1, ""), false},
		{"RSA exponent 3", rsaJWK(odd(2048), 3, ""), false},
		{"RSA exponent even", rsaJWK(odd(2048), 65538, ""), false},
		{"RSA exponent of 33 bits", rsaJWK(odd(2048), 1<<32+1, ""), false},
		{"RSA exponent 0", `{"kty":"RSA","n":"` + b64(string(odd(2048).Bytes())) + `","e":"AA"}`, false},
		{"RSA modulus with a leading zero", `{"kty":"RSA","n":"` + b64("\x00"+string(odd(2048).Bytes())) + `","e":"AQAB"}`, false},
		{"RSA without a modulus", `{"kty":"RSA","e":"AQAB"}`, false},
		{"a secret of 31 bytes", `{"kty":"oct","k":"` + short + `"}`, false},
		{"an empty secret", `{"kty":"oct","k":""}`, false},
		{"no secret", `{"kty":"oct"}`, false},
		{"a secret of 1025 bytes", `{"kty":"oct","k":"` + b64(strings.Repeat("k", 1025)) + `"}`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, err := token.ParseKey([]byte(c.jwk))
			if !errors.Is(err, token.ErrInvalidKey) || k != nil {
				t.Fatalf("got %v, %v", k, err)
			}
			if errors.Is(err, token.ErrUnsupportedKey) != c.unsupported {
				t.Errorf("wrong kind of error: %v", err)
			}
		})
	}
}

func TestParseSigningKeyRefuses(t *testing.T) {
	rsa, err := key(t, token.RS256).PrivateJWK()
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]string
	if err := json.Unmarshal(rsa, &m); err != nil {
		t.Fatal(err)
	}
	edit := func(name, value string) string {
		c := map[string]string{}
		for k, v := range m {
			c[k] = v
		}
		if c[name] = value; value == "" {
			delete(c, name)
		}
		return string(marshal(t, c))
	}
	for _, c := range []struct{ name, jwk string }{
		{"a public key", okp("")},
		{"another's Ed25519 seed", okp(`,"d":"` + octK[:42] + `A"`)},
		{"an Ed25519 seed cut short", okp(`,"d":"` + edD[:40] + `"`)},
		{"another's P-256 number", ec(`,"d":"` + edD + `"`)},
		{"a P-256 number of zero", ec(`,"d":"` + b64(strings.Repeat("\x00", 32)) + `"`)},
		{"key_ops without sign", okp(`,"d":"` + edD + `","key_ops":["verify"]`)},
		{"RSA without d", edit("d", "")},
		{"RSA without p", edit("p", "")},
		{"RSA with a wrong d", edit("d", m["dp"])},
		{"RSA with p for q", edit("q", m["p"])},
		{"RSA with a wrong dp", edit("dp", m["dq"])},
		{"RSA with a wrong qi", edit("qi", m["dp"])},
		{"RSA with p of zero", edit("p", "AA")},
		{"RSA with p of one", edit("p", "AQ")},
		{"a short secret", `{"kty":"oct","k":"` + short + `"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if k, err := token.ParseSigningKey([]byte(c.jwk)); !errors.Is(err, token.ErrInvalidKey) || k != nil {
				t.Errorf("got %v, %v", k, err)
			}
		})
	}
}

func TestParseJWKS(t *testing.T) {
	set := func(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }
	many := make([]string, 257)
	for i := range many {
		many[i] = okp(fmt.Sprintf(`,"kid":"%d"`, i))
	}
	for _, c := range []struct {
		name, jwks    string
		keys, skipped int // keys < 0: refused
	}{
		{"an empty set", set(), 0, 0},
		{"two keys", set(okp(`,"kid":"a"`), ec(`,"kid":"b"`)), 2, 0},
		{"further members", `{"foo":[{}],"keys":[` + okp("") + `]}`, 1, 0},
		{"an unknown type is skipped", set(`{"kty":"AKP","x":1,"kid":"a"}`, okp(`,"kid":"a"`)), 1, 1},
		{"an encryption key is skipped", set(ec(`,"use":"enc","kid":"a"`), ec(`,"kid":"a"`)), 1, 1},
		{"a weak RSA key is skipped", set(rsaJWK(odd(1024), 65537, ""), okp("")), 1, 1},
		{"another algorithm is skipped", set(rsaJWK(odd(2048), 65537, `,"alg":"RS512"`), okp("")), 1, 1},
		{"two keys with one id", set(okp(`,"kid":"a"`), ec(`,"kid":"a"`)), -1, 0},
		{"one key twice", set(okp(""), okp("")), -1, 0},
		{"a malformed key", set(okp(""), `{"kty":"EC","crv":"P-256","x":"`+ecX+`","y":"`+ecX+`"}`), -1, 0},
		{"a private key", set(okp(`,"d":"` + edD + `"`)), -1, 0},
		{"a private key of another type", set(`{"kty":"EC","crv":"P-521","d":"x"}`), -1, 0},
		{"a secret", set(oct("")), -1, 0},
		{"a secret among public keys", set(okp(""), oct("")), -1, 0},
		{"a secret for encryption", set(oct(`,"use":"enc"`)), -1, 0},
		{"a key without a type", set(`{}`), -1, 0},
		{"a key that is null", set(`null`), -1, 0},
		{"a set in a set", set(set(okp(""))), -1, 0},
		{"no keys member", `{}`, -1, 0},
		{"keys in another case", `{"Keys":[]}`, -1, 0},
		{"keys twice", `{"keys":[],"keys":[]}`, -1, 0},
		{"keys as an object", `{"keys":{}}`, -1, 0},
		{"a bare key", okp(""), -1, 0},
		{"an array", `[]`, -1, 0},
		{"HTML", `<!doctype html>`, -1, 0},
		{"nothing", ``, -1, 0},
		{"cut short", set(okp(""))[:40], -1, 0},
		{"more than 256 keys", set(many...), -1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := token.ParseJWKS([]byte(c.jwks))
			if c.keys < 0 {
				if !errors.Is(err, token.ErrInvalidKey) {
					t.Fatalf("accepted %d keys, %v", s.Len(), err)
				}
				return
			}
			if err != nil || s.Len() != c.keys || len(s.Skipped()) != c.skipped {
				t.Fatalf("%d keys, skipped %v, %v", s.Len(), s.Skipped(), err)
			}
			out, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := token.ParseJWKS(out); err != nil || again.Len() != c.keys {
				t.Errorf("%s does not survive: %v", out, err)
			}
		})
	}
}

func TestNewJWKSRefuses(t *testing.T) {
	ed, hs := key(t, token.EdDSA).Public(), key(t, token.HS256).Public()
	for _, c := range []struct {
		name string
		keys []*token.Key
	}{
		{"a nil key", []*token.Key{nil}},
		{"a zero key", []*token.Key{{}}},
		{"one key twice", []*token.Key{ed, ed}},
		{"a secret and a public key", []*token.Key{ed, hs}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := token.NewJWKS(c.keys...); !errors.Is(err, token.ErrInvalidKey) {
				t.Errorf("got %v", err)
			}
		})
	}
}
