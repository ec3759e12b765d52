package server_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
)

// A holder has a key and proves it.
type holder struct {
	key  ed25519.PrivateKey
	made int
}

func newHolder(t *testing.T) *holder {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &holder{key: key}
}

func (k *holder) jwk() map[string]any {
	return map[string]any{"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(k.key.Public().(ed25519.PublicKey))}
}

// prove makes a proof for a request; access is the token that it comes with, "" = none.
func (k *holder) prove(method, url, access, nonce string) string {
	k.made++
	claims := map[string]any{"jti": strconv.Itoa(k.made), "htm": method, "htu": url, "iat": time.Now().Unix()}
	if access != "" {
		sum := sha256.Sum256([]byte(access))
		claims["ath"] = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	if nonce != "" {
		claims["nonce"] = nonce
	}
	part := func(v any) string {
		b, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(b)
	}
	input := part(map[string]any{"typ": "dpop+jwt", "alg": "EdDSA", "jwk": k.jwk()}) + "." + part(claims)
	return input + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(k.key, []byte(input)))
}

// proving asks the token endpoint with a proof, and once more with the nonce that it is
// told to use.
func (a *relyingParty) proving(k *holder, pairs ...string) *answer {
	a.h.Helper()
	url := a.h.URL + "/auth/oauth/token"
	first := a.askWith("DPoP", k.prove("POST", url, "", ""), "/token", pairs...)
	first.refused(400, "use_dpop_nonce")
	return a.askWith("DPoP", k.prove("POST", url, "", first.header.Get("DPoP-Nonce")), "/token", pairs...)
}

func TestTokensThatAreBoundToAKey(t *testing.T) {
	h := open(t)
	a := h.app(public, func(in *account.ClientRegistration) { in.DPoP = true })
	ann := h.browser("ann")
	mine, thief := newHolder(t), newHolder(t)
	redeem := func(code string) []string {
		return []string{"grant_type", "authorization_code", "code", code, "redirect_uri", appURL, "code_verifier", verifier}
	}
	a.ask("/token", redeem(a.code(ann))...).refused(400, "invalid_request") // this client must
	g := a.proving(mine, redeem(a.code(ann, "scope", "openid offline_access note:read"))...).tokens()
	if g.Type != "DPoP" {
		t.Errorf("token_type %q", g.Type)
	}

	notes := h.URL + "/notes"
	call := func(scheme, access, proof string) *answer {
		c := h.nobody().with("Authorization", scheme+" "+access)
		if proof != "" {
			c = c.with("DPoP", proof)
		}
		return c.do("GET", "/notes")
	}
	good := mine.prove("GET", notes, g.Access, "")
	call("DPoP", g.Access, good).want(200)
	for name, x := range map[string]*answer{
		"the same proof again":      call("DPoP", g.Access, good),
		"as a bearer token":         call("Bearer", g.Access, ""),
		"as a bearer, with proof":   call("Bearer", g.Access, mine.prove("GET", notes, g.Access, "")),
		"without a proof":           call("DPoP", g.Access, ""),
		"with the proof of a thief": call("DPoP", g.Access, thief.prove("GET", notes, g.Access, "")),
		"for another method":        call("DPoP", g.Access, mine.prove("POST", notes, g.Access, "")),
		"for another address":       call("DPoP", g.Access, mine.prove("GET", h.URL+"/auth/me", g.Access, "")),
		"for another token":         call("DPoP", g.Access, mine.prove("GET", notes, "x", "")),
		"for no token":              call("DPoP", g.Access, mine.prove("GET", notes, "", "")),
		"with a nonce of its own":   call("DPoP", g.Access, mine.prove("GET", notes, g.Access, "x")),
	} {
		if x.status != 401 {
			t.Errorf("%s: %d", name, x.status)
		}
	}
	var in struct {
		Active     bool
		Token_type string
		Cnf        struct{ JKT string }
	}
	boss := h.admin()
	boss.do("GET", "/auth/me").want(200)
	key := boss.do("POST", "/auth/api-keys", `{"name":"k","scopes":["token:introspect"]}`).want(201)
	var made struct{ Key string }
	key.into(&made)
	h.nobody().bearer(made.Key).with("Content-Type", "application/x-www-form-urlencoded").do("POST", "/auth/oauth/introspect", "token="+g.Access).want(200).into(&in)
	if !in.Active || in.Token_type != "DPoP" || in.Cnf.JKT == "" {
		t.Errorf("introspected: %+v", in)
	}

	refresh := []string{"grant_type", "refresh_token", "refresh_token", g.Refresh}
	a.proving(thief, refresh...).refused(400, "invalid_grant") // a public client's refresh token is bound, too
	next := a.proving(mine, refresh...).tokens()
	call("DPoP", next.Access, mine.prove("GET", notes, next.Access, "")).want(200)

	// A token that is not bound does not become better by a proof.
	free := h.app()
	bearer := free.redeem(free.code(ann, "scope", "note:read")).tokens()
	call("DPoP", bearer.Access, mine.prove("GET", notes, bearer.Access, "")).want(401)

	a.askWith("DPoP", "nonsense", "/token", refresh...).refused(400, "invalid_dpop_proof")
	jkt := claimsOf(t, next.Access)["cnf"].(map[string]any)["jkt"].(string)
	bound := a.code(ann, "dpop_jkt", jkt)
	a.proving(thief, redeem(bound)...).refused(400, "invalid_grant")
	a.proving(mine, redeem(bound)...).tokens()
}
