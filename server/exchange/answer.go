package exchange

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/device"
	"github.com/sallyport-auth/sallyport/account/org"
	"github.com/sallyport-auth/sallyport/authn/apikey"
	"github.com/sallyport-auth/sallyport/authn/clientcert"
	"github.com/sallyport-auth/sallyport/authn/otp"
	"github.com/sallyport-auth/sallyport/authn/passkey"
	"github.com/sallyport-auth/sallyport/authn/password"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/ssf"
)

// JSON answers with v. Nothing that we answer may be stored by a cache.
func JSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("writing answer: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	w.Write(append(body, '\n')) // if the client went away, the answer was given all the same
	return nil
}

// Done answers 204.
func Done(w http.ResponseWriter) error {
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// See answers a form with 303 to the next page.
func See(w http.ResponseWriter, r *http.Request, target string) error {
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, target, http.StatusSeeOther)
	return nil
}

// A List is the answer to every request for a list.
type List[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor,omitempty"`
}

// NewPage is one page of a list that was read with one item more than the limit.
// cursor names the last item of the page.
func NewPage[T any](items []T, limit int, cursor func(T) string) List[T] {
	l := List[T]{Items: items}
	if l.Items == nil {
		l.Items = []T{}
	}
	if len(items) > limit {
		l.Items = items[:limit]
		l.NextCursor = cursor(l.Items[limit-1])
	}
	return l
}

// Problem turns an error of the services into the problem that answers it. What
// it does not know it returns as it is: the gate answers that with 503.
func Problem(err error) error {
	if e, ok := errors.AsType[*account.InvalidError](err); ok {
		return &sallyport.Problem{Status: http.StatusBadRequest, Code: "invalid_request", Detail: sentence(e.Error()), Extra: map[string]any{"member": e.Member}}
	}
	if e, ok := errors.AsType[*ssf.InvalidError](err); ok {
		return &sallyport.Problem{Status: http.StatusBadRequest, Code: "invalid_request", Detail: sentence(e.Error()), Extra: map[string]any{"member": e.Member}}
	}
	if e, ok := errors.AsType[*password.WeakError](err); ok {
		return weak(e)
	}
	if e, ok := errors.AsType[*otp.CodeError](err); ok {
		return unlike(e)
	}
	if e, ok := errors.AsType[*account.TooSoonError](err); ok {
		p := retry(http.StatusTooManyRequests, "rate_limited", "A code was sent just now. You can ask for another in "+inWords(e.Wait)+".", e.Wait)
		p.Extra = map[string]any{"reason": "code_sent"}
		return p
	}
	if e, ok := errors.AsType[*account.LimitError](err); ok {
		return retry(http.StatusTooManyRequests, "rate_limited", "Too many attempts failed. Wait "+inWords(e.Wait)+", then try again.", e.Wait)
	}
	if e, ok := errors.AsType[*password.BusyError](err); ok {
		return retry(http.StatusServiceUnavailable, "unavailable", "Many people are signing in right now. Try again in a moment.", e.RetryAfter)
	}
	if p := passkeyProblem(err); p != nil {
		return p
	}
	if errors.Is(err, account.ErrOldSystem) {
		return retry(http.StatusServiceUnavailable, "unavailable", "Nobody can tell right now whether that is right. Try again in a moment.", 10*time.Second)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, account.ErrInvalidCredentials):
		return sallyport.Unauthenticated("invalid_credentials", "User name or password is wrong.")
	case errors.Is(err, account.ErrInvalidToken):
		return sallyport.Unauthenticated("invalid_token", "The refresh token is not valid, or no longer. Sign in again.")
	case errors.Is(err, account.ErrTicket):
		return sallyport.Unauthenticated("invalid_token", "This sign-in has expired. Begin anew.")
	case errors.Is(err, account.ErrWrongCode):
		p := sallyport.Unauthenticated("invalid_credentials", "That was not right. Try again.")
		p.Extra = map[string]any{"reason": "factor"}
		return p
	case errors.Is(err, account.ErrUsedCode):
		p := sallyport.Unauthenticated("invalid_credentials", "This code was used already. Wait for the app to show the next one.")
		p.Extra = map[string]any{"reason": "code_used"}
		return p
	case errors.Is(err, account.ErrWeakSession):
		p := sallyport.StepUp(&sallyport.Need{ACR: []string{"aal2"}})
		p.Detail = "Confirm by your second factor first that it is you."
		return p
	case errors.Is(err, account.ErrNoFactor):
		return conflict("conflict", "There is no such factor, or nothing was begun. Begin anew.")
	case errors.Is(err, account.ErrFactorNeeded):
		return conflict("conflict", "Your account needs a second factor. Set up another one first.")
	case errors.Is(err, account.ErrMailed):
		return because("mailed", sallyport.Unauthenticated("invalid_token", "This link or code does not work, or no longer. Ask for a new mail."))
	case errors.Is(err, account.ErrNotYours):
		return because("not_yours", sallyport.Unauthenticated("unauthenticated", "Sign in to confirm this address; or, for a new account, set a password."))
	case errors.Is(err, account.ErrTaken):
		return conflict("username_taken", "This user name is taken. Choose another.")
	case errors.Is(err, account.ErrLastWayIn):
		return conflict("last_way_in", "This is the last way to sign in to your account. Set a password or add another one first.")
	case errors.Is(err, account.ErrLastAdmin):
		return &sallyport.Problem{
			Status: http.StatusConflict, Code: "conflict", Detail: "This is the last administrator. Make somebody else one first.",
			Extra: map[string]any{"reason": "last_admin"},
		}
	case errors.Is(err, account.ErrExceeds):
		return sallyport.Forbidden("forbidden", "Nobody can give or take more than they hold themselves.")
	case errors.Is(err, account.ErrOtherAddress):
		return sallyport.Forbidden("forbidden", "This invitation is for an address that is not yours, or that you have not verified.")
	case errors.Is(err, org.ErrTaken):
		return conflict("conflict", "Another organization has this slug. Choose another.")
	case errors.Is(err, clientcert.ErrTaken):
		return conflict("conflict", "This name of certificates stands for somebody already. Remove that first.")
	case errors.Is(err, oauth.ErrTaken):
		return conflict("conflict", "There is a client of this client_id already. Choose another, or leave it out.")
	case errors.Is(err, oauth.ErrChanged):
		return conflict("conflict", "Somebody else has changed it meanwhile. Read it again, then repeat the change.")
	case errors.Is(err, org.ErrNotMember):
		return conflict("conflict", "This needs a member of the organization.")
	case errors.Is(err, org.ErrNoInvitation):
		return fmt.Errorf("%w: %w", sallyport.ErrNotFound, err)
	case errors.Is(err, authz.ErrConflict):
		return conflict("conflict", "Somebody else has published a policy meanwhile. Read it, then publish again.")
	case errors.Is(err, ssf.ErrTooMany):
		return conflict("conflict", fmt.Sprintf("A receiver has at most %d streams. Delete one first.", ssf.MaxStreams))
	case errors.Is(err, authz.ErrFilter):
		return Invalid(sentence(err.Error()))
	case errors.Is(err, account.ErrNoSession), errors.Is(err, account.ErrNoToken):
		return Invalid("This needs a signed-in session; the credential of this request has none.")
	case errors.Is(err, account.ErrNotFound), errors.Is(err, session.ErrNotFound), errors.Is(err, apikey.ErrNotFound), errors.Is(err, clientcert.ErrNotFound), errors.Is(err, device.ErrNotFound),
		errors.Is(err, authz.ErrNotFound), errors.Is(err, authz.ErrNoVersion), errors.Is(err, authz.ErrNoDecision),
		errors.Is(err, org.ErrNotFound), errors.Is(err, token.ErrUnknownKey), errors.Is(err, ssf.ErrNotFound),
		errors.Is(err, oauth.ErrNotFound), errors.Is(err, oauth.ErrNoGrant), errors.Is(err, oauth.ErrNoResource), errors.Is(err, oauth.ErrNoLogo),
		errors.Is(err, oauth.ErrNoToken):
		return fmt.Errorf("%w: %w", sallyport.ErrNotFound, err)
	}
	return err
}

// WrongPassword is Problem for somebody who is signed in: what was wrong can only be
// the password in that member.
func WrongPassword(err error, member string) error {
	if !errors.Is(err, account.ErrInvalidCredentials) {
		return Problem(err)
	}
	p := sallyport.Unauthenticated("invalid_credentials", "The password is wrong.")
	p.Extra = map[string]any{"member": member, "reason": "password"}
	return p
}

func weak(e *password.WeakError) *sallyport.Problem {
	extra := map[string]any{"reason": string(e.Reason)}
	if e.Limit > 0 {
		extra["limit"] = e.Limit
	}
	return &sallyport.Problem{Status: http.StatusUnprocessableEntity, Code: "weak_password", Detail: sentence(e.Error()), Extra: extra}
}

// unlike says why a text cannot be a code, or a telephone number.
func unlike(e *otp.CodeError) *sallyport.Problem {
	member := "code"
	if strings.HasPrefix(e.Reason, "phone_") {
		member = "phone"
	}
	extra := map[string]any{"member": member, "reason": e.Reason}
	if e.Limit > 0 {
		extra["limit"] = e.Limit
	}
	return &sallyport.Problem{Status: http.StatusBadRequest, Code: "invalid_request", Detail: e.Text, Extra: extra}
}

// because adds the reason by which a page finds its own words.
func because(reason string, p *sallyport.Problem) *sallyport.Problem {
	p.Extra = map[string]any{"reason": reason}
	return p
}

// passkeyProblem is what a passkey that does not do is answered with.
func passkeyProblem(err error) error {
	odd := func(detail string) error {
		p := Invalid(detail)
		p.Extra = map[string]any{"member": "credential"}
		return p
	}
	switch {
	case errors.Is(err, account.ErrPasskeyRefused):
		return sallyport.Unauthenticated("passkey_refused", "This passkey does not sign you in. Try again, or sign in another way.")
	case errors.Is(err, account.ErrPasskeyUnknown):
		return sallyport.Unauthenticated("unknown_passkey", "This passkey belongs to no account here. Sign in another way.")
	case errors.Is(err, passkey.ErrNotFound):
		return fmt.Errorf("%w: %w", sallyport.ErrNotFound, err)
	case errors.Is(err, passkey.ErrTaken):
		return conflict("passkey_taken", "This device already has a passkey.")
	case errors.Is(err, account.ErrTooManyPasskeys):
		return conflict("too_many_passkeys", sentence(err.Error()))
	case errors.Is(err, passkey.ErrMalformed):
		return odd("This is not what a browser answers of a passkey.")
	case errors.Is(err, passkey.ErrRefused):
		return odd("This passkey was not made for what was asked, or too late. Try again.")
	}
	return nil
}

func conflict(code, detail string) *sallyport.Problem {
	return &sallyport.Problem{Status: http.StatusConflict, Code: code, Detail: detail}
}

func retry(status int, code, detail string, wait time.Duration) *sallyport.Problem {
	seconds := max(1, int(math.Ceil(wait.Seconds())))
	return &sallyport.Problem{Status: status, Code: code, Detail: detail, Header: http.Header{"Retry-After": {strconv.Itoa(seconds)}}}
}

// sentence makes an error text one that a person reads.
func sentence(s string) string {
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

// inWords rounds a wait up to what a person would say.
func inWords(d time.Duration) string {
	switch s := int(math.Ceil(d.Seconds())); {
	case s <= 1:
		return "a second"
	case s < 90:
		return fmt.Sprintf("%d seconds", s)
	case s < 90*60:
		return fmt.Sprintf("%d minutes", (s+59)/60)
	default:
		return fmt.Sprintf("%d hours", (s+3599)/3600)
	}
}
