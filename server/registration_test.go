package server_test

import (
	"encoding/json"
	"maps"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/server"
)

// selfService lets programs register themselves.
func selfService(c *server.Config) { c.ClientRegistration = true }

// initial makes an initial access token, as changed.
func (h *house) initial(change ...func(*account.NewInitialToken)) string {
	h.Helper()
	in := account.NewInitialToken{Name: "test", Scopes: []string{"openid", "profile", "note:read"}, Uses: 100, Life: time.Hour}
	for _, f := range change {
		f(&in)
	}
	_, plain, err := h.Accounts.AddInitialToken(h.Context(), in, account.Origin{})
	if err != nil {
		h.Fatal(err)
	}
	return plain
}

// An ownRegistration is what a client is told of itself.
type ownRegistration struct {
	ID       string   `json:"client_id"`
	Secret   string   `json:"client_secret"`
	Expires  *int64   `json:"client_secret_expires_at"`
	IssuedAt int64    `json:"client_id_issued_at"`
	Token    string   `json:"registration_access_token"`
	URI      string   `json:"registration_client_uri"`
	Name     string   `json:"client_name"`
	Scope    string   `json:"scope"`
	Auth     string   `json:"token_endpoint_auth_method"`
	Grants   []string `json:"grant_types"`
	Types    []string `json:"response_types"`
	Redirect []string `json:"redirect_uris"`
}

const metadata = `{"client_name":"Shop","redirect_uris":["` + appURL + `"],"scope":"openid note:read","logo_uri#de":"https://x.example/","contacts":["a@b.example"],"x":1}`

func (h *house) registers(tok, body string) *answer {
	h.Helper()
	c := h.nobody()
	if tok != "" {
		c = c.with("Authorization", "Bearer "+tok)
	}
	return c.do("POST", "/auth/oauth/register", body)
}

func TestAProgramRegistersItself(t *testing.T) {
	h := open(t, selfService)
	var r ownRegistration
	a := h.registers(h.initial(), metadata).want(201)
	a.into(&r)
	if a.header.Get("Cache-Control") != "no-store" {
		t.Error("it may be kept")
	}
	if r.ID == "" || r.Secret == "" || r.Expires == nil || *r.Expires != 0 || r.IssuedAt == 0 || r.Token == "" || r.URI != h.URL+"/auth/oauth/register/"+r.ID ||
		r.Name != "Shop" || r.Scope != "openid note:read" || r.Auth != "client_secret_basic" || len(r.Types) != 1 || len(r.Grants) != 2 {
		t.Errorf("%s", a.body)
	}
	// And it signs somebody in, who is asked.
	app := &relyingParty{h, r.ID, r.Secret}
	ann := h.browser("ann")
	ann.do("GET", "/auth/oauth/authorize?"+app.request("scope", "openid").Encode()).want(200)
	g := app.redeem(app.code(ann, "scope", "openid note:read")).tokens()
	h.nobody().bearer(g.Access).do("GET", "/notes").want(200)
	app.ask("/token", "grant_type", "client_credentials").refused(400, "unauthorized_client")

	own := h.nobody().with("Authorization", "Bearer "+r.Token)
	path := "/auth/oauth/register/" + r.ID
	var read map[string]any
	own.do("GET", path).want(200).into(&read)
	if read["client_secret"] != nil || read["registration_access_token"] != r.Token || read["client_name"] != "Shop" {
		t.Errorf("read: %v", read)
	}

	// An update is in place of everything (RFC 7592 §2.2), and what it takes away is gone at once.
	put := `{"client_id":"` + r.ID + `","client_secret":"` + r.Secret + `","redirect_uris":["` + appURL + `"],"scope":"openid"}`
	own.do("PUT", path, put).want(200).into(&r)
	if r.Name != "https://app.example" || r.Scope != "openid" {
		t.Errorf("changed: %+v", r)
	}
	h.nobody().bearer(g.Access).do("GET", "/notes").want(401, "invalid_token")
	for name, body := range map[string]string{
		"another client_id":      strings.Replace(put, r.ID, "other", 1),
		"another secret":         strings.Replace(put, `"client_secret":"`, `"client_secret":"x`, 1),
		"no client_id":           metadata,
		"a scope that is beyond": strings.Replace(put, `"scope":"openid"`, `"scope":"note:write"`, 1),
		"no JSON":                `{`,
		"to act for itself":      strings.Replace(put, `"scope":"openid"`, `"grant_types":["client_credentials"]`, 1),
	} {
		if a := own.do("PUT", path, body); a.status != 400 || !strings.Contains(a.body, "invalid_client_metadata") {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	for _, ours := range []string{"registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at"} {
		own.do("PUT", path, strings.Replace(put, "{", `{"`+ours+`":1,`, 1)).refused(400, "invalid_request")
	}

	own.do("DELETE", path).want(204)
	own.do("GET", path).want(401, "invalid_token")
	own.do("DELETE", path).want(401, "invalid_token")
	app.ask("/token", "grant_type", "client_credentials").refused(401, "invalid_client")
}

// What a program asks of itself, beyond what it must, is asked of it.
func TestAProgramBindsItself(t *testing.T) {
	h := open(t, selfService)
	ann := h.browser("ann")
	keys := string(keySet(t, newKey(t, token.ES256)))
	registered := func(member string) *relyingParty {
		t.Helper()
		var told map[string]any
		h.registers(h.initial(), strings.Replace(metadata, "{", `{"`+member+`":true,"jwks":`+keys+`,`, 1)).want(201).into(&told)
		if told[member] != true {
			t.Errorf("%s: told %v", member, told)
		}
		return &relyingParty{h, told["client_id"].(string), told["client_secret"].(string)}
	}
	for _, member := range []string{"dpop_bound_access_tokens", "tls_client_certificate_bound_access_tokens"} {
		app := registered(member)
		app.redeem(app.code(ann, "scope", "openid")).refused(400, "invalid_request")
	}
	for member, code := range map[string]string{"require_pushed_authorization_requests": "invalid_request", "require_signed_request_object": "invalid_request_object"} {
		if v := ann.do("GET", "/auth/oauth/authorize?"+registered(member).request("scope", "openid").Encode()).told(); v.Get("error") != code {
			t.Errorf("%s: %v", member, v)
		}
	}
}

func TestWhatNobodyRegisters(t *testing.T) {
	h := open(t, selfService)
	tok := h.initial()
	with := func(member, value string) string {
		var m map[string]json.RawMessage
		if err := json.Unmarshal([]byte(metadata), &m); err != nil {
			t.Fatal(err)
		}
		m = maps.Clone(m)
		if delete(m, member); value != "" {
			m[member] = json.RawMessage(value)
		}
		return mustJSON(m)
	}
	used := h.initial(func(in *account.NewInitialToken) { in.Uses = 1 })
	h.registers(used, metadata).want(201)
	for _, body := range []string{metadata, `{"frontchannel_logout_uri":"https://x.example"}`, `x`} {
		h.registers("wrong", body).want(401, "invalid_token")
		h.registers(used, body).want(401, "invalid_token")
	}
	for _, tt := range []struct{ name, body, code string }{
		{"no JSON", `x`, "invalid_client_metadata"},
		{"no object", `[]`, "invalid_client_metadata"},
		{"null", `null`, "invalid_client_metadata"},
		{"nowhere to lead to", with("redirect_uris", ""), "invalid_redirect_uri"},
		{"no list of redirects", with("redirect_uris", `"`+appURL+`"`), "invalid_redirect_uri"},
		{"http", with("redirect_uris", `["http://app.example/cb"]`), "invalid_redirect_uri"},
		{"a fragment", with("redirect_uris", `["https://app.example/cb#x"]`), "invalid_redirect_uri"},
		{"a wildcard", with("redirect_uris", `["https://*.example/cb"]`), "invalid_redirect_uri"},
		{"a script", with("redirect_uris", `["javascript:alert(1)"]`), "invalid_redirect_uri"},
		{"a scope that is not permitted", with("scope", `"openid note:write"`), "invalid_client_metadata"},
		{"a pattern that is not permitted", with("scope", `"note:*"`), "invalid_client_metadata"},
		{"a method that does not exist", with("token_endpoint_auth_method", `"client_secret_jwt"`), "invalid_client_metadata"},
		{"keys that are none", with("jwks", `{"keys":[]}`), "invalid_client_metadata"},
		{"to act for itself", with("grant_types", `["client_credentials"]`), "invalid_client_metadata"},
		{"tokens of others", with("grant_types", `["urn:ietf:params:oauth:grant-type:token-exchange"]`), "invalid_client_metadata"},
		{"the implicit grant", with("grant_types", `["implicit"]`), "invalid_client_metadata"},
		{"a token in the front channel", with("response_types", `["token"]`), "invalid_client_metadata"},
		{"what does not fit together", `{"response_types":["code"],"grant_types":["urn:ietf:params:oauth:grant-type:device_code"]}`, "invalid_client_metadata"},
		{"a statement", with("software_statement", `"e30.e30."`), "unapproved_software_statement"},
		{"encryption", with("id_token_encrypted_response_alg", `"RSA-OAEP"`), "invalid_client_metadata"},
		{"subjects of its own", with("subject_type", `"secret"`), "invalid_client_metadata"},
		{"an address inside", with("backchannel_logout_uri", `"http://10.0.0.1/"`), "invalid_client_metadata"},
		{"a number for a name", with("client_name", `1`), "invalid_client_metadata"},
		{"a name that lies", with("client_name", `"a\u202eb"`), "invalid_client_metadata"},
		{"a long name", with("client_name", `"`+strings.Repeat("a", 101)+`"`), "invalid_client_metadata"},
	} {
		t.Run(tt.name, func(t *testing.T) { h.registers(tok, tt.body).refused(400, tt.code) })
	}
	h.nobody().with("Authorization", "Bearer "+tok).with("Content-Type", "text/plain").do("POST", "/auth/oauth/register", metadata).refused(400, "invalid_client_metadata")

	// What only an administrator says of a client counts for nothing, and its id is ours to choose.
	var r ownRegistration
	h.registers(tok, `{"redirect_uris":["`+appURL+`"],"first_party":true,"allow_no_pkce":true,"roles":["admin"],"scopes":["note:write"],"resources":["https://x.example"],`+
		`"client_id":"mine","client_secret":"mine","Redirect_URIs":["https://evil.example/"],"registered":{"by":"x"}}`).want(201).into(&r)
	c, err := h.Accounts.Client(t.Context(), r.ID)
	if err != nil || c.ID == "mine" || c.Trusted || c.NoPKCE || len(c.Resources) != 0 || strings.Join(c.Scopes, " ") != "openid profile" || len(c.Redirects) != 1 || r.Secret == "mine" {
		t.Errorf("%+v, %v", c, err)
	}
	if roles, err := h.Accounts.Assigned(t.Context(), r.ID, ""); len(roles) > 0 || err != nil {
		t.Errorf("it has %v, %v", roles, err)
	}
}

func TestWhoMayRegister(t *testing.T) {
	h := open(t, selfService)
	once := h.initial(func(in *account.NewInitialToken) { in.Uses = 1 })
	h.registers("", metadata).want(401, "unauthenticated")
	h.registers("made-up", metadata).want(401, "invalid_token")
	h.admin().do("POST", "/auth/oauth/register", metadata).want(401, "unauthenticated") // no cookie counts
	h.registers(h.program("ann").tokens.Access, metadata).want(401, "invalid_token")
	h.registers(once, `{"redirect_uris":["x"]}`).refused(400, "invalid_redirect_uri") // and that uses nothing up

	var mu sync.Mutex
	var both sync.WaitGroup
	statuses := map[int]int{}
	for range 8 {
		both.Go(func() {
			a := h.registers(once, metadata)
			mu.Lock()
			defer mu.Unlock()
			statuses[a.status]++
		})
	}
	both.Wait()
	if statuses[201] != 1 || statuses[401] != 7 {
		t.Errorf("of eight at once: %v", statuses)
	}

	// A registration access token is of one client, and of its registration only.
	var one, two ownRegistration
	h.registers(h.initial(), metadata).want(201).into(&one)
	h.registers(h.initial(), metadata).want(201).into(&two)
	own := h.nobody().with("Authorization", "Bearer "+one.Token)
	byAdmin := h.app()
	for _, id := range []string{two.ID, byAdmin.id, "none_x", "%00"} {
		own.do("GET", "/auth/oauth/register/"+id).want(401, "invalid_token")
		own.do("DELETE", "/auth/oauth/register/"+id).want(401, "invalid_token")
		own.do("PUT", "/auth/oauth/register/"+id, metadata).want(401, "invalid_token")
	}
	own.do("GET", "/notes").want(401, "invalid_token")
	h.registers(one.Token, metadata).want(401, "invalid_token")
	h.nobody().do("GET", "/auth/oauth/register/"+one.ID).want(401, "unauthenticated")

	// A client that an administrator disables cannot go on about itself.
	c, err := h.Accounts.Client(t.Context(), one.ID)
	if err != nil {
		t.Fatal(err)
	}
	c.Disabled = true
	if _, err := h.Accounts.SetClient(t.Context(), account.ClientRegistration{Client: c}, nil, account.Origin{}); err != nil {
		t.Fatal(err)
	}
	own.do("GET", "/auth/oauth/register/"+one.ID).want(401, "invalid_token")
	own.do("PUT", "/auth/oauth/register/"+one.ID, strings.Replace(metadata, "{", `{"client_id":"`+one.ID+`",`, 1)).want(401, "invalid_token")
}

func TestNobodyRegistersTooMuchAtOnce(t *testing.T) {
	h := open(t, selfService)
	tok := h.initial()
	there := account.Origin{Address: netip.MustParseAddr("127.0.0.1")}
	for range 300 {
		if _, _, err := h.Accounts.Push(t.Context(), "app", "x=y", there); err != nil {
			t.Fatal(err)
		}
	}
	h.registers(tok, metadata).want(429, "rate_limited")
	all, err := h.Accounts.InitialTokens(t.Context(), "", 10)
	if err != nil || len(all) != 1 || all[0].Uses != 100 {
		t.Errorf("%+v, %v", all, err)
	}
}

// What an administrator has set of a client stays when that says something about itself.
func TestAClientCannotUndoWhatAnAdministratorSays(t *testing.T) {
	h := open(t, selfService)
	var r ownRegistration
	h.registers(h.initial(), metadata).want(201).into(&r)
	c, err := h.Accounts.Client(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Accounts.SetResource(t.Context(), oauth.Resource{URI: "https://api.example", Name: "API"}, nil, account.Origin{}); err != nil {
		t.Fatal(err)
	}
	c.Resources, c.Trusted = []string{"https://api.example"}, true
	if _, err := h.Accounts.SetClient(t.Context(), account.ClientRegistration{Client: c}, nil, account.Origin{}); err != nil {
		t.Fatal(err)
	}
	own := h.nobody().with("Authorization", "Bearer "+r.Token)
	own.do("PUT", "/auth/oauth/register/"+r.ID, `{"client_id":"`+r.ID+`","redirect_uris":["`+appURL+`"],"first_party":false}`).want(200)
	if c, err = h.Accounts.Client(t.Context(), r.ID); err != nil || !c.Trusted || len(c.Resources) != 1 || c.Registered == nil {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestRegistrationIsOffUnlessItIsOn(t *testing.T) {
	h := open(t)
	var m map[string]any
	h.nobody().do("GET", "/.well-known/openid-configuration").want(200).into(&m)
	if m["registration_endpoint"] != nil {
		t.Errorf("it is said to be at %v", m["registration_endpoint"])
	}
	h.registers(h.initial(), metadata).want(404)
	on := open(t, selfService)
	on.nobody().do("GET", "/.well-known/openid-configuration").want(200).into(&m)
	if m["registration_endpoint"] != on.URL+"/auth/oauth/register" {
		t.Errorf("it is said to be at %v", m["registration_endpoint"])
	}
}

func TestTokensForRegistrationAreGiven(t *testing.T) {
	h := open(t, selfService)
	boss := h.admin()
	const api = "/auth/admin/api/initial-access-tokens"
	var made struct{ ID, Token, Name string }
	boss.do("POST", api, `{"name":"For the shop","scopes":["openid","note:read"],"uses":2,"expires_in":60}`).want(201).into(&made)
	h.registers(made.Token, metadata).want(201)
	var list struct {
		Items []struct {
			ID, Token string
			Uses      int
		}
	}
	boss.do("GET", api+"?limit=1").want(200).into(&list)
	if len(list.Items) != 1 || list.Items[0].ID != made.ID || list.Items[0].Token != "" || list.Items[0].Uses != 1 {
		t.Errorf("%+v", list)
	}
	for _, body := range []string{`{}`, `{"name":"x","uses":0}`, `{"name":"x","uses":1001}`, `{"name":"x","expires_in":-1}`, `{"name":"x","scopes":["a b"]}`} {
		boss.do("POST", api, body).want(400, "invalid_request")
	}
	// Nobody can give what they do not hold.
	helper := h.browser("helper")
	if err := h.Accounts.PutRole(t.Context(), authz.Role{Name: "clerk", Permissions: []string{"client:write"}}, nil, account.Origin{}); err != nil {
		t.Fatal(err)
	}
	if err := h.Accounts.Assign(t.Context(), helper.id, "clerk", "", account.Origin{}); err != nil {
		t.Fatal(err)
	}
	helper.do("POST", api, `{"name":"x","scopes":["note:write"]}`).want(403, "forbidden")
	helper.do("POST", api, `{"name":"x"}`).want(201)

	boss.do("DELETE", api+"/"+made.ID).want(204)
	boss.do("DELETE", api+"/"+made.ID).want(404, "not_found")
	h.registers(made.Token, metadata).want(401, "invalid_token")
}
