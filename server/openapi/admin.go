package openapi

// The administration, one group a noun. Its permissions are those of the doors.

var users = group{
	tag:  "users",
	says: "Nobody can give, by role or by definition, what they do not hold, nor change who holds more; the last administrator stays one.",
	operations: []operation{
		{
			route: "GET {base}/admin/api/users", id: "users", summary: "List users",
			query: append([]parameter{
				optional("q", text.says("How the user name or address begins.")),
				optional("status", ref("Status")),
			}, paging...),
			answers: []answer{shows(200, pageOf(ref("User")), "One page, by id.")},
		},
		{
			route: "POST {base}/admin/api/users", id: "addUser", summary: "Make a user",
			says: "With roles, it needs the permission `role:assign` as well.",
			body: read(body(
				may("username", text),
				may("email", text),
				may("email_verified", boolean.or(false).says("You vouch for the address: the user can sign in with it, and accept invitations to it.")),
				may("password", secret),
				may("roles", texts),
			)),
			answers: []answer{shows(201, ref("User"), "The new user.").with("Location", "Of the new user.")},
			refuses: []refusal{usernameTaken, weakPassword},
		},
		{
			route: "GET {base}/admin/api/users/{id}", id: "user", summary: "Show a user",
			answers: []answer{shows(200, ref("User"), "The user.")},
			refuses: []refusal{notFound},
		},
		{
			route: "DELETE {base}/admin/api/users/{id}", id: "deleteUser", summary: "Delete a user",
			answers: []answer{done("Gone, with all sessions, tokens and keys.")},
			refuses: []refusal{notFound, conflict},
		},
		{
			route: "POST {base}/admin/api/users/{id}/disable", id: "disableUser", summary: "Disable a user",
			answers: []answer{done("Nothing of theirs works any more.")},
			refuses: []refusal{notFound, conflict},
		},
		{
			route: "POST {base}/admin/api/users/{id}/reset-factors", id: "resetFactors", summary: "Remove a user's second factors",
			says:    "For somebody who has lost them. All their sign-ins end, and they are told by mail; API keys go on.",
			answers: []answer{done("They sign in by their password alone, or set up a factor if one is asked of them.")},
			refuses: []refusal{notFound},
		},
		{
			route: "POST {base}/admin/api/users/{id}/enable", id: "enableUser", summary: "Enable a user",
			says:    "What disabling ended stays ended: they sign in anew.",
			answers: []answer{done("They can sign in again.")},
			refuses: []refusal{notFound},
		},
	},
	schemas: ordered[schema]{
		{"User", object(
			must("id", text),
			may("username", text),
			may("email", text),
			must("email_verified", boolean),
			must("roles", texts),
			must("status", ref("Status")),
			must("created_at", moment),
		)},
		{"Status", oneOf("active", "disabled")},
	},
}

// inOrganization is for roles that are had in one.
var inOrganization = []parameter{optional("org", text.says("Id of the organization that is meant. Left out: everywhere."))}

// atHome says who may besides.
const atHome = "In an organization also for those who hold the permission by a role in it, while they act in it."

var roles = group{
	tag:  "roles",
	says: "What roles permit, and who has them.",
	operations: []operation{
		{
			route: "GET {base}/admin/api/roles", id: "roles", summary: "List roles",
			answers: []answer{shows(200, pageOf(ref("Role")), "All of them.")},
		},
		{
			route: "GET {base}/admin/api/roles/{name}", id: "role", summary: "Show a role",
			answers: []answer{shows(200, ref("Role"), "The role.").with("ETag", "Of this version.")},
			refuses: []refusal{notFound},
		},
		{
			route: "PUT {base}/admin/api/roles/{name}", id: "putRole", summary: "Define a role", headers: ifMatch,
			body: read(body(
				may("name", text.says("The one in the path.")),
				may("permissions", listOf(ref("Permission"))),
				may("inherits", texts.says("Roles whose permissions it has as well.")),
			)),
			answers: []answer{shows(200, ref("Role"), "The role as it is now.").with("ETag", "Of this version.")},
			refuses: []refusal{stale},
		},
		{
			route: "DELETE {base}/admin/api/roles/{name}", id: "deleteRole", summary: "Delete a role", headers: ifMatch,
			answers: []answer{done("Nobody has it any more.")},
			refuses: []refusal{notFound, stale},
		},
		{
			route: "GET {base}/admin/api/assignments", id: "assignments", summary: "List the roles of a user",
			query:   append([]parameter{needed("user", text.says("Id of the user."))}, inOrganization...),
			answers: []answer{shows(200, pageOf(object(must("user", text), must("role", text), may("org", text))), "All of them.")},
			refuses: []refusal{notFound},
		},
		{
			route: "PUT {base}/admin/api/users/{id}/roles/{role}", id: "assignRole", summary: "Give a user a role",
			says: atHome, query: inOrganization,
			answers: []answer{done("In force from the next request on.")},
			refuses: []refusal{notFound, conflict},
		},
		{
			route: "DELETE {base}/admin/api/users/{id}/roles/{role}", id: "unassignRole", summary: "Take a role from a user",
			says: atHome, query: inOrganization,
			answers: []answer{done("In force from the next request on.")},
			refuses: []refusal{notFound, conflict},
		},
	},
	schemas: ordered[schema]{
		{"Role", object(must("name", text), must("permissions", listOf(ref("Permission"))), must("inherits", texts))},
	},
}

var sessions = group{
	tag:  "sessions",
	says: "Signed-in browsers and programs of a user.",
	operations: []operation{
		{
			route: "GET {base}/admin/api/sessions", id: "sessions", summary: "List the sessions of a user",
			query:   []parameter{needed("user", text.says("Id of the user."))},
			answers: []answer{shows(200, pageOf(ref("Session")), "All of them.")},
		},
		{
			route: "DELETE {base}/admin/api/sessions", id: "endSessions", summary: "End all sessions of a user",
			query:   []parameter{needed("user", text.says("Id of the user."))},
			answers: []answer{done("They have ended, with their tokens.")},
		},
		{
			route: "DELETE {base}/admin/api/sessions/{id}", id: "endSession", summary: "End a session",
			answers: []answer{done("It has ended, with its tokens.")},
			refuses: []refusal{notFound},
		},
	},
	schemas: ordered[schema]{
		{"Session", object(
			must("id", text),
			must("user", text),
			must("device", text.says("As the browser says of itself: a hint.")),
			must("address", text),
			must("amr", texts.says("How the sign-in was done (RFC 8176).")),
			must("aal", integer.between(0, 3).says("Assurance level.")),
			must("created_at", moment),
			must("last_seen_at", moment),
			must("expires_at", moment),
		)},
	},
}

var certificates = group{
	tag:  "certificates",
	says: "Client certificates that are a credential of a user: those with a name that is mapped, from a CA that counts. Nobody can map one to a user who holds more than they do.",
	operations: []operation{
		{
			route: "GET {base}/admin/api/users/{id}/certificates", id: "certificates", summary: "List the certificates of a user",
			answers: []answer{shows(200, pageOf(ref("Certificate")), "All of them.")},
			refuses: []refusal{notFound},
		},
		{
			route: "POST {base}/admin/api/users/{id}/certificates", id: "addCertificate", summary: "Map a certificate to a user",
			says: "Either by a name that certificates have, of some `kind`, or this very `certificate`.",
			body: read(body(
				may("kind", ref("CertificateKind")),
				may("value", text.says("As in the certificate: `spiffe://example.org/billing`, `robot.example.org`, `CN=robot,O=Example`, 64 hexadecimal digits.")),
				may("certificate", text.says("In PEM, in place of kind and value. It is mapped by its fingerprint, until it expires.")),
				may("name", text.says("For people.")),
				may("service", boolean.or(false).says("A program that acts for itself, with the roles of the account: its principal is a service.")),
				may("expires_at", moment.orNull()),
			)),
			answers: []answer{shows(201, ref("Certificate"), "It is a credential from now on.")},
			refuses: []refusal{notFound, conflict},
		},
		{
			route: "DELETE {base}/admin/api/users/{id}/certificates/{certificate}", id: "removeCertificate", summary: "End a mapping",
			answers: []answer{done("It is no credential any more, on any node.")},
			refuses: []refusal{notFound},
		},
	},
	schemas: ordered[schema]{
		{"CertificateKind", oneOf("spiffe", "dns", "subject", "fingerprint")},
		{"Certificate", object(
			must("id", text),
			must("user", text),
			must("kind", ref("CertificateKind")),
			must("value", text),
			may("name", text),
			must("service", boolean),
			must("created_at", moment),
			must("expires_at", moment.orNull()),
			must("last_used_at", moment.orNull()),
		)},
	},
}

var signingKeys = group{
	tag:  "keys",
	says: "The keys that sign access tokens.",
	operations: []operation{
		{
			route: "GET {base}/admin/api/keys", id: "signingKeys", summary: "List signing keys",
			answers: []answer{shows(200, pageOf(ref("SigningKey")), "All of them; only what is public.")},
		},
		{
			route: "POST {base}/admin/api/keys/rotate", id: "rotateKey", summary: "Replace the signing key now",
			says:    "The old one goes on verifying what it signed.",
			body:    read(body(may("resource", text.says("Audience whose key is meant; left out: the default one.")))),
			answers: []answer{done("The new key signs.")},
		},
		{
			route: "DELETE {base}/admin/api/keys/{kid}", id: "revokeKey", summary: "End a compromised key",
			says:    "Its tokens die now, whatever they claim.",
			answers: []answer{done("It is dead.")},
			refuses: []refusal{notFound},
		},
		{
			route: "GET /.well-known/jwks.json", id: "jwks", summary: "The keys that verify access tokens",
			answers: []answer{
				{status: 200, says: "A key set (RFC 7517 §5). It may be cached for 10 minutes.", kind: "application/jwk-set+json",
					schema: read(object(must("keys", listOf(ref("JWK")))))},
				plain(503, "There are no keys right now."),
			},
		},
	},
	schemas: ordered[schema]{
		{"SigningKey", object(
			must("kid", text),
			must("alg", oneOf("EdDSA", "ES256", "RS256", "PS256", "HS256")),
			may("resource", text.says("Audience; absent: every other one.")),
			must("state", oneOf("next", "active", "retired", "revoked")),
			must("not_before", moment),
			must("retire_at", moment),
			may("public_jwk", ref("JWK")),
		)},
		{"JWK", schema{Type: "object", Required: []string{"kty", "kid"}, Others: true}.says("A public key (RFC 7517 §4).")},
	},
}

var auditLog = group{
	tag:  "audit",
	says: "Who did what, when and from where.",
	operations: []operation{
		{
			route: "GET {base}/admin/api/audit", id: "audit", summary: "Read the audit log",
			query: append([]parameter{
				optional("actor", text.says("Who did it: an id, `anonymous` or `system`.")),
				optional("action", text.says("What was done: `user.sign_in`.")),
				optional("target", text.says("To whom or what.")),
			}, paging...),
			answers: []answer{shows(200, pageOf(ref("AuditEntry")), "One page, the newest first.")},
		},
	},
	schemas: ordered[schema]{
		{"AuditEntry", object(
			must("id", text),
			must("at", moment),
			must("actor", text),
			must("action", text),
			may("target", text),
			may("org", text),
			must("outcome", oneOf("success", "failure")),
			may("address", text),
			may("trace_id", text),
			may("detail", names),
		)},
	},
}
