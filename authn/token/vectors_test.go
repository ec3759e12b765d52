package token_test

import (
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/sallyport-auth/sallyport/authn/token"
)

type vector struct {
	Name    string
	Accept  bool
	Private map[string]string
	JWS     string
	Payload string
}

func vectors(t testing.TB) (list []vector) {
	t.Helper()
	data, err := os.ReadFile("testdata/rfc.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// public returns the JWK without its private members; a secret stays what it is.
func (v vector) public(t testing.TB) []byte {
	t.Helper()
	m := map[string]string{}
	for k, s := range v.Private {
		switch k {
		case "d", "p", "q", "dp", "dq", "qi":
		default:
			m[k] = s
		}
	}
	return marshal(t, m)
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// RFC 7515 appendix A, RFC 8037 appendix A, RFC 7520 §3 and §4.
func TestPublishedSignatures(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			key, err := token.ParseKey(v.public(t))
			if !v.Accept && errors.Is(err, token.ErrUnsupportedKey) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			payload, err := token.VerifyJWS(v.JWS, key)
			if !v.Accept {
				if !errors.Is(err, token.ErrInvalid) {
					t.Fatalf("accepted: %v", err)
				}
				return
			}
			if err != nil || string(payload) != v.Payload {
				t.Fatalf("got %q, %v", payload, err)
			}
		})
	}
}

func TestPublishedPrivateKeysSign(t *testing.T) {
	for _, v := range vectors(t) {
		if !v.Accept {
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			key, err := token.ParseSigningKey(marshal(t, v.Private))
			if err != nil {
				t.Fatal(err)
			}
			jws, err := key.Sign("", []byte(v.Payload))
			if err != nil {
				t.Fatal(err)
			}
			if payload, err := token.VerifyJWS(jws, key.Public()); err != nil || string(payload) != v.Payload {
				t.Errorf("got %q, %v", payload, err)
			}
			again, err := key.PrivateJWK()
			if err != nil {
				t.Fatal(err)
			}
			if k, err := token.ParseSigningKey(again); err != nil || !k.Public().Equal(key.Public()) {
				t.Errorf("the private JWK does not survive: %v", err)
			}
		})
	}
}

func TestThumbprints(t *testing.T) {
	for _, c := range []struct{ name, jwk, want string }{
		{
			"RFC 7638 §3.1",
			`{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}`,
			"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
		},
		{
			"RFC 8037 A.3",
			`{"crv":"Ed25519","kty":"OKP","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`,
			"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, err := token.ParseKey([]byte(c.jwk))
			if err != nil {
				t.Fatal(err)
			}
			if got := k.Thumbprint(); got != c.want {
				t.Errorf("got %s", got)
			}
		})
	}
}
