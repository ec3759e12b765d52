// Package wycheproof runs the published attack vectors for JSON Web Signatures and Keys against authn/token. It is a module of its
// own, so that its requirements do not reach those who use Sallyport.
package wycheproof

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"testing"

	"github.com/c2sp/wycheproof"
	"github.com/sallyport-auth/sallyport/authn/token"
)

type file struct {
	NumberOfTests int
	TestGroups    []group
}

type group struct {
	Comment         string
	Private, Public json.RawMessage
	Tests           []vector
}

type vector struct {
	TcID    int
	Comment string
	JWS     json.RawMessage // a string, or an object where the JSON serialization is offered
	JWE     json.RawMessage
	Result  string
}

// A valid vector that we refuse all the same, and why.
var refused = map[string]map[int]string{
	"json_web_signature_test.json": {
		346: "the key is for PS256, the token is PS384",
		350: "the key is for PS256, the token is PS384",
		372: "a character outside the alphabet in the header: RFC 7515 §2 allows none",
		373: "a character outside the alphabet in the payload: RFC 7515 §2 allows none",
	},
}

// A vector called invalid that is, byte for byte and under the same key, another one called valid. Nothing can refuse the one and
// accept the other (issue 236 of the suite); the test checks that they are the same.
var contradicted = map[string]map[int]int{
	"json_web_signature_test.json": {367: 357, 370: 357},
}

var unsupported = map[token.Alg]bool{
	"HS384": true, "HS512": true, "RS384": true, "RS512": true, "PS384": true, "PS512": true, "ES384": true, "ES512": true, "ES521": true,
}

func TestVectors(t *testing.T) {
	for name, want := range map[string]int{"json_web_signature_test.json": 401, "json_web_key_test.json": 26, "json_web_crypto_test.json": 83} {
		t.Run(name, func(t *testing.T) {
			f := load(t, name)
			if f.NumberOfTests != want {
				t.Errorf("%d vectors instead of %d: read what is new", f.NumberOfTests, want)
			}
			count := map[string]int{}
			for _, g := range f.TestGroups {
				for _, v := range g.Tests {
					count[run(t, name, g, v)]++
				}
			}
			total := 0
			for _, what := range slices.Sorted(maps.Keys(count)) {
				t.Logf("%4d %s", count[what], what)
				total += count[what]
			}
			if total != want {
				t.Errorf("%d of %d vectors accounted for", total, want)
			}
		})
	}
}

func load(t *testing.T, name string) (f file) {
	t.Helper()
	data, err := fs.ReadFile(wycheproof.TestVectors, name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

// run checks one vector and returns what to count it as.
func run(t *testing.T, file string, g group, v vector) string {
	t.Helper()
	if v.JWS == nil {
		return "skipped: JSON Web Encryption"
	}
	_, err := verify(g, v)
	at := fmt.Sprintf("%s, vector %d (%s/%s)", file, v.TcID, g.Comment, v.Comment)
	switch {
	case v.Result == "invalid" && err == nil && same(g, v, contradicted[file][v.TcID]):
		return "invalid by their reckoning, accepted: the same as a valid vector"
	case v.Result == "invalid" && err == nil:
		t.Errorf("%s: accepted", at)
	case v.Result == "invalid" && !errors.Is(err, token.ErrInvalid) && !errors.Is(err, token.ErrInvalidKey):
		t.Errorf("%s: refused with a foreign error: %v", at, err)
	case v.Result == "invalid":
		return "invalid, refused"
	case v.Result != "valid":
		t.Errorf("%s: unknown result %q", at, v.Result)
	case err == nil:
		if why := refused[file][v.TcID]; why != "" {
			t.Errorf("%s: accepted, although listed as refused: %s", at, why)
		}
		return "valid, accepted"
	case refused[file][v.TcID] != "":
		return "valid by their reckoning, refused: " + refused[file][v.TcID]
	case errors.Is(err, token.ErrUnsupportedKey) && unsupported[algorithm(g)]:
		return "valid, skipped: " + string(algorithm(g)) + " is not supported"
	default:
		t.Errorf("%s: refused: %v", at, err)
	}
	return "failed"
}

// same reports whether v is the valid vector of the group that has this number.
func same(g group, v vector, valid int) bool {
	return slices.ContainsFunc(g.Tests, func(o vector) bool {
		return o.TcID == valid && o.Result == "valid" && string(o.JWS) == string(v.JWS)
	})
}

// verify does what a program does that was given these keys and this token.
func verify(g group, v vector) ([]byte, error) {
	set, err := parse(g)
	if err != nil {
		return nil, err
	}
	var jws string
	if json.Unmarshal(v.JWS, &jws) != nil {
		jws = string(v.JWS) // the JSON serialization, as it stands
	}
	return verifyByAny(set, jws)
}

type keys struct {
	*token.JWKS
	list []*token.Key
}

// verifyByAny tries every key of the set, which is more than a verifier does that goes by kid.
func verifyByAny(set keys, jws string) (payload []byte, err error) {
	err = token.ErrInvalid
	for _, k := range set.list {
		if payload, err = token.VerifyJWS(jws, k); err == nil {
			return payload, nil
		}
	}
	return nil, err
}

// parse reads the keys of a group as a verifier gets them: the public part where there is one.
func parse(g group) (k keys, err error) {
	for _, raw := range members(g) {
		key, err := parseKey(raw, g.Public == nil)
		if err != nil {
			return k, err
		}
		k.list = append(k.list, key)
	}
	k.JWKS, err = token.NewJWKS(k.list...)
	return k, err
}

func parseKey(raw json.RawMessage, private bool) (*token.Key, error) {
	var kty struct{ Kty string }
	if json.Unmarshal(raw, &kty); !private || kty.Kty == "oct" {
		return token.ParseKey(raw)
	}
	signing, err := token.ParseSigningKey(raw)
	if err != nil {
		return nil, err
	}
	return signing.Public(), nil
}

func members(g group) []json.RawMessage {
	raw := g.Public
	if raw == nil {
		raw = g.Private
	}
	var set struct{ Keys []json.RawMessage }
	if json.Unmarshal(raw, &set); set.Keys != nil {
		return set.Keys
	}
	return []json.RawMessage{raw}
}

func algorithm(g group) token.Alg {
	var k struct{ Alg token.Alg }
	_ = json.Unmarshal(members(g)[0], &k)
	return k.Alg
}

// A published set with a private key in it, or a secret, is refused as a whole.
func TestSetsWithPrivateKeys(t *testing.T) {
	for _, g := range load(t, "json_web_key_test.json").TestGroups {
		if set, err := token.ParseJWKS(g.Private); err == nil {
			t.Errorf("%s: accepted %d keys", g.Comment, set.Len())
		}
	}
}

// The public sets: exactly those that are in order give keys.
func TestPublicSets(t *testing.T) {
	for _, g := range load(t, "json_web_key_test.json").TestGroups {
		if g.Public == nil {
			continue
		}
		set, err := token.ParseJWKS(g.Public)
		if want := g.Tests[0].Result == "valid"; (err == nil && set.Len() > 0) != want {
			t.Errorf("%s: %d keys, %v, want a key: %v", g.Comment, set.Len(), err, want)
		}
	}
}
