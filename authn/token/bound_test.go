package token_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/revoke"
)

// certificate is one that its own key has signed.
func certificate(t testing.TB) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c, k
}

// Which token is good for whom: the certificate that is shown, and the key that is proved.
func TestWhatATokenIsBoundTo(t *testing.T) {
	k := key(t, token.EdDSA)
	v := &token.Verifier{Issuer: issuer, Keys: source(k)}
	for _, tt := range []struct {
		bound, held token.Held
		good        bool
	}{
		{token.Held{}, token.Held{}, true},
		{token.Held{}, token.Held{X5T: "a"}, true}, // a certificate beside it says nothing
		{token.Held{}, token.Held{JKT: "a"}, false},
		{token.Held{X5T: "a"}, token.Held{X5T: "a"}, true},
		{token.Held{X5T: "a"}, token.Held{X5T: "b"}, false},
		{token.Held{X5T: "a"}, token.Held{}, false},
		{token.Held{X5T: "a"}, token.Held{JKT: "a"}, false},
		{token.Held{JKT: "a"}, token.Held{JKT: "a"}, true},
		{token.Held{JKT: "a"}, token.Held{X5T: "a"}, false},
		{token.Held{JKT: "a"}, token.Held{}, false},
		{token.Held{JKT: "a", X5T: "b"}, token.Held{JKT: "a", X5T: "b"}, true},
		{token.Held{JKT: "a", X5T: "b"}, token.Held{JKT: "a"}, false},
		{token.Held{JKT: "a", X5T: "b"}, token.Held{X5T: "b"}, false},
	} {
		c := claims()
		c.JKT, c.X5T = tt.bound.JKT, tt.bound.X5T
		got, err := v.VerifyBound(t.Context(), sign(t, k, c), tt.held)
		if (err == nil) != tt.good || err != nil && !errors.Is(err, token.ErrInvalid) {
			t.Errorf("%+v by %+v: %v", tt.bound, tt.held, err)
		}
		if err == nil && (got.JKT != tt.bound.JKT || got.X5T != tt.bound.X5T) {
			t.Errorf("%+v came back as %+v", tt.bound, got)
		}
	}
}

// Whoever has been let in once opens the door to nobody else.
func TestTheCacheKnowsWhatATokenIsBoundTo(t *testing.T) {
	o := &office{}
	f := o.follow(t)
	k := key(t, token.EdDSA)
	mine, _ := certificate(t)
	other, _ := certificate(t)
	for name, cache := range caches(f, 64) {
		t.Run(name, func(t *testing.T) {
			a := &token.Authenticator{Verifier: &token.Verifier{Issuer: issuer, Keys: source(k)}, Follower: f, Complete: o.Complete, Cache: cache}
			c := claims()
			c.Rev, c.X5T = "log_1.0", sallyport.Thumbprint(mine)
			value := sign(t, k, c)
			for _, first := range []*x509.Certificate{other, mine, nil} { // whoever comes first
				for _, tt := range []struct {
					shown *x509.Certificate
					want  string
				}{{first, ""}, {mine, "usr_1"}, {other, "401"}, {nil, "401"}} {
					if tt.want == "" {
						tt.want = "401"
						if first == mine {
							tt.want = "usr_1"
						}
					}
					for _, at := range []func(*sallyport.Credential){
						func(c *sallyport.Credential) { c.Shown = tt.shown }, func(c *sallyport.Credential) { c.Peer = tt.shown },
					} {
						b := bearerOf(value)
						at(&b)
						if got := answerOf(a.Authenticate(t.Context(), b)); got != tt.want {
							t.Errorf("%s, want %s", got, tt.want)
						}
					}
				}
			}
			var wg sync.WaitGroup
			for i := range 32 {
				b, want := bearerOf(value), "usr_1"
				if b.Shown = mine; i%2 == 1 {
					b.Shown, want = other, "401"
				}
				wg.Go(func() {
					for range 200 {
						if got := answerOf(a.Authenticate(t.Context(), b)); got != want {
							t.Errorf("%s, want %s", got, want)
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

// An exchanged token ends with each thing that it comes of, also once it was seen.
func TestATokenEndsWithWhatItWasExchangedFor(t *testing.T) {
	for i, from := range []string{"token:tok_0", "session:ses_0", "grant:gnt_0", "subject:usr_0", "client:cli_0", "key:key_0"} {
		t.Run(from, func(t *testing.T) {
			o := &office{}
			f := o.follow(t)
			k := key(t, token.EdDSA)
			a := &token.Authenticator{Verifier: &token.Verifier{Issuer: issuer, Keys: source(k)}, Follower: f, Complete: o.Complete, Cache: token.NewCache(f, 64)}
			c := claims()
			c.Rev, c.From, c.Act = "log_1.0", []string{"token:tok_x", from}, &token.Actor{Subject: "cli_1", Before: &token.Actor{Subject: "usr_9"}}
			b := bearerOf(sign(t, k, c))
			for range 2 {
				p, err := a.Authenticate(t.Context(), b)
				if err != nil || p.Subject != "usr_1" || p.Actor != "cli_1" {
					t.Fatalf("%+v, %v", p, err)
				}
			}
			kind, id, _ := strings.Cut(from, ":")
			if err := f.CatchUp(t.Context(), o.kill(revoke.Kind(kind), id)); err != nil {
				t.Fatal(err)
			}
			if got := answerOf(a.Authenticate(t.Context(), b)); got != "401" {
				t.Errorf("%d: %s", i, got)
			}
		})
	}
}

func TestActorsComeBackAsTheyWereWritten(t *testing.T) {
	k := key(t, token.EdDSA)
	v := &token.Verifier{Issuer: issuer, Keys: source(k)}
	c := claims()
	c.Act = &token.Actor{Subject: "a", ClientID: "b", Before: &token.Actor{Subject: "c", Before: &token.Actor{Subject: "d", Before: &token.Actor{Subject: "e"}}}}
	c.MayAct = &token.Actor{Subject: "f"}
	c.From = []string{"token:tok_1"}
	got, err := v.Verify(t.Context(), sign(t, k, c))
	if err != nil || !reflect.DeepEqual(got.Act, c.Act) || !reflect.DeepEqual(got.MayAct, c.MayAct) || !reflect.DeepEqual(got.From, c.From) || got.Act.Depth() != token.MaxActors {
		t.Errorf("%+v, %v", got, err)
	}
	many := make([]string, token.MaxOrigins+1)
	for i := range many {
		many[i] = fmt.Sprintf("token:tok_%d", i)
	}
	for name, change := range map[string]func(*token.Claims){
		"an actor without a subject": func(c *token.Claims) { c.Act = &token.Actor{} },
		"too many actors":            func(c *token.Claims) { c.Act = &token.Actor{Subject: "0", Before: c.Act} },
		"an origin of no kind":       func(c *token.Claims) { c.From = []string{"global:x"} },
		"an origin without an id":    func(c *token.Claims) { c.From = []string{"token:"} },
		"an origin of one word":      func(c *token.Claims) { c.From = []string{"tok_1"} },
		"too many origins":           func(c *token.Claims) { c.From = many },
	} {
		bad := *c
		if change(&bad); name == "too many actors" {
			bad.Act = &token.Actor{Subject: "0", Before: c.Act}
		}
		if _, err := k.AccessToken(&bad); err == nil {
			t.Errorf("%s is signed", name)
		}
	}
	f := newForger(t)
	v = &token.Verifier{Issuer: issuer, Keys: keys{"k": f.key}}
	for name, claim := range map[string][2]string{
		"act a string": {"act", `"a"`}, "act without sub": {"act", `{}`}, "a sub that is none": {"act", `{"sub":1}`}, "in capitals": {"act", `{"sub":"a","SUB":"b"}`},
		"deep": {"act", strings.Repeat(`{"sub":"a","act":`, 5) + `{"sub":"a"}` + strings.Repeat("}", 5)}, "may_act a list": {"may_act", `[]`},
		"from a string": {"from", `"token:x"`}, "from of another kind": {"from", `["x:y"]`},
		"bound to a certificate of no thumbprint": {"cnf", `{"x5t#S256":""}`}, "bound to a thumbprint that is none": {"cnf", `{"x5t#S256":1}`},
		"bound to what nobody checks": {"cnf", `{"x5t#S256":"a","kid":"b"}`},
	} {
		if _, err := v.Verify(t.Context(), f.sign(goodHeader, payload(claim[0], claim[1]))); !errors.Is(err, token.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// RFC 7517 §4.7: a certificate that comes with a key is of this key.
func TestAKeyThatComesWithACertificate(t *testing.T) {
	mine, priv := certificate(t)
	other, _ := certificate(t)
	point, err := priv.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	with := func(more string) (*token.Key, error) {
		return token.ParseKey(fmt.Appendf(nil, `{"kty":"EC","crv":"P-256","x":%q,"y":%q%s}`,
			base64.RawURLEncoding.EncodeToString(point[1:33]), base64.RawURLEncoding.EncodeToString(point[33:]), more))
	}
	x5c := func(c *x509.Certificate) string { return `,"x5c":["` + base64.StdEncoding.EncodeToString(c.Raw) + `"]` }
	plain, err := with("")
	if err != nil || !plain.Certifies(mine) || plain.Certifies(other) {
		t.Errorf("%v", err)
	}
	again, err := x509.CreateCertificate(rand.Reader, mine, mine, &priv.PublicKey, priv)
	if err != nil {
		t.Fatal(err)
	}
	twin, err := x509.ParseCertificate(again)
	if err != nil {
		t.Fatal(err)
	}
	if chained, err := with(x5c(mine)); err != nil || !chained.Certifies(mine) || chained.Certifies(twin) || !plain.Certifies(twin) {
		t.Errorf("%v", err)
	}
	for name, more := range map[string]string{
		"of another key": x5c(other), "no base64": `,"x5c":["%"]`, "no certificate": `,"x5c":["AAAA"]`, "no list": `,"x5c":"AAAA"`, "a number": `,"x5c":[1]`,
	} {
		if _, err := with(more); !errors.Is(err, token.ErrInvalidKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// RFC 8705 §2.2.2: a client that gets another certificate publishes its key, and is known by it at once; one that
// nobody publishes does not make us ask each time.
func TestTheKeyOfACertificateIsFoundWhereItIsPublished(t *testing.T) {
	first, firstKey := certificate(t)
	second, secondKey := certificate(t)
	stranger, _ := certificate(t)
	published := func(k *ecdsa.PrivateKey) string {
		point, err := k.PublicKey.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf(`{"keys":[{"kty":"EC","crv":"P-256","x":%q,"y":%q}]}`,
			base64.RawURLEncoding.EncodeToString(point[1:33]), base64.RawURLEncoding.EncodeToString(point[33:]))
	}
	s := &issuerStub{answer: serves(published(firstKey))}
	r := remote(s)
	if k, err := r.CertifiedBy(t.Context(), first); err != nil || !k.Certifies(first) {
		t.Fatalf("%v, %v", k, err)
	}
	s.set(serves(published(secondKey)))
	if k, err := r.CertifiedBy(t.Context(), second); err != nil || !k.Certifies(second) {
		t.Fatalf("%v, %v", k, err)
	}
	before := s.asked.Load()
	for range 20 {
		if _, err := r.CertifiedBy(t.Context(), stranger); !errors.Is(err, token.ErrUnknownKey) {
			t.Error(err)
		}
	}
	if asked := s.asked.Load() - before; asked > 1 {
		t.Errorf("asked %d times", asked)
	}
	if _, err := r.CertifiedBy(t.Context(), first); !errors.Is(err, token.ErrUnknownKey) {
		t.Errorf("the one before: %v", err)
	}
}
