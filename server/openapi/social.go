package openapi

var (
	signInRefused       = refusal{400, "sign_in_refused", "", "the answer belongs to another browser, provider or attempt, was used already, came too late, or does not verify"}
	accountClosed       = refusal{403, "account_closed", "", "the account that the sign-in is connected with cannot be used"}
	registrationClosed  = refusal{403, "registration_closed", "", "nobody can register by themselves, and the sign-in is not connected with an account"}
	addressTaken        = refusal{409, "address_taken", "", "an account has proved the address already: its owner signs in as always, and connects the provider then"}
	addressUnproved     = refusal{409, "address_unproved", "", "accounts have the address and never proved it: say what is to become of them"}
	alreadyConnected    = refusal{409, "already_connected", "", "it is connected with another account, or the account with another one of that provider"}
	providerUnavailable = refusal{503, "provider_unavailable", "", "the provider cannot be reached, or answers nonsense"}
)

// answered are the parameters of a callback.
var answered = []property{
	may("code", secret.says("For which we get a token.")),
	may("state", text.says("That of the attempt.")),
	may("iss", text.says("Who answers (RFC 9207).")),
	may("error", text.says("In place of a code.")),
	may("error_description", text), may("error_uri", text), may("scope", text), may("session_state", text), may("user", text), may("id_token", text),
}

func queryOf(properties []property) (all []parameter) {
	for _, p := range properties {
		all = append(all, optional(p.name, p.schema))
	}
	return all
}

var social = group{
	tag: "sign in with",
	says: "Sign in with an account elsewhere, connect one with the account here, disconnect it. Whose an account elsewhere is say its issuer and subject, never its " +
		"address. A browser does this: what belongs to an attempt lies in a cookie of its own, is good once and for ten minutes.",
	operations: []operation{
		{
			route: "GET {base}/social/{provider}", id: "socialBegin", summary: "Go to the provider",
			query:   []parameter{optional("return_to", text.says("Path to go on with after signing in."))},
			answers: []answer{leads("The provider.")},
			refuses: []refusal{notFound, providerUnavailable},
		},
		{
			route: "GET {base}/social/{provider}/callback", id: "socialCallback", summary: "Come back from the provider",
			says:  "A browser that navigates gets 303 to the next page.",
			query: append(queryOf(answered), optional("posted", text.says("The answer was posted, and waits in a cookie."))),
			answers: []answer{
				shows(200, ref("SignedIn"), "Signed in with a session cookie, or on the way to it."),
				leads("The page that asks for a user name, or that of what is connected."),
			},
			refuses: []refusal{signInRefused, accountClosed, registrationClosed, addressTaken, alreadyConnected, notFound, providerUnavailable},
		},
		{
			route: "POST {base}/social/{provider}/callback", id: "socialPosted", summary: "Be posted an answer by a provider", form: true,
			says:    "It comes from another site, without our cookies: it is taken in, and looked at by the GET that follows.",
			body:    read(body(answered...)),
			answers: []answer{leads("The callback.")},
			refuses: []refusal{signInRefused, notFound},
		},
		{
			route: "GET {base}/social/{provider}/register", id: "socialRegisterPage", summary: "Page that asks for a user name",
			answers: []answer{page("The page.")},
			refuses: []refusal{signInRefused, notFound},
		},
		{
			route: "POST {base}/social/{provider}/register", id: "socialRegister", summary: "Make an account with that user name", form: true,
			body: read(body(
				must("username", text.says("At most 64 characters.")),
				may("claim", text.says("`yes`: accounts that have the address and never proved it lose it, and every way into them.")),
			)),
			answers: []answer{shows(200, ref("SignedIn"), "Signed in to the new account with a session cookie.")},
			refuses: []refusal{signInRefused, addressTaken, addressUnproved, usernameTaken, notFound},
		},
		{
			route: "GET {base}/identities", id: "identities", summary: "List what you have connected", scope: "account:read",
			answers: []answer{shows(200, pageOf(ref("Identity")), "What is connected.").orPage()},
		},
		{
			route: "POST {base}/social/{provider}/link", id: "socialLink", summary: "Begin to connect a provider", scope: "account:write", form: true, stays: true,
			says:    "Only with a session cookie: the provider is connected when that session comes back from it.",
			body:    read(body()),
			answers: []answer{shows(200, object(must("location", text.says("Where the browser is to go."))), "It has begun.").orPage()},
			refuses: []refusal{notFound, providerUnavailable},
		},
		{
			route: "POST {base}/social/{provider}/unlink", id: "socialUnlinkForm", summary: "Disconnect a provider, by a form", scope: "account:write", form: true,
			body:    read(body()),
			answers: []answer{done("It is disconnected.")},
			refuses: []refusal{notFound, lastWayIn},
		},
		{
			route: "DELETE {base}/social/{provider}", id: "socialUnlink", summary: "Disconnect a provider", scope: "account:write",
			says:    "A session goes on with a new cookie.",
			answers: []answer{done("It is disconnected.")},
			refuses: []refusal{notFound, lastWayIn},
		},
	},
	schemas: ordered[schema]{
		{"Identity", object(
			must("provider", text),
			must("name", text.says("Of the provider, for people.")),
			may("email", text.says("As the provider knows the person.")),
			must("created_at", moment),
			must("last_used_at", moment),
		)},
	},
}
