package openapi

import "net/http"

var questions = group{
	tag: "questions",
	says: "May somebody do something? The answer is about the object as the request describes it. To ask about somebody else takes the permission " +
		"`decision:check`, and to be told why `decision:explain`; both also by a role in an organization, about its members and objects, for those who act in it.",
	operations: []operation{
		{
			route: "POST {base}/check", id: "check", summary: "May I?",
			query:   explained,
			body:    read(ref("Question")),
			answers: []answer{shows(http.StatusOK, ref("Answer"), "Yes or no.")},
			refuses: []refusal{forbidden, insufficientScope},
		},
		{
			route: "POST {base}/checks", id: "checks", summary: "Several questions at once",
			says:  "At most 100. The answers have the order of the questions.",
			query: explained,
			body: read(schema{OneOf: []schema{
				listOf(ref("Question")), body(must("checks", listOf(ref("Question")))),
			}}),
			answers: []answer{shows(http.StatusOK, schema{OneOf: []schema{
				listOf(ref("Answer")), object(must("checks", listOf(ref("Answer")))),
			}}, "The answers, as the questions were sent: as a list, or in an object.")},
			refuses: []refusal{forbidden, insufficientScope},
		},
		{
			route: "GET {base}/abilities", id: "abilities", summary: "What may I do?",
			says: "For a browser, to show and hide what its user can do; the server decides every request anew.",
			query: []parameter{
				optional("types", text.says("Types of object, separated by commas. Left out: all that the schema has.")),
			},
			headers: []parameter{optional("If-None-Match", text.says("The `ETag` that was read."))},
			answers: []answer{
				shows(http.StatusOK, ref("Abilities"), "What is left of the policy where only the object is open.").with("ETag", "Of this version."),
				{status: http.StatusNotModified, says: "It is as it was."},
			},
		},
	},
	schemas: ordered[schema]{
		{"Question", body(
			must("action", text.says("Written like a permission: `post:delete`.")),
			may("resource", schema{Type: []any{"object", "null"}, Required: []string{"type"}, Others: true}.says(
				"`type`, and as far as they are known `id`, `parents` (a list of `{type, id}`) and the attributes. Null is absent; what is missing is not known. "+
					"Left out: no object in particular.")),
			may("context", free.says("What else is known.")),
			may("subject", body(
				may("type", oneOf("User", "Service", "Anonymous").or("User")),
				must("id", text),
				may("org", text.says("The organization that they act in. Left out: the one that the object belongs to.")),
			).says("Whom it is about. Left out: the caller, with the credential of the request.")),
		)},
		{"Answer", object(
			must("allowed", boolean),
			must("reason", text.says("What the policy says to people; often nothing.")),
			must("decision_id", text.says("Names a refusal in the log of decisions; a permission too, if the server is set to log those.")),
			may("need", ref("Need")),
			may("explanation", ref("Explanation")),
		)},
		{"Abilities", object(
			must("v", integer.says("Version of the format.")),
			must("epoch", integer.says("Changes with what the caller may do.")),
			must("exp", integer.says("From then on the document says nothing; seconds since the start of 1970.")),
			must("principal", object(must("type", text), must("id", text))),
			may("scopes", listOf(ref("Permission"))),
			must("types", free),
			must("rules", listOf(object(
				must("effect", oneOf("permit", "forbid")),
				must("actions", listOf(ref("Permission"))),
				must("type", text.says("Of the objects; empty: no object, `*`: any.")),
				may("when", schema{}.says("The condition; absent: always.")),
				may("ask", boolean.says("Only the server knows.")),
			))),
		)},
	},
}

// explained asks for the way to the decision.
var explained = []parameter{optional("explain", boolean.or(false).says("Say why."))}

var authzen = group{
	tag: "authzen",
	says: "The Authorization API 1.0 of OpenID AuthZEN, for other services. Members that it does not know are ignored. " +
		"Nothing in a subject's `properties` counts: roles, organization and plan are those that the store knows.",
	operations: []operation{
		{
			route: "POST /access/v1/evaluation", id: "evaluation", summary: "One decision", headers: requestID,
			body:    read(ref("Evaluation")),
			answers: []answer{shows(http.StatusOK, ref("Evaluated"), "The decision, also if it is no.")},
		},
		{
			route: "POST /access/v1/evaluations", id: "evaluations", summary: "Several decisions", headers: requestID,
			says: "At most 100. Without `evaluations` it is as one decision.",
			body: read(loose(
				may("subject", ref("AuthZENEntity")), may("action", ref("AuthZENAction")), may("resource", ref("AuthZENEntity")), may("context", free),
				may("evaluations", listOf(loose(
					may("subject", ref("AuthZENEntity")), may("action", ref("AuthZENAction")), may("resource", ref("AuthZENEntity")), may("context", free),
				))),
				may("options", loose(may("evaluations_semantic", oneOf("execute_all", "deny_on_first_deny", "permit_on_first_permit").or("execute_all")))),
			)),
			answers: []answer{shows(http.StatusOK, schema{OneOf: []schema{ref("Evaluated"), object(must("evaluations", listOf(ref("Evaluated"))))}}, "The decisions, in order.")},
		},
		{
			route: "POST /access/v1/search/subject", id: "searchSubject", summary: "Who may?", headers: requestID,
			says: "Among the users; where the object belongs to an organization, among its members.",
			body: read(loose(must("subject", ref("AuthZENType")), must("action", ref("AuthZENAction")), must("resource", ref("AuthZENEntity")),
				may("context", free), may("page", ref("SearchPage")))),
			answers: []answer{shows(http.StatusOK, searched(object(must("type", text), must("id", text))), "One page.")},
		},
		{
			route: "POST /access/v1/search/resource", id: "searchResource", summary: "On which objects?", headers: requestID,
			says: "Among those known here: organizations, and objects that grants name.",
			body: read(loose(must("subject", ref("AuthZENEntity")), must("action", ref("AuthZENAction")), must("resource", ref("AuthZENType")),
				may("context", free), may("page", ref("SearchPage")))),
			answers: []answer{shows(http.StatusOK, searched(object(must("type", text), must("id", text))), "One page.")},
		},
		{
			route: "POST /access/v1/search/action", id: "searchAction", summary: "Which actions?", headers: requestID,
			says: "Among those that the schema and the roles name.",
			body: read(loose(must("subject", ref("AuthZENEntity")), must("resource", ref("AuthZENEntity")),
				may("context", free), may("page", ref("SearchPage")))),
			answers: []answer{shows(http.StatusOK, searched(object(must("name", text))), "One page.")},
		},
		{
			route: "GET /.well-known/authzen-configuration", id: "authzenMetadata", summary: "Where that API is",
			answers: []answer{shows(http.StatusOK, object(
				must("policy_decision_point", text),
				must("access_evaluation_endpoint", text),
				must("access_evaluations_endpoint", text),
				must("search_subject_endpoint", text),
				must("search_resource_endpoint", text),
				must("search_action_endpoint", text),
			), "Policy decision point metadata.")},
		},
	},
	schemas: ordered[schema]{
		{"Evaluation", loose(must("subject", ref("AuthZENEntity")), must("action", ref("AuthZENAction")), must("resource", ref("AuthZENEntity")), may("context", free))},
		{"Evaluated", object(
			must("decision", boolean),
			may("context", loose(
				may("decision_id", text),
				may("reason", text),
				may("acr_values", text.says("A sign-in as strong as one of these would do.")),
				may("max_age", integer.says("A sign-in no older than this, in seconds, would do.")),
				may("error", searchError),
			)),
		)},
		{"AuthZENEntity", loose(must("type", text), must("id", text), may("properties", free))},
		{"AuthZENType", loose(must("type", text), may("properties", free))},
		{"AuthZENAction", loose(must("name", text), may("properties", free))},
		{"SearchPage", loose(
			may("token", text.says("The `next_token` of the page before. All else must be as it was.")),
			may("limit", integer.says("The most results that the page may have; there are never more than 200.").or(50)),
		)},
	},
}

// requestID comes back with the answer.
var requestID = []parameter{optional("X-Request-ID", text.says("Comes back with the answer."))}

var searchError = object(must("status", integer), must("message", text)).says("Why it could not be decided. It is denied.")

// loose is an object that we read, and of which we ignore what we do not know.
func loose(properties ...property) schema {
	s := object(properties...)
	s.Others = true
	return s
}

// searched is one page of a search.
func searched(result schema) schema {
	return object(
		must("page", object(must("next_token", text.says("Empty: this is the last page. A page may have no results and not be the last.")), must("count", integer))),
		may("context", loose(may("reason", text), may("error", searchError))),
		must("results", listOf(result)),
	)
}
