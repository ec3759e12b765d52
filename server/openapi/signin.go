package openapi

var signIn = group{
	tag:  "sign-in",
	says: "The way in and out. `mode` says how you want to hold what you get.",
	operations: []operation{
		{
			route: "POST {base}/register", id: "register", summary: "Make an account and sign in", form: true,
			body: read(ref("Registration")),
			answers: []answer{
				shows(201, ref("SignedIn"), "Signed in to the new account."),
				shows(202, object(must("status", schema{Type: "string", Const: "verification_sent"}), must("ticket", secret.says("For `/email/verify`, with the code."))),
					"Where addresses are names: the same whether the address is somebody's or not. The mailbox says the rest."),
			},
			refuses: []refusal{usernameTaken, weakPassword},
		},
		{
			route: "POST {base}/login", id: "signIn", summary: "Sign in with a password", form: true,
			body:    read(ref("SignIn")),
			answers: []answer{shows(200, ref("SignedIn"), "Signed in. A session that the browser had before is ended.")},
			refuses: []refusal{invalidCredentials, forbidden, rateLimited},
		},
		{
			route: "POST {base}/mfa", id: "secondFactor", summary: "Finish a sign-in with a second factor", form: true,
			says: "Five wrong answers, whichever ticket they come with, are followed by a pause that grows.",
			body: read(body(
				may("ticket", secret.says("What the first step answered. Left out: the one in the cookie of the pages.")),
				must("method", factorMethod),
				may("code", text.says("Of a code.")),
				may("credential", free.says("Of a passkey: the browser's answer.")),
				may("trust_device", boolean.or(false).says("Do not ask again on this device for a while: with cookies only.")),
			)),
			answers: []answer{shows(200, ref("SignedIn"), "Signed in.")},
			refuses: []refusal{invalidCredentials, invalidToken, rateLimited},
		},
		{
			route: "POST {base}/step-up", id: "stepUp", summary: "Confirm within a session who you are", form: true,
			says: "After it, what needs a fresh or a stronger sign-in is allowed. A session cookie gets a new value; who comes with a token " +
				"gets a new access token. Who has a second factor confirms with it, others with the password.",
			body: read(body(
				must("method", factorMethod),
				may("password", secret.says("For the method `password`.")),
				may("code", text.says("Of a code.")),
				may("credential", free.says("Of a passkey: the browser's answer.")),
				may("return_to", text.says("Of a form: the path to go on with.")),
			)),
			answers: []answer{shows(200, object(
				must("status", schema{Type: "string", Const: "confirmed"}),
				may("access_token", secret),
				may("token_type", schema{Type: "string", Const: "Bearer"}),
				may("expires_in", integer.says("Seconds that the access token lives.")),
			), "Confirmed.")},
			refuses: []refusal{invalidCredentials, rateLimited},
		},
		{
			route: "POST {base}/refresh", id: "refresh", summary: "Get the next pair of tokens",
			says: "A refresh token that is used again within 30 seconds gets the same successor, so that two tabs or a retry never " +
				"sign anybody out. Later, the second use ends the sign-in.",
			accepts: []security{{byRefresh: {}}, {}},
			body:    read(body(may("refresh_token", secret.says("Left out: the one in the refresh cookie.")))),
			answers: []answer{shows(200, ref("Tokens"), "The next tokens. If the cookie was used, it holds the next refresh token.")},
			refuses: []refusal{unauthenticated, invalidToken, crossOrigin},
		},
		{
			route: "POST {base}/logout", id: "signOut", summary: "Sign out", form: true,
			says:    "The session, its refresh tokens and its access tokens are dead everywhere at once.",
			body:    read(body(may("everywhere", boolean.or(false).says("End all sign-ins of this account.")))),
			answers: []answer{done("Signed out.")},
		},
	},
	schemas: ordered[schema]{
		{"SignIn", body(append(
			[]property{
				may("identifier", text.says("User name or address.")),
				may("username", text),
				may("email", text),
				must("password", secret),
				may("org", text.says("Slug or id of an organization that you are a member of, to act in it. Left out: none.")),
			}, holding...)...).exactlyOne("identifier", "username", "email")},
		{"Registration", body(append(
			[]property{
				may("username", text.says("At most 64 characters. Needed, unless addresses are names: then left out.")),
				may("email", text.says("At most 254 characters.")),
				must("password", secret),
			}, holding...)...)},
		{"SignedIn", object(
			must("status", oneOf("signed_in", "mfa_required", "mfa_enrolment_required")),
			may("ticket", secret.says("For the second step, if one is required.")),
			may("methods", listOf(factorMethod).says("By which the second step can be done, or a factor can be enrolled.")),
			may("user", ref("User")),
			may("access_token", secret.says("Unless the mode is `cookie`.")),
			may("token_type", schema{Type: "string", Const: "Bearer"}),
			may("expires_in", integer.says("Seconds that the access token lives.")),
			may("refresh_token", secret.says("Unless it is in a cookie.")),
		)},
		{"Tokens", object(
			must("access_token", secret),
			must("token_type", schema{Type: "string", Const: "Bearer"}),
			must("expires_in", integer.says("Seconds that the access token lives.")),
			may("refresh_token", secret.says("Unless it is in the cookie.")),
		)},
		{"Problem", problem},
	},
}

var factorMethod = oneOf("passkey", "totp", "recovery", "email", "sms", "password")

// holding says how the caller wants to hold what a sign-in gives.
var holding = []property{
	may("mode", oneOf("", "cookie", "refresh_cookie").or("").says("Left out, tokens in the body; `cookie`, a session cookie and no tokens; "+
		"`refresh_cookie`, the access token in the body and the refresh token in a cookie for its one path.")),
	may("return_to", text.says("Of a form: the path to go on with.")),
}

// problem is every refusal. Beside those below, a program that embeds the server
// may add members.
var problem = func() schema {
	s := object(
		must("type", text.says("URI of the kind of problem, or `about:blank`.")),
		must("title", text),
		must("status", integer),
		must("code", text.says("Stable, for programs.")),
		may("detail", text.says("For people: what happened and what to do.")),
		may("trace_id", text.says("Finds the request in the log.")),
		may("decision_id", text.says("Names the decision of the policy.")),
		may("scope", text.says("What the credential's scope lacks.")),
		may("member", text.says("The member of the request that cannot be accepted.")),
		may("reason", text.says("Why a password is weak (`too_short`, `too_long`, `common`, `context`, `invalid`), or a code refused (`code_letter`, `code_used`, …).")),
		may("errors", listOf(ref("PolicyMistake")).says("Everything that is wrong with a policy.")),
	)
	s.Others = true
	return s
}()
