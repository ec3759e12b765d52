package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/federation"
	"github.com/sallyport-auth/sallyport/internal/outbound"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/internal/upstream"
	"github.com/sallyport-auth/sallyport/server"
)

// elsewhere starts a provider.
func elsewhere(t testing.TB) *upstream.Provider {
	t.Helper()
	up := upstream.Start()
	t.Cleanup(up.Close)
	return up
}

// with configures a provider under that id.
func with(id string, up *upstream.Provider) func(*server.Config) {
	return func(c *server.Config) {
		c.Providers = append(c.Providers, federation.Config{
			ID: id, Name: "Upstream", Issuer: up.URL, ClientID: upstream.ClientID, ClientSecret: upstream.ClientSecret, PrivateNetwork: true,
		})
	}
}

// leave begins at a provider and returns the address that the browser is sent to.
func (c *caller) leave(id string, query ...string) string {
	c.h.Helper()
	return c.do("GET", "/auth/social/"+id+strings.Join(query, "")).want(303).header.Get("Location")
}

// visit goes to a provider, and returns the path by which it sends the browser back.
func (h *house) visit(address string) string {
	h.Helper()
	resp, err := outbound.Client(nil).Get(address)
	if err != nil {
		h.Fatal(err)
	}
	resp.Body.Close()
	back, ok := strings.CutPrefix(resp.Header.Get("Location"), h.URL)
	if !ok {
		h.Fatalf("%s sends back to %q", resp.Status, resp.Header.Get("Location"))
	}
	return back
}

// social signs in from begin to end.
func (c *caller) social(id string) *answer {
	c.h.Helper()
	return c.do("GET", c.h.visit(c.leave(id)))
}

// person is a new account from the provider.
func (h *house) person(up *upstream.Provider, name string) *caller {
	h.Helper()
	up.Person(upstream.Object{"sub": name + "-1", "preferred_username": name, "email": name + "@example.com", "email_verified": true})
	c := h.nobody()
	a := c.social("up").want(200)
	c.id = a.user()
	return c
}

// named registers with a password and that address, unproved.
func (h *house) named(name, email string) *caller {
	h.Helper()
	c := h.nobody()
	a := c.do("POST", "/auth/register", `{"username":"`+name+`","email":"`+email+`","password":"`+pass+`"}`).want(201)
	a.into(&c.tokens)
	c.id = c.tokens.User.ID
	return c.bearer(c.tokens.Access)
}

type whoami struct {
	Subject string
	User    struct {
		Username, Email string
		EmailVerified   bool `json:"email_verified"`
	}
	Session struct{ AMR []string }
}

func (c *caller) me() (m whoami) {
	c.h.Helper()
	c.do("GET", "/auth/me").want(200).into(&m)
	return m
}

func TestAPersonSignsInWithAProvider(t *testing.T) {
	up := elsewhere(t)
	h := open(t, with("up", up))
	ann := h.person(up, "ann")
	if m := ann.me(); m.User.Username != "ann" || m.User.Email != "ann@example.com" || !m.User.EmailVerified || !slices.Equal(m.Session.AMR, []string{"fed"}) {
		t.Errorf("who it is: %+v", m)
	}
	up.Person(upstream.Object{"sub": "ann-1", "email": "ann@elsewhere.example", "email_verified": true})
	again := h.nobody()
	if id := again.social("up").want(200).user(); id != ann.id {
		t.Errorf("with another address it is %s", id)
	}
	if m := again.me(); m.User.Email != "ann@example.com" {
		t.Errorf("the provider changed the address: %+v", m)
	}
	page := h.nobody().with("Sec-Fetch-Mode", "navigate")
	if a := page.do("GET", h.visit(page.leave("up", "?return_to=/auth/sessions"))).want(303); a.header.Get("Location") != "/auth/sessions" {
		t.Errorf("a browser is led to %s", a.header.Get("Location"))
	}
	if a := page.do("GET", "/auth/login"); !strings.Contains(a.body, "/auth/social/up") || !strings.Contains(a.body, "used last") {
		t.Errorf("the sign-in page:\n%s", a.body)
	}
	page.leave("up", "?return_to=https://evil.example/")
}

func TestAProviderThatOthersWrote(t *testing.T) {
	var real *upstream.Real
	h := open(t, func(c *server.Config) {
		real = upstream.StartReal(t, c.BaseURL+"/auth/social/up/callback")
		c.Providers = []federation.Config{{
			ID: "up", Issuer: real.URL, ClientID: upstream.ClientID, ClientSecret: upstream.ClientSecret, PrivateNetwork: true,
		}}
	})
	real.Person(t, upstream.Object{"sub": "ann-1", "preferred_username": "ann", "email": "ann@example.com", "email_verified": true})
	var ids []string
	for range 2 {
		ann := h.nobody()
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		back := ""
		browser := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
			if path, ok := strings.CutPrefix(r.URL.String(), h.URL); ok {
				back = path
				return http.ErrUseLastResponse
			}
			return nil
		}}
		resp, err := browser.Get(ann.leave("up"))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		ids = append(ids, ann.do("GET", back).want(200).user())
		if m := ann.me(); m.User.Username != "ann" || !m.User.EmailVerified {
			t.Errorf("who it is: %+v", m)
		}
	}
	if ids[0] != ids[1] {
		t.Errorf("two accounts: %v", ids)
	}
}

func TestAUserNameIsChosen(t *testing.T) {
	up := elsewhere(t)
	h := open(t, with("up", up))
	h.browser("ann")
	for _, c := range []struct{ name, offers string }{
		{"the provider knows none", ""}, {"the one it knows is taken", "ann"}, {"the one it knows is none", "ann at home"},
	} {
		t.Run(c.name, func(t *testing.T) {
			up.Person(upstream.Object{"sub": c.name, "preferred_username": c.offers, "email": "someone@example.com"})
			p := h.nobody()
			path := p.social("up").want(303).header.Get("Location")
			if a := p.do("GET", path).want(200); !strings.Contains(a.body, `action="`+path+`"`) || strings.Contains(a.body, "claim") {
				t.Errorf("the page:\n%s", a.body)
			}
			p.do("POST", path, `{"username":"ANN"}`).want(409, "username_taken")
			p.do("POST", path, `{"username":"a b"}`).want(400, "invalid_request")
			if a := form(p).do("POST", path, "username=ann").want(422); !strings.Contains(a.body, `value="ann"`) {
				t.Errorf("the page again:\n%s", a.body)
			}
			p.do("POST", path, `{"username":"new-`+strings.ReplaceAll(c.name, " ", "-")+`"}`).want(200)
			if m := p.me(); m.User.EmailVerified || m.User.Email != "someone@example.com" {
				t.Errorf("an address of which nothing is said: %+v", m)
			}
			p.do("POST", path, `{"username":"twice"}`).want(400, "sign_in_refused")
		})
	}
	h.nobody().do("GET", "/auth/social/up/register").want(400, "sign_in_refused")
}

func TestWhoRegisteredYourAddressFirstGainsNothing(t *testing.T) {
	up := elsewhere(t)
	h := open(t, with("up", up))
	mallory := h.named("mallory", "ann@example.com")
	var key struct{ Key string }
	mallory.do("POST", "/auth/api-keys", `{"name":"k","scopes":["note:read"]}`).want(201).into(&key)
	cookie := h.nobody()
	login := `{"username":"mallory","password":"` + pass + `","mode":"cookie"}`
	cookie.do("POST", "/auth/login", login).want(200)

	up.Person(upstream.Object{"sub": "ann-1", "preferred_username": "ann", "email": "Ann@Example.com", "email_verified": true})
	ann := h.nobody()
	path := ann.social("up").want(303).header.Get("Location")
	if a := ann.do("GET", path).want(200); !strings.Contains(a.body, `name="claim"`) {
		t.Errorf("the page says nothing of the other account:\n%s", a.body)
	}
	ann.do("POST", path, `{"username":"ann"}`).want(409, "address_unproved")
	cookie.do("GET", "/auth/me").want(200) // nothing has happened yet
	ann.do("POST", path, `{"username":"ann","claim":"yes"}`).want(200)
	m := ann.me()
	if m.Subject == mallory.id || !m.User.EmailVerified || m.User.Username != "ann" {
		t.Errorf("who it is: %+v", m)
	}
	mallory.do("GET", "/auth/me").want(401)
	cookie.do("GET", "/auth/me").want(401)
	h.nobody().with("X-API-Key", key.Key).do("GET", "/notes").want(401)
	h.nobody().do("POST", "/auth/refresh", `{"refresh_token":"`+mallory.tokens.Refresh+`"}`).want(401)
	h.nobody().do("POST", "/auth/login", login).want(401, "invalid_credentials")
	h.nobody().do("POST", "/auth/login", `{"email":"ann@example.com","password":"`+pass+`"}`).want(401)
	u, err := h.Accounts.User(t.Context(), mallory.id)
	if err != nil || u.Email != "" || u.EmailNorm != "" {
		t.Errorf("what is left of it: %+v, %v", u, err)
	}
}

func TestAnAddressIsNoIdentity(t *testing.T) {
	up := elsewhere(t)
	h := open(t, with("up", up))
	add := func(name string, verified bool, roles ...string) account.User {
		u, err := h.Accounts.Add(t.Context(), account.Registration{
			Username: name, Email: name + "@example.com", EmailVerified: verified, Password: pass, Roles: roles,
		}, account.Origin{})
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	add("proved", true)
	add("boss", false, account.AdminRole)
	for i, c := range []struct {
		name     string
		email    string
		verified any
		status   int
		code     string
	}{
		{"one that an account has proved", "proved@example.com", true, 409, "address_taken"},
		{"that of an administrator, who has not proved it", "boss@example.com", true, 409, "address_taken"},
		{"one that the provider does not vouch for", "proved@example.com", false, 200, ""},
		{"one of which the provider says nothing", "proved@example.com", nil, 200, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			claims := upstream.Object{"sub": c.name, "preferred_username": fmt.Sprint("somebody", i), "email": c.email}
			if c.verified != nil {
				claims["email_verified"] = c.verified
			}
			up.Person(claims)
			p := h.nobody()
			a := p.social("up")
			if c.code != "" {
				a.want(c.status, c.code)
				p.do("GET", "/auth/me").want(401)
				return
			}
			a.want(c.status)
			if m := p.me(); m.User.EmailVerified || m.User.Username == "proved" {
				t.Errorf("who it is: %+v", m)
			}
		})
	}
	u, err := h.Accounts.Find(t.Context(), "proved")
	if err != nil {
		t.Fatal(err)
	}
	if all, err := h.Accounts.Identities(t.Context(), u.ID); err != nil || len(all) != 0 {
		t.Errorf("connected: %v, %v", all, err)
	}
}

func TestAnAnswerCountsForTheBrowserThatAskedForIt(t *testing.T) {
	up := elsewhere(t)
	h := open(t, with("up", up))
	mallory := h.person(up, "mallory")
	mallorys := h.visit(h.nobody().leave("up")) // mallory goes to the provider, and keeps the answer for others

	victim := h.nobody()
	victim.do("GET", mallorys).want(400, "sign_in_refused")
	victim.do("GET", "/auth/me").want(401)

	up.Person(upstream.Object{"sub": "ann-1", "preferred_username": "ann"})
	mine := h.visit(victim.leave("up"))
	victim.do("GET", mallorys).want(400, "sign_in_refused") // it does not end what was begun, either
	if id := victim.do("GET", mine).want(200).user(); id == mallory.id {
		t.Error("signed in as mallory")
	}
	victim.do("GET", mine).want(400, "sign_in_refused")
	h.nobody().do("GET", mine).want(400, "sign_in_refused")
	for _, query := range []string{"", "?code=x", "?state=x", "?code=x&state=x", "?posted=1", "?code=a&code=b&state=x"} {
		victim.do("GET", "/auth/social/up/callback"+query).want(400, "sign_in_refused")
	}
}

func TestAnAnswerCountsOnce(t *testing.T) {
	up := elsewhere(t)
	h := open(t, with("up", up))
	h.person(up, "ann")
	c := h.nobody()
	back := h.visit(c.leave("up"))
	cookies := c.client.Jar.Cookies(mustURL(h.URL + "/auth"))
	const n = 8
	statuses := make([]int, n)
	var all sync.WaitGroup
	for i := range n {
		thief := h.nobody() // has the cookie, too
		thief.client.Jar.SetCookies(mustURL(h.URL), cookies)
		all.Go(func() { statuses[i] = thief.do("GET", back).status })
	}
	all.Wait()
	slices.Sort(statuses)
	if statuses[0] != 200 || statuses[1] != 400 || statuses[n-1] != 400 {
		t.Errorf("answers: %v", statuses)
	}
	if calls := up.Calls("/token"); calls != 2 {
		t.Errorf("the code was sent %d times", calls-1)
	}
}

func TestAProvidersAnswerIsNotBroughtToAnother(t *testing.T) {
	honest, evil := elsewhere(t), elsewhere(t)
	h := open(t, with("honest", honest), with("evil", evil))
	victim := h.nobody()
	asked := mustURL(victim.leave("evil")).Query()
	// The evil provider sends the victim on to the honest one, as if we had done so.
	q := url.Values{
		"client_id": {upstream.ClientID}, "response_type": {"code"}, "state": {asked.Get("state")}, "nonce": {asked.Get("nonce")},
		"code_challenge": {asked.Get("code_challenge")}, "code_challenge_method": {"S256"},
	}
	q.Set("redirect_uri", h.URL+"/auth/social/honest/callback")
	victim.do("GET", h.visit(honest.URL+"/authorize?"+q.Encode())).want(400, "sign_in_refused")
	q.Set("redirect_uri", h.URL+"/auth/social/evil/callback") // an honest one that does not look at the address
	victim.do("GET", h.visit(honest.URL+"/authorize?"+q.Encode())).want(400, "sign_in_refused")
	if n := honest.Calls("/token") + evil.Calls("/token"); n != 0 {
		t.Errorf("a code was sent %d times", n)
	}
}

func TestTheCookieOfAnAttempt(t *testing.T) {
	up := elsewhere(t)
	h := open(t, with("up", up))
	a := h.nobody().do("GET", "/auth/social/up").want(303)
	cookie := a.header.Get("Set-Cookie")
	for _, want := range []string{"__Host-sallyport-social=", "Path=/;", "HttpOnly", "Secure", "SameSite=Lax", "Max-Age=600"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("%s lacks %s", cookie, want)
		}
	}
	if a.header.Get("Cache-Control") != "no-store" || a.header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("%v", a.header)
	}
	q := mustURL(a.header.Get("Location")).Query()
	if q.Get("code_challenge_method") != "S256" || q.Get("state") == "" || q.Get("nonce") == "" || strings.Contains(cookie, q.Get("state")) {
		t.Errorf("%v, %s", q, cookie)
	}
	for _, bad := range []string{"x", "", strings.Repeat("A", 500), cookie[len("__Host-sallyport-social=") : len("__Host-sallyport-social=")+100]} {
		thief := h.nobody().with("Cookie", "__Host-sallyport-social="+bad)
		thief.do("GET", h.visit(a.header.Get("Location"))).want(400, "sign_in_refused")
	}
}

// link connects a provider with the account of the browser.
func (c *caller) link(id string) *answer {
	c.h.Helper()
	var began struct{ Location string }
	c.do("POST", "/auth/social/"+id+"/link").want(200).into(&began)
	return c.do("GET", c.h.visit(began.Location))
}

func (c *caller) connected() (providers []string) {
	c.h.Helper()
	var list struct{ Items []struct{ Provider string } }
	c.do("GET", "/auth/identities").want(200).into(&list)
	for _, i := range list.Items {
		providers = append(providers, i.Provider)
	}
	return providers
}

func TestAProviderIsConnectedAndDisconnected(t *testing.T) {
	up, other := elsewhere(t), elsewhere(t)
	h := open(t, with("up", up), with("other", other))
	ann := h.browser("ann")
	if a := ann.link("up").want(303); a.header.Get("Location") != "/auth/identities?done=connected" {
		t.Errorf("led to %s", a.header.Get("Location"))
	}
	if got := ann.connected(); !slices.Equal(got, []string{"up"}) {
		t.Errorf("connected: %v", got)
	}
	if id := h.nobody().social("up").want(200).user(); id != ann.id {
		t.Errorf("signed in as %s", id)
	}
	bob := h.browser("bob")
	bob.link("up").want(409, "already_connected")
	up.Person(upstream.Object{"sub": "ann-2"})
	ann.link("up").want(409, "already_connected") // another one there
	ann.link("other").want(303)
	if a := ann.with("Sec-Fetch-Mode", "navigate").do("GET", "/auth/identities").want(200); strings.Count(a.body, "/unlink") != 2 {
		t.Errorf("the page:\n%s", a.body)
	}
	ann.do("DELETE", "/auth/social/other").want(204)
	ann.do("DELETE", "/auth/social/other").want(404)
	if a := form(ann).do("POST", "/auth/social/up/unlink", "").want(303); a.header.Get("Location") != "/auth/identities?done=disconnected" {
		t.Errorf("led to %s", a.header.Get("Location"))
	}
	if got := ann.connected(); len(got) != 0 {
		t.Errorf("connected: %v", got)
	}
	if a := form(bob).do("POST", "/auth/social/up/link", "").want(200); !strings.HasPrefix(a.header.Get("Refresh"), "0; url="+up.URL) || !strings.Contains(a.body, `href="`+up.URL) {
		t.Errorf("the page that leads on: %v\n%s", a.header, a.body)
	}
}

func TestTheLastWayInStays(t *testing.T) {
	up, other := elsewhere(t), elsewhere(t)
	h := open(t, with("up", up), with("other", other))
	up.Person(upstream.Object{"sub": "ann-1", "preferred_username": "ann"}) // no address: no link by mail
	ann := h.nobody()
	ann.social("up").want(200)
	ann.do("DELETE", "/auth/social/up").want(409, "last_way_in")
	ann.do("POST", "/auth/social/up/unlink").want(409, "last_way_in")
	if got := ann.connected(); !slices.Equal(got, []string{"up"}) {
		t.Errorf("connected: %v", got)
	}
	ann.link("other").want(303)
	ann.do("DELETE", "/auth/social/up").want(204)
	ann.do("DELETE", "/auth/social/other").want(409, "last_way_in")
}

func TestConnectingNeedsAFreshSignIn(t *testing.T) {
	up := elsewhere(t)
	h := open(t, with("up", up), func(c *server.Config) { c.FreshFor = time.Nanosecond })
	ann := h.browser("ann")
	ann.do("POST", "/auth/social/up/link").want(401, "step_up_required")
	ann.do("DELETE", "/auth/social/up").want(401, "step_up_required")
	ann.do("POST", "/auth/social/up/unlink").want(401, "step_up_required")
	h.nobody().do("POST", "/auth/social/up/link").want(401, "unauthenticated")
}

func TestNobodyConnectsForYou(t *testing.T) {
	up := elsewhere(t)
	h := open(t, with("up", up))
	ann, mallory := h.browser("ann"), h.browser("mallory")
	var began struct{ Location string }
	mallory.do("POST", "/auth/social/up/link").want(200).into(&began)
	mallorys := h.visit(began.Location)

	ann.do("GET", mallorys).want(400, "sign_in_refused") // led there, with nothing begun
	ann.do("POST", "/auth/social/up/link").want(200)
	ann.do("GET", mallorys).want(400, "sign_in_refused") // and with something begun
	ann.with("Origin", "https://evil.example").with("Sec-Fetch-Site", "cross-site").do("POST", "/auth/social/up/link").want(403, "cross_origin")
	h.program("bob").do("POST", "/auth/social/up/link").want(400, "invalid_request") // no browser session would come back

	// Begun by ann, finished by mallory at the same desk.
	ann.do("POST", "/auth/social/up/link").want(200).into(&began)
	ann.do("POST", "/auth/login", `{"username":"mallory","password":"`+pass+`","mode":"cookie"}`).want(200)
	ann.do("GET", h.visit(began.Location)).want(400, "sign_in_refused")
	ann.do("POST", "/auth/social/up/link").want(200).into(&began)
	ann.do("POST", "/auth/logout").want(204)
	ann.do("GET", h.visit(began.Location)).want(400, "sign_in_refused")
	for _, c := range []*caller{mallory} {
		if got := c.connected(); len(got) != 0 {
			t.Errorf("connected: %v", got)
		}
	}
}

func TestAnAccountThatCannotBeUsed(t *testing.T) {
	up := elsewhere(t)
	h := open(t, with("up", up))
	ann := h.person(up, "ann")
	if err := h.Accounts.Disable(t.Context(), ann.id, account.Origin{}); err != nil {
		t.Fatal(err)
	}
	h.nobody().social("up").want(403, "account_closed")
	if err := h.Accounts.Delete(t.Context(), ann.id, account.Origin{}); err != nil {
		t.Fatal(err)
	}
	if id := h.nobody().social("up").want(200).user(); id == ann.id {
		t.Error("a deleted account came back")
	}
}

func TestRegistrationIsClosedToThoseFromElsewhereToo(t *testing.T) {
	up := elsewhere(t)
	h := open(t, with("up", up), func(c *server.Config) { c.ClosedRegistration = true })
	h.nobody().social("up").want(403, "registration_closed")
	u, err := h.Accounts.Add(t.Context(), account.Registration{Username: "ann", Password: pass}, account.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	ann := h.nobody()
	ann.do("POST", "/auth/login", `{"username":"ann","password":"`+pass+`","mode":"cookie"}`).want(200)
	ann.link("up").want(303)
	if id := h.nobody().social("up").want(200).user(); id != u.ID {
		t.Errorf("signed in as %s", id)
	}
	h.nobody().do("POST", "/auth/social/up/register", `{"username":"x"}`).want(404)
}

func TestAProviderThatIsDownStopsNobody(t *testing.T) {
	up := elsewhere(t)
	up.Close()
	h := open(t, with("up", up))
	h.nobody().do("GET", "/auth/social/up").want(503, "provider_unavailable")
	h.browser("ann").do("POST", "/auth/social/up/link").want(503, "provider_unavailable")
	page := h.nobody().with("Sec-Fetch-Mode", "navigate").with("Accept-Language", "de")
	if a := page.do("GET", "/auth/social/up"); a.status != 503 || !strings.Contains(a.body, "nicht zu erreichen") || !strings.Contains(a.body, `href="/auth/login"`) {
		t.Errorf("%d\n%s", a.status, a.body)
	}
	h.nobody().do("GET", "/auth/social/nobody").want(404, "not_found")
}

func TestAPersonWhoChangesTheirMindIsLedBack(t *testing.T) {
	up := elsewhere(t)
	up.Lie(upstream.Lies{Back: func(v url.Values) { v.Del("code"); v.Set("error", "access_denied") }})
	h := open(t, with("up", up))
	c := h.nobody()
	if a := c.do("GET", h.visit(c.leave("up", "?return_to=/auth/sessions"))).want(303); a.header.Get("Location") != "/auth/login?done=social_cancelled&return_to=%2Fauth%2Fsessions" {
		t.Errorf("led to %s", a.header.Get("Location"))
	}
	if a := c.with("Sec-Fetch-Mode", "navigate").do("GET", "/auth/login?done=social_cancelled").want(200); !strings.Contains(a.body, "Nothing has changed") {
		t.Error(a.body)
	}
	ann := h.browser("ann")
	if a := ann.link("up").want(303); a.header.Get("Location") != "/auth/identities?done=social_cancelled" {
		t.Errorf("led to %s", a.header.Get("Location"))
	}
}

func TestAnAnswerThatIsPostedFromAnotherSite(t *testing.T) {
	up := elsewhere(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	up.Secrets(func(s string) bool { return strings.Count(s, ".") == 2 })
	h := open(t, func(c *server.Config) {
		c.Providers = []federation.Config{{
			ID: "apple", Preset: "apple", Issuer: up.URL, ClientID: upstream.ClientID, TeamID: "T", KeyID: "K", PrivateNetwork: true,
			ClientSecret: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		}}
	})
	up.Person(upstream.Object{"sub": "001.1", "email": "x@privaterelay.appleid.com", "email_verified": "true"})
	post := func(c *caller, form string) *answer { // as a browser does it: without our cookies, and it keeps what it gets
		poster := h.nobody().with("Content-Type", "application/x-www-form-urlencoded").with("Origin", up.URL).with("Sec-Fetch-Site", "cross-site")
		a := poster.do("POST", "/auth/social/apple/callback", form)
		c.client.Jar.SetCookies(mustURL(h.URL), poster.client.Jar.Cookies(mustURL(h.URL)))
		return a
	}
	ann := h.nobody()
	resp, err := outbound.Client(nil).Get(ann.leave("apple"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	answered := resp.Header.Get("X-Form-Post") + "&user=" + url.QueryEscape(`{"name":{"firstName":"Ann"},"email":"boss@example.com"}`)
	a := post(ann, answered).want(303)
	if a.header.Get("Location") != "/auth/social/apple/callback?posted=1" {
		t.Fatalf("led to %s", a.header.Get("Location"))
	}
	path := ann.do("GET", a.header.Get("Location")).want(303).header.Get("Location")
	ann.do("POST", path, `{"username":"ann"}`).want(200)
	if m := ann.me(); m.User.Email != "x@privaterelay.appleid.com" || !m.User.EmailVerified {
		t.Errorf("who it is: %+v", m)
	}
	victim := h.nobody()
	post(victim, answered).want(303)
	victim.do("GET", "/auth/social/apple/callback?posted=1").want(400, "sign_in_refused")
	post(victim, "code=x").want(400, "sign_in_refused")
	post(victim, "code=x&state=y&user="+strings.Repeat("x", 70<<10)).want(413, "payload_too_large")
}

func TestManyComeAtOnceForTheFirstTime(t *testing.T) {
	up := elsewhere(t)
	h := open(t, with("up", up))
	up.Person(upstream.Object{"sub": "ann-1", "preferred_username": "ann"})
	const n = 8
	ids := make([]string, n)
	var all sync.WaitGroup
	for i := range n {
		c := h.nobody()
		all.Go(func() {
			a := c.social("up")
			if a.status == 303 { // another tab took the name
				a = c.social("up")
			}
			var v struct{ User struct{ ID string } }
			json.Unmarshal([]byte(a.body), &v)
			ids[i] = v.User.ID
		})
	}
	all.Wait()
	slices.Sort(ids)
	if got := slices.Compact(ids); len(got) != 1 || got[0] == "" {
		t.Errorf("accounts: %v", got)
	}
}

// driveSocial does everything that is described of sign-ins with others.
func driveSocial(h *house) {
	up, down := elsewhere(h), elsewhere(h)
	down.Close()
	other := open(h.T, with("up", up), with("down", down), with("two", elsewhere(h)))
	shut := open(h.T, with("up", up), func(c *server.Config) { c.ClosedRegistration = true })
	other.checked, shut.checked = h.checked, h.checked
	shut.nobody().social("up").want(403, "registration_closed")

	ann := other.person(up, "ann")
	if err := other.Accounts.Disable(h.Context(), ann.id, account.Origin{}); err != nil {
		h.Fatal(err)
	}
	other.nobody().social("up").want(403, "account_closed")
	up.Person(upstream.Object{"sub": "ann-2", "email": "ann@example.com", "email_verified": true})
	other.nobody().social("up").want(409, "address_taken")

	n := other.nobody()
	for _, path := range []string{"", "/callback?code=x&state=x", "/register"} {
		n.do("GET", "/auth/social/none"+path).want(404, "not_found")
	}
	n.do("GET", "/auth/social/down").want(503, "provider_unavailable")
	n.do("GET", "/auth/social/up/callback?code=x&state=x").want(400, "sign_in_refused")
	post := n.with("Content-Type", "application/x-www-form-urlencoded")
	post.do("POST", "/auth/social/none/callback", "code=x&state=x").want(404, "not_found")
	post.do("POST", "/auth/social/up/callback", "code=x").want(400, "sign_in_refused")
	post.do("POST", "/auth/social/up/callback", "code=x&state=x").want(303)
	back := other.visit(n.leave("up"))
	up.Lie(upstream.Lies{Handlers: map[string]http.HandlerFunc{"/token": func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500) }}})
	n.do("GET", back).want(503, "provider_unavailable")
	up.Lie(upstream.Lies{})

	other.named("mallory", "bob@example.com")
	up.Person(upstream.Object{"sub": "bob-1", "email": "bob@example.com", "email_verified": true})
	bob := other.nobody()
	const register = "/auth/social/up/register"
	bob.social("up").want(303)
	late := other.nobody()
	late.social("up").want(303)
	bob.do("GET", register).want(200)
	bob.do("POST", register, `{"username":"bob"}`).want(409, "address_unproved")
	bob.do("POST", register, `{"username":"ann","claim":"yes"}`).want(409, "username_taken")
	bob.do("POST", register, `{"username":"bob","claim":"yes"}`).want(200)
	late.do("POST", register, `{"username":"rob"}`).want(409, "address_taken")
	bob.do("GET", register).want(400, "sign_in_refused")
	bob.do("POST", register, `{"username":"bob"}`).want(400, "sign_in_refused")
	bob.do("POST", "/auth/social/none/register", `{"username":"bob"}`).want(404, "not_found")
	up.Person(upstream.Object{"sub": "cat-1"})
	cat := other.nobody()
	cat.social("up").want(303)
	form(cat).do("POST", register, "username=cat").want(303)

	bob.do("GET", "/auth/identities").want(200)
	bob.do("POST", "/auth/social/none/link").want(404, "not_found")
	bob.do("POST", "/auth/social/down/link").want(503, "provider_unavailable")
	cat.link("up").want(409, "already_connected")
	form(cat).do("POST", "/auth/social/two/link", "").want(200)
	cat.link("two").want(303)
	cat.do("POST", "/auth/social/up/unlink").want(204)
	cat.do("POST", "/auth/social/up/unlink").want(404, "not_found")
	cat.do("POST", "/auth/social/two/unlink").want(409, "last_way_in")
	cat.do("DELETE", "/auth/social/two").want(409, "last_way_in")
	cat.link("up").want(303)
	cat.do("DELETE", "/auth/social/two").want(204)
	cat.do("DELETE", "/auth/social/two").want(404, "not_found")
	cat.link("two").want(303)
	form(cat).do("POST", "/auth/social/two/unlink", "").want(303)
}

// Who comes from a provider shows their second factor like everybody, unless they trust
// the browser.
func TestASignInElsewhereNeedsTheSecondFactor(t *testing.T) {
	up := elsewhere(t)
	h := open(t, with("up", up))
	ann := h.person(up, "ann")
	_, codes := ann.app()

	b := h.nobody()
	var step firstStep
	a := b.social("up").want(200)
	a.into(&step)
	if step.Status != "mfa_required" || strings.Join(step.Methods, " ") != "totp recovery" || cookieOf(b) != "" {
		t.Fatalf("%+v, session %q", step, cookieOf(b))
	}
	b.do("POST", "/auth/mfa", `{"ticket":"`+step.Ticket+`","method":"totp","code":"000000"}`).want(401, "invalid_credentials")
	b.do("POST", "/auth/mfa", `{"ticket":"`+step.Ticket+`","method":"recovery","code":"`+codes[0]+`"}`).want(200)
	if m := b.me(); m.Subject != ann.id || !slices.Equal(m.Session.AMR, []string{"fed", "otp", "mfa"}) {
		t.Errorf("signed in: %+v", m)
	}

	page := h.nobody().with("Sec-Fetch-Mode", "navigate")
	if a := page.do("GET", h.visit(page.leave("up", "?return_to=/notes"))).want(303); a.header.Get("Location") != "/auth/mfa" || cookieOf(page) != "" {
		t.Fatalf("led to %s, session %q", a.header.Get("Location"), cookieOf(page))
	}
	page.do("GET", "/auth/mfa").want(200)
	a = page.visit("POST", "/auth/mfa", url.Values{"method": {"recovery"}, "code": {codes[1]}, "trust_device": {"1"}}).want(303)
	if a.header.Get("Location") != "/notes" {
		t.Errorf("led to %s", a.header.Get("Location"))
	}
	page.do("POST", "/auth/logout").want(204)
	if a := page.do("GET", h.visit(page.leave("up", "?return_to=/notes"))).want(303); a.header.Get("Location") != "/notes" {
		t.Errorf("a browser that is trusted is led to %s", a.header.Get("Location"))
	}
}

// Who signs in with a provider alone confirms there that it is them, and the provider's
// word for when that was is what counts (OpenID Connect Core §3.1.2.1, max_age).
func TestAStepUpByAProviderIsProvenByWhenItWas(t *testing.T) {
	up := elsewhere(t)
	h := open(t, with("up", up))
	ann := h.person(up, "ann")
	hour := time.Now().Add(-time.Hour)
	err := h.Accounts.Store.Update(t.Context(), func(tx account.Tx) error {
		all, err := tx.Sessions.List(t.Context(), ann.id)
		if err != nil {
			return err
		}
		return tx.Sessions.Rotate(t.Context(), all[0].ID, secret.Hash(cookieOf(ann)), all[0].Position, hour)
	})
	if err != nil {
		t.Fatal(err)
	}
	page := ann.with("Sec-Fetch-Mode", "navigate")
	led := func(path string) string { t.Helper(); return page.do("GET", path).want(303).header.Get("Location") }
	const want = "/auth/api-keys/new"
	if got := led(led(want)); got != "/auth/login?return_to=%2Fauth%2Fapi-keys%2Fnew&step_up=1" {
		t.Fatalf("led to %s", got)
	}
	for name, claims := range map[string]upstream.Object{
		"the provider did not look again": {"auth_time": hour.Unix()},
		"it does not say when":            {"auth_time": nil},
		"it will be":                      {"auth_time": time.Now().Add(time.Hour).Unix()},
	} {
		address := page.leave("up", "?return_to="+want)
		if q := mustURL(address).Query(); q.Get("max_age") != "0" || q.Get("prompt") != "login" {
			t.Errorf("asked for %v", q)
		}
		up.Lie(upstream.Lies{Claims: claims})
		if a := page.do("GET", h.visit(address)); a.status != 400 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		if got := led(want); !strings.HasPrefix(got, "/auth/step-up") {
			t.Errorf("%s: led to %s", name, got)
		}
	}
	up.Lie(upstream.Lies{})
	if a := page.do("GET", h.visit(page.leave("up", "?return_to="+want))).want(303); a.header.Get("Location") != want {
		t.Errorf("led to %s", a.header.Get("Location"))
	}
	page.do("GET", want).want(200)
}
