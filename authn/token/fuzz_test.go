package token_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/authn/token"
)

// FuzzVerify looks for a token that is accepted without having been signed here. The signed ones have expired long ago, so that a
// finding can only be a forgery or an ErrExpired that came too early. The keys are the published ones, the same in every process.
func FuzzVerify(f *testing.F) {
	src := keys{}
	signed := map[string]bool{} // what was signed, without the signature: that of ES256 differs each time
	for _, v := range vectors(f) {
		if !v.Accept {
			continue
		}
		delete(v.Private, "kid")
		k, err := token.ParseSigningKey(marshal(f, v.Private))
		if err != nil {
			f.Fatal(err)
		}
		src[k.ID()] = k.Public()
		c := claims()
		c.IssuedAt, c.Expiry, c.AuthTime = time.Unix(1, 0), time.Unix(2, 0), time.Time{}
		s := sign(f, k, c)
		signed[s[:strings.LastIndexByte(s, '.')]] = true
		f.Add(s)
	}
	for _, v := range vectors(f) {
		f.Add(v.JWS)
	}
	for _, s := range []string{"", ".", "..", "...", "a.b.c", "e30.e30.", "eyJhbGciOiJub25lIn0.e30.", strings.Repeat("A", token.MaxSize+1)} {
		f.Add(s)
	}
	v := &token.Verifier{Issuer: issuer, Keys: src}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := v.Verify(t.Context(), s)
		switch {
		case err == nil:
			t.Fatalf("accepted: %+v", c)
		case !errors.Is(err, token.ErrInvalid):
			t.Fatalf("foreign error: %v", err)
		case errors.Is(err, token.ErrExpired) && !signed[s[:strings.LastIndexByte(s, '.')]]:
			t.Fatalf("a forgery passes as merely expired: %q", s)
		}
	})
}

// FuzzJWS signs any header and payload well, so that the code behind the signature is reached.
func FuzzJWS(f *testing.F) {
	forger := newForger(f)
	f.Add(goodHeader, payload())
	f.Add(`{"alg":"EdDSA","jwk":{}}`, "")
	f.Add(`{"alg":"EdDSA","crit":[]}`, "{}")
	f.Fuzz(func(t *testing.T, header, body string) {
		s := forger.sign(header, body)
		got, err := token.VerifyJWS(s, forger.key)
		if err != nil {
			if !errors.Is(err, token.ErrInvalid) {
				t.Fatalf("foreign error: %v", err)
			}
			return
		}
		var h map[string]any
		if err := json.Unmarshal([]byte(header), &h); err != nil || h["alg"] != "EdDSA" {
			t.Fatalf("accepted header %q", header)
		}
		for name := range h {
			for _, forbidden := range []string{"jku", "jwk", "x5u", "x5c", "crit", "b64", "zip", "enc"} {
				if strings.EqualFold(name, forbidden) {
					t.Fatalf("accepted header %q", header)
				}
			}
		}
		if string(got) != body {
			t.Fatalf("payload %q became %q", body, got)
		}
	})
}

// FuzzClaims: what is read can be written, and is then read as the same.
func FuzzClaims(f *testing.F) {
	f.Add(payload())
	f.Add(payload("scope", `"a b"`, "roles", `["a"]`, "all_roles", "true", "amr", `[]`, "nbf", "0", "x", `{"a":[1,2.5,null]}`))
	f.Add(payload("aud", `["a","b"]`, "sub", `"\ud83d\ude00"`))
	full, err := claims().MarshalJSON()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(full))
	f.Fuzz(func(t *testing.T, s string) {
		c, err := token.ParseClaims(s)
		if err != nil {
			return
		}
		if !json.Valid([]byte(s)) {
			t.Fatalf("accepted what is not JSON: %q", s)
		}
		out, err := c.MarshalJSON()
		if err != nil {
			t.Fatalf("%q cannot be written: %v", s, err)
		}
		again, err := token.ParseClaims(string(out))
		if err != nil {
			t.Fatalf("%s cannot be read: %v", out, err)
		}
		if third, err := again.MarshalJSON(); err != nil || string(third) != string(out) {
			t.Fatalf("%s became %s, %v", out, third, err)
		}
	})
}

// FuzzStrictJSON: everything accepted is JSON by the standard library's reckoning too, and has no two equal names.
func FuzzStrictJSON(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"a":1}`, `{"a":{"b":[true,false,null,"x",-1.5e+3]}}`, `{"a":1,"a":2}`, `{"a":1,"A":2}`, `{"k":1,"K":2}`, `{"\u0061":1}`,
		`{"a":"\ud800"}`, `{"a":"\u0000"}`, "{\"a\":\"\xff\"}", `{"a":01}`, `{"a":1,}`, `[]`, ``, ` {} `, `{}{}`, `{"a":[[[[[[[[[]]]]]]]]]}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if token.StrictJSON(s) != nil {
			return
		}
		if !json.Valid([]byte(s)) {
			t.Fatalf("accepted what is not JSON: %q", s)
		}
		if n := topLevelNames(t, s); len(n.folded) != n.count {
			t.Fatalf("accepted names that repeat: %q", s)
		}
	})
}

type names struct {
	count  int
	folded map[string]bool
}

// topLevelNames reads the names of an object with the standard library.
func topLevelNames(t *testing.T, s string) names {
	t.Helper()
	n := names{folded: map[string]bool{}}
	d := json.NewDecoder(strings.NewReader(s))
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			t.Fatal(err)
		}
		n.count++
		n.folded[strings.ToLower(name.(string))] = true
	}
	return n
}

func FuzzParseKey(f *testing.F) {
	for _, s := range []string{okp(""), ec(`,"kid":"a"`), oct(""), rsaJWK(odd(2048), 65537, ""), okp(`,"d":"` + edD + `"`), ec(`,"key_ops":["verify"]`), `{}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := token.ParseKey(data)
		if err != nil {
			if k != nil || !errors.Is(err, token.ErrInvalidKey) {
				t.Fatalf("got %v, %v", k, err)
			}
			return
		}
		if _, err := token.VerifyJWS("e30.e30.e30", k); err == nil {
			t.Fatal("verifies nonsense")
		}
		out, err := json.Marshal(k)
		if k.Alg() == token.HS256 {
			if err == nil {
				t.Fatalf("wrote a secret: %s", out)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if again, err := token.ParseKey(out); err != nil || !again.Equal(k) {
			t.Fatalf("%s became %v, %v", out, again, err)
		}
	})
}

func FuzzParseJWKS(f *testing.F) {
	for _, s := range []string{`{"keys":[]}`, `{"keys":[` + okp("") + `,` + ec("") + `]}`, `{"keys":[{"kty":"x"}],"a":1}`, `{"keys":[` + oct("") + `]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		set, err := token.ParseJWKS(data)
		if err != nil {
			if !errors.Is(err, token.ErrInvalidKey) {
				t.Fatalf("foreign error: %v", err)
			}
			return
		}
		out, err := json.Marshal(set)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := token.ParseJWKS(out); err != nil || again.Len() != set.Len() {
			t.Fatalf("%s became %d keys, %v", out, again.Len(), err)
		}
	})
}

func FuzzParseSigningKey(f *testing.F) {
	for _, s := range []string{okp(`,"d":"` + edD + `"`), ec(`,"d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"`), oct("")} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := token.ParseSigningKey(data)
		if err != nil {
			if k != nil || !errors.Is(err, token.ErrInvalidKey) {
				t.Fatalf("got %v, %v", k, err)
			}
			return
		}
		s, err := k.Sign("", []byte("x"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := token.VerifyJWS(s, k.Public()); err != nil {
			t.Fatalf("a parsed key signs what it does not verify: %v", err)
		}
	})
}
