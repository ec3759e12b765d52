// Package federation lets people sign in with an account that they have elsewhere,
// connect one with their account here, and disconnect it.
//
// What belongs to an attempt lies in a sealed cookie of the browser that began it, and
// nowhere else: an answer that another browser brings meets no attempt. It counts once,
// within ten minutes.
package federation

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/federation"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/server/entry"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/web"
)

// A Handler serves the flow below Base.
type Handler struct {
	Base      string // "/auth"
	Issuer    string // "https://example.com": where providers send people back to
	Gate      *sallyport.Gate
	Accounts  *account.Service
	Answer    *entry.Answer
	Pages     *web.Pages
	Sealer    *secret.Sealer
	Insecure  bool // plain http, on loopback
	Providers []*federation.Provider
	Closed    bool          // nobody can register by themselves
	Fresh     time.Duration // age that a sign-in may have for who changes what they sign in with
	Log       *slog.Logger
}

// The permissions that the scope of a credential must reach for.
const (
	read  = "account:read"
	write = "account:write"
)

// Mount registers the routes; without providers there are none.
func (h *Handler) Mount(rt *sallyport.Routes) {
	if len(h.Providers) == 0 {
		return
	}
	one := h.Base + "/social/{provider}"
	own, fresh := sallyport.SignedIn(), sallyport.SignedIn().Fresh(h.Fresh)
	rt.Func("GET "+one, sallyport.Public(), h.begin)
	rt.Func("GET "+one+"/callback", sallyport.Public(), h.answered)
	// Posted by the provider's page, so from another site, to which no browser lends our
	// cookies: it is taken in and looked at by the GET that follows.
	rt.Func("POST "+one+"/callback", sallyport.Public().NoCookie(), h.posted)
	if !h.Closed {
		rt.Func("GET "+one+"/register", sallyport.Public(), h.newcomerPage)
		rt.Func("POST "+one+"/register", sallyport.Public(), h.newcomer)
	}
	rt.Func("GET "+h.Base+"/identities", own, exchange.Within(read, h.identities))
	rt.Func("POST "+one+"/link", fresh, exchange.Within(write, h.link))
	rt.Func("POST "+one+"/unlink", fresh, exchange.Within(write, h.unlink)) // a form cannot DELETE
	rt.Func("DELETE "+one, fresh, exchange.Within(write, h.unlink))
}

// provider returns the one that r's path names.
func (h *Handler) provider(r *http.Request) (*federation.Provider, error) {
	for _, p := range h.Providers {
		if p.ID() == r.PathValue("provider") {
			return p, nil
		}
	}
	return nil, sallyport.ErrNotFound
}

func (h *Handler) path(p *federation.Provider, rest string) string {
	return h.Base + "/social/" + p.ID() + rest
}

// An attempt is what the browser keeps while it is at the provider.
type attempt struct {
	*federation.Attempt
	ReturnTo string `json:"return_to,omitempty"`
	// Session is the one for whose subject the provider will be connected; "" = this is
	// a sign-in.
	Session string `json:"session,omitempty"`
}

// start begins an attempt and returns the address that the browser goes to.
func (h *Handler) start(w http.ResponseWriter, r *http.Request, p *federation.Provider, a attempt, again bool) (string, error) {
	began, address, err := p.Begin(r.Context(), h.Issuer+h.path(p, "/callback"), again)
	if err != nil {
		return "", h.explain(r.Context(), p, err)
	}
	a.Attempt = began
	if err := h.attempts().put(w, a, began.BeganAt.Add(federation.AttemptLifetime)); err != nil {
		return "", err
	}
	return address, nil
}

// begin sends the browser to the provider. Who is signed in already proves anew who
// they are.
func (h *Handler) begin(w http.ResponseWriter, r *http.Request) error {
	p, err := h.provider(r)
	if err != nil {
		return err
	}
	again := sallyport.From(r.Context()).Credential == "session"
	address, err := h.start(w, r, p, attempt{ReturnTo: h.returnTo(r.URL.Query().Get("return_to"))}, again)
	if err != nil {
		return err
	}
	return redirect(w, r, address)
}

// returnTo is where a sign-in leads, short enough for a cookie.
func (h *Handler) returnTo(target string) string {
	const most = 512
	if len(target) > most {
		return ""
	}
	return exchange.ReturnTo(target, "")
}

func redirect(w http.ResponseWriter, r *http.Request, address string) error {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	http.Redirect(w, r, address, http.StatusSeeOther)
	return nil
}

// posted takes in an answer that comes as a form.
func (h *Handler) posted(w http.ResponseWriter, r *http.Request) error {
	form, err := readForm(w, r)
	if err != nil {
		return err
	}
	p, err := h.provider(r)
	if err != nil {
		return err
	}
	in, err := federation.ParseAnswer(form)
	if err != nil {
		return h.explain(r.Context(), p, err)
	}
	const onItsWay = time.Minute
	if err := h.answers(p).put(w, in, time.Now().Add(onItsWay)); err != nil {
		return err
	}
	return redirect(w, r, h.path(p, "/callback?posted=1"))
}

// readForm reads a form of somebody else's: unlike our own, it may have fields that we
// do not know.
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, exchange.MaxBody))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, err
		}
		return nil, exchange.Invalid("The body could not be read.")
	}
	switch kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind {
	case "application/x-www-form-urlencoded":
	case "application/json", "":
		return nil, exchange.Invalid("A provider sends its answer as a form.")
	default:
		return nil, &sallyport.Problem{Status: http.StatusUnsupportedMediaType, Code: "invalid_request", Detail: "A provider sends its answer as a form."}
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, exchange.Invalid("The form is malformed.")
	}
	return form, nil
}

// answer returns what the provider says, by its own words or by those that were posted.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request, p *federation.Provider) (in federation.Answer, err error) {
	if !r.URL.Query().Has("posted") {
		return federation.ParseAnswer(r.URL.Query())
	}
	err = h.answers(p).take(w, r, &in)
	return in, err
}

// answered looks at an answer. Another browser's attempt, another provider's, and one
// that was answered already, end here.
func (h *Handler) answered(w http.ResponseWriter, r *http.Request) error {
	p, err := h.provider(r)
	if err != nil {
		return err
	}
	in, err := h.answer(w, r, p)
	if err != nil {
		return h.explain(r.Context(), p, err)
	}
	var a attempt
	if err := h.attempts().read(r, &a); err != nil {
		return h.explain(r.Context(), p, err)
	}
	// Before the attempt is over: who leads a browser here with an answer of their own
	// must not end what it has begun.
	if err := p.Expects(a.Attempt, in); err != nil {
		return h.explain(r.Context(), p, err)
	}
	h.attempts().clear(w)
	first, err := h.Accounts.Spend(r.Context(), secret.Hash(a.State), a.BeganAt.Add(federation.AttemptLifetime))
	if err != nil {
		return err
	}
	if !first {
		return h.explain(r.Context(), p, errReplayed)
	}
	begun, err := h.Accounts.Begin(r.Context())
	if err != nil {
		return err
	}
	who, err := p.Finish(r.Context(), a.Attempt, in)
	if e, ok := errors.AsType[*federation.DeniedError](err); ok {
		return h.denied(w, r, p, &a, e)
	}
	if err != nil {
		return h.explain(r.Context(), p, err)
	}
	if a.Session != "" {
		return h.connect(w, r, p, &a, account.Elsewhere(who))
	}
	return h.signIn(w, r, p, newcomer{account.Elsewhere(who), begun, a.ReturnTo})
}

// denied leads back to where another way can be chosen.
func (h *Handler) denied(w http.ResponseWriter, r *http.Request, p *federation.Provider, a *attempt, e *federation.DeniedError) error {
	h.log().InfoContext(r.Context(), "provider let nobody through", "provider", p.ID(), "error", e.Code)
	q := url.Values{"done": {"social_cancelled"}}
	if a.Session != "" {
		return redirect(w, r, h.Base+"/identities?"+q.Encode())
	}
	if a.ReturnTo != "" {
		q.Set("return_to", a.ReturnTo)
	}
	return redirect(w, r, h.Base+"/login?"+q.Encode())
}

// A newcomer has proved who they are elsewhere.
type newcomer struct {
	Who      account.Elsewhere `json:"who"`
	Begun    account.Begun     `json:"begun"`
	ReturnTo string            `json:"return_to,omitempty"`
}

// in is how they come in: with a cookie, since a browser is what was sent away.
func (n *newcomer) in() account.SignIn {
	return account.SignIn{Mode: entry.Cookie, ReturnTo: n.ReturnTo, Browser: true}
}

func (h *Handler) signIn(w http.ResponseWriter, r *http.Request, p *federation.Provider, n newcomer) error {
	out, err := h.Accounts.SignInElsewhere(r.Context(), n.Begun, n.Who, n.in(), exchange.Origin(h.Gate, r))
	if errors.Is(err, account.ErrNotConnected) {
		return h.welcome(w, r, p, n)
	}
	return h.finish(w, r, p, out, err)
}

// finish answers a sign-in.
func (h *Handler) finish(w http.ResponseWriter, r *http.Request, p *federation.Provider, out *account.SignedIn, err error) error {
	if errors.Is(err, account.ErrInvalidCredentials) {
		return sallyport.Forbidden("account_closed", "The account that this sign-in is connected with cannot be used.")
	}
	if err != nil && !isTicket(err) {
		return h.explain(r.Context(), p, h.Answer.Refused(w, r, err))
	}
	h.Pages.Used(w, p.ID())
	if err != nil {
		return h.Answer.Refused(w, r, err)
	}
	return h.Answer.SignedIn(w, r, out, http.StatusOK)
}

func isTicket(err error) bool {
	_, ok := errors.AsType[*account.NeedsFactorError](err)
	return ok
}

func (h *Handler) log() *slog.Logger { return cmp.Or(h.Log, slog.Default()) }

// errReplayed means that an answer was brought before.
var errReplayed = errors.New("the answer was used already")

// explain makes the answer to what went wrong at a provider. The reason is for the
// operator; for the person it comes to the same, and to an attacker it says nothing.
func (h *Handler) explain(ctx context.Context, p *federation.Provider, err error) error {
	log := h.log().With("provider", p.ID(), "err", err)
	extra := map[string]any{"provider": p.Name()}
	switch {
	case errors.Is(err, federation.ErrUnavailable):
		log.WarnContext(ctx, "provider is unavailable")
		return &sallyport.Problem{
			Status: http.StatusServiceUnavailable, Code: "provider_unavailable", Extra: extra, Header: http.Header{"Retry-After": {"10"}},
			Detail: p.Name() + " cannot be reached right now. Try again in a moment, or sign in another way.",
		}
	case errors.Is(err, federation.ErrRefused), errors.Is(err, errReplayed), errors.Is(err, errNoCookie):
		log.WarnContext(ctx, "answer of a provider refused")
		return &sallyport.Problem{
			Status: http.StatusBadRequest, Code: "sign_in_refused", Extra: extra,
			Detail: "The sign-in with " + p.Name() + " could not be finished: it took too long, was finished already, or began in another browser. Start again.",
		}
	}
	return err
}
