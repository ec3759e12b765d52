package login

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/web"
)

type factorRequest struct {
	Ticket     string          `json:"ticket"`
	Method     account.Method  `json:"method"`
	Code       string          `json:"code"`
	Credential json.RawMessage `json:"credential"`
	Trust      trust           `json:"trust_device"`
}

// trust is true, or what a form sends of a box that was ticked.
type trust bool

func (t *trust) UnmarshalJSON(b []byte) error {
	switch string(b) {
	case "true", `"1"`:
		*t = true
	case "false", "null":
	default:
		return errors.New("no truth value")
	}
	return nil
}

func (in *factorRequest) answer() account.Answer {
	return account.Answer{Method: in.Method, Code: in.Code, Credential: exchange.Embedded(in.Credential), Trust: bool(in.Trust)}
}

// factor is the second step of a sign-in.
func (h *Handler) factor(w http.ResponseWriter, r *http.Request) error {
	var in factorRequest
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	ticket := h.Answer.TicketOf(r, in.Ticket)
	out, err := h.Accounts.Continue(r.Context(), ticket, in.answer(), exchange.Origin(h.Gate, r))
	switch {
	case errors.Is(err, account.ErrTicket):
		return h.Answer.Expired(w, r)
	case err != nil:
		return h.factorFailed(w, r, ticket, in.Method, err)
	}
	return h.Answer.SignedIn(w, r, out, http.StatusOK)
}

func (h *Handler) factorFailed(w http.ResponseWriter, r *http.Request, ticket string, m account.Method, err error) error {
	if err = h.Answer.Refused(w, r, err); err == nil || !exchange.IsForm(r) {
		return err
	}
	p, pendingErr := h.Accounts.Pending(r.Context(), ticket)
	if errors.Is(pendingErr, account.ErrTicket) {
		return h.Answer.Expired(w, r)
	}
	if pendingErr != nil {
		return pendingErr
	}
	v := h.secondStep(p.Methods, m)
	v.Sent = true // or there was nothing to be wrong
	return h.Pages.Failed(w, r, "factor", err, v)
}

// factorPage asks for one method, and links to the others.
func (h *Handler) factorPage(w http.ResponseWriter, r *http.Request) error {
	p, err := h.Accounts.Pending(r.Context(), h.Answer.TicketOf(r, ""))
	if errors.Is(err, account.ErrTicket) {
		return h.Answer.Expired(w, r)
	}
	if err != nil {
		return err
	}
	if p.Enrol {
		return h.Pages.Show(w, r, "factor_needed", factorView(p.Methods, "", false))
	}
	v := h.secondStep(p.Methods, account.Method(r.URL.Query().Get("method")))
	v.Sent, v.Again = sent(r)
	return h.Pages.Show(w, r, "factor", v)
}

// secondStep is the page of a sign-in, where a device can be trusted.
func (h *Handler) secondStep(offered []account.Method, asked account.Method) web.Factor {
	v := factorView(offered, asked, false)
	if days := int(h.Accounts.TrustFor() / (24 * time.Hour)); days > 0 {
		v.TrustFor = strconv.Itoa(days)
	}
	return v
}

// factorView shows the method asked for if it is offered, and else the first.
func factorView(offered []account.Method, asked account.Method, stepUp bool) web.Factor {
	if !slices.Contains(offered, asked) && len(offered) > 0 {
		asked = offered[0]
	}
	v := web.Factor{Method: string(asked), StepUp: stepUp}
	for _, m := range offered {
		if m != asked {
			v.Others = append(v.Others, string(m))
		}
	}
	return v
}

// sent reads from the page's address whether a code was sent, and in how many seconds
// another can be.
func sent(r *http.Request) (bool, int) {
	again, err := strconv.ParseUint(r.URL.Query().Get("sent"), 10, 12)
	return err == nil, int(again)
}

type stepUpRequest struct {
	Method     account.Method  `json:"method"`
	Password   string          `json:"password"`
	Code       string          `json:"code"`
	Credential json.RawMessage `json:"credential"`
	ReturnTo   string          `json:"return_to"` // of the page
}

type steppedUp struct {
	Status      string `json:"status"`
	AccessToken string `json:"access_token,omitempty"`
	TokenType   string `json:"token_type,omitempty"`
	ExpiresIn   int    `json:"expires_in,omitempty"`
}

// stepUp confirms within a session who its subject is. A cookie goes on under a new
// value; who came with a token gets a new access token.
func (h *Handler) stepUp(w http.ResponseWriter, r *http.Request) error {
	var in stepUpRequest
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	a := account.Answer{Method: in.Method, Code: in.Code, Credential: exchange.Embedded(in.Credential)}
	if a.Method == account.ByPassword {
		a.Code = in.Password
	}
	p := sallyport.From(r.Context())
	out, err := h.Accounts.StepUp(r.Context(), p, a, exchange.Origin(h.Gate, r))
	if err != nil {
		err = exchange.WrongPassword(err, "password")
		if !exchange.IsForm(r) {
			return err
		}
		ms, listErr := h.Accounts.Confirmations(r.Context(), p)
		if listErr != nil {
			return exchange.Problem(listErr)
		}
		v := h.stepUpView(r, ms, in.Method, in.ReturnTo)
		v.Sent = true
		return h.Pages.Failed(w, r, "step_up", err, v)
	}
	h.Answer.Renew(w, r, out.Renewed)
	if exchange.IsForm(r) {
		http.Redirect(w, r, exchange.ReturnTo(in.ReturnTo, h.Base+"/"), http.StatusSeeOther)
		return nil
	}
	answer := steppedUp{Status: "confirmed"}
	if p.Credential != "session" {
		answer.AccessToken, answer.TokenType, answer.ExpiresIn = out.Access, "Bearer", int(out.ExpiresIn/time.Second)
	}
	return exchange.JSON(w, http.StatusOK, answer)
}

// stepUpPage asks who is signed in to confirm that it is them, says what for, and
// leads back. Who has nothing to confirm with signs in again.
func (h *Handler) stepUpPage(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	back := exchange.ReturnTo(q.Get("return_to"), "")
	ms, err := h.Accounts.Confirmations(r.Context(), sallyport.From(r.Context()))
	if err != nil {
		return exchange.Problem(err)
	}
	if len(ms) == 0 {
		again := url.Values{"step_up": {"1"}}
		if back != "" {
			again.Set("return_to", back)
		}
		http.Redirect(w, r, h.Base+"/login?"+again.Encode(), http.StatusSeeOther)
		return nil
	}
	return h.Pages.Show(w, r, "step_up", h.stepUpView(r, ms, account.Method(q.Get("method")), back))
}

func (h *Handler) stepUpView(r *http.Request, ms []account.Method, asked account.Method, back string) web.Factor {
	v := factorView(ms, asked, true)
	v.Sent, v.Again = sent(r)
	v.ReturnTo, v.Strong = back, r.URL.Query().Get("acr") != ""
	return v
}
