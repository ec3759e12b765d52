// Package openapi describes everything that a server answers, as an OpenAPI 3.1
// document at {base}/openapi.json. It is written by hand, in Go, one file a flow;
// what can be known from the routes is taken from them: who may pass, with which
// credentials, and how it refuses. So the document of a server describes the
// routes which that server has, and nothing about a door is said twice.
//
// # Adding an operation
//
// Add it to the group of its flow (signin.go, me.go, admin.go, …):
//
//	{
//		route: "PUT {base}/admin/api/grants", id: "putGrant", summary: "Grant permissions on one object",
//		body:    read(ref("Grant")),
//		answers: []answer{shows(200, ref("Grant"), "The grant as it is now.")},
//		refuses: []refusal{notFound},
//	},
//
// and what it names with ref to the schemas of the group:
//
//	{"Grant", body(must("subject", text), must("permissions", texts.some()))},
//
// An object that is read is a body: it takes no other members. One that is only
// shown is an object: it may get more one day. Refusals of the door (401, 403,
// 429), of every body (413, 415) and of every request (400, 503) are added by
// themselves; name only those of the handler. A new flow is a new file with a
// group, and one line in [groups]. A new problem code is one line in refusal.go, a
// new name in a path one in [pathParameters].
//
// # What keeps it true
//
// The tests of package server fail if one of our routes is not described or a
// described one not there; if anything in any exchange of theirs is not as
// described, body, status, media type or header; and if an operation was never
// answered, or an answer that its description names was never given. For the
// last, let the new operation give its answers in one of the drive functions of
// server/conform_test.go.
package openapi
