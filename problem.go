package sallyport

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// A Problem is an answer that refuses, as RFC 9457 has it. As an error it
// carries its own status: return one from a handler, a loader or a [Limiter].
// It may be shared; nothing changes it.
type Problem struct {
	Type   string // URI of the kind of problem; "" = "about:blank"
	Title  string // "" = the status's own phrase
	Status int    // 400 to 599; anything else is answered with 500
	Code   string // stable, for programs: "forbidden"
	Detail string // for people: what happened and what to do; says nothing secret

	Header http.Header    // Retry-After, Allow, …
	Extra  map[string]any // further members, such as scope

	challenge []string // parameters of every challenge, names and values in turn
	decision  string   // the member decision_id; "" = none
	recorded  bool     // somebody keeps that decision
	cause     error    // for the log
}

// DecisionID returns the [Decision.ID] of the decision that the problem answers,
// its member decision_id. It is empty if no policy decided.
func (p *Problem) DecisionID() string { return p.decision }

// Error returns the code, and the cause if there is one: for logs.
func (p *Problem) Error() string {
	if p.cause != nil {
		return p.Code + ": " + p.cause.Error()
	}
	return p.Code
}

// Unwrap returns the cause, which is never sent.
func (p *Problem) Unwrap() error { return p.cause }

// with returns a copy of p with one more member.
func (p *Problem) with(member string, value any) *Problem {
	c := *p
	c.Extra = maps.Clone(p.Extra)
	if c.Extra == nil {
		c.Extra = make(map[string]any, 1)
	}
	c.Extra[member] = value
	return &c
}

// Unauthenticated is a 401 problem with a code and words of its own: for a
// sign-in that failed. It carries the gate's challenges like every 401, and no
// browser is redirected by it.
func Unauthenticated(code, detail string) *Problem {
	return &Problem{Status: http.StatusUnauthorized, Code: code, Detail: detail}
}

// Forbidden is a 403 problem with a code and words of its own: for what no
// policy can permit, such as granting more than one holds.
func Forbidden(code, detail string) *Problem {
	return &Problem{Status: http.StatusForbidden, Code: code, Detail: detail}
}

func badRequest(detail string) *Problem {
	return &Problem{Status: http.StatusBadRequest, Code: "invalid_request", Detail: detail}
}

func notFound(cause error) *Problem {
	return &Problem{Status: http.StatusNotFound, Code: "not_found", Detail: "There is nothing at this address.", cause: cause}
}

// unavailable is a 503 whatever err wraps: that an authenticator, a policy or a
// limiter missed a row in its own store is neither a 404 nor a 401.
func unavailable(err error) *Problem {
	wait := time.Second
	if e, ok := errors.AsType[interface {
		error
		RetryAfter() time.Duration
	}](err); ok {
		wait = max(e.RetryAfter(), wait)
	}
	seconds := (wait + time.Second - 1) / time.Second
	return &Problem{
		Status: http.StatusServiceUnavailable, Code: "unavailable", Detail: "This cannot be answered right now. Try again in a moment.",
		Header: http.Header{"Retry-After": {strconv.FormatInt(int64(seconds), 10)}}, cause: err,
	}
}

// invalidCredential is a 401 whose cause is for the log.
func invalidCredential(cause string) error { return fmt.Errorf("%w: %s", ErrInvalidCredential, cause) }

// refuse turns a denial into its answer. What would turn it into a yes decides
// which: a fresher or stronger sign-in, a wider scope, or nothing.
func refuse(action string, res Resource, d Decision) *Problem {
	var p *Problem
	switch n := d.Need; {
	case n != nil && (len(n.ACR) > 0 || n.MaxAge > 0):
		p = StepUp(n)
	case n != nil && n.Scope != "":
		p = InsufficientScope(n.Scope)
	default:
		p = Forbidden("forbidden", cmp.Or(d.Reason, "You are signed in, but you may not do this."))
	}
	p.cause = &denial{action, res.UID(), d.Rule}
	p.decision = d.ID
	return p
}

// A denial is the cause of a refusal by the policy. It becomes text only where it
// is logged.
type denial struct {
	action string
	object UID
	rule   string
}

func (d *denial) Error() string {
	object := "no object"
	if d.object != (UID{}) {
		object = d.object.Type + " " + d.object.ID
	}
	return d.action + " on " + object + " denied by " + cmp.Or(d.rule, "default")
}

// problemOf is the one map from an error to its answer: see [Gate.Error].
func (g *Gate) problemOf(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p.refusing()
	}
	switch {
	case errors.Is(err, ErrNoCredential):
		return Unauthenticated("unauthenticated", "This needs you to be signed in.")
	case errors.Is(err, ErrInvalidCredential):
		return invalidToken()
	case errors.Is(err, ErrNotFound), slices.ContainsFunc(g.NotFound, func(none error) bool { return errors.Is(err, none) }):
		return notFound(err)
	}
	if big, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &Problem{Status: http.StatusRequestEntityTooLarge, Code: "payload_too_large",
			Detail: fmt.Sprintf("The body is larger than %d bytes.", big.Limit)}
	}
	return unavailable(err)
}

// refusing returns p, with status 500 if its own does not refuse.
func (p *Problem) refusing() *Problem {
	if p.Status >= 400 && p.Status <= 599 {
		return p
	}
	c := *p
	c.Status = http.StatusInternalServerError
	return &c
}
