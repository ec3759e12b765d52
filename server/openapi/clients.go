package openapi

import "slices"

var clients = group{
	tag: "clients",
	says: "Programs that sign people in here, or act for themselves. Nobody can register, change or remove one that may do more than they: that has a role " +
		"which they do not cover, or a scope that is a permission which they do not hold.",
	operations: []operation{
		{
			route: "GET {base}/admin/api/clients", id: "clients", summary: "List clients",
			query:   paging,
			answers: []answer{shows(200, pageOf(ref("Client")), "One page, by id.")},
		},
		{
			route: "POST {base}/admin/api/clients", id: "addClient", summary: "Register a client",
			says: "With roles, it needs the permission `role:assign` as well.",
			body: read(body(append([]property{
				may("client_id", text.says("Up to 128 printable ASCII characters, without spaces, colons, quotes and backslashes. Left out: one is made up.")),
				must("name", text.says("For people, who are asked whether they let it in.")),
				may("client_secret", secret.says("One that it has already, of 32 to 256 characters. Left out: one is made up, if it needs one.")),
			}, slices.Concat(registered, ours)...)...)),
			answers: []answer{shows(201, ref("Client"), "The new client. `client_secret` is shown this once.").
				with("Location", "Of the new client.").with("ETag", "Of this version.")},
			refuses: []refusal{conflict},
		},
		{
			route: "GET {base}/admin/api/clients/{id}", id: "client", summary: "Show a client",
			answers: []answer{shows(200, ref("Client"), "The client.").with("ETag", "Of this version.")},
			refuses: []refusal{notFound},
		},
		{
			route: "PUT {base}/admin/api/clients/{id}", id: "putClient", summary: "Change a client", headers: ifMatch,
			says: "In place of all that was registered, except its secrets, and its roles if they are left out. What is shown of a client can be sent back. " +
				"Where it may do less than before, or is disabled, its access tokens end at once.",
			body: read(body(append([]property{
				may("client_id", text.says("The one in the path.")),
				must("name", text),
			}, slices.Concat(registered, ours)...)...)),
			answers: []answer{shows(200, ref("Client"), "The client as it is now.").with("ETag", "Of this version.")},
			refuses: []refusal{notFound, stale},
		},
		{
			route: "DELETE {base}/admin/api/clients/{id}", id: "deleteClient", summary: "Remove a client",
			answers: []answer{done("Gone, and all its tokens with it.")},
			refuses: []refusal{notFound},
		},
		{
			route: "POST {base}/admin/api/clients/{id}/secret", id: "rotateClientSecret", summary: "Give a client another secret",
			body:    read(body(may("keep_seconds", integer.between(0, 30*24*3600).or(24*3600).says("How long the one that it has goes on working. 0: it ends now.")))),
			answers: []answer{shows(200, ref("Client"), "The client. `client_secret` is shown this once.").with("ETag", "Of this version.")},
			refuses: []refusal{notFound},
		},
		{
			route: "GET {base}/admin/api/clients/{id}/logo", id: "clientLogo", summary: "Show the picture of a client",
			answers: []answer{shows(200, object(must("image", picture)), "The picture.")},
			refuses: []refusal{notFound},
		},
		{
			route: "PUT {base}/admin/api/clients/{id}/logo", id: "putClientLogo", summary: "Give a client the picture that people see of it",
			says: "It is drawn anew, and part of the page where people decide about the client: no browser asks anybody else for it. " +
				"`logo_uri` is for other programs to read, and never loaded.",
			body:    read(body(must("image", picture))),
			answers: []answer{done("People see it from now on.")},
			refuses: []refusal{notFound},
		},
		{
			route: "DELETE {base}/admin/api/clients/{id}/logo", id: "deleteClientLogo", summary: "Take the picture of a client away",
			answers: []answer{done("Gone.")},
			refuses: []refusal{notFound},
		},
		{
			route: "GET {base}/admin/api/initial-access-tokens", id: "initialTokens", summary: "List what programs register themselves by",
			query:   paging,
			answers: []answer{shows(200, pageOf(ref("InitialToken")), "One page, by id: those that have not expired.")},
		},
		{
			route: "POST {base}/admin/api/initial-access-tokens", id: "addInitialToken", summary: "Let programs register themselves",
			says: "RFC 7591: whoever has the token may become a client, with some of its scopes, as often as it says. That must be turned on (`clients.registration`).",
			body: read(body(
				must("name", text.says("What it is for.")),
				may("scopes", texts.says("All that the clients may ask for. Left out: `openid`, `profile` and `email`.")),
				may("uses", integer.between(1, 1000).or(1)),
				may("expires_in", integer.between(0, 365*24*3600).or(24*3600).says("Seconds.")),
			)),
			answers: []answer{shows(201, ref("InitialToken"), "The new one. `token` is shown this once.")},
		},
		{
			route: "DELETE {base}/admin/api/initial-access-tokens/{id}", id: "deleteInitialToken", summary: "End an initial access token",
			answers: []answer{done("Gone. Clients that have registered themselves by it stay.")},
			refuses: []refusal{notFound},
		},
		{
			route: "GET {base}/admin/api/users/{id}/applications", id: "userApplications", summary: "List what a user has let in",
			answers: []answer{shows(200, pageOf(ref("Application")), "All of them.")},
			refuses: []refusal{notFound},
		},
		{
			route: "DELETE {base}/admin/api/users/{id}/applications/{client}", id: "withdrawForUser", summary: "Take back what a user has let a client do",
			answers: []answer{done("Its tokens have ended, and the user is asked again next time.")},
			refuses: []refusal{notFound},
		},
	},
	schemas: ordered[schema]{
		{"Client", object(append([]property{
			must("client_id", text),
			must("name", text),
			may("client_secret", secret.says("Once, when it is made.")),
			must("created_at", moment),
			must("updated_at", moment),
			may("registered_by", text.says("Id of the initial access token by which it has registered itself. Absent: an administrator has.")),
			must("secrets", listOf(ref("ClientSecret")).says("The newest first: two while one takes the place of the other.")),
		}, always(registered, "redirect_uris", "post_logout_redirect_uris", "grant_types", "scopes", "resources", "roles",
			"token_endpoint_auth_method", "id_token_signed_response_alg")...)...)},
		{"InitialToken", object(
			must("id", text), must("name", text), may("token", secret.says("Once, when it is made.")), must("scopes", texts),
			must("uses", integer.says("That are left.")), may("created_by", text.says("Subject. Absent: the command line.")),
			must("created_at", moment), must("expires_at", moment),
		)},
		{"ClientSecret", object(must("created_at", moment), must("expires_at", moment.orNull().says("Null: never.")))},
		{"ClientAuthMethod", oneOf("client_secret_basic", "client_secret_post", "private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth", "none")},
		{"GrantType", oneOf("authorization_code", "refresh_token", "client_credentials", "urn:ietf:params:oauth:grant-type:device_code", "urn:ietf:params:oauth:grant-type:token-exchange")},
		{"IDTokenAlg", oneOf("RS256", "PS256", "ES256", "EdDSA")},
	},
}

var picture = text.says("PNG in base64, of up to 32 KiB and 512 × 512 pixels.")

// registered is what is registered of a client, with the names of RFC 7591 where it has
// them.
var registered = []property{
	may("client_uri", text.says("Page about it, with https.")),
	may("logo_uri", text.says("With https. It is not loaded: see `logo`.")),
	may("policy_uri", text.says("With https.")),
	may("tos_uri", text.says("With https.")),
	may("first_party", boolean.or(false).says("One of your own: nobody is asked for consent.")),
	may("redirect_uris", texts.says("Where people are led back to: these very addresses, and of `http://127.0.0.1` and `http://[::1]` any port. Needed for `authorization_code`.")),
	may("post_logout_redirect_uris", texts.says("Where they may be led after signing out.")),
	may("grant_types", listOf(ref("GrantType")).says("Left out: `authorization_code`, and `refresh_token` unless it is public.")),
	may("scopes", texts.says("All that it may ask for: scopes of OpenID Connect, and permissions such as `post:read` and `post:*`. Left out: `openid`, `profile` and `email`.")),
	may("resources", texts.says("Audiences that it may ask tokens for, beside the issuer (RFC 8707). Each is defined: see `resources`.")),
	may("may_impersonate", boolean.or(false).says("Tokens that it exchanges need not say that it acts (RFC 8693 §1.1).")),
	may("serves_resources", texts.says("Resources that it is itself: it may introspect, and exchange, tokens for them. Not for public clients.")),
	may("token_endpoint_auth_method", ref("ClientAuthMethod").says("How it proves which client it is. Left out: `client_secret_basic`. A public client has `none`.")),
	may("jwks", free.says("Its public keys (RFC 7517 §5), for `private_key_jwt` and `self_signed_tls_client_auth`.")),
	may("jwks_uri", text.says("Where they are, instead; with https.")),
	may("id_token_signed_response_alg", ref("IDTokenAlg").says("Left out: `RS256`.")),
	may("allow_no_pkce", boolean.or(false).says("Of a confidential client that cannot do PKCE: a nonce must do.")),
	may("require_pushed_authorization_requests", boolean.or(false).says("RFC 9126.")),
	may("dpop_bound_access_tokens", boolean.or(false).says("RFC 9449: it gets no other tokens.")),
	may("access_token_format", oneOf("jwt", "opaque").says("Left out: `jwt`, which services verify and the client can read. What is opaque only this server can: services introspect it.")),
	may("subject_type", oneOf("public", "pairwise").says("With `pairwise` it knows people and sessions by names of its own (OpenID Connect Core 1.0 §8.1), and its access tokens are opaque. Left out: `public`.")),
	may("sector_identifier_uri", text.says("Where a JSON list has all its `redirect_uris`, and those of others that know people by the same names. Left out: the host of its `redirect_uris`, which must have one.")),
	may("tls_client_certificate_bound_access_tokens", boolean.or(false).says("RFC 8705 §3: it gets no other tokens.")),
	may("tls_client_auth_subject_dn", text.says("With `tls_client_auth`, one of the five: the whole subject of its certificates, as RFC 4514 writes it.")),
	may("tls_client_auth_san_dns", text.says("Or a DNS name in them.")),
	may("tls_client_auth_san_uri", text.says("Or a URI in them.")),
	may("tls_client_auth_san_ip", text.says("Or an IP address in them.")),
	may("tls_client_auth_san_email", text.says("Or an e-mail address in them.")),
	may("require_signed_request_object", boolean.or(false).says("RFC 9101: it must sign its authorization requests.")),
	may("profile", oneOf("fapi2").says("Rules that it follows all of: the FAPI 2.0 Security Profile. What these leave open is filled in.")),
	may("backchannel_logout_uri", text.says("Where it is told that a session has ended in which it got an ID token (OpenID Connect Back-Channel Logout 1.0); with https.")),
	may("backchannel_logout_session_required", boolean.or(false).says("Makes no difference: a logout token always has `sid`.")),
	may("disabled", boolean.or(false).says("It can do nothing, nor can any token that it has.")),
	may("roles", texts.says("When it acts for itself.")),
}

// ours is what is shown of a client and never set.
var ours = []property{
	may("secrets", listOf(free).says("Makes no difference.")),
	may("registered_by", text.says("Makes no difference.")),
	may("created_at", text.says("Makes no difference.")),
	may("updated_at", text.says("Makes no difference.")),
}

// always is the properties, those that are named being there in any case.
func always(properties []property, names ...string) []property {
	all := make([]property, len(properties))
	for i, p := range properties {
		for _, name := range names {
			p.required = p.required || p.name == name
		}
		all[i] = p
	}
	return all
}
