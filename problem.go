package sallyport

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Problem is an answer that refuses, as RFC 9457 has it. As an error it
// carries its own status: return one from a handler, a loader or a [Limiter].
type Problem struct {
	Type   string // URI of the kind of problem; "" = "about:blank"
	Title  string // "" = the status's own phrase
	Status int
	Code   string // stable, for programs: "forbidden"
	Detail string // for people: what happened and what to do; says nothing secret

	Header http.Header    // Retry-After, Allow, …
	Extra  map[string]any // further members, such as decision_id

	challenge string // parameters of every challenge
	cause     error  // for the log
}

// Error returns the code, and the cause if there is one: for logs.
func (p *Problem) Error() string {
	if p.cause != nil {
		return p.Code + ": " + p.cause.Error()
	}
	return p.Code
}

// Unwrap returns the cause, which is never sent.
func (p *Problem) Unwrap() error { return p.cause }

// MarshalJSON writes the problem document.
func (p *Problem) MarshalJSON() ([]byte, error) {
	m := maps.Clone(p.Extra)
	if m == nil {
		m = make(map[string]any, 5)
	}
	m["type"] = cmp.Or(p.Type, "about:blank")
	m["title"] = p.title()
	m["status"] = p.Status
	m["code"] = p.Code
	if p.Detail != "" {
		m["detail"] = p.Detail
	}
	return json.Marshal(m)
}

func (p *Problem) title() string { return cmp.Or(p.Title, http.StatusText(p.Status)) }

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

func invalidCredential(cause string) error { return fmt.Errorf("%w: %s", ErrInvalidCredential, cause) }

// refuse turns a denial into its answer. What would turn it into a yes decides
// which: a fresher or stronger sign-in, a wider scope, or nothing.
func refuse(action string, d Decision) error {
	switch n := d.Need; {
	case n != nil && (len(n.ACR) > 0 || n.MaxAge > 0):
		p := stepUp(n)
		p.Extra = map[string]any{"decision_id": d.ID}
		return p
	case n != nil && n.Scope != "":
		return &Problem{
			Status: http.StatusForbidden, Code: "insufficient_scope",
			Detail:    "The credential is good, but its scope does not reach this far.",
			Extra:     map[string]any{"decision_id": d.ID, "scope": n.Scope},
			challenge: params("error", "insufficient_scope", "scope", n.Scope),
		}
	}
	return &Problem{
		Status: http.StatusForbidden, Code: "forbidden",
		Detail: cmp.Or(d.Reason, "You are signed in, but you may not do this."),
		Extra:  map[string]any{"decision_id": d.ID},
		cause:  fmt.Errorf("%s denied by %s", action, cmp.Or(d.Rule, "default")),
	}
}

// stepUp is the challenge of RFC 9470 §3.
func stepUp(n *Need) *Problem {
	kv := []string{"error", "insufficient_user_authentication", "error_description", "A fresher or stronger sign-in is required"}
	if len(n.ACR) > 0 {
		kv = append(kv, "acr_values", strings.Join(n.ACR, " "))
	}
	if n.MaxAge > 0 {
		kv = append(kv, "max_age", strconv.FormatInt(int64(n.MaxAge/time.Second), 10))
	}
	return &Problem{
		Status: http.StatusUnauthorized, Code: "step_up_required",
		Detail:    "This needs a more recent or a stronger sign-in. Sign in again and repeat it.",
		challenge: params(kv...),
	}
}

// Error is the one function that maps an error to an answer:
//
//   - a [Problem] is answered as it says;
//   - [ErrNoCredential] and [ErrInvalidCredential] with 401 and a challenge, or, if
//     a browser is navigating, with 303 to the sign-in page;
//   - [ErrNotFound] and [database/sql.ErrNoRows] with 404;
//   - a body over its limit with 413;
//   - everything else with 503 and Retry-After, because then nobody knows the
//     answer: never 200, never 401. An error with a method RetryAfter()
//     time.Duration chooses how long.
//
// The cause goes to the log, never to the client.
func (g *Gate) Error(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	trace := traceID(r)
	g.report(r, p, err, trace)
	if p.Status == http.StatusUnauthorized && g.sendToSignIn(w, r, p) {
		return
	}
	h := w.Header()
	maps.Copy(h, p.Header)
	if p.Status == http.StatusUnauthorized || p.challenge != "" {
		h["Www-Authenticate"] = g.challenges(p.challenge)
	}
	h.Set("Cache-Control", "no-store")
	if g.Page != nil && Navigation(r) {
		g.Page(w, r, p.with("trace_id", trace))
		return
	}
	body, err := json.Marshal(p.with("trace_id", trace))
	if err != nil { // an Extra that JSON cannot hold
		body = fmt.Appendf(nil, `{"type":"about:blank","title":%q,"status":%d,"code":%q}`, p.title(), p.Status, p.Code)
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(p.Status)
	w.Write(append(body, '\n'))
}

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

func problemOf(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok && !errors.Is(err, ErrNotFound) {
		return p
	}
	switch {
	case errors.Is(err, ErrNoCredential):
		return &Problem{Status: http.StatusUnauthorized, Code: "unauthenticated", Detail: "This needs you to be signed in."}
	case errors.Is(err, ErrInvalidCredential):
		return &Problem{
			Status: http.StatusUnauthorized, Code: "invalid_token", Detail: "The credential is not valid, or no longer. Sign in again.",
			challenge: params("error", "invalid_token"),
		}
	case errors.Is(err, ErrNotFound), errors.Is(err, sql.ErrNoRows):
		return &Problem{Status: http.StatusNotFound, Code: "not_found", Detail: "There is nothing at this address."}
	}
	if big, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &Problem{Status: http.StatusRequestEntityTooLarge, Code: "payload_too_large",
			Detail: fmt.Sprintf("The body is larger than %d bytes.", big.Limit)}
	}
	wait := time.Second
	if e, ok := errors.AsType[interface {
		error
		RetryAfter() time.Duration
	}](err); ok {
		wait = max(e.RetryAfter(), wait)
	}
	return &Problem{
		Status: http.StatusServiceUnavailable, Code: "unavailable", Detail: "This cannot be answered right now. Try again in a moment.",
		Header: http.Header{"Retry-After": {strconv.FormatInt(int64(wait.Round(time.Second)/time.Second), 10)}},
	}
}

// report logs what a refusal is about. A request without credential is everyday
// business; what nobody could answer is an error.
func (g *Gate) report(r *http.Request, p *Problem, err error, trace string) {
	level := slog.LevelInfo
	switch {
	case errors.Is(err, context.Canceled) && r.Context().Err() != nil:
		level = slog.LevelDebug // the client went away
	case p.Status >= 500:
		level = slog.LevelError
	case p.Code == "unauthenticated" || p.Status == http.StatusNotFound:
		level = slog.LevelDebug
	}
	log := cmp.Or(g.Log, slog.Default())
	if !log.Enabled(r.Context(), level) {
		return
	}
	log.LogAttrs(r.Context(), level, "request refused",
		slog.Int("status", p.Status), slog.String("code", p.Code), slog.Any("cause", err),
		slog.String("method", r.Method), slog.String("path", r.URL.Path),
		slog.String("subject", From(r.Context()).Subject), slog.Any("decision_id", p.Extra["decision_id"]),
		slog.String("trace_id", trace))
}

// challenges returns one WWW-Authenticate value per accepted scheme. Error
// parameters go to the schemes that define them (RFC 6750 §3, RFC 9449 §7.1).
func (g *Gate) challenges(errorParams string) []string {
	var out []string
	for _, a := range g.Authenticators {
		c, ok := a.(Challenger)
		if !ok {
			continue
		}
		challenge := c.Challenge()
		scheme, rest, _ := strings.Cut(challenge, " ")
		if errorParams != "" && (strings.EqualFold(scheme, "Bearer") || strings.EqualFold(scheme, "DPoP")) {
			challenge = scheme + " " + strings.Join(slices.DeleteFunc([]string{rest, errorParams}, func(s string) bool { return s == "" }), ", ")
		}
		if !slices.Contains(out, challenge) {
			out = append(out, challenge)
		}
	}
	if out == nil { // RFC 9110 §15.5.2: a 401 has at least one
		out = []string{strings.TrimSuffix("Bearer "+errorParams, " ")}
	}
	return out
}

// params writes auth-params (RFC 9110 §11.2) from names and values in turn.
func params(kv ...string) string {
	var b strings.Builder
	for i := 0; i+1 < len(kv); i += 2 {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(kv[i])
		b.WriteByte('=')
		b.WriteString(quoted(kv[i+1]))
	}
	return b.String()
}

// quoted writes a quoted-string (RFC 9110 §5.6.4) without what a header cannot hold.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(s) {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
		case c < 0x20 || c > 0x7e:
			continue
		}
		b.WriteByte(c)
	}
	b.WriteByte('"')
	return b.String()
}

// sendToSignIn answers a browser that navigates with a redirect to the sign-in
// page, and back afterwards. A program gets its 401, and so does a browser whose
// page sent a credential in a header.
func (g *Gate) sendToSignIn(w http.ResponseWriter, r *http.Request, p *Problem) bool {
	if g.SignIn == "" || !Navigation(r) || r.Header.Get("Authorization") != "" {
		return false
	}
	switch p.Code {
	case "unauthenticated", "invalid_token", "step_up_required":
	default:
		return false // a failed form is not sent round in circles
	}
	q := url.Values{}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		q.Set("return_to", returnTo(r))
	}
	if p.Code == "step_up_required" {
		q.Set("step_up", "1")
	}
	target := g.SignIn
	if len(q) > 0 {
		target += "?" + q.Encode()
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, target, http.StatusSeeOther)
	return true
}

// returnTo is the address that r asked for, before any StripPrefix.
func returnTo(r *http.Request) string {
	if strings.HasPrefix(r.RequestURI, "/") {
		return r.RequestURI
	}
	return r.URL.RequestURI()
}

// Navigation reports whether a browser sent r to show its answer as a page.
// Browsers say so (Fetch Metadata); of older ones an Accept that asks for HTML
// counts. Programs are not meant by it: they get their status code.
func Navigation(r *http.Request) bool {
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

// traceID is the trace id of a well-formed traceparent header (W3C Trace
// Context §3.2.2), or a new one.
func traceID(r *http.Request) string {
	if parts := strings.Split(r.Header.Get("Traceparent"), "-"); len(parts) >= 4 && len(parts[1]) == 32 && parts[1] != strings.Repeat("0", 32) {
		if _, err := hex.DecodeString(parts[1]); err == nil {
			return strings.ToLower(parts[1])
		}
	}
	var id [16]byte
	rand.Read(id[:])
	return hex.EncodeToString(id[:])
}
