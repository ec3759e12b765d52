package oauth_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/oauth"
)

// FuzzRequestObject: what is not signed by the client's key, as a request object, is none.
func FuzzRequestObject(f *testing.F) {
	f.Add("a.b.c")
	f.Add("eyJhbGciOiJub25lIiwidHlwIjoib2F1dGgtYXV0aHotcmVxK2p3dCJ9.e30.")
	key, err := token.Generate(token.EdDSA)
	if err != nil {
		f.Fatal(err)
	}
	const body = `{"iss":"app","client_id":"app","aud":"https://id.example","exp":4102444800,"response_type":"code","resource":["https://a.example","https://b.example"],"max_age":60,"claims":{"id_token":{"acr":null}},"x":null}`
	good, err := key.Sign("oauth-authz-req+jwt", []byte(body))
	if err != nil {
		f.Fatal(err)
	}
	other, err := key.Sign("JWT", []byte(body))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(other)
	set, err := token.NewJWKS(key.Public())
	if err != nil {
		f.Fatal(err)
	}
	c, now := client(), time.Unix(4102444800-60, 0)
	find := func(h token.Header) ([]*token.Key, error) { return set.Candidates(h), nil }
	f.Fuzz(func(t *testing.T, jwt string) {
		p, err := c.OpenRequest(jwt, find, issuer, now)
		if e, ok := errors.AsType[*oauth.Error](err); err != nil && (!ok || e.Code != oauth.InvalidRequestObject) {
			t.Errorf("%v", err)
		}
		if err != nil {
			return
		}
		if jwt != good {
			t.Errorf("%q is one", jwt)
		}
		if !slices.Equal(p["resource"], []string{"https://a.example", "https://b.example"}) || !slices.Equal(p["max_age"], []string{"60"}) ||
			!slices.Equal(p["claims"], []string{`{"id_token":{"acr":null}}`}) || len(p["iss"])+len(p["aud"])+len(p["exp"])+len(p["x"]) > 0 {
			t.Errorf("%v", p)
		}
	})
}

// FuzzRequestObjectClaims: whatever a client signs, only parameters come of it, and each can be written again.
func FuzzRequestObjectClaims(f *testing.F) {
	for _, s := range []string{`{}`, `{"resource":[1]}`, `{"scope":"a","state":null}`, `{"a":{"b":[1,2,{}]}}`, `{"client_id":["app"]}`, `[]`, `{"a":"\u0000"}`, `{"a":1e999}`} {
		f.Add(s)
	}
	key, err := token.Generate(token.EdDSA)
	if err != nil {
		f.Fatal(err)
	}
	c, now := client(), time.Unix(4102444800-60, 0)
	find := func(token.Header) ([]*token.Key, error) { return []*token.Key{key.Public()}, nil }
	f.Fuzz(func(t *testing.T, body string) {
		var m map[string]json.RawMessage
		if json.Unmarshal([]byte(body), &m) != nil || m == nil {
			m = map[string]json.RawMessage{}
		}
		for name, v := range map[string]string{"iss": `"app"`, "client_id": `"app"`, "aud": `"https://id.example"`, "exp": "4102444800"} {
			if m[name] == nil {
				m[name] = json.RawMessage(v)
			}
		}
		payload, err := json.Marshal(m)
		if err != nil {
			return
		}
		jwt, err := key.Sign(oauth.TypRequestObject, payload)
		if err != nil {
			return
		}
		p, err := c.OpenRequest(jwt, find, issuer, now)
		if err != nil {
			if e, ok := errors.AsType[*oauth.Error](err); !ok || e.Code != oauth.InvalidRequestObject {
				t.Errorf("%v", err)
			}
			return
		}
		again, err := oauth.ParseParams(p.Encode())
		if err != nil || again.Encode() != p.Encode() {
			t.Errorf("%v came back as %v, %v", p, again, err)
		}
		if id, err := p.One("client_id"); err != nil || id != "app" {
			t.Errorf("%v, %v", p, err)
		}
	})
}

// FuzzExchange: what is read of an exchange is what can be asked for.
func FuzzExchange(f *testing.F) {
	const good = "subject_token=x&subject_token_type=urn:ietf:params:oauth:token-type:access_token"
	for _, s := range []string{"", good, good + "&resource=https://a.example&audience=https://b.example", good + "&actor_token=y", good + "&actor_token_type=z", good + "&resource=a%00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, form string) {
		p, err := oauth.ParseParams(form)
		if err != nil {
			return
		}
		x, err := oauth.ReadExchange(p)
		if e, ok := errors.AsType[*oauth.Error](err); err != nil && (!ok || e.Code != oauth.InvalidRequest && e.Code != oauth.InvalidTarget) {
			t.Errorf("%v", err)
		}
		if err != nil {
			return
		}
		if x.Subject == "" {
			t.Error("no subject_token")
		}
		for _, target := range x.Targets {
			if oauth.CheckResource(target) != nil {
				t.Errorf("%q", target)
			}
		}
	})
}
