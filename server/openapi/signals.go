package openapi

import "net/http"

// receivers are programs: no cookie counts.
var receivers = []security{{byToken: {}}, {byKey: {}}}

var signals = group{
	tag: "signals",
	says: "Shared Signals (SSF 1.0): security events of CAEP 1.0 for other parties, by push (RFC 8935) or poll (RFC 8936). " +
		"A receiver sees its own streams only: those of the subject of its credential. docs/reference/shared-signals.md says which events there are.",
	operations: []operation{
		{
			route: "GET /.well-known/ssf-configuration", id: "ssfConfiguration", summary: "Read what the transmitter can do",
			says:    "SSF 1.0 §7.",
			answers: []answer{shows(http.StatusOK, ref("TransmitterConfiguration"), "The configuration.")},
		},
		{
			route: "GET {base}/ssf/stream", id: "eventStreams", summary: "Read one's streams, or one",
			query: []parameter{optional("stream_id", text.says("Left out: all of them."))}, accepts: receivers,
			answers: []answer{shows(http.StatusOK, schema{OneOf: []schema{ref("EventStream"), listOf(ref("EventStream"))}}, "The stream, or a list of all.")},
			refuses: []refusal{notFound},
		},
		{
			route: "POST {base}/ssf/stream", id: "createEventStream", summary: "Make a stream",
			says: "It carries what happens from then on, about everybody. A receiver has up to 8 streams.",
			body: read(body(
				may("events_requested", texts.says("Types of events; those that are not known are ignored. Left out: all.")),
				may("delivery", ref("EventDelivery").says("Left out: poll.")),
				may("description", text),
			)),
			accepts: receivers,
			answers: []answer{shows(http.StatusCreated, ref("EventStream"), "The stream.")},
			refuses: []refusal{conflict},
		},
		{
			route: "PATCH {base}/ssf/stream", id: "updateEventStream", summary: "Change a stream",
			says: "What is left out stays as it is.",
			body: read(body(sent...)), accepts: receivers,
			answers: []answer{shows(http.StatusOK, ref("EventStream"), "The stream as it is now.")},
			refuses: []refusal{notFound},
		},
		{
			route: "PUT {base}/ssf/stream", id: "replaceEventStream", summary: "Replace a stream's configuration",
			says: "What is left out is removed, `authorization_header` too; `delivery` must be there.",
			body: read(body(sent...)), accepts: receivers,
			answers: []answer{shows(http.StatusOK, ref("EventStream"), "The stream as it is now.")},
			refuses: []refusal{notFound},
		},
		{
			route: "DELETE {base}/ssf/stream", id: "deleteEventStream", summary: "Delete a stream",
			query: []parameter{needed("stream_id", text)}, accepts: receivers,
			answers: []answer{done("It is gone, with whatever it was still to carry.")},
			refuses: []refusal{notFound},
		},
		{
			route: "GET {base}/ssf/status", id: "eventStreamStatus", summary: "Read the status of a stream",
			query: []parameter{needed("stream_id", text)}, accepts: receivers,
			answers: []answer{shows(http.StatusOK, ref("EventStreamStatus"), "The status, and how deliveries fare.")},
			refuses: []refusal{notFound},
		},
		{
			route: "POST {base}/ssf/status", id: "setEventStreamStatus", summary: "Enable, pause or disable a stream",
			says: "Events wait while it is paused, and are not kept while it is disabled.",
			body: read(body(must("stream_id", text), must("status", streamStatus), may("reason", text))), accepts: receivers,
			answers: []answer{shows(http.StatusOK, ref("EventStreamStatus"), "The status as it is now.")},
			refuses: []refusal{notFound},
		},
		{
			route: "POST {base}/ssf/verification", id: "verifyEventStream", summary: "Ask for a verification event",
			body: read(body(must("stream_id", text), may("state", text.says("Comes back in the event.")))), accepts: receivers,
			answers: []answer{done("The event will come.")},
			refuses: []refusal{notFound, rateLimited},
		},
		{
			route: "POST {base}/ssf/poll/{stream}", id: "pollEvents", summary: "Fetch and acknowledge events",
			says: "RFC 8936. What was not acknowledged comes again, with the same `jti`.",
			body: read(body(
				may("maxEvents", integer.says("The most tokens that the answer may have; up to 100. 0: only acknowledge.")),
				may("returnImmediately", boolean.says("Otherwise the answer is held back for up to 20 seconds if there is no token.")),
				may("ack", texts.says("`jti` of tokens that were taken.")),
				may("setErrs", schema{Type: "object", Others: ref("EventRefusal"), Description: "Why tokens were not taken, by `jti`. They do not come again."}),
			)),
			accepts: receivers,
			answers: []answer{shows(http.StatusOK, object(
				must("sets", names.says("Security event tokens (RFC 8417) by `jti`.")),
				may("moreAvailable", boolean),
			), "Tokens.")},
			refuses: []refusal{notFound},
		},
	},
	schemas: ordered[schema]{
		{"TransmitterConfiguration", object(
			must("spec_version", oneOf("1_0")),
			must("issuer", text),
			must("jwks_uri", text),
			must("delivery_methods_supported", texts),
			must("configuration_endpoint", text),
			must("status_endpoint", text),
			must("verification_endpoint", text),
			must("authorization_schemes", listOf(object(must("spec_urn", text)))),
			must("default_subjects", oneOf("ALL")),
		)},
		{"EventStream", object(
			must("stream_id", text),
			must("iss", text),
			must("aud", text.says("Subject of the receiver.")),
			must("events_supported", texts),
			may("events_requested", texts),
			must("events_delivered", texts),
			must("delivery", object(must("method", deliveryMethod), must("endpoint_url", text))),
			must("min_verification_interval", integer.says("Seconds.")),
			may("description", text),
		)},
		{"EventDelivery", body(
			must("method", deliveryMethod),
			may("endpoint_url", text.says("Where to push: https, on the public internet. Of poll it is ours to say.")),
			may("authorization_header", secret.says("Goes with every push. Never shown.")),
		)},
		{"EventStreamStatus", object(
			must("stream_id", text),
			must("status", streamStatus),
			may("reason", text),
			may("failures", integer.says("Pushes that failed in a row.")),
			may("retry_at", moment.says("When the next push is tried.")),
			may("refused", integer.says("Tokens that the receiver would not have.")),
			may("last_problem", text),
		)},
		{"EventRefusal", body(must("err", text), may("description", text))},
	},
}

var (
	streamStatus   = oneOf("enabled", "paused", "disabled")
	deliveryMethod = oneOf("urn:ietf:rfc:8935", "urn:ietf:rfc:8936")
)

// sent is a stream as its receiver sends it: members that are ours to say may be
// there, and must say what they say.
var sent = []property{
	must("stream_id", text),
	may("iss", text),
	may("aud", text),
	may("events_supported", texts),
	may("events_requested", texts),
	may("events_delivered", texts.says("As it was before the change.")),
	may("delivery", ref("EventDelivery").says("As a whole: a header that is left out is removed.")),
	may("min_verification_interval", integer),
	may("description", text),
}
