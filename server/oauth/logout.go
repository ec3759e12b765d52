package oauth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/web"
)

// idToken reads an ID token of ours that somebody has brought back. It may have expired:
// it says who was meant, not that they are here (OpenID Connect RP-Initiated Logout 1.0
// §4).
func (h *Handler) idToken(ctx context.Context, value string) (token.Registered, error) {
	var none token.Registered
	head, err := token.ReadHeader(value)
	if err != nil {
		return none, err
	}
	if head.Type != "JWT" { // an access token is none
		return none, token.ErrInvalid
	}
	key, err := h.Keys.Key(ctx, head.KeyID)
	if err != nil {
		return none, err
	}
	payload, err := token.VerifyJWS(value, key)
	if err != nil {
		return none, err
	}
	t, err := token.ParseRegistered(payload)
	if err == nil && (t.Issuer != h.Issuer || len(t.Audience) != 1) {
		err = token.ErrInvalid
	}
	return t, err
}

// A leaving is a request to sign out, and where it leads.
type leaving struct {
	target string // "" = our own page
	hint   token.Registered
	client oauth.Client // ID "" = none that there is
}

// leads reads where a logout leads: a registered address of the client that the request
// names, or nowhere. An error is for the person to read.
func (h *Handler) leads(r *http.Request, p oauth.Params) (l leaving, err error) {
	var v [4]string
	for i, name := range []string{"id_token_hint", "client_id", "post_logout_redirect_uri", "state"} {
		if v[i], err = p.One(name); err != nil {
			return l, err
		}
	}
	hint, id, target, state := v[0], v[1], v[2], v[3]
	if hint != "" {
		if l.hint, err = h.idToken(r.Context(), hint); err != nil {
			return l, oauth.Refuse(oauth.InvalidRequest, "The id_token_hint is no ID token of this service.")
		}
		if id != "" && !l.hint.For(id) {
			return l, oauth.Refuse(oauth.InvalidRequest, "The id_token_hint is for another client.")
		}
		id = l.hint.Audience[0]
	}
	if id != "" {
		if l.client, err = h.Accounts.Client(r.Context(), id); err != nil && !errors.Is(err, oauth.ErrNotFound) {
			return l, err
		}
	}
	switch {
	case target == "":
		return l, nil
	case id == "":
		return l, oauth.Refuse(oauth.InvalidRequest, "Where to go afterwards can be told by a client only: client_id and id_token_hint are missing.")
	case !slices.Contains(l.client.LogoutRedirects, target):
		return l, oauth.Refuse(oauth.InvalidRequest, "The post_logout_redirect_uri is not one that was registered for this client.")
	}
	l.target = target
	if state != "" {
		l.target = withQuery(target, url.Values{"state": {state}})
	}
	return l, nil
}

// logout signs a person out at the wish of a client (OpenID Connect RP-Initiated Logout
// 1.0). They are asked, unless the client shows that it knows their session.
func (h *Handler) logout(w http.ResponseWriter, r *http.Request) error {
	p, err := oauth.ParseParams(r.URL.RawQuery)
	if err != nil {
		return toPerson(err)
	}
	l, err := h.leads(r, p)
	if err != nil {
		return toPerson(err)
	}
	who, known := sallyport.From(r.Context()), h.Accounts.Pseudonyms
	switch {
	case who.Session == "":
		return h.left(w, r, l)
	case l.hint.Subject == known.Subject(&l.client, who.Subject) && l.hint.Session == known.Session(&l.client, who.Session):
		return h.leave(w, r, l)
	}
	v := web.Logout{Request: p.Encode(), Client: l.client.Name}
	var to []string
	if l.target != "" {
		to = append(to, oauth.Origin(l.target))
	}
	return h.Pages.Show(w, r, "logout", v, to...)
}

type logoutRequest struct {
	Request  string `json:"request"`
	Decision string `json:"decision"`
}

func (h *Handler) logoutConfirmed(w http.ResponseWriter, r *http.Request) error {
	var in logoutRequest
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	if in.Decision != "leave" && in.Decision != "stay" {
		return exchange.Invalid("decision must be leave or stay.")
	}
	p, err := oauth.ParseParams(in.Request)
	if err != nil {
		return toPerson(err)
	}
	l, err := h.leads(r, p)
	switch {
	case err != nil:
		return toPerson(err)
	case in.Decision == "stay":
		return exchange.See(w, r, h.Base+"/")
	}
	return h.leave(w, r, l)
}

// leave ends the session.
func (h *Handler) leave(w http.ResponseWriter, r *http.Request, l leaving) error {
	p := sallyport.From(r.Context())
	if p.Session != "" {
		if err := h.Accounts.SignOut(r.Context(), p, false, exchange.Origin(h.Gate, r)); err != nil && !errors.Is(err, account.ErrNoSession) {
			return exchange.Problem(err)
		}
	}
	h.Session.Clear(w)
	h.Refresh.Clear(w)
	return h.left(w, r, l)
}

func (h *Handler) left(w http.ResponseWriter, r *http.Request, l leaving) error {
	if l.target == "" {
		return exchange.See(w, r, h.Base+"/login?signed_out=1")
	}
	return exchange.See(w, r, l.target)
}
