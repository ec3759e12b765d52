package openapi

var decisions = group{
	tag:  "decisions",
	says: "What door two has decided: refusals, and if the server is set to, permissions too. They are kept for 30 days, and written a moment after they were made.",
	operations: []operation{
		{
			route: "GET {base}/admin/api/decisions", id: "decisions", summary: "List decisions",
			query: append([]parameter{
				optional("subject", text.says("Who asked.")),
				optional("action", text),
				optional("allowed", boolean),
			}, paging...),
			answers: []answer{shows(200, pageOf(ref("Decision")), "One page, the newest first.")},
		},
		{
			route: "GET {base}/admin/api/decisions/{id}", id: "decision", summary: "Show a decision",
			says:  "With `explain`, it needs the permission `decision:explain` as well.",
			query: []parameter{optional("explain", boolean.or(false).says("Decide again, by the rules of then and the roles and grants of now, and say why."))},
			answers: []answer{shows(200, object(append(append([]property{}, decided...),
				must("query", ref("DecisionQuery")), may("explanation", ref("Explanation")))...), "The decision, and what it depended on.")},
			refuses: []refusal{notFound},
		},
	},
	schemas: ordered[schema]{
		{"Decision", object(decided...)},
		{"Need", object(
			may("scope", text.says("A credential whose scope covers this.")),
			may("acr_values", texts.says("A sign-in as strong as one of these.")),
			may("max_age", integer.says("A sign-in no older than this, in seconds.")),
		).says("What alone was missing.")},
		{"DecisionQuery", object(
			must("kind", oneOf("anonymous", "user", "service")),
			must("roles", texts),
			must("org_roles", texts),
			must("scopes", schema{Type: []any{"array", "null"}, Items: read(ref("Permission"))}.says("Null: the credential was not limited.")),
			may("plan", text),
			may("credential", text),
			must("auth_time", moment.orNull()),
			must("amr", texts),
			must("aal", integer.between(0, 3)),
			must("attributes", free.says("Of the object. What is not in it was not known.")),
			must("parents", listOf(ref("Object")).says("What the object is in.")),
			must("context", free),
			must("time", moment),
			may("address", text),
		)},
		{"Explanation", object(
			must("allowed", boolean),
			may("rule", text),
			may("source", text),
			may("need", ref("Need")),
			may("reason", text),
			must("steps", listOf(object(
				must("question", oneOf("organization", "scope", "forbid", "role", "grant", "permit", "go")),
				must("answer", oneOf("allows", "refuses", "passes")),
				may("by", text),
				may("why", text),
			)).says("Every question, in the order in which they are asked; the first that allows or refuses has decided.")),
			must("rules", listOf(object(
				must("rule", text),
				must("source", text),
				must("effect", oneOf("permit", "forbid")),
				must("truth", truth),
				must("fires", boolean),
				must("steps", listOf(object(must("condition", text), must("truth", truth), must("text", text.says("With the values that it saw."))))),
			)).says("Every rule that could apply.")),
			must("would", texts.says("What would have allowed it.")),
			must("policy_version", integer.says("Whose rules these are.")),
		)},
	},
}

var truth = oneOf("true", "false", "neither")

var decided = []property{
	must("id", text),
	must("at", moment),
	must("allowed", boolean),
	must("subject", text.says("Empty: nobody was signed in.")),
	may("org", text.says("That the caller acted in.")),
	must("action", text),
	must("resource", schema{OneOf: []schema{ref("Object"), {Type: "null"}}}.says("Null: no object in particular.")),
	may("rule", text.says("What decided: a rule's id, `role …`, `grant …`, `scope` or `organization`.")),
	may("source", text.says("Where that rule stands.")),
	may("reason", text),
	may("need", ref("Need")),
	must("policy_version", integer),
}
