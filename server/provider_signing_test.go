package server_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/internal/secret"
)

// assertion is one of the client, as changed; nil takes a claim away.
func (a *relyingParty) assertion(key *token.SigningKey, change map[string]any) string {
	now := time.Now().Unix()
	return sealed(a.h, key, "JWT", map[string]any{"iss": a.id, "sub": a.id, "aud": a.h.URL, "jti": secret.NewID("tok"), "iat": now, "exp": now + 60}, change)
}

// object is a request object of the client, as changed.
func (a *relyingParty) object(key *token.SigningKey, change map[string]any) string {
	now := time.Now().Unix()
	m := map[string]any{"iss": a.id, "aud": a.h.URL, "iat": now, "nbf": now, "exp": now + 60}
	for name, values := range a.request() {
		m[name] = values[0]
	}
	return sealed(a.h, key, "oauth-authz-req+jwt", m, change)
}

func sealed(t testing.TB, key *token.SigningKey, typ string, m, change map[string]any) string {
	t.Helper()
	m = maps.Clone(m)
	for name, v := range change {
		if m[name] = v; v == nil {
			delete(m, name)
		}
	}
	payload, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	jwt, err := key.Sign(typ, payload)
	if err != nil {
		t.Fatal(err)
	}
	return jwt
}

// keySet is the set of public keys.
func keySet(t testing.TB, keys ...*token.SigningKey) json.RawMessage {
	t.Helper()
	var all []string
	for _, k := range keys {
		b, err := k.Public().MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(b))
	}
	return json.RawMessage(`{"keys":[` + strings.Join(all, ",") + `]}`)
}

func newKey(t testing.TB, alg token.Alg) *token.SigningKey {
	t.Helper()
	k, err := token.Generate(alg)
	if err != nil {
		t.Fatal(err)
	}
	return k
}
