package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/server/exchange"
)

// progress is the parameter in which a request says how far it has come: it leads
// through the pages for signing in and back.
const progress = "sallyport_progress"

// An asked is an authorization request on its way.
type asked struct {
	oauth.Params // without progress
	passed
	client oauth.Client
	where  oauth.Where
	req    *oauth.Request
	bad    error // for the client: what its request object is not

	targets []oauth.Resource // of req
}

// passed is what a request has behind it. It is authenticated together with the
// parameters, since who is before the browser could write it otherwise.
type passed struct {
	Since  time.Time `json:"since,omitzero"`  // when a sign-in was asked for: an older one does not count
	Pushed string    `json:"pushed,omitzero"` // id of the pushed request; "" = it came through the browser
	Signed bool      `json:"signed,omitzero"` // the parameters are those of a request object
}

// read reads an authorization request. Until where is known, its errors are for the
// person; afterwards the handler redirects with them.
func (h *Handler) read(ctx context.Context, encoded string) (a *asked, err error) {
	a = new(asked)
	if a.Params, err = oauth.ParseParams(encoded); err != nil {
		return a, err
	}
	mark, err := a.One(progress)
	if err != nil {
		return a, err
	}
	delete(a.Params, progress)
	a.passed = h.verified(a.Params, mark)
	id, err := a.Need("client_id")
	if err != nil {
		return a, err
	}
	a.client, err = h.Accounts.Client(ctx, id)
	if errors.Is(err, oauth.ErrNotFound) || err == nil && a.client.Disabled {
		return a, oauth.Refuse(oauth.InvalidRequest, "There is no client with this client_id.")
	}
	if err != nil {
		return a, err
	}
	uri, err := a.One("request_uri")
	switch {
	case err != nil:
		return a, err
	case uri != "" && len(a.Params["request"]) > 0: // RFC 9101 §5
		return a, oauth.Refuse(oauth.InvalidRequest, "The parameters request and request_uri exclude each other.")
	case strings.HasPrefix(uri, account.RequestURI):
		err = h.pushed(ctx, a, uri)
	case len(a.Params["request"]) > 0:
		err = h.signed(ctx, a)
	}
	if err != nil {
		return a, err
	}
	if a.where, err = a.client.Where(a.Params); err != nil {
		return a, err
	}
	return a, nil
}

// pushed puts the parameters that the client has pushed in place of those that came
// through the browser (RFC 9126 §4).
func (h *Handler) pushed(ctx context.Context, a *asked, uri string) error {
	p, err := h.Accounts.Pushed(ctx, a.client.ID, uri)
	if errors.Is(err, account.ErrNotPushed) {
		return oauth.Refuse(oauth.InvalidRequest, "The request_uri has expired, was used, or is another client's. Begin anew at the application.")
	}
	if err != nil {
		return err
	}
	a.Params, err = oauth.ParseParams(p.Params)
	a.passed = passed{Pushed: p.ID}
	return err
}

// signed puts the parameters that the client has signed in place of those that came through
// the browser, of which none counts (RFC 9101 §6.3). That it is not as it should be the
// client is told, at an address of its own that stands beside it.
func (h *Handler) signed(ctx context.Context, a *asked) error {
	p, err := h.object(ctx, &a.client, a.Params)
	if e, ok := errors.AsType[*protocolError](err); ok {
		a.bad = e
		return nil
	}
	if err != nil {
		return err
	}
	a.Params, a.Signed = p, true
	return nil
}

// object returns the parameters of the request object among p.
func (h *Handler) object(ctx context.Context, c *oauth.Client, p oauth.Params) (oauth.Params, error) {
	jwt, err := p.One("request")
	if err != nil {
		return nil, err
	}
	find := h.keysOf(ctx, c)
	out, err := c.OpenRequest(jwt, func(head token.Header) ([]*token.Key, error) {
		keys, err := find(head)
		if e, ok := errors.AsType[*protocolError](err); ok { // which is about the proof of a client
			err = oauth.Refuse(oauth.InvalidRequestObject, "%s", e.Says)
		}
		return keys, err
	}, h.Issuer, time.Now())
	delete(out, progress)
	return out, err
}

// check reads the rest, whose mistakes the client is told.
func (h *Handler) check(ctx context.Context, a *asked) (err error) {
	if a.bad != nil {
		return a.bad
	}
	if a.client.SignedOnly && !a.Signed && a.Pushed == "" {
		return oauth.Refuse(oauth.InvalidRequestObject, "This client must sign its authorization requests.")
	}
	if a.client.PushOnly && a.Pushed == "" {
		return oauth.Refuse(oauth.InvalidRequest, "This client must push its authorization requests.")
	}
	if a.req, err = a.client.Authorize(h.Issuer, a.Params, a.where); err != nil {
		return err
	}
	a.targets, err = h.Accounts.Targets(ctx, a.req.Resources)
	return err
}

// encode writes the request so that it can be read again, by address or by form.
func (h *Handler) encode(a *asked) string {
	encoded := a.Params.Encode()
	if a.passed == (passed{}) {
		return encoded
	}
	mark, err := json.Marshal(a.passed)
	if err != nil { // a time and a text: cannot fail
		return encoded
	}
	return encoded + "&" + progress + "=" + stamp(h.Key, encoded, mark)
}

// verified reads what encode wrote; the zero passed is what anybody could have written.
func (h *Handler) verified(p oauth.Params, mark string) (out passed) {
	plain, ok := unstamp(h.Key, p.Encode(), mark)
	if !ok || json.Unmarshal(plain, &out) != nil {
		return passed{}
	}
	return out
}

// push keeps an authorization request until the browser comes with it (RFC 9126).
func (h *Handler) push(w http.ResponseWriter, r *http.Request, c oauth.Client, p oauth.Params) error {
	for _, name := range []string{"client_secret", "client_assertion", "client_assertion_type", progress} {
		delete(p, name) // they were about this request, not about the one to come
	}
	p["client_id"] = []string{c.ID}
	if len(p["request"]) > 0 { // RFC 9126 §3
		signed, err := h.object(r.Context(), &c, p)
		if err != nil {
			return err
		}
		p = signed
	} else if c.SignedOnly {
		return oauth.Refuse(oauth.InvalidRequestObject, "This client must sign its authorization requests.")
	}
	if len(r.Header["Dpop"]) > 0 { // RFC 9449 §10.1: the code is bound to the key that is proved here
		jkt, err := h.proof(w, r, &c)
		if err != nil {
			return err
		}
		if named, err := p.One("dpop_jkt"); err != nil || named != "" && named != jkt {
			return oauth.Refuse(oauth.InvalidDPoPProof, "The dpop_jkt is not that of the proof.")
		}
		p["dpop_jkt"] = []string{jkt}
	}
	if len(p["request_uri"]) > 0 {
		return oauth.Refuse(oauth.InvalidRequest, "The parameter request_uri cannot be pushed.")
	}
	where, err := c.Where(p)
	if err == nil && c.Profile == oauth.FAPI2 && !where.Given {
		err = oauth.Refuse(oauth.InvalidRequest, "The parameter redirect_uri is missing.")
	}
	if err != nil {
		return err
	}
	req, err := c.Authorize(h.Issuer, p, where)
	if err != nil {
		return err
	}
	if _, err := h.Accounts.Targets(r.Context(), req.Resources); err != nil {
		return err
	}
	uri, life, err := h.Accounts.Push(r.Context(), c.ID, p.Encode(), exchange.Origin(h.Gate, r))
	if err != nil {
		return exchange.Problem(err)
	}
	return exchange.JSON(w, http.StatusCreated, struct {
		URI     string `json:"request_uri"`
		Expires int    `json:"expires_in"`
	}{uri, int(life / time.Second)})
}
