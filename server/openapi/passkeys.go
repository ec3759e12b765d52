package openapi

var passkeys = group{
	tag: "passkeys",
	says: "WebAuthn. What `public_key` holds is for `PublicKeyCredential.parseCreationOptionsFromJSON` or `parseRequestOptionsFromJSON`, and " +
		"`credential` is what `toJSON` makes of the answer. A challenge is good once, for five minutes.",
	operations: []operation{
		{
			route: "POST {base}/passkeys/login/options", id: "beginPasskeySignIn", summary: "Ask for a passkey to sign in with",
			body:    read(body()),
			answers: []answer{shows(200, ref("PasskeyRequest"), "Options for `navigator.credentials.get`, of whichever passkey the person chooses.")},
		},
		{
			route: "POST {base}/passkeys/login", id: "signInByPasskey", summary: "Sign in with a passkey", form: true,
			body: read(body(append(
				[]property{
					must("ticket", secret.says("Of the options.")),
					must("credential", credential),
					may("org", text.says("Slug or id of an organization that you are a member of, to act in it. Left out: none.")),
				}, holding...)...)),
			answers: []answer{shows(200, ref("SignedIn"), "Signed in. A session that the browser had before is ended.")},
			refuses: []refusal{passkeyRefused, unknownPasskey, forbidden},
		},
		{
			route: "POST {base}/passkeys/factor/options", id: "beginPasskeyFactor", summary: "Ask for a passkey as a second factor",
			says:    "For the sign-in that a ticket stands for. The answer goes to `POST /mfa`.",
			body:    read(body(may("ticket", secret.says("Of a sign-in that needs a second factor. Left out: the one in the cookie of the pages.")))),
			answers: []answer{shows(200, ref("PasskeyRequest"), "Options for `navigator.credentials.get`, of that account's passkeys alone.")},
			refuses: []refusal{invalidToken, notFound},
		},
		{
			route: "POST {base}/passkeys/step-up/options", id: "beginPasskeyStepUp", summary: "Ask for a passkey to confirm your session",
			says:    "The answer goes to `POST /step-up`.",
			body:    read(body()),
			answers: []answer{shows(200, ref("PasskeyRequest"), "Options for `navigator.credentials.get`, of your own passkeys alone.")},
			refuses: []refusal{notFound},
		},
		{
			route: "GET {base}/passkeys/new", id: "newPasskeyPage", summary: "Page to make a passkey",
			answers: []answer{page("The page.")},
			refuses: enrolling,
		},
		{
			route: "GET {base}/passkeys", id: "passkeys", summary: "List your passkeys", scope: "account:read",
			answers: []answer{shows(200, pageOf(ref("Passkey")), "The passkeys.").orPage()},
		},
		{
			route: "POST {base}/passkeys/options", id: "beginPasskey", summary: "Ask for a new passkey", scope: "account:write",
			body:    read(body(ticketMember)),
			answers: []answer{shows(200, ref("PasskeyCreation"), "Options for `navigator.credentials.create`. The answer must come by the same session, or with the same ticket.")},
			refuses: append([]refusal{tooManyPasskeys}, enrolling...),
		},
		{
			route: "POST {base}/passkeys", id: "addPasskey", summary: "Keep a new passkey", scope: "account:write", form: true,
			says: "A first second factor comes with recovery codes.",
			body: read(body(
				ticketMember,
				may("name", text.says("At most 64 characters. Left out: one after the device.")),
				must("credential", credential),
			)),
			answers: []answer{
				shows(201, ref("Passkey"), "It signs in from now on. A session goes on with a new cookie."),
				shows(200, ref("Enrolled"), "With a ticket: signed in.").orPage(),
			},
			refuses: append([]refusal{passkeyTaken, tooManyPasskeys, conflict}, enrolling...),
		},
		{
			route: "PATCH {base}/passkeys/{id}", id: "renamePasskey", summary: "Rename one of your passkeys", scope: "account:write",
			body:    read(body(must("name", text.says("At most 64 characters.")))),
			answers: []answer{shows(200, ref("Passkey"), "It has the name.")},
			refuses: []refusal{stepUp, notFound},
		},
		{
			route: "DELETE {base}/passkeys/{id}", id: "removePasskey", summary: "Remove one of your passkeys", scope: "account:write",
			says:    "Recovery codes go with the last second factor.",
			answers: []answer{done("It signs in no more. A session goes on with a new cookie.")},
			refuses: []refusal{notFound, lastWayIn, conflict},
		},
		{
			route: "POST {base}/passkeys/{id}/rename", id: "renamePasskeyByForm", summary: "Rename one of your passkeys, for pages", scope: "account:write", form: true,
			body:    read(body(must("name", text))),
			answers: []answer{shows(200, ref("Passkey"), "It has the name.")},
			refuses: []refusal{stepUp, notFound},
		},
		{
			route: "POST {base}/passkeys/{id}/remove", id: "removePasskeyByForm", summary: "Remove one of your passkeys, for pages", scope: "account:write", form: true,
			answers: []answer{done("It signs in no more.")},
			refuses: []refusal{notFound, lastWayIn, conflict},
		},
		{
			route: "POST {base}/passkeys/offer", id: "dismissPasskeyOffer", summary: "Offer no passkey for 30 days, for pages", form: true,
			body:    read(body()),
			answers: []answer{done("This browser is not asked.")},
		},
		{
			route: "GET /.well-known/webauthn", id: "relatedOrigins", summary: "Origins of other domains that may use the passkeys",
			says:    "WebAuthn 3 §5.11.1. Where none are configured, there is nothing here.",
			answers: []answer{shows(200, object(must("origins", texts)), "The origins.")},
			refuses: []refusal{notFound},
		},
	},
	schemas: ordered[schema]{
		{"Passkey", object(
			must("id", text),
			must("name", text),
			must("synced", boolean.says("Its device may copy it to others.")),
			must("backed_up", boolean.says("And has.")),
			must("created_at", moment),
			must("last_used_at", moment.orNull()),
			may("recovery_codes", listOf(secret).says("Of a new one that is the first second factor, this once.")),
		)},
		{"PasskeyCreation", object(must("public_key", free.says("PublicKeyCredentialCreationOptionsJSON (WebAuthn 3 §5.1.8).")))},
		{"PasskeyRequest", object(
			may("ticket", secret.says("Of a sign-in: to be sent along with the answer.")),
			must("public_key", free.says("PublicKeyCredentialRequestOptionsJSON (WebAuthn 3 §5.1.9).")),
		)},
	},
}

// credential is what a browser answers of a passkey.
var credential = free.says("RegistrationResponseJSON or AuthenticationResponseJSON (WebAuthn 3 §5.1). A form sends it as text.")
