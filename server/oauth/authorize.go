package oauth

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/web"
)

// authorize is where a client sends a browser (RFC 6749 §4.1.1, OpenID Connect Core 1.0
// §3.1.2). Nothing is granted here but what somebody has granted before: to allow
// something new takes a form.
func (h *Handler) authorize(w http.ResponseWriter, r *http.Request) error {
	a, err := h.read(r.Context(), r.URL.RawQuery)
	if err != nil {
		return toPerson(err)
	}
	if err := h.check(r.Context(), a); err != nil {
		return h.refuse(w, r, a, err)
	}
	p := sallyport.From(r.Context())
	need, err := h.needs(r.Context(), p, a)
	switch {
	case err != nil:
		return h.refuse(w, r, a, err)
	case need == nothing:
		return h.allow(w, r, a, account.Approval{})
	case a.req.Asks(oauth.PromptNone):
		return h.refuse(w, r, a, needed[need])
	case need == toConsent:
		return h.consentPage(w, r, p, a)
	}
	return h.toSignIn(w, r, a, need)
}

// A need is what a person has to do before there is a code.
type need int

const (
	nothing   need = iota
	toSignIn       // nobody is signed in
	toConfirm      // who is signed in must confirm that it is them
	toProve        // by a second factor
	toConsent
)

// needed is what a client that wants no page is told.
var needed = map[need]error{
	toSignIn:  oauth.Refuse(oauth.LoginRequired, "Nobody is signed in."),
	toConfirm: oauth.Refuse(oauth.LoginRequired, "The person must sign in again."),
	toProve:   oauth.Refuse(oauth.LoginRequired, "The person must sign in with a second factor."),
	toConsent: oauth.Refuse(oauth.ConsentRequired, "The person must be asked for consent."),
}

// needs finds out what is missing. Its errors are for the client.
func (h *Handler) needs(ctx context.Context, p *sallyport.Principal, a *asked) (need, error) {
	r := a.req
	if p.Session == "" || p.Credential != "session" {
		return toSignIn, nil
	}
	if expected := h.expects(ctx, r); expected != "" && expected != h.Accounts.Pseudonyms.Subject(&a.client, p.Subject) {
		if r.Asks(oauth.PromptNone) || !a.Since.IsZero() && !p.AuthTime.Before(a.Since) {
			return nothing, oauth.Refuse(oauth.LoginRequired, "Somebody else is signed in.")
		}
		return toSignIn, nil
	}
	since := a.Since
	if r.MaxAge >= 0 {
		// On the way back the sign-in is as old as the page took.
		if oldest := time.Now().Add(-r.MaxAge); p.AuthTime.Before(oldest) && (since.IsZero() || p.AuthTime.Before(since)) {
			return toConfirm, nil
		}
	}
	if r.Asks(oauth.PromptLogin) && (since.IsZero() || p.AuthTime.Before(since)) {
		return toConfirm, nil
	}
	if n, err := h.classes(ctx, p, a); n != nothing || err != nil {
		return n, err
	}
	switch {
	case r.Asks(oauth.PromptConsent), r.Asks(oauth.PromptSelect):
		return toConsent, nil
	case a.client.Trusted:
		return nothing, nil
	}
	c, err := h.Accounts.Consented(ctx, p.Subject, a.client.ID)
	if err == nil && !c.Covers(r.Scope, r.Resources, &a.client) {
		return toConsent, nil
	}
	return nothing, err
}

// expects returns the subject that the client expects, "" if any will do.
func (h *Handler) expects(ctx context.Context, r *oauth.Request) string {
	if r.Claims.Subject != "" || r.IDHint == "" {
		return r.Claims.Subject
	}
	hint, err := h.idToken(ctx, r.IDHint)
	if err != nil || !hint.For(r.Client) {
		return "nobody: the hint is not a token of ours for this client"
	}
	return hint.Subject
}

// level reads a class of ours (RFC 9470); 0 is another's, which nobody reaches.
func level(class string) int {
	n, err := strconv.Atoi(strings.TrimPrefix(class, "aal"))
	if err != nil || !strings.HasPrefix(class, "aal") || n < 1 || n > 3 {
		return 0
	}
	return n
}

// classes looks whether the sign-in is of a class that the client asks for. What it asks
// for by acr_values is a wish where there is another (OpenID Connect Core 1.0 §3.1.2.1),
// and so is a class that nobody here reaches; an essential claim is none.
func (h *Handler) classes(ctx context.Context, p *sallyport.Principal, a *asked) (need, error) {
	wanted, essential := a.req.ACR, len(a.req.Claims.ACR) > 0
	if essential {
		wanted = a.req.Claims.ACR
	}
	if len(wanted) == 0 {
		return nothing, nil
	}
	lowest := 0
	for _, class := range wanted {
		if n := level(class); n > 0 && (lowest == 0 || n < lowest) {
			lowest = n
		}
	}
	if lowest > 0 && p.AAL >= lowest {
		return nothing, nil
	}
	unmet := oauth.Refuse(oauth.UnmetAuthentication, "The person cannot sign in as strongly as is asked for.")
	if lowest == 0 || lowest > 2 {
		if essential {
			return nothing, unmet
		}
		return nothing, nil
	}
	methods, err := h.Accounts.Confirmations(ctx, p)
	switch {
	case err != nil:
		return nothing, err
	case slices.ContainsFunc(methods, func(m account.Method) bool { return m != account.ByPassword }):
		return toProve, nil
	case essential:
		return nothing, unmet
	}
	return nothing, nil
}

// toSignIn leads to the page for what is needed, and from there back here. The pages on
// the way may lead on to the client.
func (h *Handler) toSignIn(w http.ResponseWriter, r *http.Request, a *asked, n need) error {
	a.Since = time.Now().Truncate(time.Millisecond)
	h.Onward.Set(w, oauth.Origin(a.where.Redirect))
	back := url.Values{"return_to": {h.Base + "/oauth/authorize?" + h.encode(a)}}
	if len(a.req.UILocales) > 0 {
		back.Set("ui_locales", strings.Join(a.req.UILocales, " "))
	}
	page := h.Base + "/login?"
	switch n {
	case toConfirm:
		page = h.Base + "/step-up?"
	case toProve:
		page = h.Base + "/step-up?"
		back.Set("acr", "aal2")
	default:
		if a.req.LoginHint != "" {
			back.Set("login_hint", a.req.LoginHint)
		}
		if p := sallyport.From(r.Context()); p.Session != "" {
			back.Set("step_up", "1") // somebody else must sign in
		}
	}
	return exchange.See(w, r, page+back.Encode())
}

// allow gives the code.
func (h *Handler) allow(w http.ResponseWriter, r *http.Request, a *asked, how account.Approval) error {
	how.Client, how.Request, how.Pushed = a.client, a.req, a.passed.Pushed
	code, err := h.Accounts.Authorize(r.Context(), sallyport.From(r.Context()), how, exchange.Origin(h.Gate, r))
	switch {
	case errors.Is(err, account.ErrNoSession):
		return h.toSignIn(w, r, a, toSignIn)
	case errors.Is(err, account.ErrNotPushed):
		return toPerson(oauth.Refuse(oauth.InvalidRequest, "The request was used already. Begin anew at the application."))
	case err != nil:
		return err
	}
	h.Onward.Clear(w)
	return h.send(w, r, a.where, url.Values{"code": {code}})
}

// refuse tells the client why it gets no code. What is not the protocol's to say is an
// error of ours.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, a *asked, err error) error {
	e, ok := errors.AsType[*protocolError](err)
	if !ok {
		return err
	}
	return h.send(w, r, a.where, url.Values{"error": {e.Code}, "error_description": {e.Says}})
}

// send leads the browser back to the client, with iss so that it knows whose answer it is
// (RFC 9207).
func (h *Handler) send(w http.ResponseWriter, r *http.Request, where oauth.Where, answer url.Values) error {
	answer.Set("iss", h.Issuer)
	if where.State != "" {
		answer.Set("state", where.State)
	}
	w.Header().Set("Referrer-Policy", "no-referrer")
	switch where.Mode {
	case oauth.FormPost:
		return h.Pages.Show(w, r, "form_post", web.FormPost{Action: where.Redirect, Fields: answer}, oauth.Origin(where.Redirect))
	case oauth.Fragment:
		return exchange.See(w, r, where.Redirect+"#"+answer.Encode())
	}
	return exchange.See(w, r, withQuery(where.Redirect, answer))
}

// withQuery adds parameters to an address that may have some already.
func withQuery(address string, more url.Values) string {
	if strings.Contains(address, "?") {
		return address + "&" + more.Encode()
	}
	return address + "?" + more.Encode()
}

// consentPage asks the person. What is new is told apart from what was allowed before.
func (h *Handler) consentPage(w http.ResponseWriter, r *http.Request, p *sallyport.Principal, a *asked) error {
	u, err := h.Accounts.User(r.Context(), p.Subject)
	if err != nil {
		return exchange.Problem(err)
	}
	before, err := h.Accounts.Consented(r.Context(), p.Subject, a.client.ID)
	if err != nil {
		return err
	}
	logo, err := h.logo(r.Context(), a.client.ID)
	if err != nil {
		return err
	}
	v := web.Consent{
		Client: a.client.Name, Home: a.client.Home, Policy: a.client.Policy, Terms: a.client.Terms,
		Leads: oauth.Origin(a.where.Redirect), Account: cmp.Or(u.Email, u.Username, u.ID), Request: h.encode(a),
		Logo: logo, Asks: asks(h.Issuer, a.req.Scope, a.targets, &before),
	}
	a.Since = time.Now().Truncate(time.Millisecond)
	v.Switch = h.Base + "/login?" + url.Values{"step_up": {"1"}, "return_to": {h.Base + "/oauth/authorize?" + h.encode(a)}}.Encode()
	h.Onward.Set(w, oauth.Origin(a.where.Redirect))
	return h.Pages.Show(w, r, "consent", v, oauth.Origin(a.where.Redirect))
}

// logo is the picture of a client, nil if it has none.
func (h *Handler) logo(ctx context.Context, client string) ([]byte, error) {
	image, err := h.Accounts.Logo(ctx, client)
	if errors.Is(err, oauth.ErrNoLogo) {
		return nil, nil
	}
	return image, err
}

type consentRequest struct {
	Request  string `json:"request"`
	Decision string `json:"decision"`
}

// consent is the answer to the page. The request is read again as if it had just come:
// only that the person is asked once is different.
func (h *Handler) consent(w http.ResponseWriter, r *http.Request) error {
	var in consentRequest
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	a, err := h.read(r.Context(), in.Request)
	if err != nil {
		return toPerson(err)
	}
	if err := h.check(r.Context(), a); err != nil {
		return h.refuse(w, r, a, err)
	}
	n, err := h.needs(r.Context(), sallyport.From(r.Context()), a)
	switch {
	case err != nil:
		return h.refuse(w, r, a, err)
	case n != nothing && n != toConsent:
		return h.toSignIn(w, r, a, n)
	case in.Decision == "deny":
		h.Onward.Clear(w)
		return h.refuse(w, r, a, oauth.Refuse(oauth.AccessDenied, "The person has refused."))
	case in.Decision != "allow":
		return exchange.Invalid("decision must be allow or deny.")
	}
	return h.allow(w, r, a, account.Approval{Consented: true})
}
