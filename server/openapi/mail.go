package openapi

var byMail = group{
	tag: "by mail",
	says: "What people do by a link or a code out of a mail. Both work once, for 10 minutes, and the newest mail replaces those before it. " +
		"To open the link only looks: to redeem it takes a POST. Nothing but the mailbox tells whether an account exists.",
	operations: []operation{
		{
			route: "POST {base}/password/forgot", id: "forgotPassword", summary: "Ask for a new password", form: true,
			body: read(asking), answers: []answer{asked},
		},
		{
			route: "POST {base}/password/reset", id: "resetPassword", summary: "Set a new password", form: true,
			says:    "Whoever is signed in to the account is signed out. A second factor is asked for as ever.",
			body:    read(body(append(bringing, must("new_password", secret))...)),
			answers: []answer{done("Set.")},
			refuses: []refusal{invalidToken, weakPassword, rateLimited},
		},
		{
			route: "POST {base}/link", id: "sendLink", summary: "Ask for a link to sign in", form: true,
			body: read(asking), answers: []answer{asked},
		},
		{
			route: "POST {base}/link/redeem", id: "redeemLink", summary: "Sign in by a link or a code", form: true,
			body: read(body(append(append(bringing,
				may("org", text.says("Slug or id of an organization that you are a member of, to act in it. Left out: none."))), holding...)...)),
			answers: []answer{shows(200, ref("SignedIn"), "Signed in.")},
			refuses: []refusal{invalidToken, rateLimited},
		},
		{
			route: "POST {base}/email/verify", id: "verifyEmail", summary: "Prove an address", form: true,
			says: "By who is signed in to the account, or has the ticket of a registration. A registration can also be finished by the link and a new password.",
			body: read(body(
				may("token", secret.says("Of the link.")), may("code", secret.says("From the mail.")),
				may("ticket", secret.says("Of a registration.")), may("new_password", secret),
			)),
			answers: []answer{done("Proved.")},
			refuses: []refusal{invalidToken, unauthenticated, weakPassword},
		},
		{
			route: "POST {base}/email/change", id: "changeEmail", summary: "Ask for another address of the account, or to prove the one that it has", form: true,
			scope:   "account:write",
			says:    "A mail goes there; the address counts once it is proved. Then the old one is told, with a link to take it back.",
			body:    read(body(must("email", text))),
			answers: []answer{done("The mail is on its way.")},
			refuses: []refusal{rateLimited},
		},
		{
			route: "POST {base}/email/undo", id: "undoEmailChange", summary: "Take back the change of an address", form: true,
			says:    "By the link that went to the old address, within 7 days. Sessions, password, API keys, known devices, and what was set up to sign in with since a day before the change end; a mail leads to a new password.",
			body:    read(body(must("token", secret.says("Of the link.")))),
			answers: []answer{done("Taken back.")},
			refuses: []refusal{invalidToken},
		},
		askPage("/password/forgot", "forgotPage", "Page to ask for a new password"),
		mailPage("/password/reset", "resetPage", "Page to set a new password"),
		askPage("/link", "linkPage", "Page to ask for a link to sign in"),
		mailPage("/link/redeem", "redeemPage", "Page to sign in by a link or a code"),
		mailPage("/email/verify", "verifyPage", "Page to prove an address"),
		mailPage("/email/undo", "undoPage", "Page to take back the change of an address"),
	},
}

// mailPage is a page to which a link of a mail may lead: with a token, it answers with
// the same address without it.
func mailPage(path, id, summary string) operation {
	return operation{
		route: "GET {base}" + path, id: id, summary: summary,
		query: []parameter{
			optional("token", secret.says("Of a link. It moves to a cookie.")), optional("sent", text.says("Say that a mail is on its way.")),
			optional("return_to", text.says("Path to go on with.")),
		},
		answers: []answer{page("The page."), leads("The same page, without the token in its address.")},
	}
}

// askPage asks for a name.
func askPage(path, id, summary string) operation {
	return operation{
		route: "GET {base}" + path, id: id, summary: summary,
		query:   []parameter{optional("return_to", text.says("Path to go on with."))},
		answers: []answer{page("The page.")},
	}
}

var (
	asking = body(
		must("identifier", text.says("User name or address.")),
		may("return_to", text.says("Of a form: the path to go on with.")),
	)
	asked    = shows(202, object(must("status", schema{Type: "string", Const: "accepted"})), "The same, whoever it is.")
	bringing = []property{
		may("token", secret.says("Of the link.")),
		may("code", secret.says("From the mail, with the identifier.")),
		may("identifier", text.says("User name or address.")),
	}
)
