package token_test

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-auth/sallyport/authn/token"
)

const issuer = "https://id.example.com"

var algs = []token.Alg{token.EdDSA, token.ES256, token.RS256, token.PS256, token.HS256}

var generated sync.Map

// key returns a key of an algorithm, the same one each time: making RSA keys is slow.
func key(t testing.TB, alg token.Alg) *token.SigningKey {
	t.Helper()
	if k, ok := generated.Load(alg); ok {
		return k.(*token.SigningKey)
	}
	k, err := token.Generate(alg)
	if err != nil {
		t.Fatal(err)
	}
	kept, _ := generated.LoadOrStore(alg, k)
	return kept.(*token.SigningKey)
}

// keys is a KeySource of any keys, even of ones that no set would hold together.
type keys map[string]*token.Key

func (k keys) Key(_ context.Context, kid string) (*token.Key, error) {
	if key := k[kid]; key != nil {
		return key, nil
	}
	return nil, token.ErrUnknownKey
}

func source(list ...*token.SigningKey) keys {
	m := keys{}
	for _, k := range list {
		m[k.ID()] = k.Public()
	}
	return m
}

func claims() *token.Claims {
	now := time.Now().Truncate(time.Second).UTC()
	return &token.Claims{
		Issuer: issuer, Subject: "usr_1", Audience: []string{issuer}, ClientID: "sallyport", ID: "tok_1",
		IssuedAt: now, Expiry: now.Add(15 * time.Minute), Rev: "log_1.42", Session: "ses_1",
		Scopes: []string{"post:read", "post:*"}, Roles: []string{"admin", "größe"}, AllRoles: true, Org: "org_1", OrgRoles: []string{"chief"},
		AuthTime: now.Add(-time.Hour), AMR: []string{"pwd", "otp"}, ACR: "urn:aal:2",
	}
}

func sign(t testing.TB, k *token.SigningKey, c *token.Claims) string {
	t.Helper()
	s, err := k.AccessToken(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWhatIsSignedVerifies(t *testing.T) {
	for _, alg := range algs {
		t.Run(string(alg), func(t *testing.T) {
			k := key(t, alg)
			v := &token.Verifier{Issuer: issuer, Keys: source(k)}
			want := claims()
			got, err := v.Verify(t.Context(), sign(t, k, want))
			if err != nil {
				t.Fatal(err)
			}
			want.KeyID = k.ID()
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestClaimsSurviveExactly(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*token.Claims)
	}{
		{"everything", func(*token.Claims) {}},
		{"several audiences", func(c *token.Claims) { c.Audience = []string{"https://a", issuer} }},
		{"not limited by scope", func(c *token.Claims) { c.Scopes = nil }},
		{"limited to no scope", func(c *token.Claims) { c.Scopes = []string{} }},
		{"no roles claim", func(c *token.Claims) { c.Roles = nil; c.AllRoles = false }},
		{"no role", func(c *token.Claims) { c.Roles = []string{} }},
		{"no role in the organization", func(c *token.Claims) { c.OrgRoles = []string{} }},
		{"no claim of roles in the organization", func(c *token.Claims) { c.OrgRoles = nil }},
		{"no organization", func(c *token.Claims) { c.Org, c.OrgRoles = "", nil }},
		{"only what is required", func(c *token.Claims) {
			*c = token.Claims{Issuer: c.Issuer, Subject: c.Subject, Audience: c.Audience, ClientID: c.ClientID, Expiry: c.Expiry, IssuedAt: c.IssuedAt, ID: c.ID}
		}},
		{"text that needs escapes", func(c *token.Claims) { c.Subject = "a\"b\\c\n\x01\u2028\U0001F600</script>" }},
		{"a grant instead of a session", func(c *token.Claims) { c.Session, c.Grant = "", "gnt_1" }},
		{"not before", func(c *token.Claims) { c.NotBefore = c.IssuedAt }},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := key(t, token.EdDSA)
			want := claims()
			c.edit(want)
			got, err := (&token.Verifier{Issuer: issuer, Keys: source(k)}).Verify(t.Context(), sign(t, k, want))
			if err != nil {
				t.Fatal(err)
			}
			want.KeyID = k.ID()
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// forge signs any header and payload with an Ed25519 key whose seed is known to the test.
type forger struct {
	private ed25519.PrivateKey
	key     *token.Key
}

func newForger(t testing.TB) *forger {
	t.Helper()
	private := ed25519.NewKeyFromSeed([]byte("0123456789abcdef0123456789abcdef"))
	public := private.Public().(ed25519.PublicKey)
	k, err := token.ParseKey([]byte(`{"kty":"OKP","crv":"Ed25519","kid":"k","x":"` + b64(string(public)) + `"}`))
	if err != nil {
		t.Fatal(err)
	}
	return &forger{private, k}
}

func (f *forger) sign(header, payload string) string {
	return f.signRaw(b64(header), b64(payload))
}

func (f *forger) signRaw(header, payload string) string {
	input := header + "." + payload
	return input + "." + b64(string(ed25519.Sign(f.private, []byte(input))))
}

const goodHeader = `{"alg":"EdDSA","kid":"k","typ":"at+jwt"}`

// payload writes a good payload, then replaces or adds raw JSON members; an empty value removes one.
func payload(edits ...string) string {
	now := time.Now().Unix()
	order := []string{"iss", "sub", "aud", "client_id", "exp", "iat", "jti"}
	members := map[string]string{
		"iss": `"` + issuer + `"`, "sub": `"usr_1"`, "aud": `"` + issuer + `"`, "client_id": `"sallyport"`, "jti": `"tok_1"`,
		"exp": fmt.Sprint(now + 900), "iat": fmt.Sprint(now),
	}
	for i := 0; i < len(edits); i += 2 {
		if _, ok := members[edits[i]]; !ok {
			order = append(order, edits[i])
		}
		members[edits[i]] = edits[i+1]
	}
	var b strings.Builder
	for _, name := range order {
		if members[name] != "" {
			fmt.Fprintf(&b, `,%q:%s`, name, members[name])
		}
	}
	return "{" + strings.TrimPrefix(b.String(), ",") + "}"
}

// Every attack that rule 7 of the security rules names, and their relatives. All but those marked are correctly signed.
func TestVerifyRefuses(t *testing.T) {
	f := newForger(t)
	good := f.sign(goodHeader, payload())
	parts := strings.Split(good, ".")
	header := func(h string) string { return f.sign(h, payload()) }
	with := func(edits ...string) string { return f.sign(goodHeader, payload(edits...)) }
	now := time.Now().Unix()
	otherBits := func(s string) string { // same bytes, other spare bits in the last character
		const a = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
		return s[:len(s)-1] + string(a[strings.IndexByte(a, s[len(s)-1])+1])
	}
	pad := payload()
	for len(pad)%3 != 1 { // one byte over: four spare bits
		pad = strings.Replace(pad, "{", "{ ", 1)
	}

	cases := []struct{ name, token string }{
		// The algorithm.
		{"none without a signature", b64(`{"alg":"none","kid":"k","typ":"at+jwt"}`) + "." + parts[1] + "."},
		{"none with a signature", header(`{"alg":"none","kid":"k","typ":"at+jwt"}`)},
		{"None in another case", b64(`{"alg":"nOnE","kid":"k","typ":"at+jwt"}`) + "." + parts[1] + "."},
		{"an empty algorithm", header(`{"alg":"","kid":"k","typ":"at+jwt"}`)},
		{"no algorithm", header(`{"kid":"k","typ":"at+jwt"}`)},
		{"an algorithm that is not the key's", header(`{"alg":"ES256","kid":"k","typ":"at+jwt"}`)},
		{"the algorithm in another case", header(`{"alg":"EDDSA","kid":"k","typ":"at+jwt"}`)},
		{"an algorithm that is no string", header(`{"alg":["EdDSA"],"kid":"k","typ":"at+jwt"}`)},
		{"HS256 with the public key as secret", macWithPublicKey(f, payload())},
		// Keys that the token brings along.
		{"jku", header(`{"alg":"EdDSA","kid":"k","typ":"at+jwt","jku":"https://evil.example/jwks.json"}`)},
		{"x5u", header(`{"alg":"EdDSA","kid":"k","typ":"at+jwt","x5u":"https://evil.example/cert.pem"}`)},
		{"x5c", header(`{"alg":"EdDSA","kid":"k","typ":"at+jwt","x5c":["MIIB"]}`)},
		{"an embedded jwk", header(`{"alg":"EdDSA","kid":"k","typ":"at+jwt","jwk":{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}`)},
		{"a null jwk", header(`{"alg":"EdDSA","kid":"k","typ":"at+jwt","jwk":null}`)},
		{"jku in another case", header(`{"alg":"EdDSA","kid":"k","typ":"at+jwt","JKU":"https://evil.example"}`)},
		{"jwk with the Kelvin sign", header(`{"alg":"EdDSA","kid":"k","typ":"at+jwt","jwK":{}}`)},
		// Extensions.
		{"crit with an unknown extension", header(`{"alg":"EdDSA","kid":"k","typ":"at+jwt","crit":["exp"],"exp":1}`)},
		{"an empty crit", header(`{"alg":"EdDSA","kid":"k","typ":"at+jwt","crit":[]}`)},
		{"crit with b64 (RFC 7797)", header(`{"alg":"EdDSA","kid":"k","typ":"at+jwt","crit":["b64"],"b64":false}`)},
		{"b64 without crit", header(`{"alg":"EdDSA","kid":"k","typ":"at+jwt","b64":false}`)},
		{"compressed", header(`{"alg":"EdDSA","kid":"k","typ":"at+jwt","zip":"DEF"}`)},
		{"an encrypted token", header(`{"alg":"EdDSA","kid":"k","typ":"at+jwt","enc":"A256GCM"}`)},
		// The key id.
		{"no kid", header(`{"alg":"EdDSA","typ":"at+jwt"}`)},
		{"an empty kid", header(`{"alg":"EdDSA","kid":"","typ":"at+jwt"}`)},
		{"a kid that is a number", header(`{"alg":"EdDSA","kid":1,"typ":"at+jwt"}`)},
		{"an unknown kid", header(`{"alg":"EdDSA","kid":"other","typ":"at+jwt"}`)},
		{"a kid that is a path", header(`{"alg":"EdDSA","kid":"../../dev/null","typ":"at+jwt"}`)},
		{"an overlong kid", header(`{"alg":"EdDSA","kid":"` + strings.Repeat("k", 129) + `","typ":"at+jwt"}`)},
		// The type.
		{"no typ", header(`{"alg":"EdDSA","kid":"k"}`)},
		{"typ JWT, as an ID token has", header(`{"alg":"EdDSA","kid":"k","typ":"JWT"}`)},
		{"typ of a logout token", header(`{"alg":"EdDSA","kid":"k","typ":"logout+jwt"}`)},
		{"typ in another case", header(`{"alg":"EdDSA","kid":"k","typ":"AT+JWT"}`)},
		{"typ twice prefixed", header(`{"alg":"EdDSA","kid":"k","typ":"application/application/at+jwt"}`)},
		// Ambiguous JSON.
		{"a repeated header member", header(`{"alg":"EdDSA","alg":"EdDSA","kid":"k","typ":"at+jwt"}`)},
		{"a case-folded header member", header(`{"alg":"EdDSA","ALG":"none","kid":"k","typ":"at+jwt"}`)},
		{"a lone header member in another case", header(`{"alg":"EdDSA","kid":"k","typ":"at+jwt","Typ":"at+jwt"}`)},
		{"a repeated claim", with("x", `1,"sub":"usr_2"`)},
		{"a claim repeated with an escape", with("x", `1,"s\u0075b":"usr_2"`)},
		{"a case-folded claim", with("Sub", `"usr_2"`)},
		{"a claim folded beyond ASCII", with("ſub", `"usr_2"`)},
		{"a known claim in another case alone", with("exp", "", "EXP", fmt.Sprint(now+900))},
		{"an unknown optional claim in another case", with("Roles", `["admin"]`)},
		{"unknown claims repeated", with("x", `1,"x":2`)},
		{"unknown claims case-folded", with("x", `1,"X":2`)},
		{"a repeated member deep inside", with("x", `{"a":{"b":1,"b":2}}`)},
		{"a repeated member inside an array", with("x", `[{"a":1,"A":2}]`)},
		{"data after the header", header(goodHeader + "{}")},
		{"data after the claims", f.sign(goodHeader, payload()+"x")},
		{"a second object after the claims", f.sign(goodHeader, payload()+payload())},
		{"a NUL after the claims", f.sign(goodHeader, payload()+"\x00")},
		{"a byte order mark", f.sign(goodHeader, "\ufeff"+payload())},
		{"claims that are an array", f.sign(goodHeader, "["+payload()+"]")},
		{"claims that are null", f.sign(goodHeader, "null")},
		{"claims that are empty", f.sign(goodHeader, "{}")},
		{"no claims at all", f.sign(goodHeader, "")},
		{"invalid UTF-8", with("x", "\"\xff\"")},
		{"an overlong UTF-8 sequence", with("x", "\"\xc0\x80\"")},
		{"a surrogate in UTF-8", with("x", "\"\xed\xa0\x80\"")},
		{"a lone high surrogate", with("x", `"\ud800"`)},
		{"a lone low surrogate", with("x", `"\udc00"`)},
		{"a NUL in a string", with("sub", "\"usr_1\x00\"")},
		{"an escaped NUL in a string", with("sub", `"usr_1\u0000"`)},
		{"a raw line break in a string", with("x", "\"a\nb\"")},
		{"a comment", f.sign(goodHeader, strings.Replace(payload(), "{", "{/**/", 1))},
		{"a trailing comma", f.sign(goodHeader, strings.Replace(payload(), "}", ",}", 1))},
		{"single quotes", with("x", `'a'`)},
		{"a literal that is none", with("x", `NaN`)},
		{"a number with a leading zero", with("x", `01`)},
		{"nested too deeply", with("x", strings.Repeat("[", 9)+strings.Repeat("]", 9))},
		{"nested far too deeply", with("x", strings.Repeat("[", 2000)+strings.Repeat("]", 2000))},
		// Base64.
		{"padding", parts[0] + "=." + parts[1] + "." + parts[2]},
		{"padding that is signed", f.signRaw(b64(goodHeader)+"==", b64(payload()))},
		{"spare bits in the payload", f.signRaw(b64(goodHeader), otherBits(b64(pad)))},
		{"spare bits in the signature", parts[0] + "." + parts[1] + "." + otherBits(parts[2])},
		{"the other alphabet", f.signRaw(b64(goodHeader), strings.NewReplacer("-", "+", "_", "/").Replace(b64(payload("x", `"?>?>?>~~~???"`))))},
		{"a line break", parts[0] + "." + parts[1] + "\n." + parts[2]},
		{"four line breaks", parts[0] + "\n\n\n\n." + parts[1] + "." + parts[2]},
		{"line breaks that are signed", f.signRaw(b64(goodHeader)[:8]+"\r\n\r\n"+b64(goodHeader)[8:], b64(payload()))},
		{"a space", parts[0] + ". " + parts[1] + "." + parts[2]},
		{"a NUL behind", good + "\x00"},
		{"percent encoding", strings.Replace(good, ".", "%2E", 1)},
		// The shape.
		{"nothing", ""},
		{"one part", parts[0]},
		{"two parts", parts[0] + "." + parts[1]},
		{"four parts", good + "."},
		{"five parts, as in JWE", good + "..x"},
		{"dots only", ".."},
		{"a scheme before it", "Bearer " + good},
		{"JSON serialization", `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`},
		{"longer than 8 KiB although signed", with("x", `"`+strings.Repeat("a", 6200)+`"`)},
		{"8 MiB", strings.Repeat("a", 8<<20)},
		// The signature.
		{"no signature", parts[0] + "." + parts[1] + "."},
		{"a signature cut short", good[:len(good)-2]},
		{"another token's signature", parts[0] + "." + parts[1] + "." + strings.Split(with("sub", `"usr_2"`), ".")[2]},
		{"another header", b64(`{"alg":"EdDSA","kid":"k","typ":"at+jwt","x":1}`) + "." + parts[1] + "." + parts[2]},
		{"another payload", parts[0] + "." + b64(payload("sub", `"root"`)) + "." + parts[2]},
		// Issuer and audience.
		{"no issuer", with("iss", "")},
		{"another issuer", with("iss", `"https://evil.example"`)},
		{"the issuer with a slash", with("iss", `"`+issuer+`/"`)},
		{"an issuer list", with("iss", `["`+issuer+`"]`)},
		{"no audience", with("aud", "")},
		{"another audience", with("aud", `"https://api.example.com"`)},
		{"an empty audience list", with("aud", `[]`)},
		{"an audience that is an object", with("aud", `{"`+issuer+`":true}`)},
		{"an audience list with a number", with("aud", `["`+issuer+`",1]`)},
		{"a nested audience", with("aud", `[["`+issuer+`"]]`)},
		// Times.
		{"no exp", with("exp", "")},
		{"exp null", with("exp", "null")},
		{"exp a string", with("exp", `"`+fmt.Sprint(now+900)+`"`)},
		{"exp a fraction", with("exp", fmt.Sprint(now+900)+".5")},
		{"exp with an exponent", with("exp", "4e9")},
		{"exp true", with("exp", "true")},
		{"exp negative", with("exp", "-1")},
		{"exp beyond the year 9999", with("exp", "253402300800")},
		{"exp beyond 64 bits", with("exp", "99999999999999999999")},
		{"exp in a list", with("exp", "["+fmt.Sprint(now+900)+"]")},
		{"exp before iat", with("exp", fmt.Sprint(now-1))},
		{"no iat", with("iat", "")},
		{"iat a string", with("iat", `"0"`)},
		{"iat in the future", with("iat", fmt.Sprint(now+60))},
		{"nbf in the future", with("nbf", fmt.Sprint(now+60))},
		{"nbf null", with("nbf", "null")},
		{"nbf a string", with("nbf", `"0"`)},
		{"nbf absurd", with("nbf", "9223372036854775808")},
		{"auth_time a string", with("auth_time", `"0"`)},
		// Other claims.
		{"no subject", with("sub", "")},
		{"an empty subject", with("sub", `""`)},
		{"a numeric subject", with("sub", "1")},
		{"no client", with("client_id", "")},
		{"no jti", with("jti", "")},
		{"a scope list", with("scope", `["post:read"]`)},
		{"two spaces in the scope", with("scope", `"a  b"`)},
		{"a quote in the scope", with("scope", `"a\"b"`)},
		{"roles as a string", with("roles", `"admin"`)},
		{"roles with a null", with("roles", `["admin",null]`)},
		{"all_roles as a string", with("all_roles", `"true"`)},
		{"rev as a number", with("rev", `1`)},
		{"a token bound to a proof key", with("cnf", `{"jkt":"x"}`)},
	}
	v := &token.Verifier{Issuer: issuer, Keys: keys{"k": f.key}}
	if _, err := v.Verify(t.Context(), good); err != nil {
		t.Fatalf("the good token is refused: %v", err)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			claims, err := v.Verify(t.Context(), c.token)
			if !errors.Is(err, token.ErrInvalid) || claims != nil {
				t.Fatalf("got %+v, %v", claims, err)
			}
			if errors.Is(err, token.ErrExpired) {
				t.Errorf("says that the token is merely too old: %v", err)
			}
		})
	}
}

// macWithPublicKey is the confusion of RS256 and HS256, in three spellings of the public key.
func macWithPublicKey(f *forger, payload string) string {
	der, _ := x509.MarshalPKIXPublicKey(f.private.Public())
	secret := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	input := b64(`{"alg":"HS256","kid":"k","typ":"at+jwt"}`) + "." + b64(payload)
	m := hmac.New(sha256.New, secret)
	m.Write([]byte(input))
	return input + "." + b64(string(m.Sum(nil)))
}

func TestVerifyAccepts(t *testing.T) {
	f := newForger(t)
	v := &token.Verifier{Issuer: issuer, Keys: keys{"k": f.key}}
	for _, c := range []struct{ name, token string }{
		{"the media type in full", f.sign(`{"alg":"EdDSA","kid":"k","typ":"application/at+jwt"}`, payload())},
		{"unknown header members", f.sign(`{"alg":"EdDSA","kid":"k","typ":"at+jwt","x5t":"a","foo":{"bar":[1,2.5e-3,null]}}`, payload())},
		{"unknown claims", f.sign(goodHeader, payload("x", `{"a":[1,-0.5E+7,"\ud83d\ude00",true,false,null,{}]}`))},
		{"white space", f.sign(" {\r\n\t\"alg\" : \"EdDSA\" , \"kid\":\"k\",\"typ\":\"at+jwt\" } ", " "+payload()+"\n")},
		{"escapes", f.sign(`{"alg":"\u0045dDSA","\u006bid":"k","typ":"at\u002bjwt"}`, payload("sub", `"\u0075sr_1"`))},
		{"a slash escaped", f.sign(goodHeader, payload("iss", `"https:\/\/id.example.com"`))},
		{"our audience among others", f.sign(goodHeader, payload("aud", `["https://a","`+issuer+`"]`))},
		{"nested as deep as allowed", f.sign(goodHeader, payload("x", strings.Repeat("[", 7)+strings.Repeat("]", 7)))},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := v.Verify(t.Context(), c.token)
			if err != nil {
				t.Fatal(err)
			}
			if got.Subject != "usr_1" {
				t.Errorf("subject %q", got.Subject)
			}
		})
	}
}

func TestKeysDoNotCrossAlgorithms(t *testing.T) {
	for _, signer := range algs {
		for _, verifier := range algs {
			if signer == verifier {
				continue
			}
			t.Run(fmt.Sprintf("%s token, %s key", signer, verifier), func(t *testing.T) {
				s, v := key(t, signer), key(t, verifier)
				src := keys{s.ID(): v.Public()} // the kid leads to a key of another algorithm
				_, err := (&token.Verifier{Issuer: issuer, Keys: src}).Verify(t.Context(), sign(t, s, claims()))
				if !errors.Is(err, token.ErrInvalid) {
					t.Errorf("got %v", err)
				}
			})
		}
	}
}

func TestRS256AndPS256OfOneModulusStayApart(t *testing.T) {
	private, err := key(t, token.RS256).PrivateJWK()
	if err != nil {
		t.Fatal(err)
	}
	ps, err := token.ParseSigningKey([]byte(strings.Replace(string(private), "RS256", "PS256", 1)))
	if err != nil {
		t.Fatal(err)
	}
	v := &token.Verifier{Issuer: issuer, Keys: source(key(t, token.RS256))}
	if _, err := v.Verify(t.Context(), sign(t, ps, claims())); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("a PS256 token under an RS256 key: %v", err)
	}
}

func TestTime(t *testing.T) {
	for _, c := range []struct {
		name   string
		leeway time.Duration
		age    time.Duration // when it is verified, after it was issued; it lives for 15 minutes
		want   error
	}{
		{"fresh", 0, 0, nil},
		{"just before the end", 0, 15*time.Minute - 1, nil},
		{"within the leeway", 0, 15*time.Minute + 5*time.Second - 1, nil},
		{"at the end of the leeway", 0, 15*time.Minute + 5*time.Second, token.ErrExpired},
		{"just before the end without leeway", -1, 15*time.Minute - 1, nil},
		{"at the end without leeway", -1, 15 * time.Minute, token.ErrExpired},
		{"a clock that is slow, within the leeway", 0, -5 * time.Second, nil},
		{"a clock that is too slow", 0, -6 * time.Second, token.ErrInvalid},
		{"a clock that is slow, without leeway", -1, -time.Second, token.ErrInvalid},
		{"years later", 0, 10 * 365 * 24 * time.Hour, token.ErrExpired},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := key(t, token.EdDSA)
				cl := claims()
				wait := c.age
				if wait < 0 { // issue it in the future instead
					cl.IssuedAt, cl.Expiry, wait = cl.IssuedAt.Add(-c.age), cl.Expiry.Add(-c.age), 0
				}
				s := sign(t, k, cl)
				time.Sleep(wait)
				v := &token.Verifier{Issuer: issuer, Keys: source(k), Leeway: c.leeway}
				if _, err := v.Verify(t.Context(), s); !errors.Is(err, c.want) {
					t.Errorf("got %v, want %v", err, c.want)
				}
			})
		})
	}
}

func TestExpiredMeansNothingElseIsWrong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := key(t, token.EdDSA)
		s := sign(t, k, claims())
		time.Sleep(time.Hour)
		v := &token.Verifier{Issuer: issuer, Audience: "https://api", Keys: source(k)}
		if _, err := v.Verify(t.Context(), s); errors.Is(err, token.ErrExpired) || !errors.Is(err, token.ErrInvalid) {
			t.Errorf("an expired token for somebody else: %v", err)
		}
	})
}

func TestAVerifierOfSeveralAudiences(t *testing.T) {
	k := key(t, token.EdDSA)
	v := &token.Verifier{Issuer: issuer, Others: []string{"https://api", "https://wiki"}, Keys: source(k)}
	for audience, want := range map[string]bool{issuer: true, "https://api": true, "https://wiki": true, "https://wiki/": false, "https://other": false} {
		c := claims()
		c.Audience = []string{audience}
		if _, err := v.Verify(t.Context(), sign(t, k, c)); (err == nil) != want {
			t.Errorf("%s: %v", audience, err)
		}
	}
}

func TestAKeyForOneAudienceSignsForNoOther(t *testing.T) {
	const api = "https://api.example.com"
	k := key(t, token.HS256)
	bound := keys{k.ID(): k.Public().ForAudience(api)}
	for _, c := range []struct {
		name, verifier string
		aud            []string
		ok             bool
	}{
		{"its own audience", api, []string{api}, true},
		{"the issuer", issuer, []string{issuer}, false},
		{"its own and the issuer, at the issuer", issuer, []string{api, issuer}, false},
		{"its own and the issuer, at its own", api, []string{api, issuer}, false},
		{"its own twice", api, []string{api, api}, false},
		{"its own, where any will do", "", []string{api}, true},
		{"the issuer, where any will do", "", []string{issuer}, false},
		{"its own and another, where any will do", "", []string{api, "https://other.example.com"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			cl := claims()
			cl.Audience = c.aud
			v := &token.Verifier{Issuer: issuer, Audience: c.verifier, InsecureAnyAudience: c.verifier == "", Keys: bound}
			if _, err := v.Verify(t.Context(), sign(t, k, cl)); (err == nil) != c.ok {
				t.Errorf("got %v", err)
			}
		})
	}
}

type failing struct{ err error }

func (f failing) Key(context.Context, string) (*token.Key, error) { return nil, f.err }

func TestWhatTheVerifierCannotKnowIsNoRefusal(t *testing.T) {
	s := sign(t, key(t, token.EdDSA), claims())
	for _, c := range []struct {
		name    string
		v       *token.Verifier
		invalid bool
	}{
		{"keys unavailable", &token.Verifier{Issuer: issuer, Keys: failing{token.ErrKeysUnavailable}}, false},
		{"no key source", &token.Verifier{Issuer: issuer}, false},
		{"no issuer", &token.Verifier{Keys: source(key(t, token.EdDSA))}, false},
		{"an unknown key", &token.Verifier{Issuer: issuer, Keys: failing{token.ErrUnknownKey}}, true},
		{"a source that returns nothing", &token.Verifier{Issuer: issuer, Keys: failing{nil}}, true},
		{"an empty set", &token.Verifier{Issuer: issuer, Keys: (*token.JWKS)(nil)}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := c.v.Verify(t.Context(), s)
			if err == nil || errors.Is(err, token.ErrInvalid) != c.invalid {
				t.Errorf("got %v", err)
			}
			if c.invalid && !errors.Is(err, token.ErrUnknownKey) {
				t.Errorf("not distinguishable as an unknown key: %v", err)
			}
		})
	}
	if _, err := token.VerifyJWS(s, nil); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("no key: %v", err)
	}
	if _, err := token.VerifyJWS(s, &token.Key{}); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("the zero key: %v", err)
	}
}

func TestSigningRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*token.Claims)
	}{
		{"no issuer", func(c *token.Claims) { c.Issuer = "" }},
		{"no subject", func(c *token.Claims) { c.Subject = "" }},
		{"no audience", func(c *token.Claims) { c.Audience = nil }},
		{"an empty audience", func(c *token.Claims) { c.Audience = []string{""} }},
		{"no client", func(c *token.Claims) { c.ClientID = "" }},
		{"no id", func(c *token.Claims) { c.ID = "" }},
		{"no expiry", func(c *token.Claims) { c.Expiry = time.Time{} }},
		{"no time of issue", func(c *token.Claims) { c.IssuedAt = time.Time{} }},
		{"expired before issued", func(c *token.Claims) { c.Expiry = c.IssuedAt }},
		{"a time before 1970", func(c *token.Claims) { c.AuthTime = time.Unix(-1, 0) }},
		{"a time after 9999", func(c *token.Claims) { c.Expiry = time.Unix(1<<40, 0) }},
		{"invalid UTF-8", func(c *token.Claims) { c.Subject = "\xff" }},
		{"NUL", func(c *token.Claims) { c.Org = "a\x00b" }},
		{"roles in no organization", func(c *token.Claims) { c.Org = "" }},
		{"a scope with a space", func(c *token.Claims) { c.Scopes = []string{"a b"} }},
		{"an empty scope", func(c *token.Claims) { c.Scopes = []string{""} }},
		{"more than 8 KiB", func(c *token.Claims) { c.Roles = []string{strings.Repeat("r", 8000)} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			cl := claims()
			c.edit(cl)
			if s, err := key(t, token.EdDSA).AccessToken(cl); err == nil {
				t.Errorf("signed %s", s)
			}
		})
	}
}

func TestKeysDoNotPrintSecrets(t *testing.T) {
	for _, alg := range algs {
		k := key(t, alg)
		private, err := k.PrivateJWK()
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]string
		if err := json.Unmarshal(private, &m); err != nil {
			t.Fatal(err)
		}
		secret := m["d"] + m["k"]
		raw, _ := base64.RawURLEncoding.DecodeString(secret)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			for _, out := range []string{fmt.Sprintf(verb, k), fmt.Sprintf(verb, k.Public())} {
				if strings.Contains(out, secret) || strings.Contains(out, string(raw)) || strings.Contains(out, fmt.Sprint(raw[:4])[1:8]) {
					t.Errorf("%s: %s shows the secret: %s", alg, verb, out)
				}
			}
		}
		if out, err := json.Marshal(k); err == nil {
			t.Errorf("%s: marshals a private key: %s", alg, out)
		}
		if out, err := json.Marshal(k.Public()); alg == token.HS256 && err == nil {
			t.Errorf("marshals a secret: %s", out)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	var list []*token.SigningKey
	for _, alg := range algs {
		list = append(list, key(t, alg))
	}
	v := &token.Verifier{Issuer: issuer, Keys: source(list...)}
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			k := list[i%len(list)]
			c := claims()
			c.ID = fmt.Sprint("tok_", i)
			for range 20 {
				s, err := k.AccessToken(c)
				if err != nil {
					t.Error(err)
					return
				}
				got, err := v.Verify(t.Context(), s)
				if err != nil || got.ID != c.ID {
					t.Errorf("got %v, %v", got, err)
				}
			}
		})
	}
	wg.Wait()
}

// A command line takes what begins with a hyphen for an option.
func TestNoKeyIDBeginsWithAHyphen(t *testing.T) {
	for range 500 { // one in 64 would
		k, err := token.Generate(token.EdDSA)
		if err != nil {
			t.Fatal(err)
		}
		if k.ID()[0] == '-' {
			t.Fatal(k.ID())
		}
	}
}
