package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/server"
)

// Each credential of ann's, and what every one of them must do.
func credentials(h *house) map[string]*caller {
	ann := h.browser("ann")
	h.owner = ann.id
	signedIn := h.nobody()
	a := signedIn.do("POST", "/auth/login", `{"identifier":"ann","password":"`+pass+`"}`).want(200)
	a.into(&signedIn.tokens)
	var key struct{ Key string }
	ann.do("POST", "/auth/api-keys", `{"name":"ci","scopes":["*"]}`).want(201).into(&key)
	return map[string]*caller{
		"cookie":    ann,
		"token":     signedIn.bearer(signedIn.tokens.Access),
		"API key":   h.nobody().bearer(key.Key),
		"X-API-Key": h.nobody().with("X-API-Key", key.Key),
	}
}

func TestEveryCredentialPassesBothDoors(t *testing.T) {
	h := open(t)
	for name, c := range credentials(h) {
		t.Run(name, func(t *testing.T) {
			c.do("GET", "/notes").want(200)
			c.do("POST", "/notes").want(403, "forbidden")
			c.do("DELETE", "/notes/1").want(200)
			c.do("DELETE", "/notes/2").want(404, "not_found")
		})
	}
	t.Run("somebody else's object is refused, or hidden", func(t *testing.T) {
		bob := h.program("bob")
		bob.do("DELETE", "/notes/1").want(403, "forbidden")
		bob.do("DELETE", "/secrets/1").want(404, "not_found")
	})
	t.Run("nobody learns whether an object exists", func(t *testing.T) {
		h.nobody().do("DELETE", "/notes/1").want(401, "unauthenticated")
		h.nobody().do("DELETE", "/notes/2").want(401, "unauthenticated")
	})
}

func TestAWrongCredentialIs401(t *testing.T) {
	h := open(t)
	c := h.program("ann")
	expired := signed(h, c.id, func(cl *token.Claims) {
		cl.IssuedAt, cl.Expiry = time.Now().Add(-time.Hour), time.Now().Add(-time.Minute)
	})
	for _, tt := range []struct {
		name   string
		header http.Header
		code   string
	}{
		{"no credential", http.Header{}, "unauthenticated"},
		{"garbage", http.Header{"Authorization": {"Bearer garbage"}}, "invalid_token"},
		{"an unknown scheme", http.Header{"Authorization": {"Basic YTpi"}}, "invalid_token"},
		{"a scheme without a value", http.Header{"Authorization": {"Bearer"}}, "invalid_token"},
		{"an expired token", http.Header{"Authorization": {"Bearer " + expired}}, "invalid_token"},
		{"a token with one letter changed", http.Header{"Authorization": {"Bearer " + flip(c.tokens.Access)}}, "invalid_token"},
		{"a token for another audience", http.Header{"Authorization": {"Bearer " + signed(h, c.id, func(cl *token.Claims) { cl.Audience = []string{"elsewhere"} })}}, "invalid_token"},
		{"a token without a position", http.Header{"Authorization": {"Bearer " + signed(h, c.id, func(cl *token.Claims) { cl.Rev = "" })}}, "invalid_token"},
		{"a token of another log", http.Header{"Authorization": {"Bearer " + signed(h, c.id, func(cl *token.Claims) { cl.Rev = "elsewhere.0" })}}, "invalid_token"},
		{"a refresh token", http.Header{"Authorization": {"Bearer " + c.tokens.Refresh}}, "invalid_token"},
		{"an API key that was never made", http.Header{"X-Api-Key": {"sp_live_x"}}, "invalid_token"},
		{"a made-up cookie", http.Header{"Cookie": {"__Host-sallyport=" + strings.Repeat("a", 43)}}, "invalid_token"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := h.nobody()
			n.header = tt.header
			n.do("GET", "/notes").want(401, tt.code)
			n.do("GET", "/auth/me").want(401, tt.code)
		})
	}
}

// signed is a token of the house's own key, altered before it is signed.
func signed(h *house, subject string, alter func(*token.Claims)) string {
	h.Helper()
	cl := &token.Claims{
		Issuer: h.URL, Audience: []string{h.URL}, Subject: subject, ClientID: "sallyport", ID: "tok_test",
		IssuedAt: time.Now(), Expiry: time.Now().Add(time.Minute), AllRoles: true,
		Rev: revoke.Position{Log: logID(h), Seq: 1 << 30}.String(),
	}
	alter(cl)
	audience := cl.Audience
	key, err := h.Keyring.Keys().Load().Signing(audience[0], time.Now())
	if err != nil {
		h.Fatal(err)
	}
	s, err := key.AccessToken(cl)
	if err != nil {
		h.Fatal(err)
	}
	return s
}

func logID(h *house) string {
	return h.Accounts.Follower.Cursor().Log
}

func flip(tok string) string {
	i := len(tok) - 20
	c := byte('A')
	if tok[i] == c {
		c = 'B'
	}
	return tok[:i] + string(c) + tok[i+1:]
}

func TestWhatEndsTakesEffectOnTheNextRequest(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		end  func(h *house, admin *caller, who map[string]*caller)
		dead []string // the others live
	}{
		{"signing out with the cookie", func(h *house, _ *caller, who map[string]*caller) {
			cookie := who["cookie"]
			jar := cookie.client.Jar
			cookie.do("POST", "/auth/logout").want(204)
			cookie.client.Jar = jar // the browser forgot; a thief would not
		}, []string{"cookie"}},
		{"signing out with the token", func(_ *house, _ *caller, who map[string]*caller) {
			who["token"].do("POST", "/auth/logout").want(204)
		}, []string{"token"}},
		{"signing out everywhere", func(_ *house, _ *caller, who map[string]*caller) {
			who["token"].do("POST", "/auth/logout", `{"everywhere":true}`).want(204)
		}, []string{"cookie", "token"}},
		{"changing the password in the browser", func(_ *house, _ *caller, who map[string]*caller) {
			who["cookie"].do("POST", "/auth/password", `{"current_password":"`+pass+`","new_password":"a lighthouse made of cork"}`).want(204)
		}, []string{"token"}},
		{"ending the other sessions", func(_ *house, _ *caller, who map[string]*caller) {
			who["cookie"].do("DELETE", "/auth/sessions").want(204)
		}, []string{"token"}},
		{"an administrator disabling the user", func(_ *house, admin *caller, who map[string]*caller) {
			admin.do("POST", "/auth/admin/api/users/"+who["cookie"].id+"/disable").want(204)
		}, []string{"cookie", "token", "API key", "X-API-Key"}},
		{"an administrator deleting the user", func(_ *house, admin *caller, who map[string]*caller) {
			admin.do("DELETE", "/auth/admin/api/users/"+who["cookie"].id).want(204)
		}, []string{"cookie", "token", "API key", "X-API-Key"}},
		{"an administrator ending all sessions", func(_ *house, admin *caller, who map[string]*caller) {
			admin.do("DELETE", "/auth/admin/api/sessions?user="+who["cookie"].id).want(204)
		}, []string{"cookie", "token"}},
		{"revoking the signing key", func(h *house, admin *caller, _ map[string]*caller) {
			var keys struct{ Items []struct{ KID string } }
			admin.do("GET", "/auth/admin/api/keys").want(200).into(&keys)
			admin.do("DELETE", "/auth/admin/api/keys/"+keys.Items[0].KID).want(204)
		}, []string{"token"}},
		{"revoking the API key", func(_ *house, _ *caller, who map[string]*caller) {
			var keys struct{ Items []struct{ ID string } }
			who["cookie"].do("GET", "/auth/api-keys").want(200).into(&keys)
			who["cookie"].do("DELETE", "/auth/api-keys/"+keys.Items[0].ID).want(204)
		}, []string{"API key", "X-API-Key"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := open(t)
			admin, who := h.admin(), credentials(h)
			for _, c := range who {
				c.do("GET", "/notes").want(200)
			}
			cookies := who["cookie"].client.Jar.Cookies(mustURL(h.URL))
			tt.end(h, admin, who)
			for name, c := range who {
				want := 200
				for _, dead := range tt.dead {
					if dead == name {
						want = 401
					}
				}
				if name == "cookie" && want == 401 {
					c = h.nobody().with("Cookie", cookies[0].String()) // as a thief who kept it
				}
				if a := c.do("GET", "/notes"); a.status != want {
					t.Errorf("%s: %d, want %d", name, a.status, want)
				}
			}
		})
	}
}

func TestAChangeOfRolesIsInForceOnTheNextRequest(t *testing.T) {
	h := open(t)
	admin, who := h.admin(), credentials(h)
	role := "/auth/admin/api/users/" + who["cookie"].id + "/roles/editor"
	each := func(want int) {
		t.Helper()
		for name, c := range who {
			if a := c.do("POST", "/notes"); a.status != want {
				t.Errorf("%s: %d, want %d", name, a.status, want)
			}
		}
	}
	each(403)
	admin.do("PUT", role).want(204)
	each(200)
	admin.do("DELETE", role).want(204)
	each(403)
	admin.do("PUT", role).want(204)
	admin.do("PUT", "/auth/admin/api/roles/editor", `{"permissions":["note:stamp"]}`).want(200)
	each(403)
	admin.do("PUT", "/auth/admin/api/roles/editor", `{"permissions":["note:*"]}`).want(200)
	each(200)
	admin.do("DELETE", "/auth/admin/api/roles/editor").want(204)
	each(403)
	if a := who["token"].do("GET", "/auth/me").want(200); strings.Contains(a.body, "editor") {
		t.Errorf("a deleted role is still shown: %s", a.body)
	}
}

func TestAScopeIsAnUpperBound(t *testing.T) {
	h := open(t)
	ann := h.browser("ann")
	h.owner = ann.id
	var key struct{ Key string }
	ann.do("POST", "/auth/api-keys", `{"name":"read only","scopes":["note:read","user:read"]}`).want(201).into(&key)
	c := h.nobody().with("X-API-Key", key.Key)
	c.do("GET", "/notes").want(200)
	a := c.do("DELETE", "/notes/1").want(403, "insufficient_scope")
	if got := a.header.Get("WWW-Authenticate"); !strings.Contains(got, `error="insufficient_scope"`) || !strings.Contains(got, `scope="note:delete"`) {
		t.Errorf("challenge: %s", got)
	}
	c.do("POST", "/notes").want(403, "forbidden")
	c.do("GET", "/auth/admin/api/users").want(403, "forbidden")
	c.do("GET", "/auth/sessions").want(403, "insufficient_scope")
	c.do("DELETE", "/auth/sessions").want(403, "insufficient_scope")
	c.do("POST", "/auth/api-keys", `{"name":"more","scopes":["*"]}`).want(401, "step_up_required")
}

func TestEightParallelRefreshesGetOneSuccessor(t *testing.T) {
	h := open(t)
	c := h.program("ann")
	next := make([]tokens, 8)
	var wg sync.WaitGroup
	for i := range next {
		wg.Go(func() {
			h.nobody().do("POST", "/auth/refresh", fmt.Sprintf(`{"refresh_token":%q}`, c.tokens.Refresh)).want(200).into(&next[i])
		})
	}
	wg.Wait()
	for _, n := range next {
		if n.Refresh != next[0].Refresh {
			t.Fatal("two successors")
		}
		c.bearer(n.Access).do("GET", "/notes").want(200)
	}
	h.nobody().do("POST", "/auth/refresh", fmt.Sprintf(`{"refresh_token":%q}`, next[0].Refresh)).want(200)
}

func TestAReusedRefreshTokenEndsTheSignIn(t *testing.T) {
	h := open(t)
	c := h.program("ann")
	refresh := func(s string) *answer {
		return h.nobody().do("POST", "/auth/refresh", fmt.Sprintf(`{"refresh_token":%q}`, s))
	}
	var second, third tokens
	refresh(c.tokens.Refresh).want(200).into(&second)
	refresh(second.Refresh).want(200).into(&third)
	refresh(c.tokens.Refresh).want(401, "invalid_token")
	refresh(third.Refresh).want(401, "invalid_token")
	c.bearer(third.Access).do("GET", "/notes").want(401, "invalid_token")
	admin := h.admin()
	if a := admin.do("GET", "/auth/admin/api/audit?action=refresh.reuse").want(200); !strings.Contains(a.body, c.id) {
		t.Errorf("reuse is not audited: %s", a.body)
	}
}

func TestARefreshReadsTheUserAnew(t *testing.T) {
	h := open(t)
	admin, c := h.admin(), h.program("ann")
	refresh := func() *answer {
		return h.nobody().do("POST", "/auth/refresh", fmt.Sprintf(`{"refresh_token":%q}`, c.tokens.Refresh))
	}
	admin.do("PUT", "/auth/admin/api/users/"+c.id+"/roles/editor").want(204)
	var next tokens
	refresh().want(200).into(&next)
	keys := h.Keyring.Keys()
	claims, err := (&token.Verifier{Issuer: h.URL, Audience: h.URL, Keys: keys}).Verify(t.Context(), next.Access)
	if err != nil || !claims.AllRoles || fmt.Sprint(claims.Roles) != "[editor member]" {
		t.Errorf("claims %+v, %v", claims, err)
	}
	admin.do("POST", "/auth/admin/api/users/"+c.id+"/disable").want(204)
	refresh().want(401, "invalid_token")
	admin.do("POST", "/auth/admin/api/users/"+c.id+"/enable").want(204)
	refresh().want(401, "invalid_token") // what was ended stays ended
}

func TestTheModesOfHoldingCredentials(t *testing.T) {
	h := open(t)
	h.browser("ann")
	login := func(c *caller, mode string) *answer {
		return c.do("POST", "/auth/login", `{"username":"ann","password":"`+pass+`"`+mode+`}`)
	}
	t.Run("tokens and no cookie unless asked", func(t *testing.T) {
		a := login(h.nobody(), "").want(200)
		if a.header.Get("Set-Cookie") != "" || !strings.Contains(a.body, "refresh_token") || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%v\n%s", a.header, a.body)
		}
	})
	t.Run("a cookie that scripts and other sites cannot use", func(t *testing.T) {
		a := login(h.nobody(), `,"mode":"cookie"`).want(200)
		got := a.cookieLine("__Host-sallyport")
		for _, want := range []string{"__Host-sallyport=", "; Path=/;", "HttpOnly", "Secure", "SameSite=Lax", "Max-Age="} {
			if !strings.Contains(got, want) {
				t.Errorf("cookie %q lacks %q", got, want)
			}
		}
		if strings.Contains(got, "Domain") || strings.Contains(a.body, "_token") {
			t.Errorf("%s\n%s", got, a.body)
		}
	})
	t.Run("a refresh cookie for one path of the same site", func(t *testing.T) {
		c := h.nobody()
		a := login(c, `,"mode":"refresh_cookie"`).want(200)
		got := a.cookieLine("__Secure-sallyport-refresh")
		for _, want := range []string{"__Secure-sallyport-refresh=", "Path=/auth/refresh", "HttpOnly", "Secure", "SameSite=Strict"} {
			if !strings.Contains(got, want) {
				t.Errorf("cookie %q lacks %q", got, want)
			}
		}
		if strings.Contains(a.body, "refresh_token") {
			t.Error("the refresh token is in the body too")
		}
		a = c.do("POST", "/auth/refresh").want(200)
		if a.header.Get("Set-Cookie") == "" || strings.Contains(a.body, "refresh_token") {
			t.Errorf("%v\n%s", a.header, a.body)
		}
		c.with("Origin", "https://evil.example").do("POST", "/auth/refresh").want(403, "cross_origin")
	})
	t.Run("an unknown mode", func(t *testing.T) { login(h.nobody(), `,"mode":"jar"`).want(400, "invalid_request") })
	t.Run("a sign-in ends the browser's old session", func(t *testing.T) {
		c := h.nobody()
		login(c, `,"mode":"cookie"`).want(200)
		old := c.client.Jar.Cookies(mustURL(h.URL))[0].String()
		login(c, `,"mode":"cookie"`).want(200)
		c.do("GET", "/auth/me").want(200)
		h.nobody().with("Cookie", old).do("GET", "/auth/me").want(401)
	})
	t.Run("signing in from another site is refused", func(t *testing.T) {
		c := h.nobody().with("Origin", "https://evil.example")
		login(c, `,"mode":"cookie"`).want(403, "cross_origin")
		login(h.nobody().with("Sec-Fetch-Site", "cross-site"), `,"mode":"cookie"`).want(403, "cross_origin")
	})
}

func TestTrustedOrigins(t *testing.T) {
	h := open(t, func(c *server.Config) { c.Origins = []string{"https://app.example"} })
	c := h.browser("ann").with("Origin", "https://app.example")
	a := c.do("GET", "/auth/me").want(200)
	if a.header.Get("Access-Control-Allow-Origin") != "https://app.example" || a.header.Get("Access-Control-Allow-Credentials") != "true" {
		t.Errorf("%v", a.header)
	}
	c.with("Access-Control-Request-Method", "DELETE").do("OPTIONS", "/auth/sessions").want(204)
	c.do("DELETE", "/auth/sessions").want(204)
	evil := h.nobody().with("Origin", "https://evil.example")
	if a := evil.with("Access-Control-Request-Method", "DELETE").do("OPTIONS", "/auth/sessions"); a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%v", a.header)
	}
}
