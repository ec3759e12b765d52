package oauth_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/oauth"
)

func TestMetadataIsReadAsItIsWritten(t *testing.T) {
	m, err := oauth.ParseMetadata([]byte(`{"client_name":"A","Client_Name":"B","CLIENT_NAME":"C","unknown":{"a":1},"logo_uri":null,"redirect_uris":["https://a.example/"]}`))
	if err != nil || m.Name != "A" || m.Logo != "" || len(m.Redirects) != 1 {
		t.Errorf("%+v, %v", m, err)
	}
}

// Whatever a program says of itself, it becomes a client that could have been registered
// otherwise, within what was permitted, or is told why not in the words of RFC 7591.
func FuzzMetadata(f *testing.F) {
	for _, seed := range []string{
		`{"redirect_uris":["https://a.example/cb"],"scope":"openid note:read"}`,
		`{"redirect_uris":["http://127.0.0.1/"],"token_endpoint_auth_method":"none","grant_types":["authorization_code"],"response_types":["code"]}`,
		`{"redirect_uris":null,"scope":""}`, `{"scope":"a  b"}`, `{"jwks":{"keys":[]},"token_endpoint_auth_method":"private_key_jwt"}`,
		`{"client_name":"\u0000","redirect_uris":["x"]}`, `{"software_statement":"e30"}`, `{"sector_identifier_uri":false}`, `[]`, `{`, `{"scope":1}`,
	} {
		f.Add(seed)
	}
	permitted := []string{"openid", "note:read"}
	f.Fuzz(func(t *testing.T, body string) {
		m, err := oauth.ParseMetadata([]byte(body))
		c := oauth.Client{ID: "app", Trusted: true, Resources: []string{"https://api.example"}}
		if err == nil {
			err = m.Onto(&c, permitted)
		}
		if err != nil {
			e, ok := errors.AsType[*oauth.Error](err)
			if !ok || !strings.HasPrefix(e.Code, "invalid_") && e.Code != oauth.UnapprovedStatement {
				t.Fatalf("%s: %v", body, err)
			}
			return
		}
		again := c
		if err := again.Complete(); err != nil {
			t.Errorf("%s: %v", body, err)
		}
		if len(oauth.Beyond(c.Scopes, permitted)) > 0 || slices.Contains(c.Grants, oauth.ByCredentials) || !c.Trusted || len(c.Resources) != 1 || c.ID != "app" {
			t.Errorf("%s becomes %+v", body, c)
		}
		told, err := json.Marshal(oauth.MetadataOf(&c))
		if err != nil {
			t.Fatal(err)
		}
		back, err := oauth.ParseMetadata(told)
		twin := oauth.Client{ID: "app", Trusted: true, Resources: c.Resources}
		if err == nil {
			err = back.Onto(&twin, permitted)
		}
		if err != nil || !slices.Equal(twin.Scopes, c.Scopes) || !slices.Equal(twin.Redirects, c.Redirects) || twin.Name != c.Name {
			t.Errorf("%s: what it is told, %s, makes another client of it: %v", body, told, err)
		}
	})
}
