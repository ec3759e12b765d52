package server_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestBadInputIsAClearRefusal(t *testing.T) {
	h := open(t)
	admin := h.admin()
	long := strings.Repeat("a", 70<<10)
	ok := `"password":"` + pass + `"`
	for _, tt := range []struct {
		name, method, path, body string
		status                   int
		code, says               string
	}{
		{"malformed JSON", "POST", "/auth/login", `{"username":`, 400, "invalid_request", "JSON"},
		{"a list", "POST", "/auth/login", `[]`, 400, "invalid_request", ""},
		{"two values", "POST", "/auth/login", `{} {}`, 400, "invalid_request", "more than one"},
		{"an unknown member", "POST", "/auth/login", `{"user":"ann",` + ok + `}`, 400, "invalid_request", "user"},
		{"a repeated member", "POST", "/auth/login", `{"username":"ann","username":"bob",` + ok + `}`, 400, "invalid_request", "twice"},
		{"a member in two cases", "POST", "/auth/login", `{"username":"ann","Username":"bob",` + ok + `}`, 400, "invalid_request", "twice"},
		{"a wrong type", "POST", "/auth/login", `{"username":7,` + ok + `}`, 400, "invalid_request", "username"},
		{"NUL", "POST", "/auth/login", `{"username":"a\u0000b",` + ok + `}`, 400, "invalid_request", "NUL"},
		{"invalid UTF-8", "POST", "/auth/login", "{\"username\":\"a\xff\"," + ok + "}", 400, "invalid_request", "UTF-8"},
		{"an oversized body", "POST", "/auth/login", `{"username":"` + long + `"}`, 413, "payload_too_large", ""},
		{"no identifier", "POST", "/auth/login", `{` + ok + `}`, 400, "invalid_request", "identifier"},
		{"two identifiers", "POST", "/auth/login", `{"username":"ann","email":"a@b.example",` + ok + `}`, 400, "invalid_request", "one"},
		{"a token in the query", "GET", "/auth/me?access_token=x", "", 400, "invalid_request", "query"},
		{"a refresh without a token", "POST", "/auth/refresh", `{}`, 401, "unauthenticated", ""},
		{"a refresh with garbage", "POST", "/auth/refresh", `{"refresh_token":"sp_rt_x"}`, 401, "invalid_token", ""},
		{"no name", "POST", "/auth/register", `{` + ok + `}`, 400, "invalid_request", ""},
		{"no password", "POST", "/auth/register", `{"username":"ann"}`, 400, "invalid_request", "Password"},
		{"a name with a blank", "POST", "/auth/register", `{"username":"an n",` + ok + `}`, 400, "invalid_request", "name"},
		{"a name with a homoglyph at", "POST", "/auth/register", `{"username":"ann＠example",` + ok + `}`, 400, "invalid_request", ""},
		{"a name like an id", "POST", "/auth/register", `{"username":"usr_1",` + ok + `}`, 400, "invalid_request", "identifier"},
		{"an over-long name", "POST", "/auth/register", `{"username":"` + strings.Repeat("a", 65) + `",` + ok + `}`, 400, "invalid_request", "64"},
		{"an address that is none", "POST", "/auth/register", `{"username":"ann","email":"ann",` + ok + `}`, 400, "invalid_request", "Email"},
		{"a short password", "POST", "/auth/register", `{"username":"ann","password":"short"}`, 422, "weak_password", "15"},
		{"a common password", "POST", "/auth/register", `{"username":"ann","password":"passwordpassword"}`, 422, "weak_password", "guess"},
		{"a password made of the name", "POST", "/auth/register", `{"username":"annabelle.smith","password":"annabelle.smith1"}`, 422, "weak_password", "guess"},
		{"an over-long password", "POST", "/auth/register", `{"username":"ann","password":"` + strings.Repeat("aB3 ", 65) + `"}`, 422, "weak_password", "256"},
		{"an unknown address", "GET", "/nowhere", "", 404, "not_found", ""},
		{"a wrong method", "PUT", "/auth/login", "", 405, "method_not_allowed", ""},
		{"an unknown user", "GET", "/auth/admin/api/users/usr_x", "", 404, "not_found", ""},
		{"a limit that is none", "GET", "/auth/admin/api/users?limit=x", "", 400, "invalid_request", "limit"},
		{"a parameter that is none", "GET", "/auth/admin/api/users?sort=name", "", 400, "invalid_request", "sort"},
		{"an organization that is none", "GET", "/auth/admin/api/organizations/acme", "", 404, "not_found", ""},
		{"a member of no organization", "PUT", "/auth/admin/api/organizations/org_x/members/usr_x", "", 404, "not_found", ""},
		{"a slug that is none", "POST", "/auth/admin/api/organizations", `{"slug":"Not One!"}`, 400, "invalid_request", "Slug"},
		{"a plan that is none", "POST", "/auth/admin/api/organizations", `{"slug":"one","plan":"GOLD!"}`, 400, "invalid_request", "Plan"},
		{"a grant to nobody", "PUT", "/auth/admin/api/grants", `{"resource":{"type":"Note","id":"1"},"permissions":["note:read"]}`, 400, "invalid_request", "Name one of"},
		{"a grant to two", "PUT", "/auth/admin/api/grants", `{"role":"member","subject":"usr_x","resource":{"type":"Note","id":"1"},"permissions":["note:read"]}`, 400, "invalid_request", "not several"},
		{"a grant to a user that is none", "PUT", "/auth/admin/api/grants", `{"subject":"usr_x","resource":{"type":"Note","id":"1"},"permissions":["note:read"]}`, 404, "not_found", ""},
		{"a grant on nothing", "PUT", "/auth/admin/api/grants", `{"role":"member","resource":{"type":"Note","id":""},"permissions":["note:read"]}`, 400, "invalid_request", "Resource"},
		{"a grant of nothing", "PUT", "/auth/admin/api/grants", `{"role":"member","resource":{"type":"Note","id":"1"},"permissions":[]}`, 400, "invalid_request", "Permissions"},
		{"a grant that has expired", "PUT", "/auth/admin/api/grants", `{"role":"member","resource":{"type":"Note","id":"1"},"permissions":["note:read"],"expires_at":"2001-01-01T00:00:00Z"}`, 400, "invalid_request", "passed"},
		{"taking nothing in particular", "DELETE", "/auth/admin/api/grants", `{"role":"member","resource":{"type":"Note","id":""}}`, 400, "invalid_request", "resource"},
		{"a cursor of grants that is none", "GET", "/auth/admin/api/grants?cursor=x", "", 400, "invalid_request", "cursor"},
		{"half a resource", "GET", "/auth/admin/api/grants?resource_id=1", "", 400, "invalid_request", "resource"},
		{"a version that is none", "GET", "/auth/admin/api/policies/one", "", 404, "not_found", ""},
		{"a cursor of versions that is none", "GET", "/auth/admin/api/policies?cursor=x", "", 400, "invalid_request", "cursor"},
		{"a policy of no files", "POST", "/auth/admin/api/policies", `{"files":[]}`, 400, "invalid_request", "file"},
		{"a policy with a file twice", "POST", "/auth/admin/api/policies", `{"files":[{"name":"a","text":""},{"name":"a","text":""}]}`, 400, "invalid_request", "twice"},
		{"a policy after a version that is none", "POST", "/auth/admin/api/policies", `{"expected":-1,"files":[{"name":"a","text":""}]}`, 400, "invalid_request", "expected"},
		{"a decision that is none", "GET", "/auth/admin/api/decisions/dec_x", "", 404, "not_found", ""},
		{"a cursor of decisions that is none", "GET", "/auth/admin/api/decisions?cursor=x.y", "", 400, "invalid_request", "cursor"},
		{"decisions of which truth", "GET", "/auth/admin/api/decisions?allowed=maybe", "", 400, "invalid_request", "allowed"},
		{"a role that is none", "PUT", "/auth/admin/api/users/usr_x/roles/nobody", "", 404, "not_found", ""},
		{"a permission that is none", "PUT", "/auth/admin/api/roles/x", `{"permissions":["All Things"]}`, 400, "invalid_request", "ermission"},
		{"a circle of roles", "PUT", "/auth/admin/api/roles/member", `{"permissions":[],"inherits":["member"]}`, 400, "invalid_request", ""},
		{"a role that inherits nobody", "PUT", "/auth/admin/api/roles/x", `{"permissions":[],"inherits":["membre"]}`, 400, "invalid_request", "member"},
		{"the administrators' role without its power", "PUT", "/auth/admin/api/roles/admin", `{"permissions":["note:read"]}`, 400, "invalid_request", ""},
		{"deleting the administrators' role", "DELETE", "/auth/admin/api/roles/admin", "", 400, "invalid_request", ""},
		{"deleting a role that is none", "DELETE", "/auth/admin/api/roles/nobody", "", 404, "not_found", ""},
		{"an API key without scope", "POST", "/auth/api-keys", `{"name":"x","scopes":[]}`, 400, "invalid_request", "permission"},
		{"an API key that has expired", "POST", "/auth/api-keys", `{"name":"x","scopes":["*"],"expires_at":"2001-01-01T00:00:00Z"}`, 400, "invalid_request", "past"},
		{"a session that is none", "DELETE", "/auth/sessions/ses_x", "", 404, "not_found", ""},
		{"a signing key that is none", "DELETE", "/auth/admin/api/keys/x", "", 404, "not_found", ""},
		{"sessions of nobody in particular", "GET", "/auth/admin/api/sessions", "", 400, "invalid_request", "user"},
		{"a user with a role that is none", "POST", "/auth/admin/api/users", `{"username":"eve","roles":["nobody"]}`, 400, "invalid_request", "role"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := h.nobody()
			if strings.Contains(tt.path, "/admin/") || strings.Contains(tt.path, "api-keys") || strings.Contains(tt.path, "/sessions") {
				c = admin
			}
			a := c.do(tt.method, tt.path, tt.body).want(tt.status, tt.code)
			if !strings.Contains(a.body, tt.says) {
				t.Errorf("%s does not say %q", a.body, tt.says)
			}
			if a.status >= 500 {
				t.Error("not a refusal")
			}
		})
	}
	users, err := h.Accounts.Members(t.Context(), userFilter(10))
	if err != nil || len(users) != 1 {
		t.Errorf("something was half-written: %+v, %v", users, err)
	}
}

func TestTwoCredentialsAtOnce(t *testing.T) {
	h := open(t)
	c := h.program("ann")
	browser := h.browser("bob")
	cookie := browser.client.Jar.Cookies(mustURL(h.URL))[0].String()
	c.with("X-API-Key", "sp_live_x").do("GET", "/auth/me").want(400, "invalid_request")
	h.nobody().with("Cookie", cookie).with("X-API-Key", "sp_live_x").do("GET", "/auth/me").want(400, "invalid_request")
	a := c.with("Cookie", cookie).do("GET", "/auth/me").want(200)
	if a.user() != c.id {
		t.Error("the cookie beside an Authorization header was not ignored")
	}
	c.with("Cookie", "__Host-sallyport=garbage").do("GET", "/auth/me").want(200)
}

func TestGarbageInEveryHeader(t *testing.T) {
	t.Parallel()
	h := open(t)
	for _, name := range []string{"Authorization", "Cookie", "X-Api-Key", "Dpop", "Traceparent", "Accept", "Sec-Fetch-Mode",
		"Sec-Fetch-Site", "Origin", "Content-Type", "If-Match", "X-Forwarded-For", "User-Agent"} {
		for _, value := range []string{"", " ", ",", ";;=", "%00", "\"", strings.Repeat("x", 9000), "ünïcode", "Bearer", "Bearer  ", "DPoP x", "null", "00-x-y-z"} {
			n := h.nobody()
			n.header = http.Header{name: {value}}
			for _, path := range []string{"/auth/me", "/auth/login", "/notes"} {
				if a := n.do("GET", path); a.status >= 500 {
					t.Errorf("%s: %.20q: %s answered %d", name, value, path, a.status)
				}
			}
			if a := n.do("POST", "/auth/login", `{"username":"a","password":"b"}`); a.status >= 500 {
				t.Errorf("%s: %.20q: sign-in answered %d", name, value, a.status)
			}
		}
	}
}
