package openapi

import "net/http"

var streams = group{
	tag:  "streams",
	says: "Server-sent events. They go on until the reader ends them, the server stops, or the credential no longer counts.",
	operations: []operation{
		{
			route: "GET {base}/revocations", id: "revocations", summary: "Follow what is revoked",
			says: "For services that verify tokens themselves: the revocation log and the policy, as they grow. docs/revocation.md describes the events. " +
				"Compressed if the request accepts gzip.",
			query:   []parameter{optional("cursor", text.says("The `id` of the last event that was read. Left out, or of another log: everything."))},
			headers: []parameter{optional("Last-Event-ID", text.says("The same, if there is no parameter."))},
			answers: []answer{{status: http.StatusOK, says: "Events: `hello`, `policy`, `reset`, `entries`, `beat`.", kind: "text/event-stream", schema: &text}},
		},
	},
}
