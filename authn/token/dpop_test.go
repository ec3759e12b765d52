package token_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/authn/token"
)

// The proof of RFC 9449 §4.1, and the thumbprint of its key, of §6.1.
const (
	rfcProof = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
	rfcJKT   = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
)

func TestTheProofOfTheStandard(t *testing.T) {
	p, err := token.ReadProof(rfcProof)
	if err != nil {
		t.Fatal(err)
	}
	if p.JKT != rfcJKT || p.Method != "POST" || p.URL != "https://server.example.com/token" || p.ID != "-BwC3ESc6acc2lTc" || p.IssuedAt.Unix() != 1562262616 {
		t.Errorf("%+v", p)
	}
	made := p.IssuedAt
	for name, tt := range map[string]struct {
		method, url, access string
		at                  time.Duration
		good                bool
	}{
		"as it was made":         {"POST", "https://server.example.com/token", "", 0, true},
		"the same by another":    {"POST", "HTTPS://Server.example.com:443/token", "", 0, true},
		"another method":         {"GET", "https://server.example.com/token", "", 0, false},
		"another path":           {"POST", "https://server.example.com/token2", "", 0, false},
		"another host":           {"POST", "https://server.example/token", "", 0, false},
		"another port":           {"POST", "https://server.example.com:8443/token", "", 0, false},
		"http":                   {"POST", "http://server.example.com/token", "", 0, false},
		"with an access token":   {"POST", "https://server.example.com/token", "x", 0, false},
		"an hour later":          {"POST", "https://server.example.com/token", "", time.Hour, false},
		"before it was made":     {"POST", "https://server.example.com/token", "", -time.Hour, false},
		"within its life":        {"POST", "https://server.example.com/token", "", 30 * time.Second, true},
		"by a clock that is off": {"POST", "https://server.example.com/token", "", -30 * time.Second, true},
	} {
		if err := p.Fits(tt.method, tt.url, tt.access, made.Add(tt.at)); (err == nil) != tt.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// prove makes a proof by key, with these members of header and claims in place of good ones; nil takes one away.
func prove(t testing.TB, key *token.SigningKey, head, claims map[string]any) string {
	t.Helper()
	jwk, err := key.Public().MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	h := map[string]any{"typ": token.TypProof, "alg": string(key.Alg()), "jwk": json.RawMessage(jwk)}
	c := map[string]any{"jti": "j", "htm": "GET", "htu": "https://api.example/x", "iat": time.Now().Unix()}
	for m, change := range map[*map[string]any]map[string]any{&h: head, &c: claims} {
		for k, v := range change {
			if (*m)[k] = v; v == nil {
				delete(*m, k)
			}
		}
	}
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	// Sign writes its own header; the signature is over ours.
	return key.SignInput(t, part(h)+"."+part(c))
}

func TestProofsThatAreNone(t *testing.T) {
	key, _ := token.Generate(token.ES256)
	other, _ := token.Generate(token.ES256)
	private, _ := key.PrivateJWK()
	public, _ := other.Public().MarshalJSON()
	if _, err := token.ReadProof(prove(t, key, nil, nil)); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ head, claims map[string]any }{
		"another typ":            {head: map[string]any{"typ": "JWT"}},
		"no typ":                 {head: map[string]any{"typ": nil}},
		"no key":                 {head: map[string]any{"jwk": nil}},
		"another key":            {head: map[string]any{"jwk": json.RawMessage(public)}},
		"a private key":          {head: map[string]any{"jwk": json.RawMessage(private)}},
		"a secret":               {head: map[string]any{"alg": "HS256", "jwk": map[string]any{"kty": "oct", "k": strings.Repeat("A", 43)}}},
		"alg none":               {head: map[string]any{"alg": "none"}},
		"an alg of another kind": {head: map[string]any{"alg": "RS256"}},
		"crit":                   {head: map[string]any{"crit": []string{"x"}}},
		"another capital":        {head: map[string]any{"JWK": 1}},
		"no jti":                 {claims: map[string]any{"jti": nil}},
		"a long jti":             {claims: map[string]any{"jti": strings.Repeat("x", 300)}},
		"no htm":                 {claims: map[string]any{"htm": nil}},
		"no htu":                 {claims: map[string]any{"htu": nil}},
		"no iat":                 {claims: map[string]any{"iat": nil}},
		"an iat that is text":    {claims: map[string]any{"iat": "now"}},
	} {
		if p, err := token.ReadProof(prove(t, key, tt.head, tt.claims)); !errors.Is(err, token.ErrInvalid) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}

func TestAProofCountsOnce(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]bool{}
	v := &token.Prover{
		Nonces: &token.Nonces{Key: []byte("0123456789abcdef")},
		First: func(_ context.Context, id string, _ time.Time, _ time.Duration) (bool, error) {
			mu.Lock()
			defer mu.Unlock()
			was := seen[id]
			seen[id] = true
			return !was, nil
		},
	}
	key, _ := token.Generate(token.EdDSA)
	check := func(proof string, strict bool) error {
		_, err := v.Check(t.Context(), proof, "GET", "https://api.example/x", "", strict)
		return err
	}
	proof := prove(t, key, nil, nil)
	var wg sync.WaitGroup
	good := make(chan bool, 32)
	for range cap(good) {
		wg.Go(func() { good <- check(proof, false) == nil })
	}
	wg.Wait()
	n := 0
	for range cap(good) {
		if <-good {
			n++
		}
	}
	if n != 1 {
		t.Errorf("it counted %d times", n)
	}
	now := time.Now()
	for name, tt := range map[string]struct {
		nonce  any
		strict bool
		want   error
	}{
		"none where one is needed":   {nil, true, token.ErrNonce},
		"none where none is needed":  {nil, false, nil},
		"a made-up one":              {"x", false, token.ErrNonce},
		"the one of now":             {v.Nonces.New(now), true, nil},
		"the one before":             {v.Nonces.New(now.Add(-2 * time.Minute)), true, nil},
		"an old one":                 {v.Nonces.New(now.Add(-10 * time.Minute)), true, token.ErrNonce},
		"one of another key of ours": {(&token.Nonces{Key: []byte("another")}).New(now), true, token.ErrNonce},
	} {
		if err := check(prove(t, key, nil, map[string]any{"nonce": tt.nonce, "jti": name}), tt.strict); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzReadProof(f *testing.F) {
	f.Add(rfcProof)
	f.Add("")
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := token.ReadProof(s)
		if err != nil && !errors.Is(err, token.ErrInvalid) {
			t.Errorf("%v is no ErrInvalid", err)
		}
		if err == nil && (p.JKT == "" || p.ID == "" || p.Method == "" || p.URL == "") {
			t.Errorf("%+v", p)
		}
	})
}
