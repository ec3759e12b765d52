package sallyport

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// challenges returns one WWW-Authenticate value per accepted scheme; of several
// authenticators for one scheme the first speaks. What is wrong, and where the
// metadata is, goes to the schemes that define it (RFC 6750 §3, RFC 9449 §7.1, RFC 9728
// §5.1). RFC 9110 §15.5.2: a 401
// has at least one challenge. A problem that is neither has none.
func (g *Gate) challenges(p *Problem) []string {
	if p.Status != http.StatusUnauthorized && p.challenge == nil {
		return nil
	}
	more := params(p.challenge...)
	if g.ResourceMetadata != "" { // RFC 9728 §5.1
		more = params(append(slices.Clip(p.challenge), "resource_metadata", g.ResourceMetadata)...)
	}
	var schemes, out []string
	add := func(challenge string) {
		scheme, _, _ := strings.Cut(strings.ToLower(challenge), " ")
		if scheme != "" && !slices.Contains(schemes, scheme) {
			schemes = append(schemes, scheme)
			out = append(out, with(scheme, challenge, more))
		}
	}
	for _, a := range g.Authenticators {
		if c, ok := a.(Challenger); ok {
			add(c.Challenge())
		}
	}
	if out == nil {
		add(`Bearer realm="sallyport"`) // RFC 6750 §3: never the scheme alone
	}
	return out
}

func with(scheme, challenge, more string) string {
	switch {
	case more == "" || scheme != SchemeBearer && scheme != SchemeDPoP:
		return challenge
	case len(challenge) == len(scheme): // no parameters yet
		return challenge + " " + more
	}
	return challenge + ", " + more
}

// invalidToken is the challenge of RFC 6750 §3.1 to a credential that does not
// count. Why it does not is for the log.
func invalidToken() *Problem {
	p := Unauthenticated("invalid_token", "The credential is not valid, or no longer. Sign in again.")
	p.challenge = []string{"error", "invalid_token"}
	return p
}

// InsufficientScope is the 403 of RFC 6750 §3.1: the credential is good, but its
// scope does not reach as far as the permission named.
func InsufficientScope(scope string) *Problem {
	return &Problem{
		Status: http.StatusForbidden, Code: "insufficient_scope",
		Detail:    "The credential is good, but its scope does not reach this far.",
		Extra:     map[string]any{"scope": scope},
		challenge: []string{"error", "insufficient_scope", "scope", scope},
	}
}

// StepUp is the 401 of RFC 9470 §3: a fresher or a stronger sign-in would do, as need
// says. A browser is led to where its person confirms who they are.
func StepUp(n *Need) *Problem {
	kv := []string{"error", "insufficient_user_authentication", "error_description", "A fresher or stronger sign-in is required"}
	if len(n.ACR) > 0 {
		kv = append(kv, "acr_values", strings.Join(n.ACR, " "))
	}
	if n.MaxAge > 0 {
		kv = append(kv, "max_age", strconv.FormatInt(int64(n.MaxAge/time.Second), 10))
	}
	p := Unauthenticated("step_up_required", "This needs a more recent or a stronger sign-in. Sign in again and repeat it.")
	p.challenge = kv
	return p
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
		quote(&b, kv[i+1])
	}
	return b.String()
}

// quote writes a quoted-string (RFC 9110 §5.6.4) without what a header cannot hold.
func quote(b *strings.Builder, s string) {
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
}
