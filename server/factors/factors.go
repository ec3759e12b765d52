// Package factors is where people set up what they show beside a password: an
// authenticator app, codes by mail and telephone, recovery codes. Who is signed in
// does it with a fresh sign-in, and who may not finish signing in without a factor
// does it with their ticket.
package factors

import (
	"encoding/base64"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/otp"
	"github.com/sallyport-auth/sallyport/server/entry"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/qr"
	"github.com/sallyport-auth/sallyport/server/web"
)

// A Handler serves the flow below Base.
type Handler struct {
	Base     string // "/auth"
	Gate     *sallyport.Gate
	Accounts *account.Service
	Answer   *entry.Answer // to sign-ins that end with a factor
	Pages    *web.Pages
	Fresh    time.Duration // age that a sign-in may have for a change of factors
}

// The permissions that the scope of a credential must reach for.
const (
	read  = "account:read"
	write = "account:write"
)

// Mount registers the routes. Those that take a ticket are public, and ask for a fresh
// sign-in without one.
func (h *Handler) Mount(rt *sallyport.Routes) {
	own, fresh, public := sallyport.SignedIn(), sallyport.SignedIn().Fresh(h.Fresh), sallyport.Public()
	rt.Func("GET "+h.Base+"/factors", own, exchange.Within(read, h.list))
	rt.Func("GET "+h.Base+"/totp", public, h.totpPage)
	rt.Func("POST "+h.Base+"/totp", public, h.beginTOTP)
	rt.Func("POST "+h.Base+"/totp/confirm", public, h.confirmTOTP)
	rt.Func("DELETE "+h.Base+"/totp", fresh, exchange.Within(write, h.removeTOTP))
	rt.Func("POST "+h.Base+"/recovery-codes", fresh, exchange.Within(write, h.newRecoveryCodes))
	rt.Func("POST "+h.Base+"/recovery-codes/saved", own, h.saved)
	rt.Func("POST "+h.Base+"/otp", public, h.send)
	rt.Func("POST "+h.Base+"/otp/enrol", public, h.beginCode)
	rt.Func("POST "+h.Base+"/otp/confirm", public, h.confirmCode)
	rt.Func("DELETE "+h.Base+"/otp/{channel}", fresh, exchange.Within(write, h.removeCode))
	rt.Func("GET "+h.Base+"/otp/{channel}", public, h.codePage)
	rt.Func("POST "+h.Base+"/factors/remove", fresh, exchange.Within(write, h.remove)) // for pages, which cannot DELETE
}

func (h *Handler) enroller(w http.ResponseWriter, r *http.Request, ticket string, next func(http.ResponseWriter, *http.Request, account.Enroller) error) error {
	return h.Answer.Enroller(w, r, ticket, h.Fresh, write, next)
}

// refused answers what a change of factors was refused with. A page whose ticket is
// none begins anew.
func (h *Handler) refused(w http.ResponseWriter, r *http.Request, page string, err error, data any) error {
	if errors.Is(err, account.ErrTicket) {
		return h.Answer.Expired(w, r)
	}
	return h.Pages.Failed(w, r, page, err, data)
}

// origin of a request with a ticket is that of its user: the service knows who it is.
func (h *Handler) origin(r *http.Request) account.Origin { return exchange.Origin(h.Gate, r) }

type shownFactor struct {
	Kind       otp.Kind   `json:"kind"`
	To         string     `json:"to,omitempty"` // a hint, of what is sent
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
}

type shownFactors struct {
	Items     []shownFactor `json:"items"`
	CodesLeft int           `json:"recovery_codes_left"`
}

// A factorsPage is what the page of factors shows.
type factorsPage struct {
	Kinds     []kindOfFactor
	CodesLeft int
	Few       bool // too few recovery codes
	Any       bool
}

type kindOfFactor struct {
	Kind    otp.Kind
	Path    string // where it is set up
	Factor  *shownFactor
	Missing string // why it cannot be set up: key of words; "" = it can
	Gone    bool   // it was set up, and cannot be any more
}

func (h *Handler) list(w http.ResponseWriter, r *http.Request) error {
	own, err := h.Accounts.Factors(r.Context(), sallyport.From(r.Context()).Subject)
	if err != nil {
		return exchange.Problem(err)
	}
	out := shownFactors{Items: make([]shownFactor, 0, len(own.Factors)), CodesLeft: own.CodesLeft}
	for _, f := range own.Factors {
		s := shownFactor{Kind: f.Kind, To: own.Hint(f.Kind), CreatedAt: f.CreatedAt}
		if !f.LastUsedAt.IsZero() {
			s.LastUsedAt = &f.LastUsedAt
		}
		out.Items = append(out.Items, s)
	}
	if !sallyport.Navigation(r) {
		return exchange.JSON(w, http.StatusOK, out)
	}
	page := factorsPage{CodesLeft: own.CodesLeft, Few: own.CodesLeft <= otp.RecoveryFew, Any: own.Any()}
	kinds := slices.Clone(own.Possible)
	for _, f := range own.Factors { // what was set up can be removed
		if !slices.Contains(kinds, f.Kind) {
			kinds = append(kinds, f.Kind)
		}
	}
	for _, kind := range kinds {
		k := kindOfFactor{Kind: kind, Path: h.Base + "/otp/" + string(kind), Gone: !slices.Contains(own.Possible, kind)}
		if kind == otp.TOTP {
			k.Path = h.Base + "/totp"
		}
		for i := range out.Items {
			if out.Items[i].Kind == kind {
				k.Factor = &out.Items[i]
			}
		}
		if kind == otp.Email && own.Email == "" {
			k.Missing = "factors.needs_email"
		}
		page.Kinds = append(page.Kinds, k)
	}
	return h.Pages.Show(w, r, "factors", page)
}

type ticketRequest struct {
	Ticket string `json:"ticket"`
}

// A totpPage is what the page of an authenticator app shows.
type totpPage struct {
	Ticket bool   // it is for a sign-in
	Key    string // in groups; "" = none was made yet
	URI    template.URL
	QR     template.URL
}

func (h *Handler) totpPage(w http.ResponseWriter, r *http.Request) error {
	return h.enroller(w, r, "", func(w http.ResponseWriter, r *http.Request, who account.Enroller) error {
		return h.Pages.Show(w, r, "totp", totpPage{Ticket: who.Ticket != ""})
	})
}

func newTOTPPage(ticket bool, made account.NewTOTP) (totpPage, string, error) {
	svg, err := qr.SVG(made.URI)
	if err != nil {
		return totpPage{}, "", err
	}
	return totpPage{
		Ticket: ticket, Key: made.Key.Text(), URI: template.URL(made.URI),
		QR: template.URL("data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString([]byte(svg))),
	}, svg, nil
}

func (h *Handler) beginTOTP(w http.ResponseWriter, r *http.Request) error {
	var in ticketRequest
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	return h.enroller(w, r, in.Ticket, func(w http.ResponseWriter, r *http.Request, who account.Enroller) error {
		made, err := h.Accounts.EnrolTOTP(r.Context(), who, h.origin(r))
		if err != nil {
			return h.refused(w, r, "totp", err, totpPage{Ticket: who.Ticket != ""})
		}
		page, svg, err := newTOTPPage(who.Ticket != "", made)
		if err != nil {
			return err
		}
		if exchange.IsForm(r) {
			return h.Pages.Show(w, r, "totp", page)
		}
		return exchange.JSON(w, http.StatusOK, struct {
			Secret string `json:"secret"`
			URI    string `json:"otpauth_uri"`
			QR     string `json:"qr_svg"`
		}{strings.ReplaceAll(page.Key, " ", ""), made.URI, svg})
	})
}

func (h *Handler) confirmTOTP(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Ticket string `json:"ticket"`
		Code   string `json:"code"`
	}
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	return h.enroller(w, r, in.Ticket, func(w http.ResponseWriter, r *http.Request, who account.Enroller) error {
		done, err := h.Accounts.ConfirmTOTP(r.Context(), who, in.Code, h.origin(r))
		if err == nil {
			return h.enrolled(w, r, done)
		}
		page := totpPage{Ticket: who.Ticket != ""}
		if made, waits := h.Accounts.WaitingTOTP(r.Context(), who); waits == nil && exchange.IsForm(r) {
			var drawn error
			if page, _, drawn = newTOTPPage(page.Ticket, made); drawn != nil {
				return drawn
			}
		}
		return h.refused(w, r, "totp", err, page)
	})
}

// enrolled answers who has set up a factor: with recovery codes if these are their
// first, and with a finished sign-in if that is what they had a ticket for.
func (h *Handler) enrolled(w http.ResponseWriter, r *http.Request, done *account.Enrolled) error {
	if in := done.SignedIn; in != nil {
		return h.Answer.Enrolled(w, r, in, done.RecoveryCodes, func(next string) error { return h.showCodes(w, r, done.RecoveryCodes, next) })
	}
	h.Answer.Renew(w, r, done.Renewed)
	if exchange.IsForm(r) {
		if done.RecoveryCodes != nil {
			return h.showCodes(w, r, done.RecoveryCodes, h.Base+"/factors")
		}
		return h.seeFactors(w, r, "factor_added")
	}
	return exchange.JSON(w, http.StatusOK, recoveryCodes{done.RecoveryCodes})
}

// seeFactors leads a page back to the list.
func (h *Handler) seeFactors(w http.ResponseWriter, r *http.Request, done string) error {
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, h.Base+"/factors?"+url.Values{"done": {done}}.Encode(), http.StatusSeeOther)
	return nil
}

type recoveryCodes struct {
	Codes []string `json:"recovery_codes,omitempty"`
}

func (h *Handler) showCodes(w http.ResponseWriter, r *http.Request, codes []string, next string) error {
	return h.Pages.Show(w, r, "recovery", web.NewRecoveryCodes(codes, next))
}

func (h *Handler) newRecoveryCodes(w http.ResponseWriter, r *http.Request) error {
	if err := exchange.Read(w, r, &struct{}{}); err != nil {
		return err
	}
	codes, renewed, err := h.Accounts.NewRecoveryCodes(r.Context(), sallyport.From(r.Context()), h.origin(r))
	if err != nil {
		return exchange.Problem(err)
	}
	h.Answer.Renew(w, r, renewed)
	if exchange.IsForm(r) {
		return h.showCodes(w, r, codes, h.Base+"/factors")
	}
	return exchange.JSON(w, http.StatusOK, recoveryCodes{codes})
}

// saved is where the page of recovery codes leads, once its reader says that they are
// kept.
func (h *Handler) saved(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Saved    string `json:"saved"`
		ReturnTo string `json:"return_to"`
	}
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	http.Redirect(w, r, exchange.ReturnTo(in.ReturnTo, h.Base+"/factors"), http.StatusSeeOther)
	return nil
}

func (h *Handler) removeTOTP(w http.ResponseWriter, r *http.Request) error {
	return h.removeKind(w, r, otp.TOTP)
}

func (h *Handler) removeCode(w http.ResponseWriter, r *http.Request) error {
	channel, err := channelOf(r)
	if err != nil {
		return err
	}
	return h.removeKind(w, r, channel)
}

func (h *Handler) remove(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Kind otp.Kind `json:"kind"`
	}
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	return h.removeKind(w, r, in.Kind)
}

func (h *Handler) removeKind(w http.ResponseWriter, r *http.Request, kind otp.Kind) error {
	renewed, err := h.Accounts.RemoveFactor(r.Context(), sallyport.From(r.Context()), kind, h.origin(r))
	if err != nil {
		return exchange.Problem(err)
	}
	h.Answer.Renew(w, r, renewed)
	if exchange.IsForm(r) {
		return h.seeFactors(w, r, "factor_removed")
	}
	return exchange.Done(w)
}

func channelOf(r *http.Request) (otp.Kind, error) {
	channel := otp.Kind(r.PathValue("channel"))
	return channel, checkChannel(channel)
}

func checkChannel(channel otp.Kind) error {
	if channel != otp.Email && channel != otp.SMS {
		return exchange.Invalid(`The channel is "email" or "sms".`)
	}
	return nil
}
