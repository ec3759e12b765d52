package server_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/account"
)

func TestPagesOfTheAccount(t *testing.T) {
	h := open(t)
	c := h.browser("ann").page()
	for path, says := range map[string]string{
		"/auth/": "Hello, ann", "/auth/profile": "Language", "/auth/password": "Current password", "/auth/sessions": "This device",
		"/auth/api-keys": "no API keys yet", "/auth/api-keys/new": "What it may do", "/auth/activity": "Account made",
		"/auth/data": "Export your data", "/auth/leave": "signed out everywhere", "/auth/logout": "Sign out",
		"/auth/organizations": "not a member",
	} {
		t.Run(path, func(t *testing.T) {
			a := c.do("GET", path).want(200)
			if !strings.Contains(a.body, says) || a.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%v\n%s", a.header, a.body)
			}
			if a := h.nobody().page().do("GET", path).want(303); !strings.HasPrefix(a.header.Get("Location"), "/auth/login?return_to=") {
				t.Error(a.header)
			}
		})
	}
}

func TestOwnAccount(t *testing.T) {
	h := open(t)
	c := h.browser("ann")
	page := c.page()
	led := func(t *testing.T, a *answer, want string) {
		t.Helper()
		if got := a.want(303).header.Get("Location"); got != want {
			t.Errorf("led to %s, want %s", got, want)
		}
	}
	t.Run("a profile is changed by page and by program", func(t *testing.T) {
		a := page.do("POST", "/auth/profile", "display_name=%C3%84nne&locale=de")
		led(t, a, "/auth/profile?done=profile_saved")
		if got := strings.Join(a.header.Values("Set-Cookie"), ""); !strings.Contains(got, "sallyport-locale=de") {
			t.Error(got)
		}
		if a := page.do("GET", "/auth/profile?done=profile_saved").want(200); !strings.Contains(a.body, "Ihr Profil ist gespeichert.") || !strings.Contains(a.body, "Änne") {
			t.Error(a.body)
		}
		c.do("POST", "/auth/profile", `{"display_name":"Ann","locale":"en"}`).want(204)
		if a := c.do("GET", "/auth/profile").want(200); !strings.Contains(a.body, `"display_name":"Ann","locale":"en"`) {
			t.Error(a.body)
		}
		c.do("POST", "/auth/profile", `{"locale":"no language"}`).want(400, "invalid_request")
		page.do("POST", "/auth/profile", "locale=no+language").want(422)
		page.do("POST", "/auth/profile", "locale=en").want(303)
	})
	t.Run("a session is ended by page", func(t *testing.T) {
		other, third := h.again("ann"), h.again("ann")
		a := page.do("GET", "/auth/sessions").want(200)
		ids := regexp.MustCompile(`/auth/sessions/([^/"]+)/end`).FindAllStringSubmatch(a.body, -1)
		if len(ids) != 2 {
			t.Fatalf("%d others", len(ids))
		}
		led(t, page.do("POST", "/auth/sessions/"+ids[0][1]+"/end", ""), "/auth/sessions?done=session_ended")
		led(t, page.do("POST", "/auth/sessions/end", ""), "/auth/sessions?done=sessions_ended")
		other.do("GET", "/auth/me").want(401)
		third.do("GET", "/auth/me").want(401)
		c.do("GET", "/auth/me").want(200)
		h.browser("bob").page().do("POST", "/auth/sessions/"+ids[1][1]+"/end", "").want(404)
	})
	t.Run("an API key is made and revoked by page", func(t *testing.T) {
		a := page.do("POST", "/auth/api-keys", "name=backup&scopes=note:read+account:read&days=30").want(200)
		key := regexp.MustCompile(`sp_live_[A-Za-z0-9_]+`).FindString(a.body)
		if key == "" {
			t.Fatal(a.body)
		}
		h.nobody().with("X-API-Key", key).do("GET", "/auth/me").want(200)
		a = page.do("GET", "/auth/api-keys").want(200)
		if strings.Contains(a.body, key) {
			t.Error("the key is shown again")
		}
		id := regexp.MustCompile(`/auth/api-keys/([^/"]+)/revoke`).FindStringSubmatch(a.body)
		led(t, page.do("POST", "/auth/api-keys/"+id[1]+"/revoke", ""), "/auth/api-keys?done=key_revoked")
		h.nobody().with("X-API-Key", key).do("GET", "/auth/me").want(401)
		a = page.do("POST", "/auth/api-keys", "name=backup&scopes=nonsense").want(422)
		if !strings.Contains(a.body, "Name at least one permission") || !strings.Contains(a.body, `value="backup"`) {
			t.Error(a.body)
		}
		page.do("POST", "/auth/api-keys", "name=backup&scopes=note:read&days=no").want(422)
	})
	t.Run("a password is changed by page", func(t *testing.T) {
		a := page.do("POST", "/auth/password", url.Values{"current_password": {"wrong"}, "new_password": {pass + " x"}}.Encode()).want(422)
		if !strings.Contains(a.body, `role="alert"`) {
			t.Error(a.body)
		}
		led(t, page.do("POST", "/auth/password", url.Values{"current_password": {pass}, "new_password": {pass + " x"}}.Encode()), "/auth/password?done=password_changed")
		page.do("POST", "/auth/password", url.Values{"current_password": {pass + " x"}, "new_password": {pass}}.Encode()).want(303)
	})
	t.Run("the log says what happened, and of others not who", func(t *testing.T) {
		boss := h.admin()
		boss.do("POST", "/auth/admin/api/users/"+c.id+"/disable").want(204)
		boss.do("POST", "/auth/admin/api/users/"+c.id+"/enable").want(204)
		c = h.again("ann")
		a := c.do("GET", "/auth/activity?limit=200").want(200)
		for _, want := range []string{`"action":"user.disable","by":"other"`, `"action":"password.change","by":"you"`, `"action":"apikey.create"`} {
			if !strings.Contains(a.body, want) {
				t.Errorf("no %s in\n%s", want, a.body)
			}
		}
		if strings.Contains(a.body, boss.id) {
			t.Error("it names the administrator")
		}
		var list struct {
			Items []struct{ ID string }
			Next  string `json:"next_cursor"`
		}
		c.do("GET", "/auth/activity?limit=1").want(200).into(&list)
		c.do("GET", "/auth/activity?limit=1&cursor="+list.Next).want(200)
		for _, limit := range []string{"0", "201", "-1", "x"} {
			c.do("GET", "/auth/activity?limit="+limit).want(400, "invalid_request")
		}
	})
	t.Run("everything is exported but what is secret", func(t *testing.T) {
		key := c.do("POST", "/auth/api-keys", `{"name":"k","scopes":["account:read"]}`).want(201)
		var k struct{ ID, Key string }
		key.into(&k)
		a := c.do("GET", "/auth/export").want(200)
		if !strings.HasPrefix(a.header.Get("Content-Disposition"), "attachment") {
			t.Error(a.header)
		}
		for _, want := range []string{`"username":"ann"`, k.ID, `"sessions":[{`, `"activity":[{`, `"passkeys":[]`} {
			if !strings.Contains(a.body, want) {
				t.Errorf("no %s in\n%s", want, a.body)
			}
		}
		for _, secret := range []string{k.Key, "$argon2", "hash"} {
			if strings.Contains(a.body, secret) {
				t.Errorf("it holds %s", secret)
			}
		}
		// A key that may read the account is no recent sign-in.
		h.nobody().with("X-API-Key", k.Key).do("GET", "/auth/export").want(401, "step_up_required")
		h.nobody().with("X-API-Key", k.Key).do("POST", "/auth/leave", `{}`).want(401, "step_up_required")
	})
	t.Run("who leaves can come back", func(t *testing.T) {
		a := c.page().do("POST", "/auth/leave", "")
		led(t, a, "/auth/login?done=left")
		c.do("GET", "/auth/me").want(401)
		back := h.again("ann")
		if a := back.do("GET", "/auth/activity").want(200); !strings.Contains(a.body, `"action":"user.stay"`) {
			t.Error(a.body)
		}
		a = back.do("POST", "/auth/leave", `{}`).want(http.StatusOK)
		if !strings.Contains(a.body, `"delete_at"`) {
			t.Error(a.body)
		}
	})
	t.Run("the last administrator is told in words", func(t *testing.T) {
		boss := h.nobody()
		boss.do("POST", "/auth/login", `{"username":"boss","password":"`+pass+`","mode":"cookie"}`).want(200)
		a := boss.page().do("POST", "/auth/leave?ui_locales=de", "").want(422)
		if !strings.Contains(a.body, "Sie sind der letzte Administrator.") {
			t.Error(a.body)
		}
	})
}

// again is somebody who has an account, in another browser.
func (h *house) again(name string) *caller {
	h.Helper()
	c := h.nobody()
	c.do("POST", "/auth/login", `{"username":"`+name+`","password":"`+pass+`","mode":"cookie"}`).want(200)
	return c
}

// The language that somebody has chosen is known to a browser once they have signed in
// there, so that the next sign-in begins in it.
func TestALanguageComesAlongToAnotherBrowser(t *testing.T) {
	h := open(t)
	if _, err := h.Accounts.Add(t.Context(), account.Registration{Username: "ann", Password: pass}, account.Origin{}); err != nil {
		t.Fatal(err)
	}
	said := func(a *answer) string { return a.cookieLine("sallyport-locale") }
	in := `{"username":"ann","password":"` + pass + `","mode":`
	if got := said(h.nobody().do("POST", "/auth/login", in+`"cookie"}`).want(200)); got != "" {
		t.Errorf("nothing was chosen, and it is said: %s", got)
	}
	ann := h.nobody()
	ann.do("POST", "/auth/login", in+`"cookie"}`).want(200)
	ann.do("POST", "/auth/profile", `{"locale":"de-AT"}`).want(204)
	if got := said(h.nobody().do("POST", "/auth/login", in+`"cookie"}`).want(200)); !strings.HasPrefix(got, "sallyport-locale=de;") {
		t.Errorf("a browser is told %q", got)
	}
	if got := said(h.nobody().do("POST", "/auth/login", in+`""}`).want(200)); got != "" {
		t.Errorf("a program is told %s", got)
	}
}
