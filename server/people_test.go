package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/server"
)

func userFilter(limit int) account.UserFilter { return account.UserFilter{Limit: limit} }

func TestMe(t *testing.T) {
	h := open(t)
	c := h.program("ann")
	var got map[string]any
	c.do("GET", "/auth/me").want(200).into(&got)
	if got["subject"] != c.id || got["kind"] != "user" || got["credential"] != "token" || got["scopes"] != nil ||
		fmt.Sprint(got["roles"]) != "[member]" || fmt.Sprint(got["permissions"]) != "[note:read]" {
		t.Errorf("%v", got)
	}
	session, ok := got["session"].(map[string]any)
	if !ok || session["id"] == "" || fmt.Sprint(session["amr"]) != "[pwd]" || session["aal"] != 1.0 || session["auth_time"] == nil {
		t.Errorf("session %v", got["session"])
	}
}

func TestSessionsAreListedAndEnded(t *testing.T) {
	h := open(t)
	ann, bob := h.browser("ann"), h.browser("bob")
	second := h.nobody()
	second.do("POST", "/auth/login", `{"username":"ann","password":"`+pass+`","mode":"cookie"}`).want(200)
	var list struct {
		Items []struct {
			ID      string
			Current bool
			Device  string
			Address string
		}
	}
	ann.do("GET", "/auth/sessions").want(200).into(&list)
	if len(list.Items) != 2 {
		t.Fatalf("%+v", list)
	}
	other := list.Items[0]
	if other.Current {
		other = list.Items[1]
	}
	if other.Device == "" || other.Address != "127.0.0.1" {
		t.Errorf("%+v", other)
	}
	bob.do("DELETE", "/auth/sessions/"+other.ID).want(404, "not_found")
	second.do("GET", "/auth/me").want(200)
	ann.do("DELETE", "/auth/sessions/"+other.ID).want(204)
	second.do("GET", "/auth/me").want(401)
	ann.do("GET", "/auth/me").want(200)
}

func TestChangingThePassword(t *testing.T) {
	h := open(t)
	ann := h.browser("ann")
	change := func(current, next string) *answer {
		return ann.do("POST", "/auth/password", fmt.Sprintf(`{"current_password":%q,"new_password":%q}`, current, next))
	}
	change("wrong", "a lighthouse made of cork").want(401, "invalid_credentials")
	change(pass, "short").want(422, "weak_password")
	before := ann.client.Jar.Cookies(mustURL(h.URL))[0].String()
	change(pass, "a lighthouse made of cork").want(204)
	ann.do("GET", "/auth/me").want(200)
	h.nobody().with("Cookie", before).do("GET", "/auth/me").want(401) // the session got a new cookie
	h.nobody().do("POST", "/auth/login", `{"username":"ann","password":"`+pass+`"}`).want(401, "invalid_credentials")
	h.nobody().do("POST", "/auth/login", `{"username":"ann","password":"a lighthouse made of cork"}`).want(200)
}

func TestAnAPIKeyIsShownOnce(t *testing.T) {
	h := open(t)
	ann := h.browser("ann")
	var made struct{ ID, Key, Name, Last4 string }
	ann.do("POST", "/auth/api-keys", `{"name":"ci","scopes":["note:read"],"expires_at":"2999-01-01T00:00:00Z"}`).want(201).into(&made)
	if !strings.HasPrefix(made.Key, "sp_live_") || made.Name != "ci" {
		t.Fatalf("%+v", made)
	}
	h.nobody().with("X-API-Key", made.Key).do("GET", "/notes").want(200)
	list := ann.do("GET", "/auth/api-keys").want(200).body
	if strings.Contains(list, made.Key) || !strings.Contains(list, made.ID) || !strings.Contains(list, `"last_used_at":"2`) {
		t.Errorf("%s", list)
	}
	bob := h.browser("bob")
	bob.do("DELETE", "/auth/api-keys/"+made.ID).want(404, "not_found")
	h.nobody().with("X-API-Key", made.Key).do("GET", "/notes").want(200)
}

func TestAFailedSignInTellsNothing(t *testing.T) {
	h := open(t)
	admin := h.admin()
	gone := h.browser("gone")
	h.browser("ann")
	admin.do("POST", "/auth/admin/api/users/"+gone.id+"/disable").want(204)
	if _, err := h.Accounts.Add(t.Context(), account.Registration{Username: "nopassword"}, account.Origin{}); err != nil {
		t.Fatal(err)
	}
	var first string
	for _, tt := range []struct{ name, body string }{
		{"a wrong password", `{"username":"ann","password":"wrong"}`},
		{"an unknown user", `{"username":"nobody","password":"wrong"}`},
		{"a disabled user with the right password", `{"username":"gone","password":"` + pass + `"}`},
		{"a user without a password", `{"username":"nopassword","password":"` + pass + `"}`},
		{"an empty password", `{"username":"ann","password":""}`},
		{"an over-long password", `{"username":"ann","password":"` + strings.Repeat("x", 5000) + `"}`},
		{"an unknown address", `{"email":"a@b.example","password":"wrong"}`},
		{"a name that cannot be", `{"username":"not a name","password":"wrong"}`},
	} {
		a := h.nobody().do("POST", "/auth/login", tt.body).want(401, "invalid_credentials")
		var p map[string]any
		a.into(&p)
		delete(p, "trace_id")
		a.header.Del("Date")
		a.header.Del("Content-Length") // trace ids differ
		got, _ := json.Marshal(p)
		all := fmt.Sprint(string(got), a.header)
		if first == "" {
			first = all
		}
		if all != first {
			t.Errorf("%s:\n%s\nbut before:\n%s", tt.name, all, first)
		}
	}
}

func TestGuessingIsSlowedDownAlikeForNamesThatDoNotExist(t *testing.T) {
	h := open(t)
	h.browser("ann")
	for _, name := range []string{"ann", "nobody"} {
		guess := func() *answer {
			return h.nobody().do("POST", "/auth/login", `{"username":"`+name+`","password":"wrong"}`)
		}
		for range 5 {
			guess().want(401, "invalid_credentials")
		}
		a := guess().want(429, "rate_limited")
		if a.header.Get("Retry-After") == "" {
			t.Errorf("%v", a.header)
		}
	}
	h.nobody().do("POST", "/auth/login", `{"username":"ann","password":"`+pass+`"}`).want(429, "rate_limited")
}

func TestNobodyGivesMoreThanTheyHold(t *testing.T) {
	h := open(t)
	admin, desk, ann := h.admin(), h.browser("desk"), h.browser("ann")
	admin.do("PUT", "/auth/admin/api/users/"+desk.id+"/roles/helpdesk").want(204)
	desk.do("PUT", "/auth/admin/api/users/"+ann.id+"/roles/admin").want(403, "forbidden")
	desk.do("PUT", "/auth/admin/api/users/"+desk.id+"/roles/admin").want(403, "forbidden")
	desk.do("PUT", "/auth/admin/api/users/"+ann.id+"/roles/editor").want(403, "forbidden")
	desk.do("PUT", "/auth/admin/api/users/"+ann.id+"/roles/helpdesk").want(204)
	desk.do("PUT", "/auth/admin/api/roles/helpdesk", `{"permissions":["*"]}`).want(403, "forbidden")
	desk.do("PUT", "/auth/admin/api/roles/mine", `{"permissions":[],"inherits":["admin"]}`).want(403, "forbidden")
	desk.do("PUT", "/auth/admin/api/roles/mine", `{"permissions":["user:read"]}`).want(200)
	desk.do("POST", "/auth/admin/api/users/"+admin.id+"/disable").want(403, "forbidden")
	desk.do("DELETE", "/auth/admin/api/users/"+ann.id).want(403, "forbidden")
	desk.do("POST", "/auth/admin/api/users/"+ann.id+"/disable").want(204)
	desk.do("DELETE", "/auth/admin/api/users/"+admin.id+"/roles/admin").want(403, "forbidden")
}

func TestTheLastAdministratorStays(t *testing.T) {
	h := open(t)
	admin, second := h.admin(), h.browser("second")
	own := "/auth/admin/api/users/" + admin.id
	admin.do("DELETE", own).want(409, "conflict")
	admin.do("POST", own+"/disable").want(409, "conflict")
	admin.do("DELETE", own+"/roles/admin").want(409, "conflict")
	admin.do("PUT", "/auth/admin/api/users/"+second.id+"/roles/admin").want(204)
	admin.do("DELETE", own+"/roles/admin").want(204)
	second.do("DELETE", "/auth/admin/api/users/"+second.id+"/roles/admin").want(409, "conflict")
}

func TestAdministration(t *testing.T) {
	h := open(t)
	admin := h.admin()
	var u struct{ ID, Username, Status string }
	a := admin.do("POST", "/auth/admin/api/users", `{"username":"Carla","email":"carla@b.example","password":"`+pass+`","roles":["editor"]}`).want(201)
	a.into(&u)
	if u.Username != "Carla" || u.Status != "active" || a.header.Get("Location") != "/auth/admin/api/users/"+u.ID {
		t.Errorf("%+v %v", u, a.header)
	}
	admin.do("POST", "/auth/admin/api/users", `{"username":"cARLA","password":"`+pass+`"}`).want(409, "username_taken")
	for i := range 5 {
		admin.do("POST", "/auth/admin/api/users", fmt.Sprintf(`{"username":"user%d"}`, i)).want(201)
	}
	t.Run("users are listed page by page", func(t *testing.T) {
		seen, cursor := map[string]bool{}, ""
		for range 10 {
			var page struct {
				Items      []struct{ ID string }
				NextCursor string `json:"next_cursor"`
			}
			admin.do("GET", "/auth/admin/api/users?limit=2&cursor="+cursor).want(200).into(&page)
			for _, u := range page.Items {
				seen[u.ID] = true
			}
			if cursor = page.NextCursor; cursor == "" {
				break
			}
		}
		if len(seen) != 7 {
			t.Errorf("saw %d users", len(seen))
		}
	})
	t.Run("roles change only as they were read", func(t *testing.T) {
		tag := admin.do("GET", "/auth/admin/api/roles/editor").want(200).header.Get("ETag")
		admin.with("If-Match", tag).do("PUT", "/auth/admin/api/roles/editor", `{"permissions":["note:stamp"]}`).want(200)
		admin.with("If-Match", tag).do("PUT", "/auth/admin/api/roles/editor", `{"permissions":["note:seal"]}`).want(412, "conflict")
	})
	t.Run("what was done is in the audit log", func(t *testing.T) {
		body := admin.do("GET", "/auth/admin/api/audit?limit=200").want(200).body
		for _, want := range []string{"user.register", "user.sign_in", "user.add", "role.assign", "role.put", `"actor":"` + admin.id} {
			if !strings.Contains(body, want) {
				t.Errorf("no %s in the audit log", want)
			}
		}
		if strings.Contains(body, pass) {
			t.Error("a password is in the audit log")
		}
	})
	t.Run("a rotated key goes on verifying", func(t *testing.T) {
		c := h.program("eve")
		admin.do("POST", "/auth/admin/api/keys/rotate").want(204)
		c.do("GET", "/notes").want(200)
		var keys struct{ Keys []struct{ KID string } }
		a := h.nobody().do("GET", "/.well-known/jwks.json").want(200)
		a.into(&keys)
		if len(keys.Keys) < 2 || !strings.Contains(a.header.Get("Cache-Control"), "max-age=600") {
			t.Errorf("%s %v", a.body, a.header)
		}
	})
	t.Run("members do not administer", func(t *testing.T) {
		c := h.program("mallory")
		for _, path := range []string{"users", "roles", "keys", "audit", "assignments?user=x", "sessions?user=x"} {
			c.do("GET", "/auth/admin/api/"+path).want(403, "forbidden")
			h.nobody().do("GET", "/auth/admin/api/"+path).want(401, "unauthenticated")
		}
	})
}

func TestTheSetUpLinkWorksOnce(t *testing.T) {
	h := open(t)
	link, err := h.SetupLink(t.Context())
	if err != nil || !strings.HasPrefix(link, h.URL+"/auth/setup/") {
		t.Fatal(link, err)
	}
	path := strings.TrimPrefix(link, h.URL)
	h.nobody().do("GET", path+"x").want(404, "not_found")
	h.nobody().do("GET", path).want(200)
	h.nobody().do("POST", path, `{"username":"boss","password":"short"}`).want(422, "weak_password")
	boss := h.nobody()
	boss.do("POST", path, `{"username":"boss","password":"`+pass+`"}`).want(201)
	boss.do("GET", "/auth/admin/api/users").want(200)
	h.nobody().do("GET", path).want(404, "not_found")
	h.nobody().do("POST", path, `{"username":"boss2","password":"`+pass+`"}`).want(404, "not_found")
	if link, err := h.SetupLink(t.Context()); link != "" || err != nil {
		t.Errorf("a second link: %q, %v", link, err)
	}
}

func TestPages(t *testing.T) {
	h := open(t)
	page := func(c *caller) *caller {
		return c.with("Sec-Fetch-Mode", "navigate").with("Content-Type", "application/x-www-form-urlencoded")
	}
	t.Run("a navigation is led to sign-in and back", func(t *testing.T) {
		a := page(h.nobody()).do("GET", "/notes?x=1").want(303)
		if got := a.header.Get("Location"); got != "/auth/login?return_to=%2Fnotes%3Fx%3D1" {
			t.Error(got)
		}
		c := page(h.nobody())
		a = c.do("GET", "/auth/login?return_to=%2Fnotes%3Fx%3D1").want(200)
		if !strings.Contains(a.body, `value="/notes?x=1"`) {
			t.Error(a.body)
		}
		for name, want := range map[string]string{
			"Content-Security-Policy": "frame-ancestors 'none'", "Referrer-Policy": "same-origin", "X-Content-Type-Options": "nosniff",
			"Strict-Transport-Security": "max-age", "Cache-Control": "no-store",
		} {
			if !strings.Contains(a.header.Get(name), want) {
				t.Errorf("%s: %q", name, a.header.Get(name))
			}
		}
		h.browser("ann")
		a = c.do("POST", "/auth/login", "identifier=ann&password="+strings.ReplaceAll(pass, " ", "+")+"&return_to=%2Fnotes%3Fx%3D1").want(303)
		if got := a.header.Get("Location"); got != "/notes?x=1" {
			t.Error(got)
		}
		c.do("GET", "/notes").want(200)
		a = c.do("GET", "/auth/").want(200)
		if !strings.Contains(a.body, "ann") {
			t.Error(a.body)
		}
		if a = c.do("GET", "/auth/sessions").want(200); !strings.Contains(a.body, "This device") {
			t.Error(a.body)
		}
		c.do("POST", "/auth/logout").want(303)
		c.do("GET", "/notes").want(303)
	})
	t.Run("a failed form is shown again with what was typed", func(t *testing.T) {
		a := page(h.nobody()).do("POST", "/auth/login", "identifier=ann%3Cb%3E&password=wrong").want(422)
		if !strings.Contains(a.body, "ann&lt;b&gt;") || !strings.Contains(a.body, `role="alert"`) || !strings.Contains(a.body, "Error:") || strings.Contains(a.body, "wrong\"") {
			t.Error(a.body)
		}
		page(h.nobody()).do("POST", "/auth/register", "username=zoe&password=short").want(422)
	})
	t.Run("a redirect leads nowhere else", func(t *testing.T) {
		for _, target := range []string{"https://evil.example", "//evil.example", `/\evil.example`, "/%5cevil.example", "javascript:alert(1)", "/\t/evil.example", "evil", "https:/evil.example"} {
			c := page(h.nobody())
			a := c.do("POST", "/auth/login", "identifier=ann&password="+strings.ReplaceAll(pass, " ", "+")+"&return_to="+url.QueryEscape(target)).want(303)
			if got := a.header.Get("Location"); got != "/auth/" {
				t.Errorf("%q led to %q", target, got)
			}
		}
	})
	t.Run("problems are pages for people", func(t *testing.T) {
		c := page(h.browser("zed"))
		if a := c.do("GET", "/auth/admin/api/users").want(403); !strings.Contains(a.header.Get("Content-Type"), "text/html") {
			t.Error(a.header)
		}
		c.do("GET", "/nowhere").want(404)
	})
}

func TestHealth(t *testing.T) {
	h := open(t)
	h.nobody().do("GET", "/healthz").want(200)
	h.nobody().do("GET", "/readyz").want(200)
	if a := h.nobody().do("GET", "/").want(303); a.header.Get("Location") != "/auth/" {
		t.Error(a.header)
	}
}

func TestEveryRouteNamesItsDoor(t *testing.T) {
	h := open(t)
	public := map[string]bool{}
	for ro := range h.Routes.All() {
		if ro.Door == "public" {
			public[ro.Pattern] = true
		}
		if strings.Contains(ro.Pattern, "/admin/") && (ro.Door != "may" || ro.Action == "") {
			t.Errorf("%s is not guarded by a permission", ro.Pattern)
		}
	}
	for pattern := range public {
		if !strings.Contains(pattern, "/assets/") && !map[string]bool{
			"GET /auth/login": true, "POST /auth/login": true, "GET /auth/register": true, "POST /auth/register": true,
			"GET /auth/mfa": true, "POST /auth/mfa": true, "GET /auth/dev/mail": true,
			"GET /auth/password/forgot": true, "POST /auth/password/forgot": true, "GET /auth/password/reset": true, "POST /auth/password/reset": true,
			"GET /auth/link": true, "POST /auth/link": true, "GET /auth/link/redeem": true, "POST /auth/link/redeem": true,
			"GET /auth/email/verify": true, "POST /auth/email/verify": true, "GET /auth/email/undo": true, "POST /auth/email/undo": true,
			"POST /auth/refresh": true, "GET /auth/setup/{code}": true, "POST /auth/setup/{code}": true,
			"GET /.well-known/jwks.json": true, "GET /{$}": true, "GET /healthz": true, "GET /readyz": true,
			"POST /auth/passkeys/login/options": true, "POST /auth/passkeys/login": true, "POST /auth/passkeys/factor/options": true,
			"GET /.well-known/webauthn": true,
			// Clients prove themselves in the body; where a person decides, the handler looks who it is.
			"GET /.well-known/openid-configuration": true, "GET /.well-known/oauth-authorization-server": true, "GET /.well-known/oauth-protected-resource": true,
			"GET /auth/oauth/authorize": true, "POST /auth/oauth/authorize": true, "POST /auth/oauth/token": true, "POST /auth/oauth/par": true,
			"POST /auth/oauth/device_authorization": true, "POST /auth/oauth/revoke": true, "POST /auth/oauth/introspect": true,
			"GET /auth/oauth/logout": true, "POST /auth/oauth/logout": true, "POST /auth/oauth/logout/confirm": true,
			// With a session, or with the ticket of a sign-in: they answer 401 themselves without either.
			"GET /auth/totp": true, "POST /auth/totp": true, "POST /auth/totp/confirm": true,
			"GET /auth/passkeys/new": true, "POST /auth/passkeys/options": true, "POST /auth/passkeys": true,
			"POST /auth/otp": true, "GET /auth/otp/{channel}": true, "POST /auth/otp/enrol": true, "POST /auth/otp/confirm": true,
			"GET /auth/openapi.json": true, "GET /.well-known/authzen-configuration": true, "GET /.well-known/ssf-configuration": true,
		}[pattern] {
			t.Errorf("%s is public", pattern)
		}
	}
}

func TestSecretsAreNotLogged(t *testing.T) {
	h := open(t)
	c := h.program("ann")
	h.nobody().do("POST", "/auth/login", `{"username":"ann","password":"a wrong secret"}`).want(401)
	h.nobody().bearer(flip(c.tokens.Access)).do("GET", "/notes").want(401)
	h.nobody().do("POST", "/auth/refresh", `{"refresh_token":"`+c.tokens.Refresh+`x"}`).want(401)
	for _, secret := range []string{pass, "a wrong secret", c.tokens.Access[:60], c.tokens.Refresh[:40]} {
		if strings.Contains(h.log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
	if !strings.Contains(h.log.String(), "trace_id") {
		t.Error("nothing was logged")
	}
}

func TestClosedRegistration(t *testing.T) {
	h := open(t, func(c *server.Config) { c.ClosedRegistration = true })
	if a := h.nobody().do("POST", "/auth/register", `{}`); a.status != http.StatusNotFound && a.status != http.StatusMethodNotAllowed {
		t.Errorf("%d", a.status)
	}
	if a := h.nobody().with("Accept", "text/html").do("GET", "/auth/login").want(200); strings.Contains(a.body, "/auth/register") {
		t.Error("the page offers to register")
	}
}
