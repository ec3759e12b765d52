package openapi

import "net/http"

var oauth = group{
	tag:  "oauth",
	says: "OAuth 2.0, for other services. Parameters are posted as a form; those that are not known are ignored.",
	operations: []operation{
		{
			route: "POST {base}/oauth/introspect", id: "introspect", summary: "What does this token mean?", oauth: true,
			says: "RFC 7662, for access tokens of every audience and for API keys, as they are at this moment. Also by a role in an organization, about what acts in it, " +
				"for those who act in it: everything else is not active to them. No cookie counts.",
			body: read(loose(
				must("token", secret),
				may("token_type_hint", text.says("Makes no difference.")),
			)),
			accepts: []security{{byToken: {}}, {byKey: {}}},
			answers: []answer{
				shows(http.StatusOK, schema{OneOf: []schema{ref("Introspection"), ref("NotActive")}},
					"What it means. Whatever is not active, or not for the caller to know, is `{\"active\":false}`: malformed, unknown, expired and revoked are all alike."),
				shows(http.StatusRequestEntityTooLarge, ref("OAuthError"), "The body is larger than 64 KiB."),
			},
		},
	},
	schemas: ordered[schema]{
		{"NotActive", body(must("active", boolean))},
		{"Introspection", object(
			must("active", boolean),
			must("token_type", oneOf("Bearer")),
			must("iss", text),
			must("sub", text),
			may("aud", texts.says("Services that the token is for: hold it against yourself. Absent: an API key, which is for every service that may introspect it.")),
			may("client_id", text),
			may("scope", text.says("Permissions, separated by spaces. Empty: none; absent: not limited.")),
			may("exp", integer.says("Seconds since the start of 1970; absent: never.")),
			must("iat", integer),
			may("username", text),
			may("jti", text),
			may("sid", text.says("Session.")),
			may("gid", text.says("OAuth grant.")),
			may("kid", text.says("Key that has signed the token.")),
			may("apikey", text.says("Id of the API key; absent: it is a token.")),
			must("rev", text.says("Position in the revocation log, read before anything was verified. The answer may be kept until an entry past it names any of "+
				"`jti`, `sid`, `gid`, `apikey`, `sub`, `client_id`, `org` and `kid`.")),
			may("org", text.says("Id of the organization in which it acts now.")),
			must("roles", texts.says("Everywhere, as they are now.")),
			may("org_roles", texts.says("In that organization, as they are now.")),
			may("plan", text),
			may("auth_time", integer.says("Of the last sign-in.")),
			may("amr", texts.says("How it was done (RFC 8176).")),
			may("acr", text.says("Assurance level: `aal1` to `aal3`.")),
		)},
		{"OAuthError", object(must("error", oneOf("invalid_request")), must("error_description", text.says("For people.")))},
	},
}
