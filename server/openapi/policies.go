package openapi

var policies = group{
	tag: "policies",
	says: "The rules in Cedar, as versions that never change; the newest is in force on every node. Who may publish can permit themselves " +
		"whatever they like: give `policy:publish` to those who may have everything.",
	operations: []operation{
		{
			route: "GET {base}/admin/api/policies", id: "policies", summary: "List the versions",
			query:   paging,
			answers: []answer{shows(200, pageOf(ref("PolicyVersion")), "One page, the newest first.")},
		},
		{
			route: "GET {base}/admin/api/policies/current", id: "currentPolicy", summary: "Show the policy in force",
			answers: []answer{shows(200, ref("Policy"), "As it is in force on the node that answers. Number 0: nothing was published, or the rules are part of the program.")},
		},
		{
			route: "GET {base}/admin/api/policies/{version}", id: "policy", summary: "Show a version",
			answers: []answer{shows(200, ref("Policy"), "The version.")},
			refuses: []refusal{notFound},
		},
		{
			route: "POST {base}/admin/api/policies", id: "publishPolicy", summary: "Publish a policy",
			says: "It is checked strictly against its schema, or, where the program declares its types, against what follows from them. " +
				"What is not good is refused, and the policy before stays in force. So is what would forbid the caller to publish another.",
			body: read(body(
				may("schema", text.says("In Cedar's schema language, or its JSON form. Left out: what follows from the program's types.")),
				must("files", listOf(ref("PolicyFile")).some()),
				may("comment", text.says("At most 500 characters.")),
				may("expected", integer.orNull().says("The version that this one was made from, 0 for none; `conflict` if another one is in force. Left out or null: whichever is in force.")),
			)),
			answers: []answer{shows(201, ref("PolicyVersion"), "In force from the next request on.").with("Location", "Of the new version.")},
			refuses: []refusal{conflict, invalidPolicy},
		},
		{
			route: "POST {base}/admin/api/policies/check", id: "checkPolicy", summary: "Check a policy",
			says:    "It says what publishing would say, and publishes nothing.",
			body:    read(body(may("schema", text), must("files", listOf(ref("PolicyFile"))))),
			answers: []answer{shows(200, ref("PolicyCheck"), "What was found.")},
		},
		{
			route: "POST {base}/admin/api/policies/{version}/rollback", id: "rollbackPolicy", summary: "Put an earlier version in force again",
			says:    "As a new version, which is checked like any other.",
			body:    read(body(may("comment", text.says("At most 500 characters.")))),
			answers: []answer{shows(201, ref("PolicyVersion"), "In force from the next request on.").with("Location", "Of the new version.")},
			refuses: []refusal{notFound, conflict, invalidPolicy},
		},
	},
	schemas: ordered[schema]{
		{"PolicyVersion", object(policyVersion...)},
		{"Policy", object(append([]property{
			may("schema", text.says("Absent: what follows from the program's types.")),
			may("files", listOf(ref("PolicyFile")).says("Absent: nothing was published.")),
		}, policyVersion...)...)},
		{"PolicyFile", body(must("name", text.says("For messages: `posts.cedar`.")), must("text", text))},
		{"PolicyCheck", object(
			must("ok", boolean.says("It could be published.")),
			must("errors", listOf(ref("PolicyMistake"))),
		)},
		{"PolicyMistake", object(
			may("file", text),
			may("line", integer.says("From 1.")),
			may("column", integer.says("From 1, in characters.")),
			must("reason", text),
			may("suggestion", text.says("What was probably meant.")),
		)},
	},
}

var policyVersion = []property{
	must("number", integer.says("From 1; 0 is what was not published.")),
	must("comment", text),
	must("created_by", text.says("Id of a user, `cli` or `system`.")),
	may("created_at", moment.says("Absent: it was not published.")),
	may("rolled_back_to", integer.says("The version whose content this is again.")),
}
