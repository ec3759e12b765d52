package openapi

import (
	"net/http"
	"slices"
	"strings"
)

// A refusal is one kind of problem: a status with a code, and when it happens.
type refusal struct {
	status int
	code   string
	name   string // in the document, if not that of the code
	when   string
}

// All problems, in the order in which an operation lists them. An operation
// names those that its handler answers; those of its door, of every body and of
// every request are added from [refusalsOf].
var (
	invalidRequest     = refusal{400, "invalid_request", "", "malformed, or two credentials at once"}
	unauthenticated    = refusal{401, "unauthenticated", "", "no credential; a browser that navigates gets 303 to the sign-in page"}
	invalidToken       = refusal{401, "invalid_token", "", "malformed, expired, revoked or unknown credential"}
	invalidCredentials = refusal{401, "invalid_credentials", "", "user name or password is wrong, or nobody may sign in with them: nobody learns which"}
	passkeyRefused     = refusal{401, "passkey_refused", "", "the passkey does not sign in: of another page, used before, too late, or of an account that is closed"}
	unknownPasskey     = refusal{401, "unknown_passkey", "", "nobody has the passkey (any more): the browser may be told to offer it no more"}
	stepUp             = refusal{401, "step_up_required", "", "a fresher or stronger sign-in would do (RFC 9470)"}
	forbidden          = refusal{403, "forbidden", "", "signed in, but may not; `decision_id` names the decision"}
	insufficientScope  = refusal{403, "insufficient_scope", "", "the credential's scope does not reach that far; `scope` names what is missing"}
	crossOrigin        = refusal{403, "cross_origin", "", "a browser sent it from another site"}
	notFound           = refusal{404, "not_found", "", "nothing there, or nothing for you"}
	conflict           = refusal{409, "conflict", "", "it would contradict what is there"}
	passkeyTaken       = refusal{409, "passkey_taken", "", "the account has this passkey already"}
	tooManyPasskeys    = refusal{409, "too_many_passkeys", "", "the account has as many as it may have"}
	lastWayIn          = refusal{409, "last_way_in", "", "nothing would be left to sign in with"}
	usernameTaken      = refusal{409, "username_taken", "", "somebody else has this user name"}
	stale              = refusal{412, "conflict", "Stale", "`If-Match` names an older version"}
	tooLarge           = refusal{413, "payload_too_large", "", "the body is larger than 64 KiB, or 1 MiB where it holds a policy"}
	wrongType          = refusal{415, "invalid_request", "WrongType", "the body is no application/json"}
	weakPassword       = refusal{422, "weak_password", "", "too easily guessed; `reason` says why"}
	invalidPolicy      = refusal{422, "invalid_policy", "", "it cannot be read, or does not fit its schema; `errors` says why"}
	rateLimited        = refusal{429, "rate_limited", "", "too much at once; wait for `Retry-After` seconds"}
	unavailable        = refusal{503, "unavailable", "", "nobody can tell right now; try again after `Retry-After` seconds"}

	refusals = []refusal{
		invalidRequest, signInRefused, unauthenticated, invalidToken, invalidCredentials, passkeyRefused, unknownPasskey, stepUp, forbidden,
		accountClosed, registrationClosed, insufficientScope, crossOrigin, untrustedProxy, unclearToNginx, notFound, conflict, usernameTaken, addressTaken, addressUnproved,
		alreadyConnected, passkeyTaken, tooManyPasskeys, lastWayIn, stale, tooLarge, wrongType, weakPassword, invalidPolicy, rateLimited,
		unavailable, providerUnavailable,
	}
)

// byStatus sorts what an operation refuses with into one group a status, as a
// document needs them.
func byStatus(refused []refusal) [][]refusal {
	var groups [][]refusal
	for _, r := range refusals {
		if !slices.Contains(refused, r) {
			continue
		}
		if n := len(groups); n > 0 && groups[n-1][0].status == r.status {
			groups[n-1] = append(groups[n-1], r)
			continue
		}
		groups = append(groups, []refusal{r})
	}
	return groups
}

// nameOf is the name of a group in the document: "UnauthenticatedOrInvalidToken".
func nameOf(group []refusal) string {
	var names []string
	for _, r := range group {
		names = append(names, r.component())
	}
	return strings.Join(names, "Or")
}

func (r refusal) component() string {
	if r.name != "" {
		return r.name
	}
	var b strings.Builder
	for word := range strings.SplitSeq(r.code, "_") {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// responseOf is the answer that a group of refusals is.
func responseOf(group []refusal) response {
	var codes, whens []string
	for _, r := range group {
		codes = append(codes, r.code)
		whens = append(whens, "`"+r.code+"`: "+r.when+".")
	}
	code := ref("Problem")
	code.Properties.add("code", schema{Enum: codes})
	out := response{Description: strings.Join(whens, "\n\n")}
	for _, h := range headersOf(group[0].status) {
		out.Headers.add(h.name, header{h.value, true, text})
	}
	out.Content.add("application/problem+json", media{&code})
	return out
}

// headersOf are the headers that every problem of the status has.
func headersOf(status int) ordered[string] {
	switch status {
	case http.StatusUnauthorized:
		return ordered[string]{{"WWW-Authenticate", "One challenge for each kind of credential that would do (RFC 9110 §11.6.1)."}}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return ordered[string]{{"Retry-After", "Seconds to wait."}}
	}
	return nil
}

// mistaken adds how an OAuth endpoint answers a mistake in its form. What the doors
// refuse is a problem there, too.
func mistaken(r response) response {
	problem := ref("OAuthError")
	r.Description += "\n\nA mistake in the parameters, and who is not the client that they say, is answered as RFC 6749 §5.2 has it."
	r.Content.add("application/json", media{&problem})
	return r
}
