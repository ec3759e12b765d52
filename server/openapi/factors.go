package openapi

var factors = group{
	tag: "second factors",
	says: "What a person sets up to show beside a password. With a session it takes a fresh sign-in, and a factor if there is one. Who got `mfa_enrolment_required` sends " +
		"the ticket instead, and is signed in with the first good code.",
	operations: []operation{
		{
			route: "GET {base}/factors", id: "factors", summary: "List your second factors", scope: "account:read",
			answers: []answer{shows(200, ref("Factors"), "Those that count.").orPage()},
		},
		{
			route: "GET {base}/totp", id: "totpPage", summary: "Page for an authenticator app",
			answers: []answer{page("The page.")},
			refuses: enrolling,
		},
		{
			route: "POST {base}/totp", id: "beginTOTP", summary: "Begin to set up an authenticator app", scope: "account:write", form: true,
			says: "The key counts once a code of it came back. Until then it can be made anew, and one that counts stays in force.",
			body: read(body(ticketMember)),
			answers: []answer{shows(200, object(
				must("secret", secret.says("The key in base32, to be typed.")),
				must("otpauth_uri", secret.says("The same for an app.")),
				must("qr_svg", secret.says("The same as a picture to be scanned.")),
			), "A new key.").orPage()},
			refuses: enrolling,
		},
		{
			route: "POST {base}/totp/confirm", id: "confirmTOTP", summary: "Turn the authenticator app on", scope: "account:write", form: true,
			body:    read(body(ticketMember, must("code", secret.says("That the app shows now.")))),
			answers: enrolled,
			refuses: append([]refusal{invalidCredentials, conflict}, enrolling...),
		},
		{
			route: "DELETE {base}/totp", id: "removeTOTP", summary: "Remove the authenticator app", scope: "account:write",
			says:    "Recovery codes go with the last factor. The owner is told by mail.",
			answers: []answer{done("It is removed.")},
			refuses: []refusal{conflict},
		},
		{
			route: "POST {base}/recovery-codes", id: "newRecoveryCodes", summary: "Make new recovery codes", scope: "account:write", form: true, stays: true,
			says:    "The old ones are worth nothing from then on.",
			answers: []answer{shows(200, object(must("recovery_codes", listOf(secret))), "Ten codes, each good once, shown this once.").orPage()},
			refuses: []refusal{conflict},
		},
		{
			route: "POST {base}/recovery-codes/saved", id: "savedRecoveryCodes", summary: "Leave the page of recovery codes", form: true,
			body:    read(body(may("saved", text), may("return_to", text.says("Path to go on with.")))),
			answers: []answer{leads("The next page.")},
		},
		{
			route: "POST {base}/otp", id: "sendCode", summary: "Have a code sent", form: true,
			says:    "With a ticket for `mfa`, without one for `step-up`. Another can be asked for after `resend_in` seconds: before that it is 429. The waits grow until a code was used.",
			body:    read(body(ticketMember, must("channel", channel), may("return_to", text.says("Of the page.")))),
			answers: []answer{shows(202, ref("SentCode"), "It is on its way.")},
			refuses: []refusal{unauthenticated, invalidToken, conflict, rateLimited},
		},
		{
			route: "POST {base}/otp/enrol", id: "beginCodes", summary: "Begin to set up codes by mail or telephone", scope: "account:write", form: true,
			says:    "A code goes to the verified address, or to the number, which is verified by it.",
			body:    read(body(ticketMember, must("channel", channel), may("phone", text.says("With its country code: `+4930123456`.")))),
			answers: []answer{shows(202, ref("SentCode"), "It is on its way."), page("The same.")},
			refuses: append([]refusal{rateLimited}, enrolling...),
		},
		{
			route: "POST {base}/otp/confirm", id: "confirmCodes", summary: "Turn codes by mail or telephone on", scope: "account:write", form: true,
			body: read(body(ticketMember, must("channel", channel), must("code", secret.says("That was sent.")),
				may("phone", text.says("Of the page.")), may("to", text.says("Of the page.")))),
			answers: enrolled,
			refuses: append([]refusal{invalidCredentials, rateLimited}, enrolling...),
		},
		{
			route: "GET {base}/otp/{channel}", id: "codesPage", summary: "Page for codes by mail or telephone",
			answers: []answer{page("The page.")},
			refuses: append([]refusal{notFound}, enrolling...),
		},
		{
			route: "DELETE {base}/otp/{channel}", id: "removeCodes", summary: "Remove codes by mail or telephone", scope: "account:write",
			answers: []answer{done("They are removed.")},
			refuses: []refusal{conflict},
		},
		{
			route: "POST {base}/factors/remove", id: "removeFactor", summary: "Remove a factor, from a page", scope: "account:write", form: true,
			body:    read(body(must("kind", kindOfFactor))),
			answers: []answer{done("It is removed.")},
			refuses: []refusal{conflict},
		},
	},
	schemas: ordered[schema]{
		{"Factors", object(
			must("items", listOf(object(
				must("kind", kindOfFactor),
				may("to", text.says("Where codes go: a hint.")),
				must("created_at", moment),
				must("last_used_at", moment.orNull()),
			))),
			must("recovery_codes_left", integer.between(0, 10)),
		)},
		{"SentCode", object(
			must("channel", channel),
			must("to", text.says("A hint: its owner knows it.")),
			must("expires_at", moment),
			must("resend_in", integer.says("Seconds until another can be asked for.")),
		)},
		{"Enrolled", object(
			may("recovery_codes", listOf(secret).says("With the first factor, this once.")),
			may("status", schema{Type: "string", Const: "signed_in"}.says("With a ticket, and what follows as in `SignedIn`.")),
			may("user", ref("User")),
			may("access_token", secret),
			may("token_type", schema{Type: "string", Const: "Bearer"}),
			may("expires_in", integer),
			may("refresh_token", secret),
		)},
	},
}

var (
	channel      = oneOf("email", "sms")
	kindOfFactor = oneOf("totp", "email", "sms")

	ticketMember = may("ticket", secret.says("Of a sign-in that asks for a factor. Left out: the session."))

	// enrolling is how those refuse who take a ticket or a fresh sign-in.
	enrolling = []refusal{unauthenticated, invalidToken, stepUp, insufficientScope}

	enrolled = []answer{
		shows(200, ref("Enrolled"), "It counts. With a ticket: signed in.").orPage(),
	}
)
