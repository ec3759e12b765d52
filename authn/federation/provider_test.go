package federation_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-auth/sallyport/authn/federation"
	"github.com/sallyport-auth/sallyport/internal/outbound"
	"github.com/sallyport-auth/sallyport/internal/upstream"
)

const callback = "https://rp.example/auth/social/up/callback"

func start(t testing.TB) *upstream.Provider {
	t.Helper()
	up := upstream.Start()
	t.Cleanup(up.Close)
	return up
}

func provider(t testing.TB, up *upstream.Provider, change ...func(*federation.Config)) *federation.Provider {
	t.Helper()
	c := federation.Config{ID: "up", Issuer: up.URL, ClientID: upstream.ClientID, ClientSecret: upstream.ClientSecret, PrivateNetwork: true}
	for _, f := range change {
		f(&c)
	}
	p, err := federation.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func preset(name string) func(*federation.Config) {
	return func(c *federation.Config) { c.Preset = name }
}

// browse goes to the provider and returns what it sends back with.
func browse(t testing.TB, address string) url.Values {
	t.Helper()
	resp, err := outbound.Client(nil).Get(address)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if posted := resp.Header.Get("X-Form-Post"); posted != "" {
		form, err := url.ParseQuery(posted)
		if err != nil {
			t.Fatal(err)
		}
		return form
	}
	back, err := resp.Location()
	if err != nil {
		t.Fatalf("%s: %v", resp.Status, err)
	}
	if got, _, _ := strings.Cut(back.String(), "?"); got != callback {
		t.Fatalf("sent back to %s", got)
	}
	return back.Query()
}

// sign signs in from begin to end.
func sign(t testing.TB, p *federation.Provider, again bool, change ...func(url.Values)) (federation.Person, error) {
	t.Helper()
	a, address, err := p.Begin(t.Context(), callback, again)
	if err != nil {
		return federation.Person{}, err
	}
	back := browse(t, address)
	for _, f := range change {
		f(back)
	}
	in, err := federation.ParseAnswer(back)
	if err != nil {
		return federation.Person{}, err
	}
	return p.Finish(t.Context(), a, in)
}

func TestAPersonSignsIn(t *testing.T) {
	up := start(t)
	got, err := sign(t, provider(t, up), false)
	want := federation.Person{
		Provider: "up", Issuer: up.URL, Subject: "ann-1", Email: "ann@example.com", EmailVerified: true, Name: "Ann Upstream", Username: "ann",
	}
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAProviderThatLiesProvesNothing(t *testing.T) {
	html := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<h1>Welcome</h1>")
	}
	huge := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"x":"`+strings.Repeat("x", 2<<20)+`"}`)
	}
	at := func(path string, f http.HandlerFunc) upstream.Lies {
		return upstream.Lies{Handlers: map[string]http.HandlerFunc{path: f}}
	}
	elsewhere := http.RedirectHandler("http://127.0.0.1:1/", http.StatusFound).ServeHTTP
	const discovery = "/.well-known/openid-configuration"
	claims := func(name string, value any) upstream.Lies {
		return upstream.Lies{Claims: upstream.Object{name: value}}
	}
	now := time.Now()
	for _, c := range []struct {
		name string
		lies upstream.Lies
		want error
	}{
		{"another issuer's token", claims("iss", "https://evil.example"), federation.ErrRefused},
		{"no issuer", claims("iss", nil), federation.ErrRefused},
		{"a token for another client", claims("aud", "somebody-else"), federation.ErrRefused},
		{"a token for nobody", claims("aud", nil), federation.ErrRefused},
		{"a token for us and others, asked for by another", upstream.Lies{Claims: upstream.Object{"aud": []string{upstream.ClientID, "x"}, "azp": "x"}}, federation.ErrRefused},
		{"a token for us and others, asked for by nobody", claims("aud", []string{upstream.ClientID, "x"}), federation.ErrRefused},
		{"another attempt's nonce", claims("nonce", "x"), federation.ErrRefused},
		{"no nonce", claims("nonce", nil), federation.ErrRefused},
		{"an expired token", claims("exp", now.Add(-time.Hour).Unix()), federation.ErrRefused},
		{"a token without an end", claims("exp", nil), federation.ErrRefused},
		{"a token from the future", claims("iat", now.Add(time.Hour).Unix()), federation.ErrRefused},
		{"a token from before the attempt", claims("iat", now.Add(-time.Hour).Unix()), federation.ErrRefused},
		{"another access token's hash", claims("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), federation.ErrRefused},
		{"no subject", claims("sub", nil), federation.ErrRefused},
		{"an empty subject", claims("sub", ""), federation.ErrRefused},
		{"a subject that is a number", claims("sub", 7), federation.ErrRefused},
		{"a subject of 300 characters", claims("sub", strings.Repeat("s", 300)), federation.ErrRefused},
		{"a subject with a line break", claims("sub", "ann\n1"), federation.ErrRefused},
		{"a token of 64 KiB", claims("x", strings.Repeat("x", 64<<10)), federation.ErrRefused},
		{"an unsigned token", upstream.Lies{Header: upstream.Object{"alg": "none"}}, federation.ErrRefused},
		{"a token that says HS256", upstream.Lies{Header: upstream.Object{"alg": "HS256"}}, federation.ErrRefused},
		{"a token that brings its key", upstream.Lies{Header: upstream.Object{"kid": "two", "jwk": upstream.Object{"kty": "EC"}}}, federation.ErrRefused},
		{"a key that nobody knows", upstream.Lies{Header: upstream.Object{"kid": "two"}}, federation.ErrRefused},
		{"no token but words", upstream.Lies{Raw: "trust me"}, federation.ErrRefused},
		{"user info of another subject", upstream.Lies{Claims: upstream.Object{"email": nil}, UserInfo: upstream.Object{"sub": "bob-2"}}, federation.ErrRefused},
		{"user info without a subject", upstream.Lies{Claims: upstream.Object{"email": nil}, UserInfo: upstream.Object{"sub": nil}}, federation.ErrRefused},
		{"another provider's answer", upstream.Lies{Back: func(v url.Values) { v.Set("iss", "https://evil.example") }}, federation.ErrRefused},
		{"an answer of nobody", upstream.Lies{Back: func(v url.Values) { v.Del("iss") }}, federation.ErrRefused},
		{"another attempt's state", upstream.Lies{Back: func(v url.Values) { v.Set("state", "x") }}, federation.ErrRefused},
		{"no state", upstream.Lies{Back: func(v url.Values) { v.Del("state") }}, federation.ErrRefused},
		{"a state twice", upstream.Lies{Back: func(v url.Values) { v.Add("state", v.Get("state")) }}, federation.ErrRefused},
		{"no code", upstream.Lies{Back: func(v url.Values) { v.Del("code") }}, federation.ErrRefused},
		{"a code and an error", upstream.Lies{Back: func(v url.Values) { v.Set("error", "access_denied") }}, federation.ErrRefused},
		{"a code that it does not know", upstream.Lies{Back: func(v url.Values) { v.Set("code", "x") }}, federation.ErrRefused},
		{"trouble of its own", upstream.Lies{Back: func(v url.Values) { v.Del("code"); v.Set("error", "server_error") }}, federation.ErrUnavailable},

		{"metadata of another issuer", upstream.Lies{Metadata: upstream.Object{"issuer": "https://evil.example"}}, federation.ErrUnavailable},
		{"metadata of a template", upstream.Lies{Metadata: upstream.Object{"issuer": "http://127.0.0.1/{tenantid}"}}, federation.ErrUnavailable},
		{"tokens from plain http", upstream.Lies{Metadata: upstream.Object{"token_endpoint": "http://evil.example/token"}}, federation.ErrUnavailable},
		{"people sent to a script", upstream.Lies{Metadata: upstream.Object{"authorization_endpoint": "javascript:alert(1)"}}, federation.ErrUnavailable},
		{"keys from a file", upstream.Lies{Metadata: upstream.Object{"jwks_uri": "file:///etc/passwd"}}, federation.ErrUnavailable},
		{"no token endpoint", upstream.Lies{Metadata: upstream.Object{"token_endpoint": nil}}, federation.ErrUnavailable},
		{"metadata that are a page", at(discovery, html), federation.ErrUnavailable},
		{"metadata without end", at(discovery, huge), federation.ErrUnavailable},
		{"metadata elsewhere", at(discovery, elsewhere), federation.ErrUnavailable},
		{"tokens that are a page", at("/token", html), federation.ErrUnavailable},
		{"tokens without end", at("/token", huge), federation.ErrUnavailable},
		{"tokens elsewhere", at("/token", elsewhere), federation.ErrUnavailable},
		{"a token endpoint that is out of order", at("/token", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500) }), federation.ErrUnavailable},
		{"keys that are a page", at("/jwks", html), federation.ErrUnavailable},
		{"keys without end", at("/jwks", huge), federation.ErrUnavailable},
		{"no ID token", at("/token", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"access_token":"x","token_type":"Bearer"}`)
		}), federation.ErrUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			up := start(t)
			up.Lie(c.lies)
			who, err := sign(t, provider(t, up), false)
			if !errors.Is(err, c.want) || who != (federation.Person{}) {
				t.Errorf("got %+v, %v; want %v", who, err, c.want)
			}
			if err != nil && len(err.Error()) > 600 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
}

func TestAnAddressIsVerifiedOnlyIfItIsSaidSo(t *testing.T) {
	tenant, object := "9188040d-6c67-4c5b-b112-36a304b66dad", "00000000-0000-0000-0000-000000000001"
	microsoft := func(more upstream.Object) func(*upstream.Provider) upstream.Lies {
		return func(up *upstream.Provider) upstream.Lies {
			claims := upstream.Object{"iss": up.URL + "/" + tenant + "/v2.0", "tid": tenant, "oid": object}
			for k, v := range more {
				claims[k] = v
			}
			return upstream.Lies{Metadata: upstream.Object{"issuer": up.URL + "/{tenantid}/v2.0"}, Claims: claims}
		}
	}
	claims := func(o upstream.Object) func(*upstream.Provider) upstream.Lies {
		return func(*upstream.Provider) upstream.Lies { return upstream.Lies{Claims: o, UserInfo: o} }
	}
	api := func(answers map[string]any) func(*upstream.Provider) upstream.Lies {
		return func(*upstream.Provider) upstream.Lies { return upstream.Lies{API: answers} }
	}
	type list = []any
	for _, c := range []struct {
		name, preset string
		lies         func(*upstream.Provider) upstream.Lies
		email        string
		verified     bool
	}{
		{"it says so", "", claims(nil), "ann@example.com", true},
		{"it says so as text", "", claims(upstream.Object{"email_verified": "true"}), "ann@example.com", true},
		{"it says nothing", "", claims(upstream.Object{"email_verified": nil}), "ann@example.com", false},
		{"it says no", "", claims(upstream.Object{"email_verified": false}), "ann@example.com", false},
		{"it says no as text", "", claims(upstream.Object{"email_verified": "false"}), "ann@example.com", false},
		{"it says something else", "", claims(upstream.Object{"email_verified": []string{"true"}}), "ann@example.com", false},
		{"there is none", "", claims(upstream.Object{"email": nil}), "", false},
		{"it is none", "", claims(upstream.Object{"email": "ann"}), "", false},
		{"it has a line break", "", claims(upstream.Object{"email": "ann@example.com\nbcc: bob"}), "", false},
		{"google does not host it", "google", claims(nil), "ann@example.com", false},
		{"google hosts it", "google", claims(upstream.Object{"hd": "example.com"}), "ann@example.com", true},
		{"google hosts it, unverified", "google", claims(upstream.Object{"hd": "example.com", "email_verified": false}), "ann@example.com", false},
		{"it is google's", "google", claims(upstream.Object{"email": "ann@gmail.com"}), "ann@gmail.com", true},
		{"it ends like google's", "google", claims(upstream.Object{"email": "ann@evilgmail.com"}), "ann@evilgmail.com", false},
		{"gitlab says so", "gitlab", claims(nil), "ann@example.com", true},
		{"a tenant of microsoft says so", "microsoft", microsoft(nil), "ann@example.com", false},
		{"a tenant of microsoft owns the domain", "microsoft", microsoft(upstream.Object{"xms_edov": true}), "ann@example.com", true},
		{"a tenant of microsoft does not own the domain", "microsoft", microsoft(upstream.Object{"xms_edov": "0"}), "ann@example.com", false},
		{"github has verified the primary one", "github", api(map[string]any{
			"/api/v3/user": upstream.Object{"id": 7, "login": "ann", "email": "profile@example.com"},
			"/api/v3/user/emails": list{upstream.Object{"email": "other@example.com", "verified": true},
				upstream.Object{"email": "ann@example.com", "primary": true, "verified": true}},
		}), "ann@example.com", true},
		{"github has not verified the primary one", "github", api(map[string]any{
			"/api/v3/user":        upstream.Object{"id": 7, "login": "ann"},
			"/api/v3/user/emails": list{upstream.Object{"email": "ann@example.com", "primary": true}, upstream.Object{"email": "other@example.com", "verified": true}},
		}), "ann@example.com", false},
		{"github knows one from the profile only", "github", api(map[string]any{
			"/api/v3/user": upstream.Object{"id": 7, "login": "ann", "email": "profile@example.com"}, "/api/v3/user/emails": list{},
		}), "", false},
		{"discord says so", "discord", api(map[string]any{"/api/users/@me": upstream.Object{"id": "7", "email": "ann@example.com", "verified": true}}), "ann@example.com", true},
		{"discord says nothing", "discord", api(map[string]any{"/api/users/@me": upstream.Object{"id": "7", "email": "ann@example.com"}}), "ann@example.com", false},
		{"facebook never says so", "facebook", api(map[string]any{
			"/v21.0/me": upstream.Object{"id": "7", "email": "ann@example.com", "email_verified": true, "verified": true},
		}), "ann@example.com", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			up := start(t)
			up.Lie(c.lies(up))
			p := provider(t, up, preset(c.preset), func(fc *federation.Config) {
				if c.preset == "microsoft" {
					fc.Issuer += "/common/v2.0"
				}
			})
			who, err := sign(t, p, false, func(v url.Values) {
				if c.preset == "microsoft" {
					v.Set("iss", up.URL+"/"+tenant+"/v2.0")
				}
			})
			if err != nil || who.Email != c.email || who.EmailVerified != c.verified {
				t.Errorf("got %+v, %v", who, err)
			}
			if who.Subject == "" || c.preset == "microsoft" && (who.Subject != tenant+"."+object || who.Issuer != up.URL+"/"+tenant+"/v2.0") {
				t.Errorf("who it is: %q at %q", who.Subject, who.Issuer)
			}
		})
	}
}

func TestOneTenantCannotSpeakForAnother(t *testing.T) {
	const one, two = "9188040d-6c67-4c5b-b112-36a304b66dad", "11111111-2222-3333-4444-555555555555"
	for _, c := range []struct{ name, iss, tid string }{
		{"its token names another tenant", "/" + one + "/v2.0", two},
		{"its token names none", "/" + one + "/v2.0", ""},
		{"its issuer is no tenant's", "/common/v2.0", one},
		{"its issuer has more before it", "/x/" + one + "/v2.0", one},
		{"its issuer is the template", "/{tenantid}/v2.0", "{tenantid}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			up := start(t)
			up.Lie(upstream.Lies{
				Metadata: upstream.Object{"issuer": up.URL + "/{tenantid}/v2.0", "authorization_response_iss_parameter_supported": false},
				Claims:   upstream.Object{"iss": up.URL + c.iss, "tid": c.tid, "oid": "x"},
				Back:     func(v url.Values) { v.Del("iss") },
			})
			p := provider(t, up, preset("microsoft"), func(fc *federation.Config) { fc.Issuer += "/common/v2.0" })
			if who, err := sign(t, p, false); !errors.Is(err, federation.ErrRefused) {
				t.Errorf("got %+v, %v", who, err)
			}
		})
	}
}

func TestAnAnswerCountsForItsAttemptOnly(t *testing.T) {
	up, other := start(t), start(t)
	p := provider(t, up)
	elsewhere := provider(t, other, func(c *federation.Config) { c.ID = "other" })
	begin := func(p *federation.Provider) (*federation.Attempt, federation.Answer) {
		a, address, err := p.Begin(t.Context(), callback, false)
		if err != nil {
			t.Fatal(err)
		}
		in, err := federation.ParseAnswer(browse(t, address))
		if err != nil {
			t.Fatal(err)
		}
		return a, in
	}
	late, lateIn := begin(p)
	late.BeganAt = late.BeganAt.Add(-federation.AttemptLifetime - time.Second)
	mine, _ := begin(p)
	_, theirs := begin(p)
	there, thereIn := begin(elsewhere)
	stolen, stolenIn := begin(p)
	stolen.Verifier = mine.Verifier
	again, againIn := begin(p)
	if _, err := p.Finish(t.Context(), again, againIn); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		p    *federation.Provider
		a    *federation.Attempt
		in   federation.Answer
	}{
		{"an answer to another browser", p, mine, theirs},
		{"an answer after ten minutes", p, late, lateIn},
		{"an answer of one provider brought to another", p, there, thereIn},
		{"an attempt with one provider finished at another", elsewhere, mine, thereIn},
		{"a code without its verifier", p, stolen, stolenIn},
		{"a code that was used", p, again, againIn},
		{"nothing at all", p, mine, federation.Answer{}},
		{"an attempt of nobody", p, &federation.Attempt{}, theirs},
	} {
		if who, err := c.p.Finish(t.Context(), c.a, c.in); !errors.Is(err, federation.ErrRefused) {
			t.Errorf("%s: got %+v, %v", c.name, who, err)
		}
	}
}

func TestADenialIsOne(t *testing.T) {
	up := start(t)
	up.Lie(upstream.Lies{Back: func(v url.Values) { v.Del("code"); v.Set("error", "access_denied") }})
	_, err := sign(t, provider(t, up), false)
	if e, ok := errors.AsType[*federation.DeniedError](err); !ok || e.Code != "access_denied" {
		t.Errorf("got %v", err)
	}
}

func TestAProviderLooksAgainIfItIsAskedTo(t *testing.T) {
	for _, c := range []struct {
		name string
		at   any
		ok   bool
	}{
		{"it has", time.Now().Unix(), true},
		{"it has not, since an hour", time.Now().Add(-time.Hour).Unix(), false},
		{"it does not say", nil, false},
		{"it will, in an hour", time.Now().Add(time.Hour).Unix(), false},
	} {
		up := start(t)
		up.Lie(upstream.Lies{Claims: upstream.Object{"auth_time": c.at}})
		p := provider(t, up)
		if _, err := sign(t, p, false); err != nil {
			t.Errorf("%s: not asked: %v", c.name, err)
		}
		if _, err := sign(t, p, true); (err == nil) != c.ok || err != nil && !errors.Is(err, federation.ErrRefused) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestAProviderThatWasDownIsFoundLater(t *testing.T) {
	up := start(t)
	down := func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusBadGateway) }
	up.Lie(upstream.Lies{Handlers: map[string]http.HandlerFunc{"/.well-known/openid-configuration": down}})
	p := provider(t, up)
	var rush sync.WaitGroup
	for range 20 {
		rush.Go(func() {
			if _, _, err := p.Begin(t.Context(), callback, false); !errors.Is(err, federation.ErrUnavailable) {
				t.Errorf("down: %v", err)
			}
		})
	}
	rush.Wait()
	if n := up.Calls("/.well-known/openid-configuration"); n != 1 {
		t.Errorf("asked %d times", n)
	}
	up.Lie(upstream.Lies{})
	q := provider(t, up)
	for range 20 {
		rush.Go(func() {
			if _, err := sign(t, q, false); err != nil {
				t.Errorf("up again: %v", err)
			}
		})
	}
	rush.Wait()
	if n := up.Calls("/.well-known/openid-configuration"); n != 2 {
		t.Errorf("asked %d times", n)
	}
}

func TestNothingPrivateIsAskedUnlessItIsSaidSo(t *testing.T) {
	up := start(t)
	public := func(c *federation.Config) {
		c.PrivateNetwork, c.Issuer = false, strings.Replace(c.Issuer, "http:", "https:", 1)
	}
	if _, err := sign(t, provider(t, up, public), false); !errors.Is(err, outbound.ErrPrivate) || !errors.Is(err, federation.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if n := up.Calls("/.well-known/openid-configuration"); n != 0 {
		t.Errorf("asked %d times", n)
	}
}

func TestAppleIsToldASecretThatWeSigned(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	up := start(t)
	up.Person(upstream.Object{"sub": "001.abc.1", "email": "x@privaterelay.appleid.com", "email_verified": "true"})
	up.Secrets(func(s string) bool { return signedBy(&key.PublicKey, s, up.URL) })
	p := provider(t, up, func(c *federation.Config) {
		c.Preset, c.TeamID, c.KeyID = "apple", "TEAM", "KEY"
		c.ClientSecret = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	})
	who, err := sign(t, p, false, func(v url.Values) {
		v.Set("user", `{"name":{"firstName":"Ann","lastName":"Apple"},"email":"boss@example.com"}`)
	})
	want := federation.Person{
		Provider: "up", Issuer: up.URL, Subject: "001.abc.1", Email: "x@privaterelay.appleid.com", EmailVerified: true, Name: "Ann Apple",
	}
	if err != nil || who != want {
		t.Errorf("got %+v, %v", who, err)
	}
}

// signedBy verifies a client secret as apple documents it.
func signedBy(key *ecdsa.PublicKey, s, audience string) bool {
	parts := strings.Split(s, ".")
	if len(parts) != 3 {
		return false
	}
	var bytes [3][]byte
	for i := range parts {
		bytes[i], _ = base64.RawURLEncoding.DecodeString(parts[i])
	}
	var c struct {
		Iss, Sub, Aud string
		Iat, Exp      int64
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	return len(bytes[2]) == 64 && json.Unmarshal(bytes[1], &c) == nil && string(bytes[0]) == `{"alg":"ES256","kid":"KEY"}` &&
		c.Iss == "TEAM" && c.Sub == upstream.ClientID && c.Aud == audience && c.Exp > time.Now().Unix() && c.Exp <= c.Iat+15777000 &&
		ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(bytes[2][:32]), new(big.Int).SetBytes(bytes[2][32:]))
}

// silent is a network in which nobody ever answers.
type silent struct{}

func (silent) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestAProviderThatIsSlowIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := federation.New(federation.Config{ID: "up", Issuer: "https://id.example.com", ClientID: "c", Transport: silent{}})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, _, err = p.Begin(t.Context(), callback, false)
		if took := time.Since(began); !errors.Is(err, federation.ErrUnavailable) || took != outbound.Timeout {
			t.Errorf("%v after %v", err, took)
		}
	})
}
