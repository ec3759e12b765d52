package openapi

var grants = group{
	tag:  "grants",
	says: "Permissions on one object, given to a user, to whoever has a role, or to whoever acts in an organization. Nobody can give or take what they do not hold.",
	operations: []operation{
		{
			route: "GET {base}/admin/api/grants", id: "grants", summary: "List grants in force",
			says: "A page has up to `limit` permissions; those of one grantee on one object come together.",
			query: append([]parameter{
				optional("subject", text.says("Those of a user. At most one of `subject`, `role` and `organization`.")),
				optional("role", text.says("Those of a role.")),
				optional("organization", text.says("Those of an organization.")),
				optional("resource_type", text.says("Those on objects of a type.")),
				optional("resource_id", text.says("Those on one object of that type.")),
			}, paging...),
			answers: []answer{shows(200, pageOf(ref("Grant")), "One page, by object, then by grantee.")},
		},
		{
			route: "PUT {base}/admin/api/grants", id: "putGrant", summary: "Grant permissions on one object",
			says: "They are added to those that the grantee has on it, and expire as this says. Whether there is such an object nobody checks.",
			body: read(body(append(
				[]property{
					must("permissions", listOf(ref("Permission")).some()),
					may("expires_at", moment.orNull().says("Left out or null: never.")),
				}, granted...)...).exactlyOne("subject", "role", "organization")),
			answers: []answer{done("In force from the next request on.")},
			refuses: []refusal{notFound},
		},
		{
			route: "DELETE {base}/admin/api/grants", id: "deleteGrant", summary: "Take permissions on one object",
			body: read(body(append(
				[]property{
					may("permissions", listOf(ref("Permission")).says("As they were given. Left out: all that the grantee has on the object.")),
				}, granted...)...).exactlyOne("subject", "role", "organization")),
			answers: []answer{done("They do not have them, from the next request on.")},
			refuses: []refusal{notFound},
		},
	},
	schemas: ordered[schema]{
		{"Grant", object(append(
			[]property{
				must("permissions", listOf(ref("Permission"))),
				must("expires_at", moment.orNull().says("Null: never.")),
				must("created_at", moment),
			}, granted...)...).exactlyOne("subject", "role", "organization")},
		{"Object", body(must("type", text), must("id", text))},
	},
}

// given is to whom, and on what.
var granted = []property{
	may("subject", text.says("Id of a user.")),
	may("role", text.says("Name of a role.")),
	may("organization", text.says("Id of an organization.")),
	must("resource", ref("Object")),
}
