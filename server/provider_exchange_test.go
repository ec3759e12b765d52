package server_test

import (
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/oauth"
)

// exchanging registers a client that is a resource and calls further ones.
func exchanging(in *account.ClientRegistration) {
	in.Grants, in.Redirects, in.Scopes = []oauth.GrantType{oauth.ByExchange, oauth.ByCredentials}, nil, []string{"note:read", "note:write"}
	in.Serves, in.Resources = []string{apiURL}, []string{"https://next.example"}
}

// exchange asks for a token for another one.
func (a *relyingParty) exchange(subject string, pairs ...string) *answer {
	a.h.Helper()
	return a.ask("/token", append([]string{"grant_type", string(oauth.ByExchange), "subject_token", subject, "subject_token_type", oauth.AccessTokenType}, pairs...)...)
}

// exchanged are the tokens of an exchange.
func (a *answer) exchanged() (g got) {
	a.h.Helper()
	var x struct {
		Issued string `json:"issued_token_type"`
	}
	if a.want(200).into(&x); x.Issued != oauth.AccessTokenType {
		a.h.Errorf("issued_token_type %q", x.Issued)
	}
	return a.tokens()
}

// introspects reports whether a token is active, and what it means.
func (h *house) means(service *caller, value string) (m struct {
	meaning
	Act  *token.Actor
	From []string
}) {
	h.Helper()
	service.asks(value).want(200).into(&m)
	return m
}

func TestATokenIsExchanged(t *testing.T) {
	h := open(t)
	ann := h.browser("ann")
	app, mid := h.app(reaching), h.app(exchanging)
	service := h.service(h.admin())
	g := app.redeem(app.code(ann, "resource", apiURL, "scope", "openid note:read"), "resource", apiURL).tokens()
	x := mid.exchange(g.Access, "audience", "https://next.example").exchanged()
	if x.Type != "Bearer" || x.Refresh != "" || x.ID != "" || x.Scope != "note:read" || x.Expires > g.Expires {
		t.Errorf("%+v", x)
	}
	c := claimsOf(t, x.Access)
	act, _ := c["act"].(map[string]any)
	if c["sub"] != ann.id || c["client_id"] != mid.id || c["aud"] != "https://next.example" || act["sub"] != mid.id || act["act"] != nil ||
		c["gid"] != claimsOf(t, g.Access)["gid"] || c["sid"] != claimsOf(t, g.Access)["sid"] || c["exp"].(float64) > claimsOf(t, g.Access)["exp"].(float64) {
		t.Errorf("%v", c)
	}
	if m := h.means(service, x.Access); !m.Active || m.Sub != ann.id || len(m.From) == 0 {
		t.Errorf("%+v", m)
	}

	// For us: the principal is the subject, and the scope bounds it.
	us := mid.exchange(g.Access, "resource", h.URL, "scope", "note:read").exchanged()
	a := h.nobody().bearer(us.Access).do("GET", "/notes").want(200)
	if !strings.Contains(a.body, ann.id) {
		t.Errorf("%s", a.body)
	}
	h.nobody().bearer(us.Access).do("POST", "/notes").want(403)

	// Once more: who acted before is inside.
	second := h.app(func(in *account.ClientRegistration) { exchanging(in); in.Serves = []string{"https://next.example"} })
	far := claimsOf(t, second.exchange(x.Access, "resource", "https://next.example").exchanged().Access)["act"].(map[string]any)
	if before, _ := far["act"].(map[string]any); far["sub"] != second.id || before["sub"] != mid.id {
		t.Errorf("%v", far)
	}
	var log struct {
		Items []struct {
			Actor, Target string
			Detail        map[string]string
		}
	}
	h.again("boss").do("GET", api+"/audit?action=token.exchange").want(200).into(&log)
	if len(log.Items) != 3 || log.Items[2].Actor != mid.id || log.Items[2].Target != ann.id || log.Items[2].Detail["from"] != claimsOf(t, g.Access)["jti"] || log.Items[2].Detail["audience"] != "https://next.example" {
		t.Errorf("%+v", log)
	}
}

func TestWhatIsNotExchanged(t *testing.T) {
	h := open(t)
	ann := h.browser("ann")
	app, mid := h.app(reaching), h.app(exchanging)
	g := app.redeem(app.code(ann, "resource", apiURL, "scope", "openid note:read offline_access"), "resource", apiURL).tokens()
	other := app.redeem(app.code(ann, "scope", "openid note:read")).tokens()
	own := mid.ask("/token", "grant_type", "client_credentials").tokens()
	expired := signed(h, ann.id, func(c *token.Claims) {
		c.Audience, c.IssuedAt, c.Expiry = []string{apiURL}, time.Now().Add(-time.Hour), time.Now().Add(-time.Minute)
	})
	next := []string{"resource", "https://next.example"}
	for name, x := range map[string]struct {
		a     *answer
		error string
	}{
		"nonsense":                       {mid.exchange("nonsense", next...), "invalid_request"},
		"a token for somebody else":      {mid.exchange(other.Access, next...), "invalid_request"},
		"a token with a changed letter":  {mid.exchange(flip(g.Access), next...), "invalid_request"},
		"a refresh token":                {mid.exchange(g.Refresh, next...), "invalid_request"},
		"an ID token":                    {mid.exchange(g.ID, next...), "invalid_request"},
		"an expired token":               {mid.exchange(expired, next...), "invalid_request"},
		"a token of a client for itself": {mid.exchange(own.Access, next...), "invalid_request"},
		"no subject_token":               {mid.ask("/token", "grant_type", string(oauth.ByExchange), "subject_token_type", oauth.AccessTokenType), "invalid_request"},
		"no subject_token_type":          {mid.ask("/token", "grant_type", string(oauth.ByExchange), "subject_token", g.Access), "invalid_request"},
		"another type":                   {mid.ask("/token", "grant_type", string(oauth.ByExchange), "subject_token", g.Access, "subject_token_type", "urn:ietf:params:oauth:token-type:saml2"), "invalid_request"},
		"a type of no actor":             {mid.exchange(g.Access, append(next, "actor_token_type", oauth.AccessTokenType)...), "invalid_request"},
		"an actor of no type":            {mid.exchange(g.Access, append(next, "actor_token", g.Access)...), "invalid_request"},
		"for a refresh token":            {mid.exchange(g.Access, append(next, "requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token")...), "invalid_request"},
		"for another's resource":         {mid.exchange(g.Access, "resource", "https://evil.example"), "invalid_target"},
		"for another's audience":         {mid.exchange(g.Access, "audience", "https://evil.example"), "invalid_target"},
		"for two, of which one is not":   {mid.exchange(g.Access, append(next, "resource", "https://evil.example")...), "invalid_target"},
		"for something malformed":        {mid.exchange(g.Access, "resource", "/x"), "invalid_target"},
		"for nothing":                    {mid.exchange(g.Access), "invalid_target"},
		"a wider scope":                  {mid.exchange(g.Access, append(next, "scope", "note:read note:write")...), "invalid_scope"},
		"a scope that is not its own":    {mid.exchange(g.Access, append(next, "scope", "openid")...), "invalid_scope"},
		"by who may not":                 {app.exchange(g.Access, next...), "unauthorized_client"},
	} {
		t.Run(name, func(t *testing.T) {
			h.T = t
			x.a.refused(400, x.error)
		})
	}
	h.T = t
	(&relyingParty{h, mid.id, "wrong"}).exchange(g.Access, next...).refused(401, "invalid_client")
	if x := mid.exchange(g.Access, "resource", h.URL).exchanged(); x.Scope != "note:read" { // never offline_access or openid
		t.Errorf("%+v", x)
	}
}

func TestWhoActsByAnExchangedToken(t *testing.T) {
	h := open(t)
	ann, bob := h.browser("ann"), h.browser("bob")
	app, mid := h.app(reaching), h.app(exchanging)
	silent := h.app(exchanging, func(in *account.ClientRegistration) { in.Impersonates = true })
	as := func(c *caller) string {
		return app.redeem(app.code(c, "resource", apiURL, "scope", "openid note:read"), "resource", apiURL).tokens().Access
	}
	mine, theirs := as(ann), as(bob)
	next := []string{"resource", "https://next.example"}
	with := func(actor string) []string {
		return append(next, "actor_token", actor, "actor_token_type", oauth.JWTType)
	}
	actor := func(a *answer) any {
		act, _ := claimsOf(t, a.exchanged().Access)["act"].(map[string]any)
		return act["sub"]
	}
	if got := actor(mid.exchange(mine, with(theirs)...)); got != bob.id {
		t.Errorf("acts: %v", got)
	}
	if got := actor(mid.exchange(mine, next...)); got != mid.id {
		t.Errorf("acts: %v", got)
	}
	if got := actor(silent.exchange(mine, next...)); got != nil {
		t.Errorf("acts: %v", got)
	}
	if got := actor(silent.exchange(mine, with(theirs)...)); got != bob.id {
		t.Errorf("acts: %v", got)
	}
	delegated := mid.exchange(mine, "resource", "https://next.example").exchanged().Access
	mid.exchange(mine, with(delegated)...).refused(400, "invalid_request") // an actor for whom another one acts
	// Who has acted before stays, also with who need not be named.
	via := h.app(exchanging, func(in *account.ClientRegistration) { in.Resources = []string{apiURL} })
	if got := actor(silent.exchange(via.exchange(mine).exchanged().Access, next...)); got != via.id {
		t.Errorf("acted before: %v", got)
	}
	silent.exchange(delegated, next...).refused(400, "invalid_request") // which was for somebody else
	mid.exchange(mine, with("nonsense")...).refused(400, "invalid_request")

	// may_act names the only one who may (RFC 8693 §4.4).
	saying := func(may *token.Actor) string {
		return signed(h, ann.id, func(c *token.Claims) {
			c.Audience, c.MayAct, c.Scopes, c.ClientID, c.Session = []string{apiURL}, may, []string{"note:read"}, app.id, ""
		})
	}
	for _, tt := range []struct {
		may  *token.Actor
		who  *relyingParty
		with []string
		ok   bool
	}{
		{&token.Actor{Subject: mid.id}, mid, next, true},
		{&token.Actor{Subject: mid.id, ClientID: mid.id}, mid, next, true},
		{&token.Actor{Subject: mid.id}, silent, next, false},
		{&token.Actor{Subject: bob.id}, mid, next, false},
		{&token.Actor{Subject: bob.id}, mid, with(theirs), true},
		{&token.Actor{Subject: bob.id, ClientID: "other"}, mid, with(theirs), false},
		{&token.Actor{Subject: mid.id}, mid, with(theirs), false},
	} {
		if x := tt.who.exchange(saying(tt.may), tt.with...); (x.status == 200) != tt.ok {
			t.Errorf("%+v: %d %s", tt.may, x.status, x.body)
		}
	}

	// A chain ends somewhere.
	loop := h.app(exchanging, func(in *account.ClientRegistration) { in.Resources = []string{apiURL} })
	value := mine
	for range token.MaxActors {
		value = loop.exchange(value).exchanged().Access
	}
	loop.exchange(value).refused(400, "invalid_request")
	quiet := h.app(exchanging, func(in *account.ClientRegistration) { in.Resources, in.Impersonates = []string{apiURL}, true })
	value = mine
	for range 40 {
		x := quiet.exchange(value)
		if x.status == 400 {
			x.refused(400, "invalid_request")
			return
		}
		value = x.exchanged().Access
	}
	t.Error("exchanged 40 times")
}

// What a token comes of takes it along, at once and everywhere.
func TestAnExchangedTokenEndsWithWhatItComesOf(t *testing.T) {
	h := open(t)
	boss := h.admin()
	service := h.service(boss)
	for name, end := range map[string]func(ann, bob *caller, app, mid *relyingParty, mine, theirs got){
		"the subject token is revoked": func(_, _ *caller, app, _ *relyingParty, mine, _ got) {
			app.ask("/revoke", "token", mine.Access).want(200)
		},
		"the grant is taken back": func(ann, _ *caller, app, _ *relyingParty, _, _ got) {
			ann.do("DELETE", "/auth/applications/"+app.id).want(204)
		},
		"the session ends": func(ann, _ *caller, _, _ *relyingParty, _, _ got) { ann.do("POST", "/auth/logout", "{}").want(204) },
		"the person is disabled": func(ann, _ *caller, _, _ *relyingParty, _, _ got) {
			boss.do("POST", api+"/users/"+ann.id+"/disable").want(204)
		},
		"the client that it was of is gone": func(_, _ *caller, app, _ *relyingParty, _, _ got) {
			boss.do("DELETE", api+"/clients/"+app.id).want(204)
		},
		"the client that exchanged it is gone": func(_, _ *caller, _, mid *relyingParty, _, _ got) {
			boss.do("DELETE", api+"/clients/"+mid.id).want(204)
		},
		"the actor signs out": func(_, bob *caller, _, _ *relyingParty, _, _ got) { bob.do("POST", "/auth/logout", "{}").want(204) },
		"the actor is disabled": func(_, bob *caller, _, _ *relyingParty, _, _ got) {
			boss.do("POST", api+"/users/"+bob.id+"/disable").want(204)
		},
		"the actor's token is over": func(_, _ *caller, app, _ *relyingParty, _, theirs got) {
			app.ask("/revoke", "token", theirs.Access).want(200)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h.T = t
			n := strings.ReplaceAll(strings.ReplaceAll(name, " ", "-"), "'", "")
			ann, bob := h.browser("ann-"+n), h.browser("bob-"+n)
			app, mid := h.app(reaching), h.app(exchanging, func(in *account.ClientRegistration) { in.Resources = append(in.Resources, apiURL) })
			as := func(c *caller) got {
				return app.redeem(app.code(c, "resource", apiURL, "scope", "openid note:read"), "resource", apiURL).tokens()
			}
			mine, theirs := as(ann), as(bob)
			first := mid.exchange(mine.Access, "resource", h.URL, "resource", apiURL, "actor_token", theirs.Access, "actor_token_type", oauth.AccessTokenType).exchanged()
			second := mid.exchange(first.Access, "resource", h.URL).exchanged()
			for _, x := range []got{first, second} {
				for range 2 { // also once it was seen
					h.nobody().bearer(x.Access).do("GET", "/notes").want(200)
				}
				if !service.introspect(x.Access).Active {
					t.Error("not active before")
				}
			}
			end(ann, bob, app, mid, mine, theirs)
			for _, x := range []got{first, second} {
				h.nobody().bearer(x.Access).do("GET", "/notes").want(401, "invalid_token")
				if service.introspect(x.Access).Active {
					t.Error("active after")
				}
			}
		})
	}
}

// A token that is exchanged while it is revoked comes out dead.
func TestAnExchangeBesideARevocation(t *testing.T) {
	h := open(t)
	ann := h.browser("ann")
	app, mid := h.app(reaching), h.app(exchanging)
	for range 5 {
		g := app.redeem(app.code(ann, "resource", apiURL, "scope", "openid note:read"), "resource", apiURL).tokens()
		var wg sync.WaitGroup
		made := make([]*answer, 8)
		for i := range made {
			wg.Go(func() { made[i] = mid.exchange(g.Access, "resource", h.URL) })
		}
		wg.Go(func() { app.ask("/revoke", "token", g.Access).want(200) })
		wg.Wait()
		for _, x := range made {
			if x.status == 200 {
				h.nobody().bearer(x.exchanged().Access).do("GET", "/notes").want(401, "invalid_token")
			} else {
				x.refused(400, "invalid_request")
			}
		}
	}
}

// A token that is bound is exchanged only by who proves what it is bound to.
func TestABoundTokenIsExchangedByWhoProvesTheKey(t *testing.T) {
	h := open(t)
	h.takesAny()
	mine, thief := selfSigned(t), selfSigned(t)
	key, other := newHolder(t), newHolder(t)
	ann := h.browser("ann")
	app := h.app(reaching, public, func(in *account.ClientRegistration) { in.DPoP = true })
	mid := h.app(exchanging)
	redeem := []string{"grant_type", "authorization_code", "redirect_uri", appURL, "code_verifier", verifier, "code"}
	byKey := app.proving(key, append(redeem, app.code(ann, "resource", apiURL, "scope", "note:read"))...).tokens()
	ask := []string{"grant_type", string(oauth.ByExchange), "subject_token_type", oauth.AccessTokenType, "resource", h.URL, "subject_token"}
	mid.ask("/token", append(ask, byKey.Access)...).refused(400, "invalid_request")
	mid.proving(other, append(ask, byKey.Access)...).refused(400, "invalid_request")
	x := mid.proving(key, append(ask, byKey.Access)...).exchanged()
	if x.Type != "DPoP" {
		t.Errorf("%+v", x)
	}
	h.nobody().bearer(x.Access).do("GET", "/notes").want(401, "invalid_token")

	shown := h.app(reaching, public, func(in *account.ClientRegistration) { in.MTLS = true })
	byCert := shown.shows(mine, "/token", append(redeem, shown.code(ann, "resource", apiURL, "scope", "note:read"))...).tokens()
	mid.ask("/token", append(ask, byCert.Access)...).refused(400, "invalid_request")
	by := func(c *caller) *answer {
		f := url.Values{"client_id": {mid.id}, "client_secret": {mid.secret}}
		pairs := append(ask, byCert.Access)
		for i := 0; i < len(pairs); i += 2 {
			f.Add(pairs[i], pairs[i+1])
		}
		return c.with("Content-Type", "application/x-www-form-urlencoded").do("POST", "/auth/oauth/token", f.Encode())
	}
	by(h.showing(thief)).refused(400, "invalid_request")
	by(h.showing(mine)).exchanged()
}
