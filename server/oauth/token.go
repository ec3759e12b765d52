package oauth

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/server/exchange"
)

// tokens is what RFC 6749 §5.1 and OpenID Connect Core 1.0 §3.1.3.3 answer.
type tokens struct {
	Access  string `json:"access_token"`
	Type    string `json:"token_type"`
	Expires int    `json:"expires_in"`
	Refresh string `json:"refresh_token,omitempty"`
	Scope   string `json:"scope"`
	ID      string `json:"id_token,omitempty"`
	Issued  string `json:"issued_token_type,omitempty"` // RFC 8693 §2.2.1
}

// token is where clients get tokens (RFC 6749 §3.2).
func (h *Handler) token(w http.ResponseWriter, r *http.Request, c oauth.Client, p oauth.Params) error {
	grant, err := p.Need("grant_type")
	if err != nil {
		return err
	}
	kind := oauth.GrantType(grant)
	serve := map[oauth.GrantType]func(*http.Request, oauth.Client, oauth.Params, token.Held) (*account.Granted, error){
		oauth.ByCode: h.byCode, oauth.ByRefresh: h.byRefresh, oauth.ByCredentials: h.byCredentials, oauth.ByDevice: h.byDevice,
		oauth.ByExchange: h.byExchange,
	}[kind]
	switch {
	case serve == nil:
		return oauth.Refuse(oauth.UnsupportedGrantType, "There is no grant_type %s.", grant)
	case !c.May(kind):
		return oauth.Refuse(oauth.UnauthorizedClient, "The client may not use this grant_type.")
	}
	held, err := h.held(w, r, &c)
	if err != nil {
		return err
	}
	g, err := serve(r, c, p, held)
	if err != nil {
		return err
	}
	out := tokens{
		Access: g.Access, Type: "Bearer", Expires: int(g.ExpiresIn / time.Second), Refresh: g.Refresh, Scope: strings.Join(g.Scope, " "),
	}
	if held.JKT != "" {
		out.Type = "DPoP"
	}
	if kind == oauth.ByExchange {
		out.Issued = oauth.AccessTokenType
	}
	if g.Grant.ID != "" && slices.Contains(g.Scope, oauth.OpenID) {
		if out.ID, err = h.idTokenFor(&c, g, kind); err != nil {
			return err
		}
	}
	return answerTokens(w, out)
}

// held returns what the request proves to have the keys of, as far as tokens of the client
// are to be bound to it (RFC 9449 §5, RFC 8705 §3).
func (h *Handler) held(w http.ResponseWriter, r *http.Request, c *oauth.Client) (held token.Held, err error) {
	if held.JKT, err = h.proof(w, r, c); err != nil || !c.MTLS {
		return held, err
	}
	if held.X5T = sallyport.Thumbprint(h.Gate.Shown(r)); held.X5T == "" {
		return held, oauth.Refuse(oauth.InvalidRequest, "This client must show a client certificate.")
	}
	return held, nil
}

// address is that of a request, at whichever of our two addresses it came to.
func (h *Handler) address(r *http.Request) string {
	if _, host, _ := strings.Cut(h.Certificates, "://"); host != "" && r.Host == host {
		return h.Certificates + r.URL.Path
	}
	return h.Issuer + r.URL.Path
}

// proof returns the thumbprint of the key that the request proves (RFC 9449 §5), "" if it
// proves none. Each answer has the nonce that the next proof is to hold.
func (h *Handler) proof(w http.ResponseWriter, r *http.Request, c *oauth.Client) (string, error) {
	proofs := r.Header["Dpop"]
	switch {
	case len(proofs) == 0 && c.DPoP:
		return "", oauth.Refuse(oauth.InvalidRequest, "This client must send a DPoP proof.")
	case len(proofs) == 0:
		return "", nil
	case len(proofs) > 1:
		return "", oauth.Refuse(oauth.InvalidDPoPProof, "There is more than one DPoP proof.")
	}
	w.Header().Set("DPoP-Nonce", h.Proofs.Nonces.New(time.Now()))
	p, err := token.ReadProof(proofs[0])
	if err == nil {
		if err := c.CheckProof(p); err != nil {
			return "", err
		}
		err = h.Proofs.CheckRead(r.Context(), p, r.Method, h.address(r), "", true)
	}
	switch {
	case errors.Is(err, token.ErrNonce):
		return "", oauth.Refuse(oauth.UseDPoPNonce, "The proof must hold the nonce of the header DPoP-Nonce.")
	case errors.Is(err, token.ErrInvalid):
		return "", oauth.Refuse(oauth.InvalidDPoPProof, "The DPoP proof does not verify, is for another request, from another time, or was used before.")
	case err != nil:
		return "", err
	}
	return p.JKT, nil
}

// ask reads what a token is to be for.
func (h *Handler) ask(p oauth.Params, held token.Held) (a account.Ask, err error) {
	a.Held = held
	scope, err := p.One("scope")
	if err != nil {
		return a, err
	}
	if scope != "" {
		if a.Scope, err = oauth.ParseScope(scope); err != nil {
			return a, err
		}
	}
	a.Resources = p["resource"]
	for _, v := range a.Resources {
		if oauth.CheckResource(v) != nil {
			return a, oauth.Refuse(oauth.InvalidTarget, "A resource is no absolute URI without fragment.")
		}
	}
	return a, nil
}

func (h *Handler) byCode(r *http.Request, c oauth.Client, p oauth.Params, held token.Held) (*account.Granted, error) {
	in := account.Redemption{Client: c}
	var err error
	if in.Code, err = p.Need("code"); err != nil {
		return nil, err
	}
	if in.Redirect, err = p.One("redirect_uri"); err != nil {
		return nil, err
	}
	if in.Verifier, err = p.One("code_verifier"); err != nil {
		return nil, err
	}
	if in.Ask, err = h.ask(p, held); err != nil {
		return nil, err
	}
	in.Scope = nil // the authorization request has said it
	return h.Accounts.RedeemCode(r.Context(), in, exchange.Origin(h.Gate, r))
}

func (h *Handler) byRefresh(r *http.Request, c oauth.Client, p oauth.Params, held token.Held) (*account.Granted, error) {
	refresh, err := p.Need("refresh_token")
	if err != nil {
		return nil, err
	}
	ask, err := h.ask(p, held)
	if err != nil {
		return nil, err
	}
	return h.Accounts.RefreshGrant(r.Context(), c, refresh, ask, exchange.Origin(h.Gate, r))
}

// byCredentials lets the client act for itself (RFC 6749 §4.4). Scopes about people say
// nothing about it.
func (h *Handler) byCredentials(r *http.Request, c oauth.Client, p oauth.Params, held token.Held) (*account.Granted, error) {
	ask, err := h.ask(p, held)
	if err != nil {
		return nil, err
	}
	if len(ask.Scope) == 0 {
		ask.Scope = slices.Clone(c.Scopes)
	} else if ask.Scope, err = c.Allowed(ask.Scope); err != nil {
		return nil, err
	}
	ask.Scope = slices.DeleteFunc(ask.Scope, oauth.Standard)
	if ask.Resources, err = c.Audiences(h.Issuer, ask.Resources); err != nil {
		return nil, err
	}
	return h.Accounts.ClientToken(r.Context(), c.ID, ask)
}

// idTokenFor tells the client who has granted it something. A refreshed one says the same
// as the first, but for the nonce (OpenID Connect Core 1.0 §12.2).
func (h *Handler) idTokenFor(c *oauth.Client, g *account.Granted, kind oauth.GrantType) (string, error) {
	now := time.Now()
	t := oauth.IDToken{
		Issuer: h.Issuer, Subject: h.Accounts.Pseudonyms.Subject(c, g.User.ID), Audience: c.ID, IssuedAt: now, Expiry: now.Add(g.ExpiresIn), AuthTime: g.Grant.AuthTime,
		ACR: account.ACR(g.Grant.AAL), AMR: g.Grant.AMR, Session: h.Accounts.Pseudonyms.Session(c, g.Grant.SID), Access: g.Access, Alg: c.IDTokenAlg,
		Person: person(&g.User, oauth.Names(nil, g.Grant.Claims.IDToken)),
	}
	if kind != oauth.ByRefresh {
		t.Nonce = g.Grant.Nonce
	}
	payload, err := t.Payload()
	if err != nil {
		return "", err
	}
	return h.Keys.Sign(c.IDTokenAlg, "JWT", payload)
}

// person is what the named claims say about u. What is not known is left out.
func person(u *account.User, names []string) map[string]any {
	out := map[string]any{}
	for _, name := range names {
		var v any
		switch name {
		case "name":
			v = u.DisplayName
		case "preferred_username":
			v = u.Username
		case "locale":
			v = u.Locale
		case "updated_at":
			v = u.UpdatedAt.Unix()
		case "email":
			v = u.Email
		case "email_verified":
			if u.Email != "" {
				v = u.EmailVerified
			}
		case "phone_number":
			v = u.Phone
		case "phone_number_verified":
			if u.Phone != "" {
				v = u.PhoneVerified
			}
		}
		if v != nil && v != "" {
			out[name] = v
		}
	}
	return out
}

func (h *Handler) byDevice(r *http.Request, c oauth.Client, p oauth.Params, held token.Held) (*account.Granted, error) {
	code, err := p.Need("device_code")
	if err != nil {
		return nil, err
	}
	ask, err := h.ask(p, held)
	if err != nil {
		return nil, err
	}
	ask.Scope = nil
	return h.Accounts.RedeemDevice(r.Context(), c, code, ask, exchange.Origin(h.Gate, r))
}
