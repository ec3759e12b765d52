package main

const description = "Who are you? What may you do? Sallyport is a server for sign-in, accounts and permissions. " +
	"Start it with “sallyport serve”. The other commands work on the same data folder, also while the server runs, which acts on every change at once."

// commandLine is every command, in the order of the help.
type commandLine struct {
	flags

	Serve serve `cmd:"" help:"Run the server."`

	User struct {
		Add          userAdd          `cmd:"" help:"Create an account."`
		List         userList         `cmd:"" help:"List accounts."`
		Show         userShow         `cmd:"" help:"Show one account."`
		Disable      userDisable      `cmd:"" help:"Close an account: everything that it holds stops working at once."`
		Enable       userEnable       `cmd:"" help:"Open a closed account again."`
		Delete       userDelete       `cmd:"" help:"Remove an account and everything that it holds."`
		ResetFactors userResetFactors `cmd:"" name:"reset-factors" help:"Remove the second factors of somebody who has lost them: the user is signed out everywhere."`
		Reset        userResetLink    `cmd:"" name:"reset-link" help:"Make a link by which a user sets a new password; it is shown this once."`
		Passwd       userPassword     `cmd:"" name:"password" help:"Set a new password: the user is signed out everywhere."`
		Role         struct {
			Add    userRoleAdd    `cmd:"" help:"Give a user a role."`
			Remove userRoleRemove `cmd:"" help:"Take a role from a user."`
		} `cmd:"" help:"The roles of a user."`
	} `cmd:"" help:"Accounts."`

	Org struct {
		Add    orgAdd    `cmd:"" help:"Make an organization."`
		List   orgList   `cmd:"" help:"List organizations."`
		Show   orgShow   `cmd:"" help:"Show one organization."`
		Set    orgSet    `cmd:"" help:"Change the slug, name or plan of an organization."`
		Delete orgDelete `cmd:"" help:"Remove an organization, with its memberships, invitations, roles and grants."`
		Member struct {
			Add    orgMemberAdd    `cmd:"" help:"Make a user a member."`
			Remove orgMemberRemove `cmd:"" help:"End a membership, with the roles in the organization."`
			List   orgMemberList   `cmd:"" help:"List the members of an organization."`
		} `cmd:"" help:"Who is in an organization."`
		Invite     orgInvite `cmd:"" help:"Invite somebody by address; the link is shown this once."`
		Invitation struct {
			List   orgInvitationList   `cmd:"" help:"List the invitations that can still be accepted."`
			Revoke orgInvitationRevoke `cmd:"" help:"Take an invitation back."`
		} `cmd:"" help:"Invitations to an organization."`
	} `cmd:"" help:"Organizations, their members and invitations."`

	Role struct {
		Set    roleSet    `cmd:"" help:"Create a role or replace its definition."`
		List   roleList   `cmd:"" help:"List roles."`
		Delete roleDelete `cmd:"" help:"Remove a role, also from everybody who has it."`
	} `cmd:"" help:"Named sets of permissions."`

	Grant struct {
		Add    grantAdd    `cmd:"" help:"Permit somebody something on one object."`
		Remove grantRemove `cmd:"" help:"Take permissions on an object away."`
		List   grantList   `cmd:"" help:"List grants in force."`
	} `cmd:"" help:"Permissions on single objects."`

	Policy struct {
		Check    policyCheck    `cmd:"" help:"Look for mistakes in a policy."`
		Test     policyTest     `cmd:"" help:"Run the cases beside a policy."`
		Fmt      policyFmt      `cmd:"" help:"Write policies in their one form."`
		Matrix   policyMatrix   `cmd:"" help:"Show who may do what, role by role."`
		Diff     policyDiff     `cmd:"" help:"Show what a new policy changes."`
		Explain  policyExplain  `cmd:"" help:"Say why somebody may or may not do something."`
		Eval     policyEval     `cmd:"" help:"Decide requests about entities, all from files."`
		Publish  policyPublish  `cmd:"" help:"Put a policy in force, on every node."`
		History  policyHistory  `cmd:"" help:"List the versions of the policy."`
		Show     policyShow     `cmd:"" help:"Show a version of the policy."`
		Rollback policyRollback `cmd:"" help:"Put an earlier version in force again."`
	} `cmd:"" help:"Rules in Cedar."`

	Session struct {
		List   sessionList   `cmd:"" help:"List the sessions of a user."`
		Revoke sessionRevoke `cmd:"" help:"End a session, or all of a user."`
	} `cmd:"" help:"Signed-in browsers and devices."`

	APIKey struct {
		Add    apikeyAdd    `cmd:"" help:"Make an API key; it is shown this once."`
		List   apikeyList   `cmd:"" help:"List the API keys of a user."`
		Revoke apikeyRevoke `cmd:"" help:"End an API key."`
	} `cmd:"" name:"apikey" help:"Keys for programs."`

	Cert struct {
		Add    certAdd    `cmd:"" help:"Let client certificates of a name stand for a user."`
		List   certList   `cmd:"" help:"List the certificates of a user."`
		Revoke certRevoke `cmd:"" help:"End that, at once."`
	} `cmd:"" help:"Client certificates."`

	Client struct {
		Add    clientAdd    `cmd:"" help:"Register a program that signs people in here, or acts for itself; its secret is shown this once."`
		List   clientList   `cmd:"" help:"List clients."`
		Show   clientShow   `cmd:"" help:"Show one client."`
		Set    clientSet    `cmd:"" help:"Change a client."`
		Rotate clientRotate `cmd:"" name:"rotate-secret" help:"Give a client another secret; it is shown this once."`
		Delete clientDelete `cmd:"" help:"Remove a client, and all its tokens with it."`

		Token struct {
			Add    initialAdd    `cmd:"" help:"Make a token by which programs register themselves; it is shown this once."`
			List   initialList   `cmd:"" help:"List those tokens."`
			Revoke initialRevoke `cmd:"" help:"End one; clients that have registered themselves by it stay."`
		} `cmd:"" help:"Programs that register themselves as clients (RFC 7591), where clients.registration is on."`
	} `cmd:"" help:"Programs that sign people in here (OAuth 2.0, OpenID Connect)."`

	Resource struct {
		Set    resourceSet    `cmd:"" help:"Define a service that tokens can be for, or define it anew."`
		List   resourceList   `cmd:"" help:"List resources."`
		Show   resourceShow   `cmd:"" help:"Show one resource."`
		Delete resourceDelete `cmd:"" help:"End a resource: no further token is for it."`
	} `cmd:"" help:"Services that tokens are for, and what people read of their scopes (RFC 8707)."`

	Keys struct {
		List   keysList   `cmd:"" help:"List signing keys."`
		Rotate keysRotate `cmd:"" help:"Sign with a new key from now on; the old one goes on verifying."`
		Revoke keysRevoke `cmd:"" help:"End a compromised key: its tokens die now."`
		Prune  keysPrune  `cmd:"" help:"Carry out the schedule now: remove keys that are over, make the next ones."`
	} `cmd:"" help:"Keys that sign tokens."`

	Mail struct {
		Preview mailPreview `cmd:"" help:"Show what a message looks like."`
	} `cmd:"" help:"Messages to people."`

	Routes routes `cmd:"" help:"List what the server answers, and the door before each."`

	Config struct {
		Show configShow `cmd:"" help:"Show every setting in force, and where it comes from."`
	} `cmd:"" name:"config" help:"Settings."`

	Import  importUsers `cmd:"" help:"Import people, with their passwords, from the file of another system."`
	Backup  backup      `cmd:"" help:"Write a copy of the database."`
	Restore restore     `cmd:"" help:"Put a copy of the database back."`

	Migrate struct {
		Status migrateStatus `cmd:"" help:"Show which migrations are applied."`
		Up     migrateUp     `cmd:"" help:"Apply what is pending."`
	} `cmd:"" help:"The schema of the database."`

	Version version `cmd:"" help:"Show the version."`
}
