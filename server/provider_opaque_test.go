package server_test

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/oauth"
)

func opaque(in *account.ClientRegistration) { in.Format = oauth.Opaque }

// A client that cannot read its tokens can do with them whatever it can do with others, and
// they end as others do.
func TestTokensThatTheClientCannotRead(t *testing.T) {
	h := open(t)
	a := h.app(opaque)
	ann := h.browser("ann")
	g := a.redeem(a.code(ann, "scope", "openid offline_access note:read")).tokens()
	if !strings.HasPrefix(g.Access, token.OpaquePrefix) || strings.Contains(g.Access, ".") {
		t.Fatalf("got %s", g.Access)
	}
	sum := sha256.Sum256([]byte(g.Access))
	if got, want := claimsOf(t, g.ID)["at_hash"], base64.RawURLEncoding.EncodeToString(sum[:16]); got != want {
		t.Errorf("at_hash %v, want %s", got, want)
	}
	for range 2 { // the second time it was seen before
		h.nobody().bearer(g.Access).do("GET", "/notes").want(200)
	}
	h.nobody().bearer(g.Access).do("GET", "/auth/oauth/userinfo").want(200)
	var in struct {
		Active bool
		Sub    string
	}
	a.ask("/introspect", "token", g.Access).want(200).into(&in)
	if !in.Active || in.Sub != ann.id {
		t.Errorf("%+v", in)
	}
	for _, bad := range []string{g.Access[:len(g.Access)-4] + "AAAA", token.OpaquePrefix, strings.TrimPrefix(g.Access, token.OpaquePrefix), g.Access + "."} {
		h.nobody().bearer(bad).do("GET", "/notes").want(401, "invalid_token")
	}

	a.ask("/revoke", "token", g.Access).want(200)
	h.nobody().bearer(g.Access).do("GET", "/notes").want(401, "invalid_token")
	next := a.ask("/token", "grant_type", "refresh_token", "refresh_token", g.Refresh).tokens()
	if !strings.HasPrefix(next.Access, token.OpaquePrefix) {
		t.Errorf("the next one is %s", next.Access)
	}
	h.nobody().bearer(next.Access).do("GET", "/notes").want(200)
	ann.do("DELETE", "/auth/applications/"+a.id).want(204)
	h.nobody().bearer(next.Access).do("GET", "/notes").want(401, "invalid_token")
}

func TestAnOpaqueTokenIsBoundToAKey(t *testing.T) {
	h := open(t)
	a := h.app(public, opaque)
	ann := h.browser("ann")
	mine := newHolder(t)
	g := a.proving(mine, "grant_type", "authorization_code", "code", a.code(ann, "scope", "openid note:read"), "redirect_uri", appURL, "code_verifier", verifier).tokens()
	if !strings.HasPrefix(g.Access, token.OpaquePrefix) || g.Type != "DPoP" {
		t.Fatalf("%s %s", g.Type, g.Access)
	}
	notes := h.URL + "/notes"
	held := h.nobody().with("Authorization", "DPoP "+g.Access)
	held.with("DPoP", mine.prove("GET", notes, g.Access, "")).do("GET", "/notes").want(200)
	held.with("DPoP", newHolder(t).prove("GET", notes, g.Access, "")).do("GET", "/notes").want(401, "invalid_token")
	h.nobody().bearer(g.Access).do("GET", "/notes").want(401, "invalid_token")
}

func TestTokensOfMachinesCanBeOpaque(t *testing.T) {
	h := open(t)
	a := h.app(machine, opaque)
	g := a.ask("/token", "grant_type", "client_credentials").tokens()
	if !strings.HasPrefix(g.Access, token.OpaquePrefix) {
		t.Errorf("got %s", g.Access)
	}
	h.nobody().bearer(g.Access).do("GET", "/auth/me").want(200)
	_, _, err := h.Accounts.AddClient(t.Context(), account.ClientRegistration{Client: oauth.Client{Name: "X", Format: "paseto", Redirects: []string{appURL}}}, account.Origin{})
	if err == nil || !strings.Contains(err.Error(), "access_token_format") {
		t.Error(err)
	}
}
