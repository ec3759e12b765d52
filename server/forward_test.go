package server_test

import (
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/server"
	"github.com/sallyport-auth/sallyport/server/forward"
)

// behind configures a proxy on loopback, and what it guards.
func behind(rules ...forward.Rule) func(*server.Config) {
	return func(c *server.Config) {
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		c.Forward = rules
	}
}

// wiki is what most of these tests guard.
func wiki() []forward.Rule {
	return []forward.Rule{
		{Host: "wiki.example.com", Require: forward.SignedIn},
		{Host: "wiki.example.com", Path: "/public", Require: forward.Public},
		{Host: "wiki.example.com", Path: "/notes", Require: "note:read"},
		{Host: "wiki.example.com", Path: "/notes/new/", Require: "note:write"},
		{Host: "files.example.com", Path: "/files", Require: forward.SignedIn, Token: true},
	}
}

// about asks about a request, as Traefik and Caddy do.
func (c *caller) about(method, address string) *answer {
	c.h.Helper()
	u := mustURL(address)
	uri := strings.TrimPrefix(address, u.Scheme+"://"+u.Host)
	return c.with("X-Forwarded-Method", method).with("X-Forwarded-Proto", u.Scheme).with("X-Forwarded-Host", u.Host).with("X-Forwarded-Uri", uri).do("GET", "/auth/forward")
}

// enters lets a browser that is signed in at the issuer in at a guarded host, and
// returns a caller that has the cookie of that host and nothing else.
func (c *caller) enters(host, path string) *caller {
	c.h.Helper()
	cookie := c.arrival(host, path)
	line := cookie.want(303).cookieLine("__Host-sallyport-forward")
	for _, part := range []string{"; Path=/;", "HttpOnly", "Secure", "SameSite=Lax"} {
		if !strings.Contains(line, part) || strings.Contains(line, "Domain") {
			c.h.Errorf("cookie %q", line)
		}
	}
	if to := cookie.header.Get("Location"); to != path {
		c.h.Errorf("leads to %q", to)
	}
	value, _, _ := strings.Cut(line, ";")
	return c.h.nobody().with("Cookie", value)
}

// arrival is the end of the handshake.
func (c *caller) arrival(host, path string) *answer {
	c.h.Helper()
	there := c.h.nobody().with("X-Forwarded-Host", host) // the browser as it is known there
	begin := there.do("GET", "/.sallyport/begin?return_to="+url.QueryEscape(path)).want(303)
	code := c.do("GET", strings.TrimPrefix(begin.header.Get("Location"), c.h.URL)).want(303).header.Get("Location")
	u := mustURL(code)
	if u.Scheme != "https" || u.Host != host || u.Path != "/.sallyport/callback" {
		c.h.Fatalf("the code goes to %s", code)
	}
	return there.do("GET", u.RequestURI())
}

func TestProxiesAskWhoMayPass(t *testing.T) {
	t.Parallel()
	h := open(t, behind(wiki()...))
	browser := h.browser("ann")
	ann := browser.enters("wiki.example.com", "/notes?page=2")
	ed := h.browser("ed")
	if err := h.Accounts.Assign(t.Context(), ed.id, "editor", "", account.Origin{}); err != nil {
		t.Fatal(err)
	}
	editor := ed.enters("wiki.example.com", "/")
	var all, narrow, enough struct{ Key string }
	browser.do("POST", "/auth/api-keys", `{"name":"all","scopes":["*"]}`).want(201).into(&all)
	browser.do("POST", "/auth/api-keys", `{"name":"narrow","scopes":["note:read"]}`).want(201).into(&narrow)
	browser.do("POST", "/auth/api-keys", `{"name":"enough","scopes":["forward:enter"]}`).want(201).into(&enough)
	bearer := func(s string) *caller { return h.nobody().with("Authorization", "Bearer "+s) }
	program := h.program("prog")
	for _, tt := range []struct {
		name   string
		who    *caller
		method string
		url    string
		status int
		code   string
	}{
		{"nobody", h.nobody(), "GET", "https://wiki.example.com/", 401, "unauthenticated"},
		{"nobody on a public path", h.nobody(), "GET", "https://wiki.example.com/public/logo.png", 200, ""},
		{"nobody on what only begins like a public path", h.nobody(), "GET", "https://wiki.example.com/publications", 401, "unauthenticated"},
		{"the cookie of the host", ann, "GET", "https://wiki.example.com/", 200, ""},
		{"it says who on a public path too", ann, "GET", "https://wiki.example.com/public", 200, ""},
		{"with the port that the scheme has anyway", ann, "GET", "https://wiki.example.com:443/", 200, ""},
		{"in capital letters", ann, "GET", "https://WIKI.example.com/", 200, ""},
		{"by another port it is another host", ann, "GET", "https://wiki.example.com:8443/", 403, "forbidden"},
		{"the issuer's cookie is none elsewhere", browser, "GET", "https://wiki.example.com/", 401, "unauthenticated"},
		{"the cookie of another host is none here", browser.enters("files.example.com", "/"), "GET", "https://wiki.example.com/", 401, "invalid_token"},
		{"a permission that ann has", ann, "GET", "https://wiki.example.com/notes/7?x=..%2f", 200, ""},
		{"one that she has not", ann, "GET", "https://wiki.example.com/notes/new", 403, "forbidden"},
		{"and below", ann, "POST", "https://wiki.example.com/notes/new/7", 403, "forbidden"},
		{"the editor has it", editor, "POST", "https://wiki.example.com/notes/new/7", 200, ""},
		{"a host without rules", ann, "GET", "https://other.example.com/", 403, "forbidden"},
		{"a path without a rule", browser.enters("files.example.com", "/"), "GET", "https://files.example.com/", 403, "forbidden"},
		{"an API key", bearer(all.Key), "GET", "https://wiki.example.com/", 200, ""},
		{"an API key in its own header", h.nobody().with("X-API-Key", all.Key), "GET", "https://wiki.example.com/", 200, ""},
		{"an API key that reaches elsewhere", bearer(narrow.Key), "GET", "https://wiki.example.com/", 403, "insufficient_scope"},
		{"and where it does reach", bearer(narrow.Key), "GET", "https://wiki.example.com/notes", 200, ""},
		{"an API key for guarded hosts", bearer(enough.Key), "GET", "https://wiki.example.com/", 200, ""},
		{"which reaches for no permission", bearer(enough.Key), "GET", "https://wiki.example.com/notes", 403, "insufficient_scope"},
		{"a token of ours", program, "GET", "https://wiki.example.com/", 200, ""},
		{"a token for the host", bearer(signed(h, browser.id, func(c *token.Claims) { c.Audience = []string{"https://wiki.example.com"} })), "GET", "https://wiki.example.com/", 200, ""},
		{"a token for another host", bearer(signed(h, browser.id, func(c *token.Claims) { c.Audience = []string{"https://files.example.com"} })), "GET", "https://wiki.example.com/", 401, "invalid_token"},
		{"a token that is none", bearer("x.y.z"), "GET", "https://wiki.example.com/", 401, "invalid_token"},
		{"which a public path does not mind", bearer("x.y.z"), "GET", "https://wiki.example.com/public", 200, ""},
		{"two credentials", bearer(all.Key).with("X-API-Key", all.Key), "GET", "https://wiki.example.com/", 400, "invalid_request"},
		{"a path in capital letters", ann, "GET", "https://wiki.example.com/NOTES/NEW", 400, "invalid_request"},
		{"a path with dots", ann, "GET", "https://wiki.example.com/public/../notes/new", 400, "invalid_request"},
		{"unencrypted", ann, "GET", "http://wiki.example.com/", 400, "invalid_request"},
		{"a web socket", ann, "GET", "wss://wiki.example.com/", 200, ""},
		{"another site's form", ann.with("Sec-Fetch-Site", "cross-site"), "POST", "https://wiki.example.com/", 403, "cross_origin"},
		{"which a public path takes", ann.with("Sec-Fetch-Site", "cross-site"), "POST", "https://wiki.example.com/public", 200, ""},
		{"another site's link", ann.with("Sec-Fetch-Site", "cross-site"), "GET", "https://wiki.example.com/", 200, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h.T = t
			a := tt.who.about(tt.method, tt.url)
			if tt.code == "" {
				a.want(tt.status)
			} else {
				a.want(tt.status, tt.code)
			}
			if got := a.header.Get("X-Auth-Subject"); tt.status != 200 && got != "" {
				t.Errorf("a refusal says %q", got)
			}
		})
	}
	h.T = t
}

func TestWhatTheProgramIsTold(t *testing.T) {
	t.Parallel()
	h := open(t, behind(wiki()...))
	browser := h.browser("ann")
	ann := browser.enters("wiki.example.com", "/")
	want := func(a *answer, pairs ...string) {
		t.Helper()
		a.want(200)
		told := map[string]string{
			"X-Auth-Subject": "", "X-Auth-Username": "", "X-Auth-Email": "", "X-Auth-Roles": "", "X-Auth-Scopes": "", "X-Auth-Org": "",
			"X-Auth-Org-Roles": "", "X-Auth-Session": "",
		}
		for i := 0; i < len(pairs); i += 2 {
			told[pairs[i]] = pairs[i+1]
		}
		for name, value := range told {
			if got, ok := a.header[http.CanonicalHeaderKey(name)]; !ok || len(got) != 1 || got[0] != value && value != "?" || value == "?" && got[0] == "" {
				t.Errorf("%s: %q, want %q", name, got, value)
			}
		}
	}
	for name, verified := range map[string]string{"una": "", "vera": "vera@example.com"} {
		in := account.Registration{Username: name, Email: name + "@example.com", EmailVerified: verified != "", Password: pass}
		if _, err := h.Accounts.Add(t.Context(), in, account.Origin{}); err != nil {
			t.Fatal(err)
		}
		c := h.nobody()
		c.do("POST", "/auth/login", `{"username":"`+name+`","password":"`+pass+`","mode":"cookie"}`).want(200)
		want(c.enters("wiki.example.com", "/").about("GET", "https://wiki.example.com/"), "X-Auth-Subject", "?", "X-Auth-Username", name, "X-Auth-Email", verified,
			"X-Auth-Roles", "member", "X-Auth-Session", "?")
	}
	want(h.nobody().about("GET", "https://wiki.example.com/public"))
	want(ann.about("GET", "https://wiki.example.com/"), "X-Auth-Subject", browser.id, "X-Auth-Username", "ann", "X-Auth-Roles", "member", "X-Auth-Session", "?")
	var key struct{ Key string }
	browser.do("POST", "/auth/api-keys", `{"name":"k","scopes":["forward:enter","note:read"]}`).want(201).into(&key)
	want(h.nobody().bearer(key.Key).about("GET", "https://wiki.example.com/"), "X-Auth-Subject", browser.id, "X-Auth-Username", "ann", "X-Auth-Scopes", "forward:enter note:read")

	a := browser.enters("files.example.com", "/files").about("GET", "https://files.example.com/files/1").want(200)
	claims, err := (&token.Verifier{Issuer: h.URL, Audience: "https://files.example.com", Keys: h.Keyring.Keys()}).Verify(t.Context(), a.header.Get("X-Auth-Token"))
	if err != nil || claims.Subject != browser.id || claims.Session == "" || len(claims.Audience) != 1 {
		t.Errorf("%+v, %v", claims, err)
	}
	h.nobody().bearer(a.header.Get("X-Auth-Token")).do("GET", "/auth/me").want(401, "invalid_token")
	h.nobody().bearer(a.header.Get("X-Auth-Token")).about("GET", "https://wiki.example.com/").want(401, "invalid_token")
}

func TestASessionEndsAtEveryHostAtOnce(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(h *house, c *caller){
		"signing out":            func(_ *house, c *caller) { c.do("POST", "/auth/logout").want(204) },
		"signing out everywhere": func(_ *house, c *caller) { c.do("POST", "/auth/logout", `{"everywhere":true}`).want(204) },
		"being disabled": func(h *house, c *caller) {
			if err := h.Accounts.Disable(h.Context(), c.id, account.Origin{}); err != nil {
				h.Fatal(err)
			}
		},
		"changing the password, which gives the session another cookie": func(_ *house, c *caller) {
			c.do("POST", "/auth/password", `{"current_password":"`+pass+`","new_password":"a lighthouse made of cork"}`).want(204)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t, behind(wiki()...))
			c := h.browser("ann")
			ann := c.enters("wiki.example.com", "/")
			ann.about("GET", "https://wiki.example.com/").want(200)
			end(h, c)
			ann.about("GET", "https://wiki.example.com/").want(401, "invalid_token")
		})
	}
}

func TestARoleCountsAtGuardedHostsAtOnce(t *testing.T) {
	h := open(t, behind(wiki()...))
	admin, browser := h.admin(), h.browser("ann")
	ann := browser.enters("wiki.example.com", "/")
	role := "/auth/admin/api/users/" + browser.id + "/roles/editor"
	ann.about("GET", "https://wiki.example.com/notes/new").want(403)
	admin.do("PUT", role).want(204)
	if a := ann.about("GET", "https://wiki.example.com/notes/new").want(200); a.header.Get("X-Auth-Roles") != "editor,member" {
		t.Errorf("roles %q", a.header.Get("X-Auth-Roles"))
	}
	admin.do("DELETE", role).want(204)
	ann.about("GET", "https://wiki.example.com/notes/new").want(403)
}

func TestOnlyTrustedProxiesAsk(t *testing.T) {
	h := open(t, behind(wiki()...), func(c *server.Config) {
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	})
	h.nobody().about("GET", "https://wiki.example.com/public").want(403, "untrusted_proxy")
	h.nobody().do("GET", "/.sallyport/begin").want(403, "untrusted_proxy")
	h.nobody().do("GET", "/.sallyport/callback").want(403, "untrusted_proxy")
}

// navigates makes a caller a browser that opens a page.
func (c *caller) navigates() *caller { return c.with("Sec-Fetch-Mode", "navigate") }

func TestABrowserIsSentToSignInAndBack(t *testing.T) {
	t.Parallel()
	h := open(t, behind(wiki()...))
	h.browser("ann")
	there := h.nobody().navigates()
	to := there.about("GET", "https://wiki.example.com/notes?page=2").want(303).header.Get("Location")
	if to != "https://wiki.example.com/.sallyport/begin?return_to=%2Fnotes%3Fpage%3D2" {
		t.Fatalf("leads to %s", to)
	}
	begin := there.with("X-Forwarded-Host", "wiki.example.com").do("GET", mustURL(to).RequestURI()).want(303)
	at := h.nobody().navigates()
	signIn := at.do("GET", strings.TrimPrefix(begin.header.Get("Location"), h.URL)).want(303).header.Get("Location")
	page := at.do("GET", signIn).want(200)
	if csp := page.header.Get("Content-Security-Policy"); !strings.HasSuffix(csp, "form-action 'self' https://wiki.example.com") {
		t.Errorf("the form may not lead on: %s", csp)
	}
	back := url.Values{"identifier": {"ann"}, "password": {pass}, "return_to": {mustURL(signIn).Query().Get("return_to")}}
	next := form(at).do("POST", "/auth/login", back.Encode()).want(303).header.Get("Location")
	code := mustURL(at.do("GET", next).want(303).header.Get("Location"))
	end := there.with("X-Forwarded-Host", "wiki.example.com").do("GET", code.RequestURI()).want(303)
	if got := end.header.Get("Location"); got != "/notes?page=2" || end.header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("leads to %q, %v", got, end.header)
	}
	if a := h.admin().do("GET", "/auth/admin/api/audit?action=session.hand_over").want(200); !strings.Contains(a.body, `"host":"wiki.example.com"`) {
		t.Errorf("not audited: %s", a.body)
	}
}

func TestACodeIsGoodOnceForOneHostAndOneBrowser(t *testing.T) {
	t.Parallel()
	h := open(t, behind(wiki()...))
	ann := h.browser("ann")
	begin := func(host string) (location, held string) {
		a := h.nobody().with("X-Forwarded-Host", host).do("GET", "/.sallyport/begin").want(303)
		held, _, _ = strings.Cut(a.cookieLine("__Host-sallyport-forward-browser"), ";")
		return strings.TrimPrefix(a.header.Get("Location"), h.URL), held
	}
	code := func(location string) string {
		return mustURL(ann.do("GET", location).want(303).header.Get("Location")).RequestURI()
	}
	arrive := func(host, held, code string) *answer {
		return h.nobody().with("X-Forwarded-Host", host).with("Cookie", held).do("GET", code)
	}
	const refused = "sign_in_refused"
	t.Run("twice", func(t *testing.T) {
		to, held := begin("wiki.example.com")
		c := code(to)
		arrive("wiki.example.com", held, c).want(303)
		arrive("wiki.example.com", held, c).want(400, refused)
	})
	t.Run("by another browser, and then no more by its own", func(t *testing.T) {
		to, held := begin("wiki.example.com")
		_, other := begin("wiki.example.com")
		c := code(to)
		arrive("wiki.example.com", other, c).want(400, refused)
		arrive("wiki.example.com", held, c).want(400, refused)
	})
	t.Run("by a browser that began nothing", func(t *testing.T) {
		to, _ := begin("wiki.example.com")
		arrive("wiki.example.com", "x=y", code(to)).want(400, refused)
	})
	t.Run("at another host", func(t *testing.T) {
		to, held := begin("wiki.example.com")
		arrive("files.example.com", held, code(to)).want(400, refused)
	})
	t.Run("of a session that has ended since", func(t *testing.T) {
		other := h.browser("bob")
		to, held := begin("wiki.example.com")
		c := mustURL(other.do("GET", to).want(303).header.Get("Location")).RequestURI()
		other.do("POST", "/auth/logout").want(204)
		arrive("wiki.example.com", held, c).want(400, refused)
	})
	t.Run("that is none", func(t *testing.T) {
		_, held := begin("wiki.example.com")
		arrive("wiki.example.com", held, "/.sallyport/callback?code=x").want(400, refused)
		arrive("wiki.example.com", held, "/.sallyport/callback").want(400, refused)
	})
	t.Run("one browser may begin several times", func(t *testing.T) {
		to, held := begin("wiki.example.com")
		again := h.nobody().with("X-Forwarded-Host", "wiki.example.com").with("Cookie", held).do("GET", "/.sallyport/begin").want(303)
		arrive("wiki.example.com", held, code(strings.TrimPrefix(again.header.Get("Location"), h.URL))).want(303)
		arrive("wiki.example.com", held, code(to)).want(303)
	})
	t.Run("nothing leads to a host that is not guarded", func(t *testing.T) {
		to, held := begin("wiki.example.com")
		u := mustURL(to)
		for _, host := range []string{"evil.example", "wiki.example.com.evil.example", "wiki.example.com:8443", "wiki.example.com@evil.example", "", strings.TrimPrefix(h.URL, "https://")} {
			q := u.Query()
			q.Set("host", host)
			ann.do("GET", u.Path+"?"+q.Encode()).want(400, "invalid_request")
		}
		for _, path := range []string{"https://evil.example/", "//evil.example", `/\evil.example`, "javascript:1"} {
			q := u.Query()
			q.Set("return_to", path)
			if got := arrive("wiki.example.com", held, code(u.Path+"?"+q.Encode())).want(303).header.Get("Location"); got != "/" {
				t.Errorf("%s leads to %s", path, got)
			}
		}
		q := u.Query()
		q.Set("browser", "x")
		ann.do("GET", u.Path+"?"+q.Encode()).want(400, "invalid_request")
	})
	t.Run("an API key is no session", func(t *testing.T) {
		var key struct{ Key string }
		ann.do("POST", "/auth/api-keys", `{"name":"k","scopes":["*"]}`).want(201).into(&key)
		to, _ := begin("wiki.example.com")
		if got := h.nobody().bearer(key.Key).do("GET", to).want(303).header.Get("Location"); !strings.HasPrefix(got, "/auth/login?") {
			t.Errorf("leads to %s", got)
		}
	})
}

// envoy asks as Envoy does: by method, host and path.
func (c *caller) envoy(method, address string) *answer {
	c.h.Helper()
	u := mustURL(address)
	r, err := http.NewRequest(method, c.h.URL, nil)
	if err != nil {
		c.h.Fatal(err)
	}
	r.URL.Opaque = "/auth/forward/envoy" + strings.TrimPrefix(address, u.Scheme+"://"+u.Host)
	r.Host, r.Header = u.Host, c.header.Clone()
	r.Header.Set("X-Forwarded-Proto", u.Scheme)
	resp, err := c.client.Do(r)
	if err != nil {
		c.h.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		c.h.Fatal(err)
	}
	a := &answer{c.h, method + " " + address, resp.StatusCode, resp.Header, string(text)}
	r.URL.Path, r.URL.Opaque = "/auth/forward/envoy"+u.Path, ""
	c.h.checked.check(r, "", a)
	return a
}

func TestEnvoyAsksByThePath(t *testing.T) {
	t.Parallel()
	h := open(t, behind(wiki()...))
	browser := h.browser("ann")
	ann := browser.enters("wiki.example.com", "/")
	var narrow struct{ Key string }
	browser.do("POST", "/auth/api-keys", `{"name":"narrow","scopes":["note:read"]}`).want(201).into(&narrow)
	const at = "https://wiki.example.com"
	if a := ann.envoy("GET", at+"/x").want(200); a.header.Get("X-Auth-Subject") != browser.id {
		t.Errorf("%v", a.header)
	}
	ann.envoy("DELETE", at+"/a/b?c").want(200)
	ann.envoy("OPTIONS", at+"/a").want(200)
	ann.with("Sec-Fetch-Site", "cross-site").envoy("POST", at+"/a").want(403, "cross_origin")
	h.nobody().envoy("GET", at+"/x").want(401, "unauthenticated")
	h.nobody().bearer("x").envoy("GET", at+"/x").want(401, "invalid_token")
	h.nobody().envoy("GET", at+"/public").want(200)
	h.nobody().bearer(narrow.Key).envoy("GET", at+"/x").want(403, "insufficient_scope")
	ann.envoy("GET", "https://other.example.com/x").want(403, "forbidden")
	ann.envoy("GET", "http://wiki.example.com/x").want(400, "invalid_request")
	for _, path := range []string{"/public/../x", "//x", "/public/%2e%2e/x", "/a%2fb", "/PUBLIC"} {
		ann.envoy("GET", at+path).want(400, "invalid_request")
	}
	if to := h.nobody().navigates().envoy("GET", at+"/x?y=1").want(303).header.Get("Location"); to != at+"/.sallyport/begin?return_to=%2Fx%3Fy%3D1" {
		t.Errorf("leads to %s", to)
	}
	strange := open(t, behind(wiki()...), func(c *server.Config) {
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	})
	strange.nobody().envoy("GET", at+"/x").want(403, "untrusted_proxy")
}

// nginx asks as nginx does.
func (c *caller) nginx(method, address string) *answer {
	c.h.Helper()
	return c.with("X-Original-Method", method).with("X-Original-URL", address).do("GET", "/auth/forward")
}

// nginx makes 500 of any status that it does not know.
func TestNginxGetsStatusesThatItKnows(t *testing.T) {
	t.Parallel()
	h := open(t, behind(wiki()...))
	browser := h.browser("ann")
	ann := browser.enters("wiki.example.com", "/")
	const at = "https://wiki.example.com"
	if a := ann.nginx("GET", at+"/notes").want(200); a.header.Get("X-Auth-Subject") != browser.id {
		t.Errorf("%v", a.header)
	}
	ann.nginx("POST", at+"/notes/new").want(403, "forbidden")
	ann.nginx("GET", at+"/public/../x").want(403, "invalid_request")
	ann.nginx("GET", at+"/PUBLIC").want(403, "invalid_request")
	ann.with("X-API-Key", "k").nginx("GET", at+"/").want(403, "invalid_request")
	ann.with("X-Forwarded-Uri", "/public").nginx("GET", at+"/").want(403, "invalid_request")
	ann.with("X-Forwarded-Method", "GET").nginx("GET", at+"/").want(403, "invalid_request")
	ann.with("X-Auth-Subject", "usr_boss").nginx("GET", at+"/").want(403, "invalid_request")
	if a := h.nobody().nginx("GET", at+"/").want(401, "unauthenticated"); a.header.Get("Location") != "" {
		t.Errorf("a program is led to %s", a.header.Get("Location"))
	}
	a := h.nobody().navigates().nginx("GET", at+"/x?y=1").want(401, "unauthenticated")
	if to := a.header.Get("Location"); to != at+"/.sallyport/begin?return_to=%2Fx%3Fy%3D1" {
		t.Errorf("leads to %q", to)
	}
	if a := ann.navigates().nginx("GET", at+"/notes/new").want(403); a.header.Get("Location") != "" {
		t.Errorf("%v", a.header)
	}
}

func TestNobodyElseSaysWhoItIs(t *testing.T) {
	t.Parallel()
	h := open(t, behind(wiki()...))
	browser := h.browser("ann")
	ann, files := browser.enters("wiki.example.com", "/"), browser.enters("files.example.com", "/")
	for _, name := range []string{
		"X-Auth-Subject", "x-auth-email", "X-Auth-Username", "X-AUTH-ROLES", "X-Auth-Scopes", "X-Auth-Org", "X-Auth-Org-Roles", "X-Auth-Session",
		"X_Auth_Subject", "X-Auth_Roles", "x_auth_org_roles",
	} {
		h.nobody().with(name, "admin").about("GET", "https://wiki.example.com/public").want(400, "invalid_request")
		ann.with(name, "").about("GET", "https://wiki.example.com/").want(400, "invalid_request")
	}
	files.with("X-Auth-Token", "x").about("GET", "https://files.example.com/files").want(400, "invalid_request")
	ann.with("X-Auth-Token", "x").about("GET", "https://wiki.example.com/").want(200) // where we say nothing there it is the program's own
	ann.with("X-Auth-Key", "x").with("X-Authors", "x").about("GET", "https://wiki.example.com/").want(200)
}

// At the host where people sign in their session counts as it is.
func TestTheIssuersOwnHostNeedsNoHandshake(t *testing.T) {
	t.Parallel()
	h := open(t, behind(), func(c *server.Config) {
		c.Forward = []forward.Rule{{Host: strings.TrimPrefix(c.BaseURL, "https://"), Path: "/wiki", Require: forward.SignedIn}}
	})
	ann := h.browser("ann")
	if a := ann.about("GET", h.URL+"/wiki/x").want(200); a.header.Get("X-Auth-Subject") != ann.id {
		t.Errorf("%v", a.header)
	}
	if to := h.nobody().navigates().about("GET", h.URL+"/wiki/x").want(303).header.Get("Location"); to != h.URL+"/auth/login?return_to=%2Fwiki%2Fx" {
		t.Errorf("leads to %s", to)
	}
	host := strings.TrimPrefix(h.URL, "https://")
	h.nobody().with("X-Forwarded-Host", host).do("GET", "/.sallyport/begin").want(404, "not_found")
	h.nobody().with("X-Forwarded-Host", host).do("GET", "/.sallyport/callback").want(404, "not_found")
	ann.do("GET", "/auth/forward/begin?browser="+strings.Repeat("A", 43)+"&host="+url.QueryEscape(host)).want(400, "invalid_request")
	ann.do("POST", "/auth/logout").want(204)
	ann.about("GET", h.URL+"/wiki/x").want(401)
}

func TestTheHandshakeKnowsItsHosts(t *testing.T) {
	h := open(t, behind(wiki()...))
	for _, path := range []string{"/.sallyport/begin", "/.sallyport/callback"} {
		h.nobody().with("X-Forwarded-Host", "other.example.com").do("GET", path).want(403, "forbidden")
		h.nobody().with("X-Forwarded-Host", "a b").do("GET", path).want(400, "invalid_request")
	}
}

func TestNoRulesNoAnswers(t *testing.T) {
	h := open(t)
	for _, path := range []string{"/auth/forward", "/auth/forward/envoy/x", "/auth/forward/begin", "/.sallyport/begin", "/.sallyport/callback"} {
		h.nobody().do("GET", path).want(404, "not_found")
	}
	for name, change := range map[string]func(*server.Config){
		"without proxies that are trusted": func(c *server.Config) { c.Forward = wiki() },
		"with a rule that says nothing":    behind(forward.Rule{Host: "a.example"}),
	} {
		c := server.Config{BaseURL: "https://id.example.com"}
		change(&c)
		if _, err := server.Open(t.Context(), c); err == nil || !strings.Contains(err.Error(), "Forward") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
