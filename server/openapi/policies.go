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
			says: "It says what publishing would say, and what else looks wrong: conditions that always or never hold, rules that change nothing, " +
				"permissions that nobody holds. It publishes nothing.",
			body: read(body(may("schema", text), must("files", listOf(ref("PolicyFile"))))),
			answers: []answer{shows(200, object(
				must("ok", boolean.says("It could be published.")),
				must("findings", listOf(ref("PolicyFinding"))),
			), "What was found.")},
		},
		{
			route: "POST {base}/admin/api/policies/test", id: "testPolicy", summary: "Test a policy by a table of cases",
			body: read(body(append([]property{
				must("suite", free.says("The table, as the command `policy test` reads it: `roles`, `principals`, `grants`, `case`.")),
			}, draft...)...)),
			answers: []answer{shows(200, object(
				must("passed", integer),
				must("failed", integer),
				must("cases", listOf(object(
					may("file", text),
					must("name", text),
					must("passed", boolean),
					may("wrong", texts.says("What is not as wanted.")),
					may("why", texts.says("Of a case that failed: what door two asked, and what it found.")),
					must("allowed", boolean),
					may("rule", text.says("What decided.")),
				))),
			), "What became of each case.")},
			refuses: []refusal{invalidPolicy},
		},
		{
			route: "POST {base}/admin/api/policies/matrix", id: "policyMatrix", summary: "Show who may do what",
			says:    "By type, action and role. Grants and scopes are not in it.",
			body:    read(body(draft...)),
			answers: []answer{shows(200, object(must("cells", listOf(ref("PolicyCell")))), "A cell for each type, action and role.")},
			refuses: []refusal{invalidPolicy},
		},
		{
			route: "POST {base}/admin/api/policies/diff", id: "diffPolicy", summary: "Show what a policy would change",
			says: "Against the one in force. To decide decisions of the log again, it needs the permission `decision:read` as well.",
			body: read(body(may("schema", text), must("files", listOf(ref("PolicyFile")).some()),
				may("decisions", integer.between(0, 1000).or(0).says("How many decisions of the log, the newest, to decide again.")))),
			answers: []answer{shows(200, object(
				must("changes", listOf(object(must("old", cellOrNone), must("new", cellOrNone)))),
				must("flips", listOf(object(append(append([]property{}, decided...), must("was", asDecided), must("is", asDecided))...)).
					says("Decisions that would be others.")),
				must("decided", integer.says("How many were decided again.")),
			), "The cells that change, and the decisions that would be others.")},
			refuses: []refusal{invalidPolicy},
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
		{"PolicyFinding", object(
			must("severity", oneOf("error", "warning", "note").says("With an error, it cannot be in force.")),
			must("rule", text.says("What was looked for, such as `shadowed`.")),
			may("file", text),
			may("line", integer),
			may("column", integer),
			may("about", text.says("Id of a rule, or name of a role or action.")),
			must("text", text),
			may("suggestion", text),
		)},
		{"PolicyCell", object(
			must("type", text),
			must("action", text),
			must("role", text.says("Or `(anonymous)`, or `(no role)`.")),
			must("may", oneOf("never", "always", "when")),
			may("when", text.says("The condition, in Cedar.")),
			may("organization", boolean.says("Only in the organization that the object belongs to.")),
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

// draft is what to look at in place of the policy in force.
var draft = []property{
	may("schema", text),
	may("files", listOf(ref("PolicyFile")).says("Left out: the policy in force.")),
}

var cellOrNone = schema{OneOf: []schema{ref("PolicyCell"), {Type: "null"}}}

var asDecided = object(must("allowed", boolean), may("rule", text))
