package server_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authn/token"
)

// page turns the caller into a browser that navigates and posts forms.
func (c *caller) page() *caller {
	return c.with("Sec-Fetch-Mode", "navigate").with("Accept", "text/html").with("Content-Type", "application/x-www-form-urlencoded")
}

func TestAStaleSignInIsConfirmedAndLeadsBack(t *testing.T) {
	h := open(t)
	h.Routes.Func("GET /vault", sallyport.SignedIn().Fresh(time.Nanosecond), func(w http.ResponseWriter, r *http.Request) error { return nil })
	ann := h.browser("ann").page()
	a := ann.do("GET", "/vault?x=1").want(303)
	if got, want := a.header.Get("Location"), "/auth/step-up?return_to=%2Fvault%3Fx%3D1"; got != want {
		t.Fatalf("led to %s, want %s", got, want)
	}
	p := ann.do("GET", a.header.Get("Location")).want(200)
	for _, part := range []string{`name="return_to" value="/vault?x=1"`, `name="method" value="password"`, `autocomplete="current-password"`} {
		if !strings.Contains(p.body, part) {
			t.Errorf("the page lacks %s", part)
		}
	}
	form := url.Values{"method": {"password"}, "password": {"wrong wrong wrong wrong"}, "return_to": {"/vault?x=1"}}
	p = ann.do("POST", "/auth/step-up", form.Encode()).want(422)
	if !strings.Contains(p.body, `role="alert"`) || strings.Contains(p.body, "wrong wrong") || !strings.Contains(p.body, `value="/vault?x=1"`) {
		t.Error(p.body)
	}
	before := cookieOf(ann)
	form.Set("password", pass)
	if a := ann.do("POST", "/auth/step-up", form.Encode()).want(303); a.header.Get("Location") != "/vault?x=1" {
		t.Error(a.header.Get("Location"))
	}
	if after := cookieOf(ann); after == before || after == "" {
		t.Error("the cookie did not change")
	}
	form.Set("return_to", "//evil.example")
	if a := ann.do("POST", "/auth/step-up", form.Encode()).want(303); a.header.Get("Location") != "/auth/" {
		t.Error(a.header.Get("Location"))
	}
}

func cookieOf(c *caller) string {
	for _, k := range c.client.Jar.Cookies(mustURL(c.h.URL)) {
		if k.Name == "__Host-sallyport" {
			return k.Value
		}
	}
	return ""
}

func TestAProgramConfirmsAndGetsATokenThatSaysSo(t *testing.T) {
	h := open(t)
	bob := h.program("bob")
	bob.do("POST", "/auth/step-up", `{"method":"password","password":"wrong wrong wrong wrong"}`).want(401, "invalid_credentials")
	bob.do("POST", "/auth/step-up", `{"method":"totp","code":"123456"}`).want(400, "invalid_request")
	bob.do("POST", "/auth/step-up", `{}`).want(400, "invalid_request")
	h.nobody().do("POST", "/auth/step-up", `{"method":"password","password":"x"}`).want(401, "unauthenticated")
	var out struct {
		Status string
		tokens
	}
	bob.do("POST", "/auth/step-up", `{"method":"password","password":"`+pass+`"}`).want(200).into(&out)
	if out.Status != "confirmed" || out.Access == "" {
		t.Fatalf("%+v", out)
	}
	bob.bearer(out.Access).do("GET", "/auth/me").want(200)
}

// A step-up proves who somebody is, and widens nothing: not the scope of a token.
func TestAStepUpReachesNoFurtherThanTheTokenThatAsked(t *testing.T) {
	h := open(t)
	bob := h.program("bob")
	var me struct{ Session struct{ ID string } }
	bob.do("GET", "/auth/me").want(200).into(&me)
	narrow := bob.bearer(signed(h, bob.id, func(cl *token.Claims) { cl.Session, cl.Scopes = me.Session.ID, []string{"note:read"} }))
	narrow.do("GET", "/auth/sessions").want(403, "insufficient_scope")
	var out tokens
	narrow.do("POST", "/auth/step-up", `{"method":"password","password":"`+pass+`"}`).want(200).into(&out)
	bob.bearer(out.Access).do("GET", "/auth/sessions").want(403, "insufficient_scope")
	bob.bearer(out.Access).do("GET", "/notes").want(200)
}

func TestASecondFactorIsAskedForBeforeThereIsASession(t *testing.T) {
	h := open(t)
	ann := h.browser("ann")
	ann.do("POST", "/auth/logout").want(204)
	h.Accounts.RequireFactor = true
	var need struct {
		Status, Ticket string
		Methods        []string
	}
	a := h.nobody().do("POST", "/auth/login", `{"username":"ann","password":"`+pass+`"}`).want(200)
	a.into(&need)
	if need.Status != "mfa_enrolment_required" || need.Ticket == "" || len(need.Methods) == 0 || len(a.header["Set-Cookie"]) > 0 {
		t.Fatalf("%+v %v", need, a.header)
	}
	h.nobody().do("POST", "/auth/mfa", `{"ticket":"`+need.Ticket+`x","method":"totp","code":"123456"}`).want(401, "invalid_token")
	h.nobody().do("POST", "/auth/mfa", `{"method":"totp","code":"123456"}`).want(401, "invalid_token")

	b := h.nobody().page()
	form := url.Values{"identifier": {"ann"}, "password": {pass}, "return_to": {"/notes"}}
	a = b.do("POST", "/auth/login", form.Encode()).want(303)
	if a.header.Get("Location") != "/auth/mfa" || !strings.Contains(a.header.Get("Set-Cookie"), "__Host-sallyport-ticket=") {
		t.Fatal(a.header)
	}
	if cookieOf(b) != "" {
		t.Error("there is a session")
	}
	b.do("GET", "/auth/mfa").want(200)
	if a := h.nobody().page().do("GET", "/auth/mfa").want(303); !strings.HasPrefix(a.header.Get("Location"), "/auth/login") {
		t.Error(a.header)
	}
}

// A session from before there was a factor is fresh enough, and changes nothing of how
// its person signs in until they have shown the factor.
func TestAWeakSessionShowsTheFactorBeforeItChangesWaysToSignIn(t *testing.T) {
	up := elsewhere(t)
	h := open(t, with("up", up))
	weak := h.browser("ann")
	strong := h.nobody()
	strong.do("POST", "/auth/login", `{"username":"ann","password":"`+pass+`","mode":"cookie"}`).want(200)
	var key struct{ ID string }
	strong.make(h.device()).want(201).into(&key)
	phone, _ := strong.app()

	changes := []struct{ method, path, body string }{
		{"PATCH", "/auth/passkeys/" + key.ID, `{"name":"Mine"}`},
		{"POST", "/auth/passkeys/" + key.ID + "/rename", `{"name":"Mine"}`},
		{"POST", "/auth/passkeys/options", `{}`},
		{"DELETE", "/auth/passkeys/" + key.ID, ""},
		{"POST", "/auth/social/up/link", ""},
		{"DELETE", "/auth/social/up", ""},
		{"POST", "/auth/totp", `{}`},
		{"POST", "/auth/recovery-codes", ""},
		{"POST", "/auth/email/change", `{"email":"ann@example.org"}`},
		{"POST", "/auth/password", `{"current_password":"` + pass + `","new_password":"a heron stands in the river"}`},
		{"POST", "/auth/api-keys", `{"name":"k","scopes":["note:read"]}`},
		{"POST", "/auth/leave", `{}`},
	}
	for _, c := range changes {
		a := weak.do(c.method, c.path, c.body).want(401, "step_up_required")
		if got := strings.Join(a.header.Values("WWW-Authenticate"), ", "); !strings.Contains(got, `acr_values="aal2"`) {
			t.Errorf("%s %s is challenged by %s", c.method, c.path, got)
		}
	}
	// A form is led to where the factor is shown, and told why.
	form := url.Values{"current_password": {pass}, "new_password": {"a heron stands in the river"}}
	if a := weak.page().do("POST", "/auth/password", form.Encode()).want(303); a.header.Get("Location") != "/auth/step-up?acr=aal2" {
		t.Errorf("led to %s", a.header.Get("Location"))
	}
	weak.do("POST", "/auth/step-up", `{"method":"totp","code":"`+phone.code(1)+`"}`).want(200)
	weak.do("PATCH", "/auth/passkeys/"+key.ID, `{"name":"Mine"}`).want(200)
	weak.do("POST", "/auth/password", `{"current_password":"`+pass+`","new_password":"a heron stands in the river"}`).want(204)
}
