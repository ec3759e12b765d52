package openapi

var organizations = group{
	tag: "organizations",
	says: "Tenants, who is in them, and who is invited. What names an organization in its path is also for those who hold the permission by a role " +
		"in it, while they act in it; the permission to make, change and delete organizations is everywhere or not at all.",
	operations: []operation{
		{
			route: "GET {base}/admin/api/organizations", id: "organizations", summary: "List organizations",
			query:   append([]parameter{optional("q", text.says("How the slug begins."))}, paging...),
			answers: []answer{shows(200, pageOf(ref("Organization")), "One page, by slug.")},
		},
		{
			route: "POST {base}/admin/api/organizations", id: "addOrganization", summary: "Make an organization",
			body: read(body(
				must("slug", text.says("2 to 63 letters a to z, digits and single hyphens between them; unique.")),
				may("name", text.says("For people. Left out: the slug.")),
				may("plan", text.says("What it has paid for, for rules.")),
			)),
			answers: []answer{shows(201, ref("Organization"), "The new organization, still without members.").
				with("Location", "Of the new organization.").with("ETag", "Of this version.")},
			refuses: []refusal{conflict},
		},
		{
			route: "GET {base}/admin/api/organizations/{org}", id: "organization", summary: "Show an organization",
			answers: []answer{shows(200, ref("Organization"), "The organization.").with("ETag", "Of this version.")},
			refuses: []refusal{notFound},
		},
		{
			route: "PATCH {base}/admin/api/organizations/{org}", id: "changeOrganization", summary: "Change an organization", headers: ifMatch,
			says:    "What is left out stays as it is.",
			body:    read(body(may("slug", text), may("name", text), may("plan", text))),
			answers: []answer{shows(200, ref("Organization"), "The organization as it is now.").with("ETag", "Of this version.")},
			refuses: []refusal{notFound, conflict, stale},
		},
		{
			route: "DELETE {base}/admin/api/organizations/{org}", id: "deleteOrganization", summary: "Delete an organization",
			answers: []answer{done("Gone, with its members, invitations, roles and grants.")},
			refuses: []refusal{notFound},
		},
		{
			route: "GET {base}/admin/api/organizations/{org}/members", id: "members", summary: "List the members of an organization",
			query:   paging,
			answers: []answer{shows(200, pageOf(ref("Member")), "One page, by id.")},
			refuses: []refusal{notFound},
		},
		{
			route: "PUT {base}/admin/api/organizations/{org}/members/{user}", id: "addMember", summary: "Make a user a member",
			answers: []answer{done("They are a member.")},
			refuses: []refusal{notFound},
		},
		{
			route: "DELETE {base}/admin/api/organizations/{org}/members/{user}", id: "removeMember", summary: "End a membership",
			says:    "Nobody can remove who holds more there than they do.",
			answers: []answer{done("Their roles there are gone, and nothing of theirs acts there any more.")},
			refuses: []refusal{notFound},
		},
		{
			route: "GET {base}/admin/api/organizations/{org}/invitations", id: "invitations", summary: "List the invitations to an organization",
			query:   paging,
			answers: []answer{shows(200, pageOf(ref("Invitation")), "One page of those that can still be accepted, by id.")},
			refuses: []refusal{notFound},
		},
		{
			route: "POST {base}/admin/api/organizations/{org}/invitations", id: "invite", summary: "Invite somebody",
			says: "In place of an earlier invitation of that address. Only who has proved the address can accept it, once, within seven days.",
			body: read(body(
				must("email", text),
				may("role", text.says("That they get in the organization. No more than the caller holds, now and when it is accepted.")),
			)),
			answers: []answer{shows(201, ref("Invitation"), "The invitation. `link` is shown this once: send it to the address.")},
			refuses: []refusal{notFound},
		},
		{
			route: "DELETE {base}/admin/api/organizations/{org}/invitations/{id}", id: "revokeInvitation", summary: "Take an invitation back",
			answers: []answer{done("Its link is dead.")},
			refuses: []refusal{notFound},
		},
	},
	schemas: ordered[schema]{
		{"Organization", object(
			must("id", text),
			must("slug", text),
			must("name", text),
			may("plan", text),
			must("created_at", moment),
			must("updated_at", moment),
		)},
		{"Member", object(
			must("user", text.says("Id of the user.")),
			may("username", text),
			must("roles", texts.says("In the organization.")),
			must("joined_at", moment),
		)},
		{"Invitation", object(
			must("id", text),
			must("organization", text.says("Id of the organization.")),
			must("email", text),
			may("role", text),
			may("invited_by", text.says("Id of a user.")),
			may("link", secret.says("Once, when it is made.")),
			must("created_at", moment),
			must("expires_at", moment),
		)},
	},
}

var memberships = group{
	tag: "memberships",
	says: "The organizations that a person is in. A session, an access token or an API key acts in at most one at a time; roles that one has in it " +
		"count for what belongs to it.",
	operations: []operation{
		{
			route: "GET {base}/organizations", id: "ownOrganizations", summary: "List your organizations", scope: "account:read",
			answers: []answer{shows(200, pageOf(ref("Membership")), "All of them.").orPage()},
		},
		{
			route: "DELETE {base}/organizations/{org}", id: "leaveOrganization", summary: "Leave an organization", scope: "account:write",
			answers: []answer{done("You are no member.")},
			refuses: []refusal{notFound},
		},
		{
			route: "POST {base}/organization", id: "chooseOrganization", summary: "Choose the organization that you act in", scope: "account:write", form: true,
			says: "It is the session's: the next request of its cookie acts there, and so does the next access token.",
			body: read(body(
				may("org", text.says("Id. Left out or empty: none.")),
				may("return_to", text.says("Of a form: the path to go on with.")),
			)),
			answers: []answer{done("The session acts there.")},
			refuses: []refusal{forbidden},
		},
		{
			route: "GET {base}/invitations/{token}", id: "invitation", summary: "Look at an invitation", scope: "account:read",
			says: "A browser that navigates gets a page with a button.",
			answers: []answer{shows(200, object(
				must("organization", object(must("id", text), must("name", text))),
				may("role", text.says("That you would get there.")),
				must("expires_at", moment),
			), "To what you are invited.").orPage()},
			refuses: []refusal{forbidden, notFound},
		},
		{
			route: "POST {base}/invitations/{token}", id: "acceptInvitation", summary: "Accept an invitation", scope: "account:write", form: true,
			says: "It works once, for a signed-in person who has proved the invited address; anybody else is refused, and it stays. " +
				"The session does not act in the organization until you choose so.",
			body:    read(body()),
			answers: []answer{shows(200, ref("Membership"), "You are a member.")},
			refuses: []refusal{forbidden, notFound},
		},
	},
	schemas: ordered[schema]{
		{"Membership", object(
			must("id", text.says("Of the organization.")),
			must("slug", text),
			must("name", text),
			may("plan", text),
			must("joined_at", moment),
			must("current", boolean.says("The caller acts in it.")),
		)},
	},
}
