package openapi

// groups is everything that is described, in the order of the document.
var groups = []group{
	signIn, byMail, passkeys, social, ownAccount, factors, memberships, questions, authzen, oauth, forwarding, streams, signals, users, roles, grants, policies, decisions, organizations, clients, resources, sessions, certificates, signingKeys, auditLog, pages, running,
}

// apiVersion is that of the contract: it changes when a client would have to.
const apiVersion = "1"

const introduction = `JSON in, JSON out: UTF-8; unknown and repeated members are refused; bodies have at most 64 KiB, and 1 MiB where they hold a policy.
Times are RFC 3339 in UTC, ids are opaque strings, lists are ` + "`{items, next_cursor}`" + `.

Errors are ` + "`application/problem+json`" + ` (RFC 9457) with a stable ` + "`code`" + `. A browser that navigates gets pages instead:
the sign-in page for a 401, a page that says the same for other problems, and for a refused form the form again (422).

` + "`x-permission`" + ` is the permission that a caller must hold, and ` + "`x-resource`" + ` the type of the object on which.
` + "`x-scope`" + ` is what the scope of a limited credential must reach for where no permission is needed.
` + "`x-fresh-seconds`" + ` is how long ago the sign-in may be; ` + "`x-limit`" + ` names the limit that a request spends from.

A cookie beside an ` + "`Authorization`" + ` header is ignored; any other two credentials at once are refused, and so is one in the query.`
