package storetest

import (
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/device"
	"github.com/sallyport-auth/sallyport/account/org"
	"github.com/sallyport-auth/sallyport/account/outbox"
	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/authn/apikey"
	"github.com/sallyport-auth/sallyport/authn/clientcert"
	"github.com/sallyport-auth/sallyport/authn/otp"
	"github.com/sallyport-auth/sallyport/authn/passkey"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/ssf"
	"github.com/sallyport-auth/sallyport/store"
)

var text = []promise{
	{"NUL and invalid UTF-8 are refused by every write, and nothing is written", func(c *check) {
		c.update(func(tx account.Tx) error { return c.everything(c.Context(), tx, "ann") })
		before := c.census("ann")
		for _, w := range writes {
			for _, bad := range []string{"a\x00b", "a\xffb", "cut short \xe2\x82", "surrogate \xed\xa0\x80"} {
				var err error
				// The Update commits all the same: the refusal is ours and comes before the database's.
				c.update(func(tx account.Tx) error {
					err = w.write(c, tx, bad)
					return nil
				})
				if !errors.Is(err, store.ErrText) {
					c.Errorf("%s that is %q: %v, want ErrText", w.field, bad, err)
				}
			}
		}
		same(c, "the store after refused writes", c.census("ann"), before)
		if n, err := c.Sweep(c.Context(), c.now.AddDate(100, 0, 0), 1000); n != expiring || err != nil {
			c.Errorf("Sweep found %d rows (%v), want %d: something was written after all", n, err, expiring)
		}
	}},

	{"a look-up by NUL or invalid UTF-8 finds nothing", func(c *check) {
		c.update(func(tx account.Tx) error { return c.everything(c.Context(), tx, "ann") })
		for _, bad := range []string{"\x00", "usr_ann\x00", "ann\x00", "key_ann\x00", "ann\xff"} {
			for _, l := range lookups {
				found := false
				// A refusal is as good an answer as "not found".
				_ = c.View(c.Context(), func(tx account.Tx) (err error) {
					found, err = l.find(c, tx, bad)
					found = found && err == nil
					return err
				})
				if found {
					c.Errorf("%s finds something by %q", l.what, bad)
				}
			}
		}
	}},
}

// writes names every place where a caller's text is written.
var writes = []struct {
	field string
	write func(c *check, tx account.Tx, text string) error
}{
	{"the id of a user", userWith(func(u *account.User, s string) { u.ID = s })},
	{"a user name", userWith(func(u *account.User, s string) { u.Username = s })},
	{"a folded user name", userWith(func(u *account.User, s string) { u.UsernameNorm = s })},
	{"an address", userWith(func(u *account.User, s string) { u.Email = s })},
	{"a folded address", userWith(func(u *account.User, s string) { u.EmailNorm = s })},
	{"the status of a new user", userWith(func(u *account.User, s string) { u.Status = account.Status(s) })},
	{"the status of a user", func(c *check, tx account.Tx, s string) error {
		return tx.Users.SetStatus(c.Context(), "usr_ann", account.Status(s), c.now)
	}},
	{"the plan of a new user", userWith(func(u *account.User, s string) { u.Plan = s })},
	{"the plan of a user", func(c *check, tx account.Tx, s string) error {
		return tx.Users.SetPlan(c.Context(), "usr_ann", s, c.now)
	}},
	{"the user of a password", func(c *check, tx account.Tx, s string) error {
		return tx.Credentials.SetPassword(c.Context(), s, "$phc$", c.now)
	}},
	{"a password hash", func(c *check, tx account.Tx, s string) error {
		return tx.Credentials.SetPassword(c.Context(), "usr_ann", s, c.now)
	}},
	{"a replaced password hash", func(c *check, tx account.Tx, s string) error {
		_, err := tx.Credentials.ReplacePassword(c.Context(), "usr_ann", "$phc$ann", s, c.now)
		return err
	}},

	{"the id of a session", sessionWith(func(x *session.Session, s string) { x.ID = s })},
	{"the subject of a session", sessionWith(func(x *session.Session, s string) { x.Subject = s })},
	{"the organization of a session", sessionWith(func(x *session.Session, s string) { x.Org = s })},
	{"a method of a session", sessionWith(func(x *session.Session, s string) { x.AMR = []string{"pwd", s} })},
	{"the log of a session's position", sessionWith(func(x *session.Session, s string) { x.Position.Log = s })},
	{"the address of a session", sessionWith(func(x *session.Session, s string) { x.Address = s })},
	{"the user agent of a session", sessionWith(func(x *session.Session, s string) { x.UserAgent = s })},
	{"the organization that a session switches to", func(c *check, tx account.Tx, s string) error {
		return tx.Sessions.SetOrg(c.Context(), "ses_ann", s)
	}},
	{"the log of a rotated session's position", func(c *check, tx account.Tx, s string) error {
		return tx.Sessions.Rotate(c.Context(), "ses_ann", hash("other"), revoke.Position{Log: s, Seq: 1}, c.now)
	}},

	{"the id of a family", familyWith(func(x *token.Family, s string) { x.ID = s })},
	{"the session of a family", familyWith(func(x *token.Family, s string) { x.Session = s })},
	{"the grant of a family", familyWith(func(x *token.Family, s string) { x.Session, x.Grant = "", s })},
	{"the subject of a family", familyWith(func(x *token.Family, s string) { x.Subject = s })},
	{"the client of a family", familyWith(func(x *token.Family, s string) { x.Client = s })},
	{"the proof of a family", familyWith(func(x *token.Family, s string) { x.Proof = s })},
	{"a scope of a family", familyWith(func(x *token.Family, s string) { x.Scope = []string{"a", s} })},
	{"the log of a family's position", familyWith(func(x *token.Family, s string) { x.Position.Log = s })},
	{"the log of an advanced family's position", func(c *check, tx account.Tx, s string) error {
		return tx.Families.Advance(c.Context(), "ses_ann", revoke.Position{Log: s, Seq: 9})
	}},
	{"the reason why a session's families end", func(c *check, tx account.Tx, s string) error {
		return tx.Families.EndSession(c.Context(), "ses_ann", s, c.now)
	}},
	{"the reason why a grant's families end", func(c *check, tx account.Tx, s string) error {
		return tx.Families.EndGrant(c.Context(), "gnt_ann", s, c.now)
	}},
	{"the reason why a subject's families end", func(c *check, tx account.Tx, s string) error {
		return tx.Families.EndSubject(c.Context(), "usr_ann", "", s, c.now)
	}},

	{"the id of an API key", keyWith(func(x *apikey.Key, s string) { x.ID = s })},
	{"the owner of an API key", keyWith(func(x *apikey.Key, s string) { x.Owner = s })},
	{"the organization of an API key", keyWith(func(x *apikey.Key, s string) { x.Org = s })},
	{"the name of an API key", keyWith(func(x *apikey.Key, s string) { x.Name = s })},
	{"a scope of an API key", keyWith(func(x *apikey.Key, s string) { x.Scopes = []string{"a", s} })},
	{"the last characters of an API key", keyWith(func(x *apikey.Key, s string) { x.Last4 = s })},

	{"the id of a certificate", certificateWith(func(x *clientcert.Mapping, s string) { x.ID = s })},
	{"the owner of a certificate", certificateWith(func(x *clientcert.Mapping, s string) { x.Owner = s })},
	{"the kind of a certificate's name", certificateWith(func(x *clientcert.Mapping, s string) { x.Name.Kind = clientcert.Kind(s) })},
	{"the name of a certificate", certificateWith(func(x *clientcert.Mapping, s string) { x.Name.Value = s })},
	{"the label of a certificate", certificateWith(func(x *clientcert.Mapping, s string) { x.Label = s })},
	{"the id of a passkey", passkeyWith(func(x *passkey.Passkey, s string) { x.ID = s })},
	{"the user of a passkey", passkeyWith(func(x *passkey.Passkey, s string) { x.User = s })},
	{"the name of a passkey", passkeyWith(func(x *passkey.Passkey, s string) { x.Name = s })},
	{"a transport of a passkey", passkeyWith(func(x *passkey.Passkey, s string) { x.Transports = []string{"usb", s} })},
	{"the new name of a passkey", func(c *check, tx account.Tx, s string) error {
		_, err := tx.Passkeys.Rename(c.Context(), "pky_ann", "usr_ann", s)
		return err
	}},

	{"the id of a device", deviceWith(func(x *device.Device, s string) { x.ID = s })},
	{"the user of a device", deviceWith(func(x *device.Device, s string) { x.User = s })},
	{"the user agent of a device", deviceWith(func(x *device.Device, s string) { x.UserAgent = s })},
	{"the address of a device", deviceWith(func(x *device.Device, s string) { x.Address = s })},
	{"the log of a trusted device", deviceWith(func(x *device.Device, s string) { x.Trusted.Log = s })},
	{"the new address of a device", func(c *check, tx account.Tx, s string) error {
		x := c.newDevice("ann", "usr_ann")
		x.Address = s
		return tx.Devices.Update(c.Context(), x)
	}},

	{"the name of a role", func(c *check, tx account.Tx, s string) error {
		return tx.Roles.PutRole(c.Context(), authz.Role{Name: s})
	}},
	{"a permission of a role", func(c *check, tx account.Tx, s string) error {
		return tx.Roles.PutRole(c.Context(), authz.Role{Name: "ann", Permissions: []string{s}})
	}},
	{"a role that a role inherits", func(c *check, tx account.Tx, s string) error {
		return tx.Roles.PutRole(c.Context(), authz.Role{Name: "ann", Inherits: []string{s}})
	}},
	{"the subject of an assignment", func(c *check, tx account.Tx, s string) error {
		_, err := tx.Roles.Assign(c.Context(), s, "ann", "")
		return err
	}},
	{"the organization of an assignment", func(c *check, tx account.Tx, s string) error {
		_, err := tx.Roles.Assign(c.Context(), "usr_ann", "ann", s)
		return err
	}},

	{"the kind of a grantee", grantWith(func(g *authz.Grant, s string) { g.Grantee.Kind = authz.GranteeKind(s) })},
	{"the id of a grantee", grantWith(func(g *authz.Grant, s string) { g.Grantee.ID = s })},
	{"the type of a granted object", grantWith(func(g *authz.Grant, s string) { g.Resource.Type = s })},
	{"the id of a granted object", grantWith(func(g *authz.Grant, s string) { g.Resource.ID = s })},
	{"a granted permission", grantWith(func(g *authz.Grant, s string) { g.Permissions = []string{"post:read", s} })},
	{"a permission that is taken away", func(c *check, tx account.Tx, s string) error {
		_, err := tx.Grants.Remove(c.Context(), ann, post1, s)
		return err
	}},
	{"the id of a grantee who has nothing any more", func(c *check, tx account.Tx, s string) error {
		return tx.Grants.RemoveAllOf(c.Context(), authz.Grantee{Kind: authz.SubjectGrantee, ID: s})
	}},

	{"the schema of a version", versionWith(func(v *authz.Version, s string) { v.Schema = s })},
	{"the name of a policy file", versionWith(func(v *authz.Version, s string) { v.Files[1].Name = s })},
	{"a policy file", versionWith(func(v *authz.Version, s string) { v.Files[1].Text = s })},
	{"the comment of a version", versionWith(func(v *authz.Version, s string) { v.Comment = s })},
	{"who published a version", versionWith(func(v *authz.Version, s string) { v.CreatedBy = s })},

	{"the id of a decision", decisionWith(func(e *authz.DecisionEntry, s string) { e.ID = s })},
	{"the subject of a decision", decisionWith(func(e *authz.DecisionEntry, s string) { e.Principal.Subject = s })},
	{"the action of a decision", decisionWith(func(e *authz.DecisionEntry, s string) { e.Action = s })},
	{"the type of a decision's object", decisionWith(func(e *authz.DecisionEntry, s string) { e.Resource.Type = s })},
	{"the id of a decision's object", decisionWith(func(e *authz.DecisionEntry, s string) { e.Resource.ID = s })},
	{"the rule of a decision", decisionWith(func(e *authz.DecisionEntry, s string) { e.Rule = s })},
	{"the source of a decision", decisionWith(func(e *authz.DecisionEntry, s string) { e.Source = s })},
	{"the reason of a decision", decisionWith(func(e *authz.DecisionEntry, s string) { e.Reason = s })},

	{"the id of an organization", organizationWith(func(o *org.Organization, s string) { o.ID = s })},
	{"the slug of an organization", organizationWith(func(o *org.Organization, s string) { o.Slug = s })},
	{"the name of an organization", organizationWith(func(o *org.Organization, s string) { o.Name = s })},
	{"the plan of an organization", organizationWith(func(o *org.Organization, s string) { o.Plan = s })},
	{"the slug that an organization gets", func(c *check, tx account.Tx, s string) error {
		return tx.Organizations.Update(c.Context(), org.Organization{ID: "org_ann", Slug: s})
	}},
	{"the name that an organization gets", func(c *check, tx account.Tx, s string) error {
		return tx.Organizations.Update(c.Context(), org.Organization{ID: "org_ann", Slug: "ann", Name: s})
	}},
	{"the plan that an organization gets", func(c *check, tx account.Tx, s string) error {
		return tx.Organizations.Update(c.Context(), org.Organization{ID: "org_ann", Slug: "ann", Plan: s})
	}},
	{"the user of a member", func(c *check, tx account.Tx, s string) error {
		_, err := tx.Members.Add(c.Context(), org.Member{Org: "org_ann", User: s, Status: org.Active})
		return err
	}},
	{"the status of a member", func(c *check, tx account.Tx, s string) error {
		_, err := tx.Members.Add(c.Context(), org.Member{Org: "org_ann", User: "usr_new", Status: org.Status(s)})
		return err
	}},
	{"the id of an invitation", invitationWith(func(v *org.Invitation, s string) { v.ID = s })},
	{"the address of an invitation", invitationWith(func(v *org.Invitation, s string) { v.EmailNorm = s })},
	{"the role of an invitation", invitationWith(func(v *org.Invitation, s string) { v.Role = s })},
	{"who invited", invitationWith(func(v *org.Invitation, s string) { v.InvitedBy = s })},

	{"the id of a message", messageWith(func(m *outbox.Message, s string) { m.ID = s })},
	{"the channel of a message", messageWith(func(m *outbox.Message, s string) { m.Channel = outbox.Channel(s) })},
	{"the kind of a message", messageWith(func(m *outbox.Message, s string) { m.Kind = outbox.Kind(s) })},
	{"why a new message failed", messageWith(func(m *outbox.Message, s string) { m.Problem = s })},
	{"why a message ended", func(c *check, tx account.Tx, s string) error {
		_, err := tx.Outbox.Done(c.Context(), "msg_ann", 0, c.now, s)
		return err
	}},
	{"why a message is tried again", func(c *check, tx account.Tx, s string) error {
		_, err := tx.Outbox.Retry(c.Context(), "msg_ann", 0, c.now, s)
		return err
	}},

	{"the id of a factor", factorWith(func(f *otp.Factor, s string) { f.ID = s })},
	{"the user of a factor", factorWith(func(f *otp.Factor, s string) { f.User = s })},
	{"the kind of a factor", factorWith(func(f *otp.Factor, s string) { f.Kind = otp.Kind(s) })},
	{"the user of recovery codes", func(c *check, tx account.Tx, s string) error {
		return tx.Recovery.Replace(c.Context(), s, [][]byte{hash("new")})
	}},

	{"the id of an identity", identityWith(func(i *account.Identity, s string) { i.ID = s })},
	{"the user of an identity", identityWith(func(i *account.Identity, s string) { i.User = s })},
	{"the provider of an identity", identityWith(func(i *account.Identity, s string) { i.Provider = s })},
	{"the issuer of an identity", identityWith(func(i *account.Identity, s string) { i.Issuer = s })},
	{"the subject of an identity", identityWith(func(i *account.Identity, s string) { i.Subject = s })},
	{"the address of an identity", identityWith(func(i *account.Identity, s string) { i.Email = s })},
	{"the name of an identity", identityWith(func(i *account.Identity, s string) { i.Name = s })},
	{"the address of a used identity", func(c *check, tx account.Tx, s string) error {
		return tx.Identities.Used(c.Context(), "idn_ann", s, "", c.now)
	}},
	{"the name of a used identity", func(c *check, tx account.Tx, s string) error {
		return tx.Identities.Used(c.Context(), "idn_ann", "", s, c.now)
	}},

	{"the id of a client", clientWith(func(x *oauth.Client, s string) { x.ID = s })},
	{"the name of a client", clientWith(func(x *oauth.Client, s string) { x.Name = s })},
	{"the home of a client", clientWith(func(x *oauth.Client, s string) { x.Home = s })},
	{"the logo of a client", clientWith(func(x *oauth.Client, s string) { x.Logo = s })},
	{"the policy of a client", clientWith(func(x *oauth.Client, s string) { x.Policy = s })},
	{"the terms of a client", clientWith(func(x *oauth.Client, s string) { x.Terms = s })},
	{"a redirect of a client", clientWith(func(x *oauth.Client, s string) { x.Redirects = []string{"a", s} })},
	{"a redirect after sign-out of a client", clientWith(func(x *oauth.Client, s string) { x.LogoutRedirects = []string{"a", s} })},
	{"a grant type of a client", clientWith(func(x *oauth.Client, s string) { x.Grants = []oauth.GrantType{"a", oauth.GrantType(s)} })},
	{"a scope of a client", clientWith(func(x *oauth.Client, s string) { x.Scopes = []string{"a", s} })},
	{"a resource of a client", clientWith(func(x *oauth.Client, s string) { x.Resources = []string{"a", s} })},
	{"how a client proves itself", clientWith(func(x *oauth.Client, s string) { x.Auth = oauth.AuthMethod(s) })},
	{"the keys of a client", clientWith(func(x *oauth.Client, s string) { x.JWKS = []byte(`"` + s + `"`) })},
	{"where a client is told of sign-outs", clientWith(func(x *oauth.Client, s string) { x.BackchannelLogout = s })},
	{"by what a client has registered itself", clientWith(func(x *oauth.Client, s string) { x.Registered = &oauth.Registered{By: s} })},
	{"what a client was permitted", clientWith(func(x *oauth.Client, s string) { x.Registered = &oauth.Registered{Scopes: []string{s}} })},
	{"where the keys of a client are", clientWith(func(x *oauth.Client, s string) { x.JWKSURI = s })},
	{"a resource that a client is", clientWith(func(x *oauth.Client, s string) { x.Serves = []string{"a", s} })},
	{"the profile of a client", clientWith(func(x *oauth.Client, s string) { x.Profile = oauth.SecurityProfile(s) })},
	{"the subject of a client's certificates", clientWith(func(x *oauth.Client, s string) { x.CertificateName.Subject = s })},
	{"the host in a client's certificates", clientWith(func(x *oauth.Client, s string) { x.CertificateName.DNS = s })},
	{"the URI in a client's certificates", clientWith(func(x *oauth.Client, s string) { x.CertificateName.URI = s })},
	{"the address in a client's certificates", clientWith(func(x *oauth.Client, s string) { x.CertificateName.IP = s })},
	{"the mailbox in a client's certificates", clientWith(func(x *oauth.Client, s string) { x.CertificateName.Email = s })},
	{"the algorithm of a client", clientWith(func(x *oauth.Client, s string) { x.IDTokenAlg = token.Alg(s) })},
	{"the name that a client gets", func(c *check, tx account.Tx, s string) error {
		x := c.newClient("ann")
		x.Name = s
		return tx.Clients.Update(c.Context(), x, x.UpdatedAt)
	}},

	{"the URI of a resource", resourceWith(func(x *oauth.Resource, s string) { x.URI = s })},
	{"the name of a resource", resourceWith(func(x *oauth.Resource, s string) { x.Name = s })},
	{"the algorithm of a resource", resourceWith(func(x *oauth.Resource, s string) { x.Alg = token.Alg(s) })},
	{"a scope of a resource", resourceWith(func(x *oauth.Resource, s string) { x.Scopes[0].Name = s })},
	{"what a scope of a resource says", resourceWith(func(x *oauth.Resource, s string) { x.Scopes[0].Says = s })},
	{"the client of a logo", func(c *check, tx account.Tx, s string) error { return tx.Logos.Put(c.Context(), s, []byte{1}) }},

	{"the id of a grant to a client", clientGrantWith(func(g *oauth.Grant, s string) { g.ID = s })},
	{"the user of a grant to a client", clientGrantWith(func(g *oauth.Grant, s string) { g.User = s })},
	{"the client of a grant", clientGrantWith(func(g *oauth.Grant, s string) { g.Client = s })},
	{"the session of a grant to a client", clientGrantWith(func(g *oauth.Grant, s string) { g.Session = s })},
	{"the organization of a grant to a client", clientGrantWith(func(g *oauth.Grant, s string) { g.Org = s })},
	{"a scope of a grant to a client", clientGrantWith(func(g *oauth.Grant, s string) { g.Scope = []string{"a", s} })},
	{"a resource of a grant to a client", clientGrantWith(func(g *oauth.Grant, s string) { g.Resources = []string{"a", s} })},
	{"the redirect of a grant to a client", clientGrantWith(func(g *oauth.Grant, s string) { g.Redirect = s })},
	{"the challenge of a grant to a client", clientGrantWith(func(g *oauth.Grant, s string) { g.Challenge = s })},
	{"the nonce of a grant to a client", clientGrantWith(func(g *oauth.Grant, s string) { g.Nonce = s })},
	{"the key of a grant to a client", clientGrantWith(func(g *oauth.Grant, s string) { g.JKT = s })},
	{"a claim that a client asks for", clientGrantWith(func(g *oauth.Grant, s string) { g.Claims.UserInfo = []string{s} })},
	{"a claim in an ID token", clientGrantWith(func(g *oauth.Grant, s string) { g.Claims.IDToken = []string{s} })},
	{"the subject that a client asks for", clientGrantWith(func(g *oauth.Grant, s string) { g.Claims.Subject = s })},
	{"a class that a client asks for", clientGrantWith(func(g *oauth.Grant, s string) { g.Claims.ACR = []string{s} })},
	{"a method of a grant to a client", clientGrantWith(func(g *oauth.Grant, s string) { g.AMR = []string{"pwd", s} })},
	{"the log of a grant's position", clientGrantWith(func(g *oauth.Grant, s string) { g.Position.Log = s })},

	{"the user of a consent", consentWith(func(x *oauth.Consent, s string) { x.User = s })},
	{"the client of a consent", consentWith(func(x *oauth.Consent, s string) { x.Client = s })},
	{"a scope of a consent", consentWith(func(x *oauth.Consent, s string) { x.Scope = []string{"a", s} })},
	{"a resource of a consent", consentWith(func(x *oauth.Consent, s string) { x.Resources = []string{"a", s} })},

	{"the id of an initial access token", initialTokenWith(func(t *oauth.InitialToken, s string) { t.ID = s })},
	{"the name of an initial access token", initialTokenWith(func(t *oauth.InitialToken, s string) { t.Name = s })},
	{"a scope of an initial access token", initialTokenWith(func(t *oauth.InitialToken, s string) { t.Scopes = []string{"a", s} })},
	{"who made an initial access token", initialTokenWith(func(t *oauth.InitialToken, s string) { t.By = s })},
	{"the client of an introduction", func(c *check, tx account.Tx, s string) error {
		return tx.Introduced.Add(c.Context(), "ses_ann", s, c.now)
	}},

	{"the id of a device code", deviceCodeWith(func(d *oauth.DeviceCode, s string) { d.ID = s })},
	{"the client of a device code", deviceCodeWith(func(d *oauth.DeviceCode, s string) { d.Client = s })},
	{"a scope of a device code", deviceCodeWith(func(d *oauth.DeviceCode, s string) { d.Scope = []string{"a", s} })},
	{"a resource of a device code", deviceCodeWith(func(d *oauth.DeviceCode, s string) { d.Resources = []string{"a", s} })},
	{"the address of a device code", deviceCodeWith(func(d *oauth.DeviceCode, s string) { d.Address = s })},
	{"the agent of a device code", deviceCodeWith(func(d *oauth.DeviceCode, s string) { d.Agent = s })},
	{"the state of a new device code", deviceCodeWith(func(d *oauth.DeviceCode, s string) { d.State = oauth.DeviceState(s) })},
	{"the grant of a new device code", deviceCodeWith(func(d *oauth.DeviceCode, s string) { d.Grant = s })},
	{"the state of a device code", func(c *check, tx account.Tx, s string) error {
		_, err := tx.DeviceCodes.Decide(c.Context(), "dvc_ann", oauth.DeviceState(s), "")
		return err
	}},
	{"the grant of a device code", func(c *check, tx account.Tx, s string) error {
		_, err := tx.DeviceCodes.Decide(c.Context(), "dvc_ann", oauth.Approved, s)
		return err
	}},

	{"the id of a signing key", func(c *check, tx account.Tx, s string) error {
		return tx.Keys.PutKey(c.Context(), c.newSigningKey(s))
	}},
	{"the audience of a signing key", func(c *check, tx account.Tx, s string) error {
		k := c.newSigningKey("kid_new")
		k.Resource = s
		return tx.Keys.PutKey(c.Context(), k)
	}},

	{"the id of an event", eventWith(func(e *audit.Entry, s string) { e.ID = s })},
	{"the actor of an event", eventWith(func(e *audit.Entry, s string) { e.Actor = s })},
	{"the action of an event", eventWith(func(e *audit.Entry, s string) { e.Action = s })},
	{"the target of an event", eventWith(func(e *audit.Entry, s string) { e.Target = s })},
	{"the organization of an event", eventWith(func(e *audit.Entry, s string) { e.Org = s })},
	{"the address of an event", eventWith(func(e *audit.Entry, s string) { e.Address = s })},
	{"the trace of an event", eventWith(func(e *audit.Entry, s string) { e.Trace = s })},
	{"a name in the detail of an event", eventWith(func(e *audit.Entry, s string) { e.Detail = map[string]string{s: "x"} })},
	{"a value in the detail of an event", eventWith(func(e *audit.Entry, s string) { e.Detail = map[string]string{"x": s} })},

	{"the id in the log", killWith(func(e *revoke.Entry, s string) { e.ID = s })},
	{"the organization in the log", killWith(func(e *revoke.Entry, s string) { e.Org = s })},
	{"a role in the log", killWith(func(e *revoke.Entry, s string) { e.Effect, e.Overlay = revoke.Overlay, []string{"a", s} })},

	{"the session of a signal", signalWith(func(g *ssf.Signal, s string) { g.Session = s })},
	{"a role in a signal", signalWith(func(g *ssf.Signal, s string) { g.Roles = []string{"a", s} })},
	{"the name in a signal", signalWith(func(g *ssf.Signal, s string) { g.Name = s })},
	{"the id of a stream", streamWith(func(x *ssf.Stream, s string) { x.ID = s })},
	{"the owner of a stream", streamWith(func(x *ssf.Stream, s string) { x.Owner = s })},
	{"the endpoint of a stream", streamWith(func(x *ssf.Stream, s string) { x.Endpoint = s })},
	{"an event that a stream asks for", streamWith(func(x *ssf.Stream, s string) { x.Requested = []string{s} })},
	{"the description of a stream", streamWith(func(x *ssf.Stream, s string) { x.Description = s })},
	{"the state of a notice", streamWith(func(x *ssf.Stream, s string) { x.Notices[0].State = s })},
	{"the problem that a stream gets", func(c *check, tx account.Tx, s string) error {
		x := c.newStream("ann", "usr_ann")
		x.Problem = s
		return tx.Streams.Update(c.Context(), x)
	}},
	{"the lease that a stream gets", func(c *check, tx account.Tx, s string) error {
		x := c.newStream("ann", "usr_ann")
		x.Lease = s
		return tx.Streams.Update(c.Context(), x)
	}},

	{"the name of a secret", func(c *check, tx account.Tx, s string) error {
		_, err := tx.Secrets.Create(c.Context(), s, []byte("x"))
		return err
	}},
}

func userWith(set func(*account.User, string)) func(*check, account.Tx, string) error {
	return func(c *check, tx account.Tx, s string) error {
		u := c.newUser("new")
		set(&u, s)
		return tx.Users.Create(c.Context(), u)
	}
}

func sessionWith(set func(*session.Session, string)) func(*check, account.Tx, string) error {
	return func(c *check, tx account.Tx, s string) error {
		x := c.newSession("new", "usr_ann")
		set(&x, s)
		return tx.Sessions.Create(c.Context(), x)
	}
}

func familyWith(set func(*token.Family, string)) func(*check, account.Tx, string) error {
	return func(c *check, tx account.Tx, s string) error {
		x := c.newFamily("new", "usr_ann")
		set(&x, s)
		return tx.Families.Create(c.Context(), x)
	}
}

func keyWith(set func(*apikey.Key, string)) func(*check, account.Tx, string) error {
	return func(c *check, tx account.Tx, s string) error {
		x := c.newKey("new", "usr_ann")
		set(&x, s)
		return tx.APIKeys.Create(c.Context(), x)
	}
}

func certificateWith(set func(*clientcert.Mapping, string)) func(*check, account.Tx, string) error {
	return func(c *check, tx account.Tx, s string) error {
		x := c.newMapping("new", "usr_ann")
		set(&x, s)
		return tx.Certificates.Create(c.Context(), x)
	}
}

func passkeyWith(set func(*passkey.Passkey, string)) func(*check, account.Tx, string) error {
	return func(c *check, tx account.Tx, s string) error {
		x := c.newPasskey("new", "usr_ann")
		set(&x, s)
		return tx.Passkeys.Create(c.Context(), x)
	}
}

func deviceWith(set func(*device.Device, string)) func(*check, account.Tx, string) error {
	return func(c *check, tx account.Tx, s string) error {
		x := c.newDevice("new", "usr_ann")
		set(&x, s)
		return tx.Devices.Create(c.Context(), x)
	}
}

func grantWith(set func(*authz.Grant, string)) func(*check, account.Tx, string) error {
	return func(c *check, tx account.Tx, s string) error {
		g := authz.Grant{Grantee: ann, Resource: post2, Permissions: []string{"post:read"}, CreatedAt: c.now}
		set(&g, s)
		return tx.Grants.Put(c.Context(), g)
	}
}

func versionWith(set func(*authz.Version, string)) func(*check, account.Tx, string) error {
	return func(c *check, tx account.Tx, s string) error {
		current, err := tx.Versions.Current(c.Context())
		if err != nil {
			return err
		}
		v := c.newVersion("new")
		set(&v, s)
		_, err = tx.Versions.Publish(c.Context(), v, current.Number)
		return err
	}
}

func decisionWith(set func(*authz.DecisionEntry, string)) func(*check, account.Tx, string) error {
	return func(c *check, tx account.Tx, s string) error {
		e := c.newDecision("new")
		set(&e, s)
		return tx.Decisions.Append(c.Context(), c.newDecision("good"), e)
	}
}

func organizationWith(set func(*org.Organization, string)) func(*check, account.Tx, string) error {
	return func(c *check, tx account.Tx, s string) error {
		o := c.newOrganization("new")
		set(&o, s)
		return tx.Organizations.Create(c.Context(), o)
	}
}

func messageWith(set func(*outbox.Message, string)) func(*check, account.Tx, string) error {
	return func(c *check, tx account.Tx, s string) error {
		m := c.newMessage("new")
		set(&m, s)
		return tx.Outbox.Add(c.Context(), m)
	}
}

func invitationWith(set func(*org.Invitation, string)) func(*check, account.Tx, string) error {
	return func(c *check, tx account.Tx, s string) error {
		v := c.newInvitation("new", "ann", "new@example.org")
		set(&v, s)
		return tx.Invitations.Create(c.Context(), v)
	}
}

func factorWith(set func(*otp.Factor, string)) func(*check, account.Tx, string) error {
	return func(c *check, tx account.Tx, s string) error {
		f := c.newFactor("new", "usr_ann")
		set(&f, s)
		return tx.Factors.Create(c.Context(), f)
	}
}

func identityWith(set func(*account.Identity, string)) func(*check, account.Tx, string) error {
	return func(c *check, tx account.Tx, s string) error {
		i := c.newIdentity("new", "usr_ann")
		set(&i, s)
		return tx.Identities.Create(c.Context(), i)
	}
}

func clientWith(set func(*oauth.Client, string)) func(*check, account.Tx, string) error {
	return func(c *check, tx account.Tx, s string) error {
		x := c.newClient("new")
		set(&x, s)
		return tx.Clients.Create(c.Context(), x)
	}
}

func resourceWith(set func(*oauth.Resource, string)) func(*check, account.Tx, string) error {
	return func(c *check, tx account.Tx, s string) error {
		x := c.newResource("new")
		set(&x, s)
		return tx.Resources.Put(c.Context(), x, time.Time{})
	}
}

func clientGrantWith(set func(*oauth.Grant, string)) func(*check, account.Tx, string) error {
	return func(c *check, tx account.Tx, s string) error {
		g := c.newClientGrant("new", "usr_ann")
		set(&g, s)
		return tx.ClientGrants.Create(c.Context(), g)
	}
}

func initialTokenWith(set func(*oauth.InitialToken, string)) func(*check, account.Tx, string) error {
	return func(c *check, tx account.Tx, s string) error {
		t := c.newInitialToken("new")
		set(&t, s)
		return tx.InitialTokens.Create(c.Context(), t)
	}
}

func consentWith(set func(*oauth.Consent, string)) func(*check, account.Tx, string) error {
	return func(c *check, tx account.Tx, s string) error {
		x := c.newConsent("usr_ann", "new")
		set(&x, s)
		return tx.Consents.Put(c.Context(), x)
	}
}

func deviceCodeWith(set func(*oauth.DeviceCode, string)) func(*check, account.Tx, string) error {
	return func(c *check, tx account.Tx, s string) error {
		d := c.newDeviceCode("new")
		set(&d, s)
		return tx.DeviceCodes.Create(c.Context(), d)
	}
}

func eventWith(set func(*audit.Entry, string)) func(*check, account.Tx, string) error {
	return func(c *check, tx account.Tx, s string) error {
		e := audit.Entry{ID: "aud_new", At: c.now, Actor: "usr_ann", Action: "test", Outcome: audit.Failure}
		set(&e, s)
		return tx.Audit.Append(c.Context(), e)
	}
}

func killWith(set func(*revoke.Entry, string)) func(*check, account.Tx, string) error {
	return func(c *check, tx account.Tx, s string) error {
		e := c.newKill("new")
		set(&e, s)
		_, err := tx.Log.Append(c.Context(), e)
		return err
	}
}

func signalWith(set func(*ssf.Signal, string)) func(*check, account.Tx, string) error {
	return func(c *check, tx account.Tx, s string) error {
		g := c.newSignal("new", 1000)
		set(&g, s)
		return tx.Signals.Append(c.Context(), g)
	}
}

func streamWith(set func(*ssf.Stream, string)) func(*check, account.Tx, string) error {
	return func(c *check, tx account.Tx, s string) error {
		x := c.newStream("new", "usr_ann")
		set(&x, s)
		return tx.Streams.Create(c.Context(), x)
	}
}

// lookups are those whose text comes from a request.
var lookups = []struct {
	what string
	find func(c *check, tx account.Tx, text string) (bool, error)
}{
	{"Users.ByID", func(c *check, tx account.Tx, s string) (bool, error) {
		u, err := tx.Users.ByID(c.Context(), s)
		return u.ID != "", err
	}},
	{"Users.ByUsername", func(c *check, tx account.Tx, s string) (bool, error) {
		u, err := tx.Users.ByUsername(c.Context(), s)
		return u.ID != "", err
	}},
	{"Users.ByEmail", func(c *check, tx account.Tx, s string) (bool, error) {
		all, err := tx.Users.ByEmail(c.Context(), s)
		return len(all) > 0, err
	}},
	{"Users.List by prefix", func(c *check, tx account.Tx, s string) (bool, error) {
		all, err := tx.Users.List(c.Context(), account.UserFilter{Prefix: s, Limit: 10})
		return len(all) > 0, err
	}},
	{"Credentials.Password", func(c *check, tx account.Tx, s string) (bool, error) {
		phc, err := tx.Credentials.Password(c.Context(), s)
		return phc != "", err
	}},
	{"Sessions.ByID", func(c *check, tx account.Tx, s string) (bool, error) {
		x, err := tx.Sessions.ByID(c.Context(), s)
		return x.ID != "", err
	}},
	{"Sessions.List", func(c *check, tx account.Tx, s string) (bool, error) {
		all, err := tx.Sessions.List(c.Context(), s)
		return len(all) > 0, err
	}},
	{"Families.ByID", func(c *check, tx account.Tx, s string) (bool, error) {
		f, err := tx.Families.ByID(c.Context(), s)
		return f.ID != "", err
	}},
	{"APIKeys.ByID", func(c *check, tx account.Tx, s string) (bool, error) {
		x, err := tx.APIKeys.ByID(c.Context(), s)
		return x.ID != "", err
	}},
	{"Passkeys.List", func(c *check, tx account.Tx, s string) (bool, error) {
		all, err := tx.Passkeys.List(c.Context(), s)
		return len(all) > 0, err
	}},
	{"APIKeys.List", func(c *check, tx account.Tx, s string) (bool, error) {
		all, err := tx.APIKeys.List(c.Context(), s)
		return len(all) > 0, err
	}},
	{"Roles.Assigned", func(c *check, tx account.Tx, s string) (bool, error) {
		all, err := tx.Roles.Assigned(c.Context(), s, "")
		return len(all) > 0, err
	}},
	{"Roles.Assigned in an organization", func(c *check, tx account.Tx, s string) (bool, error) {
		all, err := tx.Roles.Assigned(c.Context(), "usr_ann", s)
		return len(all) > 0, err
	}},
	{"Grants.On by object", func(c *check, tx account.Tx, s string) (bool, error) {
		all, err := tx.Grants.On(c.Context(), []sallyport.UID{{Type: "Post", ID: s}, {Type: s, ID: "1"}}, []authz.Grantee{ann}, c.now)
		return len(all) > 0, err
	}},
	{"Grants.On by grantee", func(c *check, tx account.Tx, s string) (bool, error) {
		all, err := tx.Grants.On(c.Context(), []sallyport.UID{post1}, []authz.Grantee{{Kind: authz.SubjectGrantee, ID: s}}, c.now)
		return len(all) > 0, err
	}},
	{"Grants.Of by grantee and type", func(c *check, tx account.Tx, s string) (bool, error) {
		one, err1 := tx.Grants.Of(c.Context(), []authz.Grantee{{Kind: authz.SubjectGrantee, ID: s}}, "Post", c.now, 10)
		two, err2 := tx.Grants.Of(c.Context(), []authz.Grantee{ann}, s, c.now, 10)
		three, err3 := tx.Grants.Of(c.Context(), []authz.Grantee{ann}, "Post\x001", c.now, 10)
		return len(one)+len(two)+len(three) > 0, errors.Join(err1, err2, err3)
	}},
	{"Grants.List by object", func(c *check, tx account.Tx, s string) (bool, error) {
		one, err1 := tx.Grants.List(c.Context(), authz.GrantFilter{Resource: sallyport.UID{Type: s}, Limit: 10}, c.now)
		two, err2 := tx.Grants.List(c.Context(), authz.GrantFilter{Resource: sallyport.UID{Type: "Post", ID: s}, Limit: 10}, c.now)
		three, err3 := tx.Grants.List(c.Context(), authz.GrantFilter{Resource: sallyport.UID{Type: "Post\x001"}, Limit: 10}, c.now)
		return len(one)+len(two)+len(three) > 0, errors.Join(err1, err2, err3)
	}},
	{"Grants.List by grantee", func(c *check, tx account.Tx, s string) (bool, error) {
		all, err := tx.Grants.List(c.Context(), authz.GrantFilter{Grantee: authz.Grantee{Kind: authz.SubjectGrantee, ID: s}, Limit: 10}, c.now)
		return len(all) > 0, err
	}},
	{"Decisions.ByID", func(c *check, tx account.Tx, s string) (bool, error) {
		e, err := tx.Decisions.ByID(c.Context(), s)
		return e.ID != "", err
	}},
	{"Decisions.Recent by subject", func(c *check, tx account.Tx, s string) (bool, error) {
		all, err := tx.Decisions.Recent(c.Context(), authz.DecisionFilter{Subject: s, Limit: 10})
		return len(all) > 0, err
	}},
	{"Decisions.Recent by action", func(c *check, tx account.Tx, s string) (bool, error) {
		all, err := tx.Decisions.Recent(c.Context(), authz.DecisionFilter{Action: s, Limit: 10})
		return len(all) > 0, err
	}},
	{"Organizations.ByID", func(c *check, tx account.Tx, s string) (bool, error) {
		o, err := tx.Organizations.ByID(c.Context(), s)
		return o.ID != "", err
	}},
	{"Organizations.BySlug", func(c *check, tx account.Tx, s string) (bool, error) {
		o, err := tx.Organizations.BySlug(c.Context(), s)
		return o.ID != "", err
	}},
	{"Organizations.List by prefix", func(c *check, tx account.Tx, s string) (bool, error) {
		all, err := tx.Organizations.List(c.Context(), org.Filter{Prefix: s, Limit: 10})
		return len(all) > 0, err
	}},
	{"Members.Membership by user", func(c *check, tx account.Tx, s string) (bool, error) {
		m, err := tx.Members.Membership(c.Context(), "org_ann", s)
		return m.User != "", err
	}},
	{"Members.Of", func(c *check, tx account.Tx, s string) (bool, error) {
		all, err := tx.Members.Of(c.Context(), s)
		return len(all) > 0, err
	}},
	{"Members.In", func(c *check, tx account.Tx, s string) (bool, error) {
		all, err := tx.Members.In(c.Context(), s, "", 10)
		return len(all) > 0, err
	}},
	{"Factors.Of", func(c *check, tx account.Tx, s string) (bool, error) {
		all, err := tx.Factors.Of(c.Context(), s)
		return len(all) > 0, err
	}},
	{"Identities.BySubject by issuer", func(c *check, tx account.Tx, s string) (bool, error) {
		i, err := tx.Identities.BySubject(c.Context(), s, "ann")
		return i.ID != "", err
	}},
	{"Identities.BySubject by subject", func(c *check, tx account.Tx, s string) (bool, error) {
		i, err := tx.Identities.BySubject(c.Context(), "https://id.example.com", s)
		return i.ID != "", err
	}},
	{"Identities.Of", func(c *check, tx account.Tx, s string) (bool, error) {
		all, err := tx.Identities.Of(c.Context(), s)
		return len(all) > 0, err
	}},
	{"Clients.ByID", func(c *check, tx account.Tx, s string) (bool, error) {
		x, err := tx.Clients.ByID(c.Context(), s)
		return x.ID != "", err
	}},
	{"ClientGrants.ByID", func(c *check, tx account.Tx, s string) (bool, error) {
		g, err := tx.ClientGrants.ByID(c.Context(), s)
		return g.ID != "", err
	}},
	{"ClientGrants.Of", func(c *check, tx account.Tx, s string) (bool, error) {
		all, err := tx.ClientGrants.Of(c.Context(), s)
		return len(all) > 0, err
	}},
	{"Consents.Get by user", func(c *check, tx account.Tx, s string) (bool, error) {
		x, err := tx.Consents.Get(c.Context(), s, "ann")
		return x.Client != "", err
	}},
	{"Consents.Get by client", func(c *check, tx account.Tx, s string) (bool, error) {
		x, err := tx.Consents.Get(c.Context(), "usr_ann", s)
		return x.Client != "", err
	}},
	{"Consents.Of", func(c *check, tx account.Tx, s string) (bool, error) {
		all, err := tx.Consents.Of(c.Context(), s)
		return len(all) > 0, err
	}},
	{"InitialTokens.Delete", func(c *check, tx account.Tx, s string) (bool, error) {
		t, err := tx.InitialTokens.Delete(c.Context(), s)
		return t.ID != "", err
	}},
	{"Introduced.Take", func(c *check, tx account.Tx, s string) (bool, error) {
		all, err := tx.Introduced.Take(c.Context(), s)
		return len(all) > 0, err
	}},
	{"Recovery.Left", func(c *check, tx account.Tx, s string) (bool, error) {
		n, err := tx.Recovery.Left(c.Context(), s)
		return n > 0, err
	}},
	{"Invitations.Revoke by id", func(c *check, tx account.Tx, s string) (bool, error) {
		v, err := tx.Invitations.Revoke(c.Context(), "org_ann", s)
		return v.ID != "", err
	}},
	{"Streams.ByID", func(c *check, tx account.Tx, s string) (bool, error) {
		x, err := tx.Streams.ByID(c.Context(), s)
		return x.ID != "", err
	}},
	{"Streams.Of", func(c *check, tx account.Tx, s string) (bool, error) {
		all, err := tx.Streams.Of(c.Context(), s)
		return len(all) > 0, err
	}},
	{"Audit.List by actor", func(c *check, tx account.Tx, s string) (bool, error) {
		all, err := tx.Audit.List(c.Context(), audit.Filter{Actor: s, Limit: 10})
		return len(all) > 0, err
	}},
}

// plenty is text that is fine and must come back as it went in.
func plenty(field string) string { return fmt.Sprintf("%s %s", field, odd) }
