package openapi

var pages = group{
	tag:  "pages",
	says: "For people. They work without JavaScript.",
	operations: []operation{
		{
			route: "GET {base}/login", id: "signInPage", summary: "Sign-in page",
			query: []parameter{
				optional("return_to", text.says("Path to go on with after signing in.")),
				optional("signed_out", text.says("Say so.")),
				optional("done", text.says("Say what was done, or not.")),
				optional("step_up", text.says("Say that a fresh sign-in is needed.")),
			},
			answers: []answer{page("The page.")},
		},
		{
			route: "GET {base}/mfa", id: "secondFactorPage", summary: "Page for the second step of a sign-in",
			query:   []parameter{optional("method", text.says("Way to do it.")), codeSent},
			answers: []answer{page("The page.")},
			refuses: []refusal{invalidToken},
		},
		{
			route: "GET {base}/step-up", id: "stepUpPage", summary: "Page to confirm who you are",
			query: []parameter{
				optional("return_to", text.says("Path to go on with.")),
				optional("method", text.says("Way to do it.")), codeSent,
				optional("acr", text.says("Level that is asked for.")),
			},
			answers: []answer{page("The page.")},
		},
		{
			route: "GET {base}/register", id: "registerPage", summary: "Registration page",
			query:   []parameter{optional("return_to", text.says("Path to go on with."))},
			answers: []answer{page("The page.")},
		},
		{
			route: "GET {base}/{$}", id: "accountPage", summary: "Your account",
			answers: []answer{page("The page.")},
		},
		{
			route: "GET {base}/password", id: "passwordPage", summary: "Page to change your password",
			answers: []answer{page("The page.")},
		},
		{
			route: "GET {base}/email", id: "emailPage", summary: "Page of your address", scope: "account:read",
			answers: []answer{page("The page.")},
		},
		{
			route: "GET {base}/email/new", id: "newEmailPage", summary: "Page to change your address",
			answers: []answer{page("The page.")},
		},
		{
			route: "GET {base}/api-keys/new", id: "newKeyPage", summary: "Page to make an API key",
			answers: []answer{page("The page.")},
		},
		{
			route: "GET {base}/data", id: "dataPage", summary: "Page of your data",
			answers: []answer{page("The page.")},
		},
		{
			route: "GET {base}/leave", id: "leavePage", summary: "Page to delete your account",
			answers: []answer{page("The page.")},
		},
		{
			route: "GET {base}/logout", id: "signOutPage", summary: "Page to sign out",
			answers: []answer{page("The page.")},
		},
		{
			route: "GET {base}/setup/{code}", id: "setUpPage", summary: "Page for the first administrator",
			answers: []answer{page("The page.")},
			refuses: []refusal{notFound},
		},
		{
			route: "POST {base}/setup/{code}", id: "setUp", summary: "Make the first administrator", form: true,
			says: "The link is shown once to whoever starts the server, and works once.",
			body: read(body(must("username", text), may("email", text), must("password", secret))),
			answers: []answer{shows(201, object(must("status", schema{Type: "string", Const: "signed_in"}), must("user", ref("User"))),
				"Signed in by a session cookie.").with("Set-Cookie", "The session.")},
			refuses: []refusal{notFound, weakPassword},
		},
	},
}

var running = group{
	tag:  "operations",
	says: "For what runs the server, and for programs that want to know what it answers.",
	operations: []operation{
		{
			route: "GET {base}/openapi.json", id: "openapi", summary: "This description",
			answers: []answer{shows(200, free, "An OpenAPI 3.1 document.").with("ETag", "Of this version.")},
		},
		{
			route: "GET {base}/dev/mail", id: "devMail", summary: "Messages that wait",
			says: "Only on loopback, while no mail server or no gateway for text messages is set up, and only from the same machine: " +
				"what they hold opens accounts.",
			query: []parameter{optional("to", text.says("Only those to this address or number."))},
			answers: []answer{shows(200, object(must("items", listOf(object(
				must("id", text), must("channel", oneOf("email", "sms")), must("kind", text), must("to", text), must("lang", text),
				must("subject", text), must("text", text), may("link", text), may("code", text), must("created_at", moment), must("expires_at", moment),
			)))), "Newest first.").orPage()},
		},
		{
			route: "GET /healthz", id: "health", summary: "Does the process live?",
			answers: []answer{plain(200, "It does.")},
		},
		{
			route: "GET /readyz", id: "ready", summary: "Can requests be served?",
			answers: []answer{plain(200, "They can.")},
		},
		{
			route: "GET /{$}", id: "home", summary: "To the account page",
			answers: []answer{leads("The account page.")},
		},
	},
}

var codeSent = optional("sent", text.says("A code was sent; in how many seconds another can be."))
