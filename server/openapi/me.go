package openapi

var ownAccount = group{
	tag:  "account",
	says: "What a signed-in person sees and does about their own account. It takes no role; a credential limited by scope needs the scope named.",
	operations: []operation{
		{
			route: "GET {base}/me", id: "me", summary: "Who am I?",
			answers: []answer{shows(200, ref("Me"), "The caller, as both doors see it.")},
		},
		{
			route: "GET {base}/events", id: "events", summary: "Be told what changes for me",
			says: "Server-sent events, for an EventSource. `hello` begins the stream: read then what you show. `roles`: your roles, plan or organization changed, " +
				"read `me` and `abilities` anew. `policy`: role definitions or rules changed, read `abilities` anew. `signed_out`: your session or key has ended, and the " +
				"stream ends with it. The data of each is `{}`, and each is in force when it is told. A stream that ends without a word is to be opened again.",
			answers: []answer{{status: 200, says: "The stream. It does not end by itself.", kind: "text/event-stream", schema: &text}},
			refuses: []refusal{rateLimited},
		},
		{
			route: "GET {base}/sessions", id: "ownSessions", summary: "List your sessions", scope: "account:read",
			answers: []answer{shows(200, pageOf(ref("OwnSession")), "The sessions.")},
		},
		{
			route: "DELETE {base}/sessions", id: "endOtherSessions", summary: "End all your other sessions", scope: "account:write",
			answers: []answer{done("They have ended.")},
		},
		{
			route: "DELETE {base}/sessions/{id}", id: "endOwnSession", summary: "End one of your sessions", scope: "account:write",
			answers: []answer{done("It has ended.")},
			refuses: []refusal{notFound},
		},
		{
			route: "GET {base}/devices", id: "devices", summary: "List the devices that you have signed in on", scope: "account:read",
			answers: []answer{shows(200, pageOf(ref("KnownDevice")), "The one that was used last first.").orPage()},
		},
		{
			route: "DELETE {base}/devices/{id}", id: "forgetDevice", summary: "Forget a device", scope: "account:write",
			says:    "It is a stranger from then on, and is not trusted. Sessions go on.",
			answers: []answer{done("It is forgotten.")},
			refuses: []refusal{notFound},
		},
		{
			route: "POST {base}/devices/{id}/forget", id: "forgetDeviceByForm", summary: "Forget a device, from a page", scope: "account:write", form: true,
			body:    read(body()),
			answers: []answer{done("It is forgotten.")},
			refuses: []refusal{notFound},
		},
		{
			route: "POST {base}/password", id: "changePassword", summary: "Change your password", scope: "account:write",
			says:    "The other sessions end, unless the server is set to keep them. A session goes on with a new cookie.",
			body:    read(body(must("current_password", secret), must("new_password", secret))),
			answers: []answer{done("It is changed.")},
			refuses: []refusal{invalidCredentials, weakPassword, rateLimited},
		},
		{
			route: "GET {base}/api-keys", id: "apiKeys", summary: "List your API keys", scope: "account:read",
			answers: []answer{shows(200, pageOf(ref("APIKey")), "The keys, without what is secret of them.")},
		},
		{
			route: "POST {base}/api-keys", id: "createAPIKey", summary: "Make an API key", scope: "account:write",
			body: read(body(
				must("name", text),
				must("scopes", listOf(ref("Permission")).some().says("No further than the credential that makes the key.")),
				may("expires_at", moment.orNull().says("Left out or null: never.")),
			)),
			answers: []answer{shows(201, ref("APIKey"), "The new key. `key` is shown this once.")},
			refuses: []refusal{forbidden},
		},
		{
			route: "DELETE {base}/api-keys/{id}", id: "revokeAPIKey", summary: "Revoke one of your API keys", scope: "account:write",
			answers: []answer{done("It is dead.")},
			refuses: []refusal{notFound},
		},
	},
	schemas: ordered[schema]{
		{"Me", object(
			must("subject", text.says("Stable identifier; the token's `sub`.")),
			must("kind", oneOf("user", "service")),
			may("user", ref("User")),
			may("org", text.says("The organization that the caller acts in.")),
			must("roles", texts),
			may("org_roles", texts.says("Roles in that organization.")),
			must("permissions", listOf(ref("Permission"))),
			must("scopes", schema{Type: []any{"array", "null"}, Items: read(ref("Permission"))}.says("Null: the credential is not limited.")),
			may("session", object(
				must("id", text),
				must("auth_time", moment.says("Of the last sign-in.")),
				must("amr", texts.says("How it was done (RFC 8176).")),
				must("aal", integer.between(0, 3).says("Assurance level.")),
			)),
			may("password_breached", boolean.says("The password is known from a breach elsewhere: ask for a new one.")),
			must("credential", text.says("Kind of credential: `session`, `token` or `apikey`.")),
		)},
		{"OwnSession", object(
			must("id", text),
			must("device", text.says("As the browser says of itself: a hint.")),
			must("address", text),
			must("created_at", moment),
			must("last_seen_at", moment),
			must("expires_at", moment),
			must("current", boolean.says("This request came by it.")),
		)},
		{"KnownDevice", object(
			must("id", text),
			must("device", text.says("As the browser says of itself: a hint.")),
			must("address", text.says("Of the last sign-in.")),
			must("created_at", moment),
			must("last_seen_at", moment),
			must("trusted_until", moment.orNull().says("Until when a second factor is not asked for; null: it is.")),
			must("current", boolean.says("This request came from it.")),
		)},
		{"APIKey", object(
			must("id", text),
			may("key", secret.says("Once, when it is made.")),
			must("name", text),
			may("org", text.says("Id of the organization in which it acts.")),
			must("scopes", listOf(ref("Permission"))),
			must("last4", text),
			must("created_at", moment),
			must("expires_at", moment.orNull()),
			must("last_used_at", moment.orNull()),
		)},
		{"Permission", text.says("`kind:verb`, `kind:*` or `*`.")},
	},
}
