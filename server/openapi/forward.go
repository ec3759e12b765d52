package openapi

import "net/http"

var (
	untrustedProxy = refusal{403, "untrusted_proxy", "", "it does not come from one of the trusted proxies"}
	unclearToNginx = refusal{403, "invalid_request", "UnclearToNginx", "what is 400 otherwise, because nginx asks, which knows no 400"}
)

// identity is what an answer to a proxy says of the principal.
var identity = ordered[string]{
	{"X-Auth-Subject", "Who it is; as all of these, it is empty if there is nothing to say, and percent-encoded where it is not visible ASCII."},
	{"X-Auth-Username", "Of a user."},
	{"X-Auth-Email", "Of a user, if it is verified."},
	{"X-Auth-Roles", "Separated by commas, in force now; of a credential that no scope limits."},
	{"X-Auth-Scopes", "What limits the credential, separated by spaces."},
	{"X-Auth-Org", "In which they act."},
	{"X-Auth-Org-Roles", "In that organization."},
	{"X-Auth-Session", "Id of the session."},
}

var forwarding = group{
	tag: "forward",
	says: "For reverse proxies that ask before they let a request through: nginx, Traefik, Caddy and Envoy. Only those among `trusted_proxies` are answered, and what they may " +
		"let through is configured. They hand on to us whatever begins with `/.sallyport/`.",
	operations: []operation{
		{
			route: "GET {base}/forward", id: "forward", summary: "Ask whether a request may pass",
			says: "The credentials are those of the original request. A browser that navigates gets 303 to where it signs in; where `X-Original-URL` is there, as from nginx, " +
				"that is a 401 with a `Location`, and what cannot be understood is a 403. With nginx other statuses mean that nobody can tell.",
			headers: []parameter{
				optional("X-Forwarded-Method", text.says("With Traefik and Caddy: of the original request.")),
				optional("X-Forwarded-Proto", text.says("Its scheme.")),
				optional("X-Forwarded-Host", text.says("Its host.")),
				optional("X-Forwarded-Uri", text.says("Its path and query, as they were sent.")),
				optional("X-Original-URL", text.says("With nginx: all of it.")),
				optional("X-Original-Method", text.says("With nginx.")),
			},
			answers: []answer{answer{status: http.StatusOK, says: "It may.", headers: identity}, leads("Where the browser signs in.")},
			refuses: []refusal{unauthenticated, invalidToken, stepUp, forbidden, insufficientScope, crossOrigin, untrustedProxy, unclearToNginx},
		},
		{
			route: "GET {base}/forward/envoy/{path}", id: "forwardEnvoy", summary: "The same for Envoy",
			says: "Method, host, path and query are those of the original request, with this before the path: any method, and any path.",
			headers: []parameter{
				optional("X-Forwarded-Proto", text.says("Scheme of the original request.")),
			},
			answers: []answer{answer{status: http.StatusOK, says: "It may.", headers: identity}, leads("Where the browser signs in.")},
			refuses: []refusal{unauthenticated, invalidToken, stepUp, forbidden, insufficientScope, untrustedProxy},
		},
		{
			route: "GET {base}/forward/begin", id: "forwardBegin", summary: "Let a session count at a guarded host",
			says: "For browsers that come from there.",
			query: []parameter{
				needed("host", text.says("Which.")), needed("browser", text.says("Hash of what the browser holds there.")), optional("return_to", text.says("Path there.")),
				optional("confirm", text.says("To be confirmed first that it is them.")), optional("acr", text.says("How.")),
			},
			answers: []answer{leads("The host, with a code that works once; or the page to sign in.")},
		},
		{
			route: "GET /.sallyport/begin", id: "hostBegin", summary: "Begin to sign in at a guarded host",
			says:    "The proxy hands it on. It sets a cookie by which the browser is known when it comes back.",
			query:   []parameter{optional("return_to", text.says("Path to go on with.")), optional("confirm", text), optional("acr", text)},
			headers: []parameter{optional("X-Forwarded-Host", text.says("The host; left out: that of the request."))},
			answers: []answer{leads("The page where people sign in.")},
			refuses: []refusal{forbidden, untrustedProxy, notFound},
		},
		{
			route: "GET /.sallyport/callback", id: "hostCallback", summary: "Be signed in at a guarded host",
			says:    "It sets the cookie of that host, which ends with the session.",
			query:   []parameter{optional("code", secret)},
			headers: []parameter{optional("X-Forwarded-Host", text.says("The host; left out: that of the request."))},
			answers: []answer{leads("Where the person wanted to go.")},
			refuses: []refusal{signInRefused, forbidden, untrustedProxy, notFound},
		},
	},
}
