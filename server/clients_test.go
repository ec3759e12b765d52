package server_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authz"
)

// registration is a client as the API shows it.
type registration struct {
	ID         string `json:"client_id"`
	Name       string
	Secret     string `json:"client_secret"`
	Redirects  []string
	GrantTypes []string `json:"grant_types"`
	Scopes     []string
	Method     string `json:"token_endpoint_auth_method"`
	Roles      []string
	Secrets    []map[string]any
	Disabled   bool
}

func (a *answer) client() (c registration) {
	a.h.Helper()
	a.into(&c)
	return c
}

const robot = `{"client_id":"robot","name":"Robot","grant_types":["client_credentials"],"scopes":["note:read","note:write"],"roles":["member"]}`

// as is the client that the API has shown, for asking the endpoints.
func (h *house) as(c registration) *relyingParty { return &relyingParty{h, c.ID, c.Secret} }

func TestAClientIsAdministered(t *testing.T) {
	h := open(t)
	boss := h.admin()
	made := boss.do("POST", api+"/clients", robot).want(201)
	c := made.client()
	if c.ID != "robot" || len(c.Secret) < 43 || !slices.Equal(c.Roles, []string{"member"}) || c.Method != "client_secret_basic" || len(c.Secrets) != 1 {
		t.Errorf("%s", made.body)
	}
	if made.header.Get("Location") != api+"/clients/robot" || made.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v", made.header)
	}
	if got := h.as(c).ask("/token", "grant_type", "client_credentials").tokens(); got.Access == "" {
		t.Error("no token")
	}

	t.Run("no secret and no hash is shown again", func(t *testing.T) {
		h.T = t
		for _, path := range []string{"/clients", "/clients/robot"} {
			a := boss.do("GET", api+path).want(200)
			if strings.Contains(a.body, "hash") || strings.Contains(a.body, "client_secret\"") || strings.Contains(a.body, c.Secret) {
				t.Errorf("%s", a.body)
			}
		}
	})
	t.Run("what is shown can be sent back", func(t *testing.T) {
		h.T = t
		shown := boss.do("GET", api+"/clients/robot").want(200)
		same := boss.with("If-Match", shown.header.Get("ETag"))
		again := same.do("PUT", api+"/clients/robot", strings.Replace(shown.body, `"name":"Robot"`, `"name":"Rob"`, 1)).want(200)
		if got := again.client(); got.Name != "Rob" || !slices.Equal(got.Roles, c.Roles) || len(got.Secrets) != 1 {
			t.Errorf("%s", again.body)
		}
		if same.do("PUT", api+"/clients/robot", shown.body).want(412, "conflict"); again.header.Get("ETag") == shown.header.Get("ETag") {
			t.Error("two versions have one tag")
		}
	})
	t.Run("two secrets work until the old one ends", func(t *testing.T) {
		h.T = t
		next := boss.do("POST", api+"/clients/robot/secret").want(200).client()
		if next.Secret == c.Secret || len(next.Secrets) != 2 || next.Secrets[1]["expires_at"] == nil {
			t.Errorf("%+v", next)
		}
		h.as(c).ask("/token", "grant_type", "client_credentials").tokens()
		h.as(next).ask("/token", "grant_type", "client_credentials").tokens()
		last := boss.do("POST", api+"/clients/robot/secret", `{"keep_seconds":0}`).want(200).client()
		for _, old := range []registration{c, next} {
			h.as(old).ask("/token", "grant_type", "client_credentials").refused(401, "invalid_client")
		}
		h.as(last).ask("/token", "grant_type", "client_credentials").tokens()
		c = last
	})
	t.Run("a role is in force on the tokens that it has", func(t *testing.T) {
		h.T = t
		acts := h.nobody().bearer(h.as(c).ask("/token", "grant_type", "client_credentials").tokens().Access)
		acts.do("GET", "/notes").want(200)
		acts.do("POST", "/notes").want(403, "forbidden")
		change := func(roles string) {
			boss.do("PUT", api+"/clients/robot", strings.Replace(robot, `["member"]`, roles, 1)).want(200)
		}
		change(`["editor"]`)
		acts.do("GET", "/notes").want(403, "forbidden")
		acts.do("POST", "/notes").want(200)
		change(`[]`)
		acts.do("POST", "/notes").want(403, "forbidden")
	})
	t.Run("its tokens end when it is disabled", func(t *testing.T) {
		h.T = t
		acts := h.nobody().bearer(h.as(c).ask("/token", "grant_type", "client_credentials").tokens().Access)
		acts.do("GET", "/auth/me").want(200)
		boss.do("PUT", api+"/clients/robot", strings.Replace(robot, `{`, `{"disabled":true,`, 1)).want(200)
		acts.do("GET", "/auth/me").want(401, "invalid_token")
		h.as(c).ask("/token", "grant_type", "client_credentials").refused(401, "invalid_client")
	})
	boss.do("DELETE", api+"/clients/robot").want(204)
	boss.do("GET", api+"/clients/robot").want(404, "not_found")
}

// An ID token can be had as soon as the client is there, whatever it is signed with.
func TestTheKeyThatAClientNeedsIsThereWhenItIsRegistered(t *testing.T) {
	h := open(t)
	boss, ann := h.admin(), h.browser("ann")
	body := `{"client_id":"app","name":"App","redirect_uris":["` + appURL + `"],"scopes":["openid","profile"],"id_token_signed_response_alg":"%"}`
	a := h.as(boss.do("POST", api+"/clients", strings.Replace(body, "%", "ES256", 1)).want(201).client())
	if got := a.redeem(a.code(ann)).tokens(); got.ID == "" {
		t.Error("no ID token")
	}
	boss.do("PUT", api+"/clients/app", strings.Replace(body, "%", "RS256", 1)).want(200)
	if got := a.redeem(a.code(ann)).tokens(); got.ID == "" {
		t.Error("no ID token")
	}
}

func TestNobodyAdministersAClientThatMayDoMoreThanThey(t *testing.T) {
	h := open(t)
	boss := h.admin()
	h.must(h.Accounts.PutRole(t.Context(), authz.Role{Name: "registrar", Permissions: []string{"client:*", "role:assign", "note:read"}}, nil, account.Origin{}))
	clerk := h.browser("clerk")
	h.must(h.Accounts.Assign(t.Context(), clerk.id, "registrar", "", account.Origin{}))
	client := func(more string) string { return `{"name":"App","redirect_uris":["` + appURL + `"]` + more + `}` }
	strong := boss.do("POST", api+"/clients", client(`,"client_id":"strong","roles":["editor"]`)).want(201).client()
	far := boss.do("POST", api+"/clients", client(`,"client_id":"far","scopes":["openid","note:write"]`)).want(201).client()
	mine := clerk.do("POST", api+"/clients", client(`,"client_id":"mine","scopes":["openid","note:read"],"roles":["member"]`)).want(201).client()

	for _, more := range []string{`,"roles":["editor"]`, `,"roles":["admin"]`, `,"scopes":["note:write"]`, `,"scopes":["note:*"]`, `,"scopes":["*"]`} {
		clerk.do("POST", api+"/clients", client(more)).want(403, "forbidden")
		clerk.do("PUT", api+"/clients/"+mine.ID, client(more)).want(403, "forbidden")
	}
	for _, other := range []registration{strong, far} {
		path := api + "/clients/" + other.ID
		clerk.do("GET", path).want(200)
		clerk.do("PUT", path, client("")).want(403, "forbidden")
		clerk.do("POST", path+"/secret").want(403, "forbidden")
		clerk.do("DELETE", path).want(403, "forbidden")
	}
	clerk.do("PUT", api+"/clients/"+mine.ID, client(`,"roles":[]`)).want(200)

	key := clerk.narrowed("client:write")
	key.do("POST", api+"/clients", client(`,"scopes":["note:read"]`)).want(403, "forbidden")
	key.do("POST", api+"/clients", client(`,"scopes":["openid"]`)).want(201)
}

func TestAnAdministratorTakesBackWhatAUserHasLetIn(t *testing.T) {
	h := open(t)
	boss, ann := h.admin(), h.browser("ann")
	a := h.app()
	got := a.redeem(a.code(ann, "scope", "openid note:read")).tokens()
	acts := h.nobody().bearer(got.Access)
	acts.do("GET", "/notes").want(200)
	path := api + "/users/" + ann.id + "/applications"
	if list := boss.do("GET", path).want(200); !strings.Contains(list.body, `"client_id":"`+a.id+`"`) || !strings.Contains(list.body, `"note:read"`) {
		t.Errorf("%s", list.body)
	}
	boss.do("DELETE", path+"/"+a.id).want(204)
	acts.do("GET", "/notes").want(401, "invalid_token")
	a.ask("/token", "grant_type", "refresh_token", "refresh_token", got.Refresh).refused(400, "invalid_grant")
	boss.do("DELETE", path+"/"+a.id).want(404, "not_found")
}

func (h *house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func driveClients(h *house, boss *caller) {
	path := api + "/clients/app"
	body := `{"client_id":"app","name":"App","redirect_uris":["` + appURL + `"],"scopes":["openid"]}`
	boss.do("GET", path).want(404, "not_found")
	boss.do("PUT", path, body).want(404, "not_found")
	boss.do("POST", path+"/secret").want(404, "not_found")
	made := boss.do("POST", api+"/clients", body).want(201)
	boss.do("POST", api+"/clients", body).want(409, "conflict")
	boss.do("POST", api+"/clients", `{"name":"Other","grant_types":["client_credentials"],"client_secret":"`+strings.Repeat("x", 32)+`"}`).want(201)
	boss.do("POST", api+"/clients", `{"name":"App","redirect_uris":["https://*.example/cb"]}`).want(400, "invalid_request")
	boss.do("POST", api+"/clients", `{"name":"App","redirect_uris":["`+appURL+`"],"roles":["nobody"]}`).want(400, "invalid_request")
	boss.do("GET", api+"/clients?limit=1").want(200)
	boss.do("GET", api+"/clients?limit=1&cursor=app").want(200)
	boss.do("GET", api+"/clients?q=x").want(400, "invalid_request")
	boss.do("GET", path).want(200)
	boss.with("If-Match", made.header.Get("ETag")).do("PUT", path, body).want(200)
	boss.with("If-Match", made.header.Get("ETag")).do("PUT", path, body).want(412, "conflict")
	boss.do("PUT", path, strings.Replace(body, `"app"`, `"other"`, 1)).want(400, "invalid_request")
	boss.do("POST", path+"/secret", `{"keep_seconds":60}`).want(200)
	boss.do("POST", path+"/secret", `{"keep_seconds":-1}`).want(400, "invalid_request")

	lisa := h.browser("lisa")
	a := h.app()
	a.code(lisa)
	own := api + "/users/" + lisa.id + "/applications"
	boss.do("GET", own).want(200)
	boss.do("GET", api+"/users/usr_x/applications").want(404, "not_found")
	boss.do("DELETE", own+"/"+a.id).want(204)
	boss.do("DELETE", own+"/"+a.id).want(404, "not_found")
	boss.do("DELETE", path).want(204)
	boss.do("DELETE", path).want(404, "not_found")
}
