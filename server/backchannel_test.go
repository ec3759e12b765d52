package server_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/store/memory"
)

// A hearer is a client's own server, which is told when sessions end.
type hearer struct {
	h      *house
	server *httptest.Server
	tokens chan string

	mu     sync.Mutex
	answer http.HandlerFunc // nil = 200
}

func (h *house) hearer() *hearer {
	h.Helper()
	x := &hearer{h: h, tokens: make(chan string, 1000)}
	x.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := r.ParseForm()
		if err != nil || r.Method != "POST" || len(r.PostForm) != 1 || len(r.PostForm["logout_token"]) != 1 ||
			r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
			h.Errorf("%s %v: %v, %v", r.Method, r.PostForm, r.Header, err)
		}
		x.tokens <- r.PostForm.Get("logout_token")
		x.mu.Lock()
		defer x.mu.Unlock()
		if x.answer != nil {
			x.answer(w, r)
		}
	}))
	h.Cleanup(x.server.Close)
	return x
}

// told lets an app be told there.
func (x *hearer) told(in *account.ClientRegistration) {
	in.BackchannelLogout = x.server.URL + "/logout"
}

// next is the next logout token, verified as a library of others verifies tokens, and then
// by the rules of Back-Channel Logout 1.0 §2.6.
func (x *hearer) next(a *relyingParty, alg token.Alg) (sub, sid string) {
	x.h.Helper()
	var raw string
	select {
	case raw = <-x.tokens:
	case <-time.After(time.Minute):
		x.h.Fatal("the client was not told")
	}
	ctx := oidc.ClientContext(x.h.Context(), x.h.http.Client())
	provider, err := oidc.NewProvider(ctx, x.h.URL)
	if err != nil {
		x.h.Fatal(err)
	}
	t, err := provider.Verifier(&oidc.Config{ClientID: a.id, SupportedSigningAlgs: []string{string(alg)}}).Verify(ctx, raw)
	if err != nil {
		x.h.Fatal(err)
	}
	var c struct {
		JTI    string                    `json:"jti"`
		SID    string                    `json:"sid"`
		Nonce  *string                   `json:"nonce"`
		Events map[string]map[string]any `json:"events"`
	}
	if err := t.Claims(&c); err != nil {
		x.h.Fatal(err)
	}
	head, err := token.ReadHeader(raw)
	if err != nil || head.Type != "logout+jwt" || c.JTI == "" || c.Nonce != nil || c.Events["http://schemas.openid.net/event/backchannel-logout"] == nil {
		x.h.Errorf("%s: %+v, %v", head.Type, c, err)
	}
	if t.Expiry.Sub(t.IssuedAt) > 2*time.Minute {
		x.h.Errorf("good for %v", t.Expiry.Sub(t.IssuedAt))
	}
	return t.Subject, c.SID
}

// none makes sure that nothing more was told, once somebody else was told of something
// later.
func (x *hearer) none() {
	x.h.Helper()
	select {
	case raw := <-x.tokens:
		x.h.Errorf("told: %v", claimsOf(x.h, raw))
	default:
	}
}

func TestAClientIsToldHoweverASessionEnds(t *testing.T) {
	h := open(t, outgoing)
	x := h.hearer()
	apps := map[token.Alg]*relyingParty{}
	for _, alg := range []token.Alg{token.RS256, token.ES256, token.EdDSA} {
		apps[alg] = h.app(x.told, trusted, func(in *account.ClientRegistration) { in.IDTokenAlg = alg })
	}
	origin, ctx := account.Origin{}, t.Context()
	for i, tt := range []struct {
		name string
		alg  token.Alg
		end  func(c *caller, sid, hint string) error
	}{
		{"the person signs out", token.RS256, func(c *caller, _, _ string) error { c.do("POST", "/auth/logout", `{}`).want(204); return nil }},
		{"the person signs out everywhere", token.ES256, func(c *caller, _, _ string) error {
			c.do("POST", "/auth/logout", `{"everywhere":true}`).want(204)
			return nil
		}},
		{"a client asks", token.EdDSA, func(c *caller, _, hint string) error {
			c.do("GET", "/auth/oauth/logout?"+url.Values{"id_token_hint": {hint}}.Encode()).want(303)
			return nil
		}},
		{"the person ends the session elsewhere", token.ES256, func(c *caller, sid, _ string) error { return h.Accounts.EndSession(ctx, sid, c.id, origin) }},
		{"the other sessions end", token.ES256, func(c *caller, _, _ string) error { return h.Accounts.EndOtherSessions(ctx, c.id, "", origin) }},
		{"an administrator ends it", token.ES256, func(_ *caller, sid, _ string) error { return h.Accounts.EndSession(ctx, sid, "", origin) }},
		{"the account is disabled", token.ES256, func(c *caller, _, _ string) error { return h.Accounts.Disable(ctx, c.id, origin) }},
		{"the account is deleted", token.ES256, func(c *caller, _, _ string) error { return h.Accounts.Delete(ctx, c.id, origin) }},
		{"the password is set anew", token.ES256, func(c *caller, _, _ string) error {
			return h.Accounts.SetPassword(ctx, c.id, "another one that is long enough", origin)
		}},
		{"the second factors are reset", token.ES256, func(c *caller, _, _ string) error { return h.Accounts.ResetFactors(ctx, c.id, origin) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := apps[tt.alg]
			c := h.browser(fmt.Sprint("person", i))
			g := a.redeem(a.code(c)).tokens()
			sid := claimsOf(t, g.ID)["sid"].(string)
			if err := tt.end(c, sid, g.ID); err != nil {
				t.Fatal(err)
			}
			if sub, of := x.next(a, tt.alg); sub != c.id || of != sid {
				t.Errorf("told of %s of %s, want %s of %s", of, sub, sid, c.id)
			}
		})
	}
	x.none()
}

func TestOnlyWhoKnowsASessionIsTold(t *testing.T) {
	h := open(t, outgoing)
	hear := map[string]*hearer{}
	app := func(name string, change ...func(*account.ClientRegistration)) *relyingParty {
		hear[name] = h.hearer()
		return h.app(append([]func(*account.ClientRegistration){trusted, hear[name].told}, change...)...)
	}
	a, offline, other, plain := app("a"), app("offline"), app("other"), app("plain")
	deaf := h.app(trusted)
	ann := h.browser("ann")
	bob := h.browser("bob")
	g := a.redeem(a.code(ann)).tokens()
	a.redeem(a.code(ann)).tokens() // a second sign-in in that session
	offline.redeem(offline.code(ann, "scope", "openid offline_access")).tokens()
	other.redeem(other.code(bob)).tokens()
	plain.redeem(plain.code(ann, "scope", "profile")).tokens() // and no ID token
	deaf.redeem(deaf.code(ann)).tokens()
	a.code(ann) // which nobody redeems
	sid := claimsOf(t, g.ID)["sid"]

	// A person who takes back what they have let a client do stays signed in: nobody is told
	// of that, and of the end of the session they still are.
	if err := h.Accounts.Withdraw(t.Context(), ann.id, offline.id, account.Origin{}); err != nil {
		t.Fatal(err)
	}
	ann.do("POST", "/auth/logout", `{}`).want(204)
	for name, app := range map[string]*relyingParty{"a": a, "offline": offline} {
		if sub, of := hear[name].next(app, token.ES256); sub != ann.id || of != sid {
			t.Errorf("%s was told of %s of %s", name, of, sub)
		}
	}
	bob.do("POST", "/auth/logout", `{}`).want(204)
	if sub, of := hear["other"].next(other, token.ES256); sub != bob.id || of == sid {
		t.Errorf("told of %s of %s", of, sub)
	}
	for _, x := range hear {
		x.none()
	}
}

// Whoever signs in again is somebody new to the client: the end of the first session is told
// once, and the second has another sid.
func TestEachSessionIsToldOnce(t *testing.T) {
	h := open(t, outgoing)
	x := h.hearer()
	a := h.app(trusted, x.told)
	ann := h.browser("ann")
	var sids []any
	for range 3 {
		sids = append(sids, claimsOf(t, a.redeem(a.code(ann)).tokens().ID)["sid"])
		ann.do("POST", "/auth/logout", `{}`).want(204)
		ann.do("POST", "/auth/login", `{"username":"ann","password":"`+pass+`","mode":"cookie"}`).want(200)
	}
	var told []any
	for range sids { // in whatever order
		_, of := x.next(a, token.ES256)
		told = append(told, of)
	}
	for _, sid := range sids {
		if !slices.Contains(told, sid) {
			t.Errorf("told of %v, want %v", told, sids)
		}
	}
	x.none()
}

func TestAClientIsToldOfSessionsThatNobodyEnds(t *testing.T) {
	for name, end := range map[string]func(*house, *memory.Store) error{
		"its time is over": func(h *house, _ *memory.Store) error {
			_, err := h.Accounts.TellExpired(t.Context(), time.Now().Add(400*24*time.Hour), 10)
			return err
		},
		"the database was put back": func(h *house, db *memory.Store) error {
			_, err := account.Restored(t.Context(), db, "", "restore", account.Origin{})
			if err == nil {
				_, err = h.Accounts.TellExpired(t.Context(), time.Now(), 10)
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			db := memory.New()
			h := openOn(t, db, outgoing)
			x := h.hearer()
			a := h.app(trusted, x.told)
			ann := h.browser("ann")
			sid := claimsOf(t, a.redeem(a.code(ann)).tokens().ID)["sid"]
			if n, err := h.Accounts.TellExpired(t.Context(), time.Now(), 10); n != 0 || err != nil {
				t.Errorf("%d of a session that goes on, %v", n, err)
			}
			if err := end(h, db); err != nil {
				t.Fatal(err)
			}
			if _, of := x.next(a, token.ES256); of != sid {
				t.Errorf("told of %s, want %s", of, sid)
			}
			ann.do("POST", "/auth/logout", `{}`)
			x.none()
		})
	}
}

// A sign-in at a client and a sign-out here, at the same moment: either the client gets no
// ID token, or it is told.
func TestAClientThatIsJustSignedInToIsTold(t *testing.T) {
	h := open(t, outgoing)
	x := h.hearer()
	a := h.app(trusted, x.told)
	signedIn := map[any]bool{}
	for i := range 12 {
		c := h.browser(fmt.Sprint("person", i))
		code := a.code(c)
		var both sync.WaitGroup
		var got *answer
		both.Go(func() { got = a.redeem(code) })
		both.Go(func() { c.do("POST", "/auth/logout", `{}`) })
		both.Wait()
		if got.status == 200 {
			signedIn[claimsOf(t, got.tokens().ID)["sid"]] = true
		}
	}
	last := h.browser("last")
	signedIn[claimsOf(t, a.redeem(a.code(last)).tokens().ID)["sid"]] = true
	last.do("POST", "/auth/logout", `{}`).want(204)
	for range signedIn {
		if _, sid := x.next(a, token.ES256); !signedIn[sid] {
			t.Errorf("told of %s", sid)
		}
	}
	x.none()
}

func TestALogoutTokenIsNothingElse(t *testing.T) {
	h := open(t, outgoing)
	x := h.hearer()
	a := h.app(trusted, x.told)
	ann, bob := h.browser("ann"), h.browser("bob")
	a.redeem(a.code(ann)).tokens()
	ann.do("POST", "/auth/logout", `{}`).want(204)
	raw := <-x.tokens
	h.nobody().bearer(raw).do("GET", "/notes").want(401, "invalid_token")
	a.ask("/token", "grant_type", "refresh_token", "refresh_token", raw).refused(400, "invalid_grant")
	bob.do("GET", "/auth/oauth/logout?"+url.Values{"id_token_hint": {raw}}.Encode()).want(400)
	if v := bob.authorize(a.request("id_token_hint", raw, "prompt", "none")); v.Get("error") != "login_required" {
		t.Errorf("as a hint: %v", v)
	}
	if strings.Contains(h.log.String(), raw) {
		t.Error("the log holds the token")
	}
}

func TestDiscoverySaysThatClientsAreTold(t *testing.T) {
	var m struct {
		Logout  bool `json:"backchannel_logout_supported"`
		Session bool `json:"backchannel_logout_session_supported"`
	}
	open(t).nobody().do("GET", "/.well-known/openid-configuration").want(200).into(&m)
	if !m.Logout || !m.Session {
		t.Errorf("%+v", m)
	}
}

// Whom a client says it is told at is what is shown of it, and wrong addresses are refused.
func TestAddressesForSignOutsAreRegistered(t *testing.T) {
	h := open(t)
	boss := h.admin()
	var c struct {
		ID       string `json:"client_id"`
		Address  string `json:"backchannel_logout_uri"`
		Required bool   `json:"backchannel_logout_session_required"`
	}
	register := func(address string) *answer {
		return boss.do("POST", "/auth/admin/api/clients", mustJSON(map[string]any{
			"name": "App", "redirect_uris": []string{appURL}, "backchannel_logout_uri": address, "backchannel_logout_session_required": true,
		}))
	}
	register("https://app.example/out").want(201).into(&c)
	if c.Address != "https://app.example/out" || !c.Required {
		t.Errorf("%+v", c)
	}
	for _, address := range []string{"http://app.example/out", "https://app.example/out#f", "x"} {
		register(address).want(400, "invalid_request")
	}
}
