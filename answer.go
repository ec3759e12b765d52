package sallyport

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
)

// Error is the one function that maps an error to an answer:
//
//   - a [Problem] is answered as it says;
//   - [ErrNoCredential] and [ErrInvalidCredential] with 401 and a challenge, or, if
//     a browser is navigating, with 303 to the sign-in page;
//   - [ErrNotFound], and what the gate's NotFound lists, with 404;
//   - a body over its limit with 413;
//   - everything else with 503 and Retry-After, because then nobody knows the
//     answer: never 200, never 401. An error with a method RetryAfter()
//     time.Duration chooses how long.
//
// The cause goes to the log, never to the client. Nothing may have been written
// to w before.
func (g *Gate) Error(w http.ResponseWriter, r *http.Request, err error) {
	p, trace := g.problemOf(err), TraceID(r)
	g.report(r.Context(), p, err, r.Method, cmp.Or(r.Pattern, r.URL.Path), trace)
	h := w.Header()
	if len(h) > 0 {
		for _, name := range []string{"Content-Encoding", "Content-Length", "Etag", "Last-Modified"} {
			delete(h, name) // they describe an answer that will not be given
		}
	}
	own := [...]string{"no-store", "application/problem+json", "nosniff"} // one allocation for three headers
	h["Cache-Control"] = own[0:1:1]
	if g.sendToSignIn(w, r, p) {
		return
	}
	maps.Copy(h, p.Header)
	if c := g.challenges(p); c != nil {
		h["Www-Authenticate"] = c
	}
	if g.Page != nil && Navigation(r) {
		g.Page(w, r, p.with("trace_id", trace))
		return
	}
	h["Content-Type"] = own[1:2:2]
	h["X-Content-Type-Options"] = own[2:3:3]
	w.WriteHeader(p.Status)
	w.Write(p.document(trace))
}

// Refusal is [Gate.Error] for a request that is not HTTP: it maps err to the same
// problem, logs it in the same way, and leaves it to the caller to say so. route is
// what was called, and traceparent what the caller says of its trace (W3C Trace
// Context), if anything: see [TraceID].
//
// The problem is the caller's own. Its Status refuses; its Header holds the
// challenges of WWW-Authenticate, Retry-After and what else HTTP would be told; its
// Extra has the member trace_id and, beside those that it has in HTTP, the
// parameters of the challenge: error, scope, acr_values, max_age.
func (g *Gate) Refusal(ctx context.Context, route, traceparent string, err error) *Problem {
	p, trace := g.problemOf(err), traceIn(ctx, []string{traceparent})
	g.report(ctx, p, err, "", route, trace)
	p = p.with("trace_id", trace)
	if p.decision != "" {
		p.Extra["decision_id"] = p.decision
	}
	for i := 0; i+1 < len(p.challenge); i += 2 {
		p.Extra[p.challenge[i]] = p.challenge[i+1]
	}
	p.Header = p.Header.Clone()
	if c := g.challenges(p); c != nil {
		if p.Header == nil {
			p.Header = make(http.Header, 1)
		}
		p.Header["Www-Authenticate"] = c
	}
	p.Title = cmp.Or(p.Title, http.StatusText(p.Status))
	return p
}

// report logs what a refusal is about. The route's pattern stands for the path
// where it is known, because a path may hold a one-time code. Only HTTP has a
// method beside the route.
func (g *Gate) report(ctx context.Context, p *Problem, err error, method, route, trace string) {
	log, level := cmp.Or(g.Log, slog.Default()), levelOf(ctx, p, err)
	if !log.Enabled(ctx, level) {
		return
	}
	cause := "none"
	if err != nil {
		cause = err.Error() // text, because a handler would get at it by reflection
	}
	attrs := make([]slog.Attr, 0, 8)
	attrs = append(attrs,
		slog.Int("status", p.Status), slog.String("code", p.Code), slog.String("cause", cause),
		slog.String("route", route), slog.String("trace_id", trace),
	)
	if method != "" {
		attrs = append(attrs, slog.String("method", method))
	}
	if subject := From(ctx).Subject; subject != "" {
		attrs = append(attrs, slog.String("subject", subject))
	}
	if id := decisionID(err); id != "" {
		attrs = append(attrs, slog.String("decision_id", id))
	}
	log.LogAttrs(ctx, level, "request refused", attrs...)
}

// levelOf: a request without credential or without a route is everyday business, and
// a 403 that was recorded need not be told twice; what nobody could answer is an
// error, unless the client went away.
func levelOf(ctx context.Context, p *Problem, err error) slog.Level {
	switch {
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return slog.LevelDebug
	case p.Status >= 500:
		return slog.LevelError
	case p.recorded && p.Status == http.StatusForbidden, p.Code == "unauthenticated", p.Status == http.StatusNotFound, p.Status == http.StatusMethodNotAllowed:
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// decisionID finds the decision behind err, also behind one that was hidden.
func decisionID(err error) string {
	for {
		p, ok := errors.AsType[*Problem](err)
		if !ok {
			return ""
		}
		if p.decision != "" {
			return p.decision
		}
		err = p.cause
	}
}
