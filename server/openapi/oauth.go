package openapi

import "net/http"

var oauth = group{
	tag:  "oauth",
	says: "OAuth 2.0, for other services. Parameters are posted as a form; those that are not known are ignored.",
	operations: []operation{
		{
			route: "GET /.well-known/openid-configuration", id: "openidConfiguration", summary: "What a client configures itself by",
			answers: []answer{shows(http.StatusOK, ref("ProviderMetadata"), "OpenID Connect Discovery 1.0, for ten minutes.")},
		},
		{
			route: "GET /.well-known/oauth-authorization-server", id: "oauthMetadata", summary: "The same, where OAuth looks for it",
			answers: []answer{shows(http.StatusOK, ref("ProviderMetadata"), "RFC 8414, for ten minutes.")},
		},
		{
			route: "GET /.well-known/oauth-protected-resource", id: "protectedResource", summary: "What this server is to who brings tokens",
			says:    "RFC 9728, for ten minutes. The challenges of refusals lead here by `resource_metadata`.",
			answers: []answer{shows(http.StatusOK, ref("ProtectedResource"), "The metadata.")},
		},
		{
			route: "GET {base}/oauth/authorize", id: "authorize", summary: "Let a person decide about a client",
			says: "RFC 6749 §4.1.1 and OpenID Connect Core 1.0 §3.1.2, for browsers. Mistakes in `client_id` and `redirect_uri` are shown to the person, " +
				"who is sent nowhere; all others are told to the client. Answers carry `iss` (RFC 9207).",
			query:   queryOf(authorizationRequest),
			answers: []answer{page("The question for consent; or, with `response_mode=form_post`, a form that leads on."), leads("The client, or the page to sign in.")},
		},
		{
			route: "POST {base}/oauth/authorize", id: "authorizePosted", summary: "The same, by a form", oauth: true,
			body:    read(loose(authorizationRequest...)),
			answers: []answer{leads("The GET.")},
			refuses: []refusal{tooLarge},
		},
		{
			route: "POST {base}/oauth/consent", id: "answerConsent", summary: "Allow what a client asks for, or not", form: true,
			body:    read(body(must("request", text.says("Of the page.")), must("decision", oneOf("allow", "deny")))),
			answers: []answer{leads("The client.")},
		},
		{
			route: "POST {base}/oauth/token", id: "token", summary: "Get tokens", oauth: true,
			says: "RFC 6749 §3.2. No cookie counts. The client proves itself by the one method that is registered for it. With a DPoP proof (RFC 9449), " +
				"which must hold the nonce of the header `DPoP-Nonce`, the tokens are bound to its key.",
			headers: []parameter{optional("DPoP", secret.says("Proof of a key."))},
			body: read(loose(append([]property{
				must("grant_type", oneOf("authorization_code", "refresh_token", "client_credentials", "urn:ietf:params:oauth:grant-type:device_code", "urn:ietf:params:oauth:grant-type:token-exchange")),
				may("code", secret), may("redirect_uri", text), may("code_verifier", secret),
				may("refresh_token", secret), may("device_code", secret),
				may("scope", text), may("resource", text.says("RFC 8707; also several.")),
				may("subject_token", secret.says("RFC 8693: an access token that the client holds, or that is for a resource that it is.")), may("subject_token_type", text),
				may("actor_token", secret.says("Of who acts for the subject. Left out: the client itself does.")), may("actor_token_type", text),
				may("requested_token_type", text), may("audience", text.says("As `resource`; also several.")),
			}, clientProof...)...)),
			answers: []answer{
				shows(http.StatusOK, ref("TokenResponse"), "Tokens."),
				notThisClient,
				shows(http.StatusRequestEntityTooLarge, ref("OAuthError"), "The body is larger than 64 KiB."),
			},
		},
		{
			route: "POST {base}/oauth/par", id: "push", summary: "Push an authorization request", oauth: true,
			says: "RFC 9126. What the browser brings then is the `client_id` and the `request_uri`, which is good once and for five minutes.",
			body: read(loose(append(authorizationRequest[:len(authorizationRequest):len(authorizationRequest)], clientProof[1:]...)...)),
			answers: []answer{
				shows(http.StatusCreated, object(must("request_uri", text), must("expires_in", integer.says("Seconds."))), "It is kept."),
				notThisClient,
				shows(http.StatusRequestEntityTooLarge, ref("OAuthError"), "The body is larger than 64 KiB."),
			},
			refuses: []refusal{rateLimited},
		},
		{
			route: "POST {base}/oauth/device_authorization", id: "beginDevice", summary: "Let a device wait for a person", oauth: true,
			says: "RFC 8628 §3.1.",
			body: read(loose(append([]property{may("scope", text), may("resource", text)}, clientProof...)...)),
			answers: []answer{
				shows(http.StatusOK, object(
					must("device_code", secret), must("user_code", text.says("To be shown to the person.")), must("verification_uri", text),
					must("verification_uri_complete", text), must("expires_in", integer), must("interval", integer.says("Seconds between two questions.")),
				), "It waits."),
				notThisClient,
				shows(http.StatusRequestEntityTooLarge, ref("OAuthError"), "The body is larger than 64 KiB."),
			},
			refuses: []refusal{rateLimited},
		},
		{
			route: "GET {base}/device", id: "devicePage", summary: "Page to connect a device",
			query:   []parameter{optional("user_code", text.says("Is filled in."))},
			answers: []answer{page("The page.")},
		},
		{
			route: "POST {base}/device", id: "answerDevice", summary: "Connect a device, or turn it away", form: true,
			body: read(body(must("user_code", text), may("decision", oneOf("allow", "deny").says("Left out: show which device waits, and for what.")))),
			answers: []answer{
				shows(http.StatusOK, object(must("client", text), must("scopes", texts), must("address", text), must("asked_at", moment)), "The device that waits.").orPage(),
				done("It is answered."),
			},
			refuses: []refusal{rateLimited},
		},
		{
			route: "POST {base}/oauth/revoke", id: "revokeToken", summary: "End a token", oauth: true,
			says: "RFC 7009: an access token of the client, or a refresh token and everything else of its grant, everywhere at once. What there is nothing to end of is answered alike.",
			body: read(loose(append([]property{must("token", secret), may("token_type_hint", text.says("Makes no difference."))}, clientProof...)...)),
			answers: []answer{
				{status: http.StatusOK, says: "It is ended."},
				notThisClient,
				shows(http.StatusRequestEntityTooLarge, ref("OAuthError"), "The body is larger than 64 KiB."),
			},
		},
		{
			route: "POST {base}/oauth/register", id: "registerClient", summary: "Become a client", oauth: true, json: true, accepts: registrars,
			says: "RFC 7591, OpenID Connect Dynamic Client Registration 1.0; where `clients.registration` is on. It needs an initial access token, which an administrator makes; each registration " +
				"uses one of its uses up. What it says is registered, or refused; members that are not known are ignored.",
			body: read(loose(clientMetadata...)),
			answers: []answer{
				shows(http.StatusCreated, ref("RegisteredClient"), "It is a client. Its secret is shown this once."),
				shows(http.StatusRequestEntityTooLarge, ref("OAuthError"), "The body is larger than 64 KiB."),
			},
			refuses: []refusal{unauthenticated, invalidToken, rateLimited},
		},
		{
			route: "GET {base}/oauth/register/{client}", id: "registration", summary: "Show a client what is registered of it", accepts: registrars,
			says:    "RFC 7592, with the registration access token that the client was given.",
			answers: []answer{shows(http.StatusOK, ref("RegisteredClient"), "It, without its secret.")},
			refuses: []refusal{unauthenticated, invalidToken},
		},
		{
			route: "PUT {base}/oauth/register/{client}", id: "setRegistration", summary: "Change what is registered", oauth: true, json: true, accepts: registrars,
			says: "In place of all that it has said before. Within what its initial access token permits.",
			body: read(loose(append([]property{must("client_id", text), may("client_secret", secret.says("The one that it has."))}, clientMetadata...)...)),
			answers: []answer{
				shows(http.StatusOK, ref("RegisteredClient"), "It as it is now."),
				shows(http.StatusRequestEntityTooLarge, ref("OAuthError"), "The body is larger than 64 KiB."),
			},
			refuses: []refusal{unauthenticated, invalidToken},
		},
		{
			route: "DELETE {base}/oauth/register/{client}", id: "removeRegistration", summary: "End a client at its own wish", accepts: registrars,
			answers: []answer{done("Gone, and all its tokens with it.")},
			refuses: []refusal{unauthenticated, invalidToken},
		},
		{
			route: "GET {base}/oauth/userinfo", id: "userinfo", summary: "Who is it?", scope: "openid",
			says:    "OpenID Connect Core 1.0 §5.3: what the scope of the token lets the client know. Claims that are not known are left out.",
			answers: []answer{shows(http.StatusOK, ref("UserInfo"), "The person.")},
		},
		{
			route: "POST {base}/oauth/userinfo", id: "userinfoPosted", summary: "The same by POST", scope: "openid",
			answers: []answer{shows(http.StatusOK, ref("UserInfo"), "The person.")},
		},
		{
			route: "GET {base}/oauth/logout", id: "signOutForClient", summary: "Sign out at the wish of a client",
			says:  "OpenID Connect RP-Initiated Logout 1.0, for browsers. The person is asked, unless `id_token_hint` is of their session.",
			query: queryOf(logoutRequest),
			answers: []answer{
				page("The question."), leads("`post_logout_redirect_uri`, if it is registered for the client, or the page to sign in."),
			},
		},
		{
			route: "POST {base}/oauth/logout", id: "signOutForClientPosted", summary: "The same, by a form", oauth: true,
			body:    read(loose(logoutRequest...)),
			answers: []answer{leads("The GET.")},
			refuses: []refusal{tooLarge},
		},
		{
			route: "POST {base}/oauth/logout/confirm", id: "confirmLogout", summary: "Answer whether to sign out", form: true,
			body:    read(body(may("request", text.says("Of the page.")), must("decision", oneOf("leave", "stay")))),
			answers: []answer{leads("Where the client has asked for, or our own pages.")},
		},
		{
			route: "GET {base}/applications", id: "applications", summary: "List what may use your account", scope: "account:read",
			answers: []answer{shows(http.StatusOK, pageOf(ref("Application")), "Clients that you have let in.").orPage()},
		},
		{
			route: "DELETE {base}/applications/{client}", id: "withdraw", summary: "Take back what a client may do", scope: "account:write",
			says:    "Its tokens end everywhere at once, and you are asked again next time.",
			answers: []answer{done("It is taken back.")},
			refuses: []refusal{notFound},
		},
		{
			route: "POST {base}/applications/{client}/withdraw", id: "withdrawByForm", summary: "The same, by a form", scope: "account:write", form: true,
			answers: []answer{done("It is taken back.")},
			refuses: []refusal{notFound},
		},
		{
			route: "POST {base}/oauth/introspect", id: "introspect", summary: "What does this token mean?", oauth: true,
			says: "RFC 7662, for access tokens of every audience and for API keys, as they are at this moment, by the permission `token:introspect`. Also by a role in an " +
				"organization, about what acts in it, for those who act in it: everything else is not active to them. Confidential clients prove themselves as at the " +
				"token endpoint, and are told about tokens that they hold themselves and tokens for the resources that they are; with a role that has the permission, about all. No cookie counts.",
			body: read(loose(append([]property{
				must("token", secret),
				may("token_type_hint", text.says("Makes no difference.")),
			}, clientProof...)...)),
			accepts: []security{{byToken: {}}, {byKey: {}}, {}},
			refuses: []refusal{unauthenticated, invalidToken, insufficientScope, forbidden},
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
			must("token_type", oneOf("Bearer", "DPoP")),
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
			may("act", free.says("Who acts for the subject (RFC 8693 §4.1). Absent: they themselves.")),
			may("from", texts.says("What an exchanged token hangs on beside its own ids, each as `kind:id`: an entry that names one of these ends it, too.")),
			may("cnf", object(
				may("jkt", text.says("Thumbprint of a key (RFC 9449).")), may("x5t#S256", text.says("Thumbprint of a client certificate (RFC 8705).")),
			).says("What whoever uses it must prove to have. Absent: nothing.")),
		)},
		{"TokenResponse", object(
			must("access_token", secret), must("token_type", oneOf("Bearer", "DPoP")), must("expires_in", integer.says("Seconds.")),
			may("refresh_token", secret.says("If the client may refresh.")), must("scope", text.says("That was granted.")),
			may("id_token", secret.says("If the scope holds `openid`.")),
			may("issued_token_type", text.says("Of an exchange (RFC 8693 §2.2.1).")),
		)},
		{"UserInfo", object(
			must("sub", text), may("name", text), may("preferred_username", text), may("locale", text), may("updated_at", integer),
			may("email", text), may("email_verified", boolean), may("phone_number", text), may("phone_number_verified", boolean),
		)},
		{"Application", object(
			must("client_id", text), may("name", text.says("Absent: the client is gone.")), may("client_uri", text), must("scopes", texts), must("resources", texts.says("Services that it was let in for.")),
			must("since", moment), must("used", moment.says("When it was let in last.")),
		)},
		{"RegisteredClient", object(append([]property{
			must("client_id", text), may("client_secret", secret), may("client_secret_expires_at", integer.says("With a secret: 0, never.")),
			must("client_id_issued_at", integer), must("registration_access_token", secret.says("Proves from now on to be this client, here.")),
			must("registration_client_uri", text.says("Where it looks after its registration.")),
		}, clientMetadata...)...)},
		{"ProviderMetadata", free},
		{"ProtectedResource", object(
			must("resource", text.says("Audience of the tokens that this server takes.")), must("authorization_servers", texts), must("scopes_supported", texts),
			must("bearer_methods_supported", texts), must("resource_name", text), must("resource_documentation", text), must("dpop_signing_alg_values_supported", texts),
		)},
		{"OAuthError", object(must("error", text.says("A code of the RFC.")), must("error_description", text.says("For people.")))},
	},
}

var notThisClient = shows(401, ref("OAuthError"), "`invalid_client`: the client is unknown, or has not proved that it is this one.")

// registrars show a token for this alone, which opens no door.
var registrars = []security{{byToken: {}}}

// clientMetadata is what a program says of itself.
var clientMetadata = []property{
	may("redirect_uris", texts), may("token_endpoint_auth_method", ref("ClientAuthMethod")), may("grant_types", listOf(ref("GrantType"))),
	may("response_types", listOf(oneOf("code"))), may("client_name", text), may("client_uri", text), may("logo_uri", text),
	may("scope", text.says("Some of those that the initial access token permits. Left out: `openid`, `profile` and `email`, as far as they are.")),
	may("tos_uri", text), may("policy_uri", text), may("jwks_uri", text), may("jwks", free), may("id_token_signed_response_alg", ref("IDTokenAlg")),
	may("subject_type", oneOf("public", "pairwise")), may("sector_identifier_uri", text), may("post_logout_redirect_uris", texts), may("backchannel_logout_uri", text),
	may("backchannel_logout_session_required", boolean), may("dpop_bound_access_tokens", boolean), may("tls_client_certificate_bound_access_tokens", boolean),
	may("require_pushed_authorization_requests", boolean), may("require_signed_request_object", boolean),
}

// clientProof is how a client proves itself in a form.
var clientProof = []property{
	may("client_id", text), may("client_secret", secret),
	may("client_assertion_type", oneOf("urn:ietf:params:oauth:client-assertion-type:jwt-bearer")), may("client_assertion", secret.says("RFC 7523.")),
}

var authorizationRequest = []property{
	may("client_id", text), may("redirect_uri", text), may("response_type", text.says("`code`.")),
	may("response_mode", text.says("`query`, `fragment` or `form_post`.")), may("scope", text), may("state", text), may("nonce", text),
	may("code_challenge", text.says("PKCE (RFC 7636); public clients must, and all others unless they are registered otherwise.")),
	may("code_challenge_method", text.says("`S256`.")),
	may("resource", text.says("RFC 8707; also several.")), may("prompt", text), may("max_age", text), may("acr_values", text.says("`aal1`, `aal2`.")),
	may("claims", text.says("JSON.")), may("login_hint", text), may("id_token_hint", text), may("ui_locales", text), may("display", text),
	may("request_uri", text.says("Of a pushed request (RFC 9126).")), may("dpop_jkt", text),
	may("request", text.says("A request object (RFC 9101), signed by a key of the client. Nothing else of the request counts then but `client_id`.")), may("registration", text.says("Refused.")),
	may("sallyport_progress", text.says("Of ours: how far the request has come. It leads through the pages for signing in and back.")),
}

var logoutRequest = []property{
	may("id_token_hint", secret), may("client_id", text), may("post_logout_redirect_uri", text), may("state", text), may("logout_hint", text), may("ui_locales", text),
}
