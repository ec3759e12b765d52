package server_test

import (
	"testing"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/oauth"
)

const apiURL = "https://api.example"

// serving registers a client that is a resource.
func serving(in *account.ClientRegistration) { in.Serves = []string{apiURL} }

func reaching(in *account.ClientRegistration) { in.Resources = []string{apiURL} }

// RFC 7662 §2.1, §4: a client is told about tokens that it holds, and those that are for it.
func TestAClientIntrospects(t *testing.T) {
	h := open(t)
	ann := h.browser("ann")
	app, resource, other := h.app(reaching), h.app(machine, serving), h.app(machine)
	forAPI := app.redeem(app.code(ann, "resource", apiURL, "scope", "openid note:read"), "resource", apiURL).tokens()
	forUs := app.redeem(app.code(ann, "scope", "openid note:read")).tokens()
	first := h.program("bob").tokens.Access
	var key struct{ Key string }
	ann.do("POST", "/auth/api-keys", `{"name":"ci","scopes":["note:read"]}`).want(201).into(&key)
	active := func(a *relyingParty, value string) bool {
		t.Helper()
		var m meaning
		x := a.ask("/introspect", "token", value).want(200)
		if x.into(&m); m.Active == (x.body == `{"active":false}`+"\n") {
			t.Fatalf("what is not active says something: %s", x.body)
		}
		return m.Active
	}
	for _, tt := range []struct {
		name  string
		who   *relyingParty
		value string
		known bool
	}{
		{"its own, for us", app, forUs.Access, true}, {"its own, for a resource", app, forAPI.Access, true},
		{"that it may ask for, and is not", app, first, false},
		{"for the resource that it is", resource, forAPI.Access, true}, {"for another audience", resource, forUs.Access, false},
		{"of a sign-in", resource, first, false}, {"an API key", resource, key.Key, false},
		{"another's, for a resource", other, forAPI.Access, false}, {"another's, for us", other, forUs.Access, false},
		{"nonsense", app, "nonsense", false}, {"a refresh token", app, forUs.Refresh, false}, {"an ID token", app, forUs.ID, false},
	} {
		if got := active(tt.who, tt.value); got != tt.known {
			t.Errorf("%s: active is %v", tt.name, got)
		}
	}

	// With a role that has the permission it is told about all, and only as long as it has it.
	boss := h.admin()
	boss.do("PUT", api+"/roles/gateway", `{"permissions":["token:introspect"]}`).want(200)
	gate := h.app(machine, func(in *account.ClientRegistration) { in.Roles = []string{"gateway"} })
	for _, value := range []string{forAPI.Access, forUs.Access, first, key.Key} {
		if !active(gate, value) {
			t.Error("not active to who holds the permission")
		}
	}
	boss.do("PUT", api+"/roles/gateway", `{"permissions":[]}`).want(200)
	if active(gate, first) {
		t.Error("active to who holds the permission no more")
	}

	// Whoever proves nothing is told nothing.
	nobody := h.app(public)
	nobody.ask("/introspect", "token", forUs.Access).refused(401, "invalid_client")
	(&relyingParty{h, app.id, "wrong"}).ask("/introspect", "token", forUs.Access).refused(401, "invalid_client")
	app.ask("/introspect").refused(400, "invalid_request")
	app.askWith("X-API-Key", "sp_live_x", "/introspect", "token", forUs.Access).want(400, "invalid_request") // two credentials
	// By its other methods, too.
	k := newKey(t, token.ES256)
	signing := h.app(machine, func(in *account.ClientRegistration) {
		in.Auth, in.JWKS, in.Serves = oauth.PrivateKeyJWT, keySet(t, k), []string{apiURL}
	})
	ask := func(jwt string) *answer {
		return signing.ask("/introspect", "token", forAPI.Access, "client_assertion_type", oauth.JWTBearer, "client_assertion", jwt)
	}
	var m meaning
	good := signing.assertion(k, nil)
	if ask(good).want(200).into(&m); !m.Active || m.Sub != ann.id || m.Client != app.id {
		t.Errorf("%+v", m)
	}
	ask(good).refused(401, "invalid_client") // once

	// What has ended is not active to anybody.
	ann.do("DELETE", "/auth/applications/"+app.id).want(204)
	if active(app, forUs.Access) || active(resource, forAPI.Access) {
		t.Error("active after it was taken back")
	}
}

// Who registers a resource lets it know what tokens mean, and so must be able to.
func TestNobodyMakesAResourceWhoMayNotIntrospect(t *testing.T) {
	h := open(t)
	boss := h.admin()
	boss.do("PUT", api+"/roles/registrar", `{"permissions":["client:*","note:read"]}`).want(200)
	rita := h.browser("rita")
	boss.do("PUT", api+"/users/"+rita.id+"/roles/registrar").want(204)
	body := `{"name":"R","grant_types":["client_credentials"],"scopes":["note:read"],"serves_resources":["` + apiURL + `"]}`
	rita.do("POST", api+"/clients", body).want(403, "forbidden")
	boss.do("PUT", api+"/roles/registrar", `{"permissions":["client:*","note:read","token:introspect"]}`).want(200)
	rita.do("POST", api+"/clients", body).want(201)
}
