package storetest

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/device"
	"github.com/sallyport-auth/sallyport/account/org"
	"github.com/sallyport-auth/sallyport/account/outbox"
	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/authn/apikey"
	"github.com/sallyport-auth/sallyport/authn/clientcert"
	"github.com/sallyport-auth/sallyport/authn/onetime"
	"github.com/sallyport-auth/sallyport/authn/otp"
	"github.com/sallyport-auth/sallyport/authn/passkey"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/limit"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/ssf"
)

// hash returns a hash as sessions and API keys are looked up by.
func hash(s string) []byte {
	h := sha256.Sum256([]byte(s))
	return h[:]
}

// familyID returns the id of a family, which is the same for the same name.
func familyID(name string) string { return secret.IDFromBytes("fam", [16]byte(hash(name))) }

// newUser returns an active user "usr_<name>" of that name, without an address.
func (c *check) newUser(name string) account.User {
	return account.User{
		ID: "usr_" + name, Username: name, UsernameNorm: name,
		Status: account.Active, CreatedAt: c.now, UpdatedAt: c.now,
	}
}

// user creates newUser(name), as changed.
func (c *check) user(name string, change ...func(*account.User)) account.User {
	c.Helper()
	u := c.newUser(name)
	for _, f := range change {
		f(&u)
	}
	c.update(func(tx account.Tx) error { return tx.Users.Create(c.Context(), u) })
	return u
}

// newSession returns a session "ses_<name>" with the token hash(name).
func (c *check) newSession(name, subject string) session.Session {
	return session.Session{
		ID: "ses_" + name, TokenHash: hash(name), Subject: subject,
		AAL: 1, AMR: []string{"pwd"}, AuthTime: c.now, Position: revoke.Position{Log: "log_1", Seq: 3},
		CreatedAt: c.now, LastSeenAt: c.now, IdleExpiresAt: c.now.Add(time.Hour), ExpiresAt: c.now.Add(24 * time.Hour),
	}
}

// session creates newSession(name, subject), as changed.
func (c *check) session(name, subject string, change ...func(*session.Session)) session.Session {
	c.Helper()
	s := c.newSession(name, subject)
	for _, f := range change {
		f(&s)
	}
	c.update(func(tx account.Tx) error { return tx.Sessions.Create(c.Context(), s) })
	return s
}

// newFamily returns a bearer family of the session "ses_<name>" whose newest
// token is number 5.
func (c *check) newFamily(name, subject string) token.Family {
	return token.Family{
		ID: familyID(name), Session: "ses_" + name, Subject: subject,
		KeyVersion: 1, Counter: 5, Position: revoke.Position{Log: "log_1", Seq: 3},
		CreatedAt: c.now, RotatedAt: c.now, ExpiresAt: c.now.Add(24 * time.Hour),
	}
}

// family creates newFamily(name, subject), as changed.
func (c *check) family(name, subject string, change ...func(*token.Family)) token.Family {
	c.Helper()
	f := c.newFamily(name, subject)
	for _, change := range change {
		change(&f)
	}
	c.update(func(tx account.Tx) error { return tx.Families.Create(c.Context(), f) })
	return f
}

// newKey returns an API key "key_<name>" that never expires.
func (c *check) newKey(name, owner string) apikey.Key {
	return apikey.Key{
		ID: "key_" + name, Hash: hash(name), Owner: owner, Name: name,
		Scopes: []string{"post:read"}, Last4: "wxyz", CreatedAt: c.now,
	}
}

// key creates newKey(name, owner), as changed.
func (c *check) key(name, owner string, change ...func(*apikey.Key)) apikey.Key {
	c.Helper()
	k := c.newKey(name, owner)
	for _, f := range change {
		f(&k)
	}
	c.update(func(tx account.Tx) error { return tx.APIKeys.Create(c.Context(), k) })
	return k
}

// newPasskey returns a passkey "pky_<name>" with the credential id hash(name).
func (c *check) newPasskey(name, user string) passkey.Passkey {
	return passkey.Passkey{
		ID: "pky_" + name, User: user, Handle: []byte(user), CredentialID: hash(name), PublicKey: []byte{0xa5, 0, 1, 0xff},
		Transports: []string{"internal"}, Name: name, CreatedAt: c.now,
	}
}

// passkey creates newPasskey(name, user), as changed.
func (c *check) passkey(name, user string, change ...func(*passkey.Passkey)) passkey.Passkey {
	c.Helper()
	k := c.newPasskey(name, user)
	for _, f := range change {
		f(&k)
	}
	c.update(func(tx account.Tx) error { return tx.Passkeys.Create(c.Context(), k) })
	return k
}

// newSigningKey returns an active key for every audience.
func (c *check) newSigningKey(kid string) token.StoredKey {
	return token.StoredKey{
		KID: kid, Alg: token.EdDSA, Use: "sig", PrivateSealed: []byte{0, 1, 0xff, 2}, PublicJWK: []byte(`{"kty": "OKP"}`),
		State: token.Active, NotBefore: c.now, RetireAt: c.now.Add(time.Hour), CreatedAt: c.now,
	}
}

// newKill returns an entry of the revocation log that outlives the day.
func (c *check) newKill(id string) revoke.Entry {
	return revoke.Entry{
		Effect: revoke.Kill, Kind: revoke.Session, ID: id,
		CreatedAt: c.now, ExpiresAt: c.now.Add(24 * time.Hour),
	}
}

// everything writes a row of each kind, all of them named after name. Of
// them, so many expire: expiring.
func (c *check) everything(ctx context.Context, tx account.Tx, name string) error {
	user := "usr_" + name
	key := c.newKey(name, user)
	key.ExpiresAt = c.now.Add(time.Hour)
	mapping := c.newMapping(name, user)
	mapping.ExpiresAt = c.now.Add(time.Hour)
	return inOrder(
		func() error { return tx.Users.Create(ctx, c.newUser(name)) },
		func() error { return tx.Credentials.SetPassword(ctx, user, "$phc$"+name, c.now) },
		func() error { return tx.Families.Create(ctx, c.newFamily(name, user)) },
		func() error { return tx.Sessions.Create(ctx, c.newSession(name, user)) },
		func() error { return tx.APIKeys.Create(ctx, key) },
		func() error { return tx.Certificates.Create(ctx, mapping) },
		func() error { return tx.Devices.Create(ctx, c.newDevice(name, user)) },
		func() error { return tx.Passkeys.Create(ctx, c.newPasskey(name, user)) },
		func() error { return tx.Roles.PutRole(ctx, authz.Role{Name: name, Permissions: []string{"post:read"}}) },
		func() error { _, err := tx.Roles.Assign(ctx, user, name, ""); return err },
		func() error {
			g := authz.Grantee{Kind: authz.SubjectGrantee, ID: user}
			return tx.Grants.Put(ctx, authz.Grant{Grantee: g, Resource: post1, Permissions: []string{"post:read"}, ExpiresAt: c.now.Add(time.Hour), CreatedAt: c.now})
		},
		func() error {
			v, err := tx.Versions.Current(ctx)
			if err == nil {
				_, err = tx.Versions.Publish(ctx, c.newVersion(name), v.Number)
			}
			return err
		},
		func() error { return tx.Decisions.Append(ctx, c.newDecision(name)) },
		func() error { return tx.Organizations.Create(ctx, c.newOrganization(name)) },
		func() error {
			_, err := tx.Members.Add(ctx, org.Member{Org: "org_" + name, User: user, Status: org.Active, JoinedAt: c.now})
			return err
		},
		func() error { return tx.Invitations.Create(ctx, c.newInvitation(name, name, name+"@example.org")) },
		func() error { return tx.Outbox.Add(ctx, c.newMessage(name)) },
		func() error { return tx.OneTime.Create(ctx, c.newOneTime(name, user, "ticket")) },
		func() error { return tx.Factors.Create(ctx, c.newFactor(name, user)) },
		func() error { return tx.Recovery.Replace(ctx, user, [][]byte{hash(name)}) },
		func() error { return tx.Imports.Put(ctx, c.newCheckpoint("imp_"+name)) },
		func() error { return tx.Identities.Create(ctx, c.newIdentity(name, user)) },
		func() error {
			_, err := tx.Identities.Spend(ctx, hash(name), c.now.Add(time.Hour))
			return err
		},
		func() error { return tx.Clients.Create(ctx, c.newClient(name)) },
		func() error { return tx.ClientGrants.Create(ctx, c.newClientGrant(name, user)) },
		func() error { return tx.Consents.Put(ctx, c.newConsent(user, name)) },
		func() error { return tx.DeviceCodes.Create(ctx, c.newDeviceCode(name)) },
		func() error { return tx.Introduced.Add(ctx, "ses_"+name, name, c.now) },
		func() error { return tx.InitialTokens.Create(ctx, c.newInitialToken(name)) },
		func() error { return tx.Keys.PutKey(ctx, c.newSigningKey("kid_"+name)) },
		func() error {
			return tx.Failures.Set(ctx, []byte(name), limit.Failures{Count: 1, FirstAt: c.now}, c.now.Add(time.Hour))
		},
		func() error { _, err := tx.Secrets.Create(ctx, name, []byte(name)); return err },
		func() error {
			return tx.Audit.Append(ctx, audit.Entry{ID: "aud_" + name, At: c.now, Actor: user, Action: "test", Outcome: audit.Success})
		},
		func() error {
			return tx.Streams.Create(ctx, c.newStream(name, user, func(s *ssf.Stream) { s.Status = ssf.Disabled }))
		},
		func() error {
			p, err := tx.Log.Append(ctx, c.newKill(name))
			if err == nil {
				err = tx.Signals.Append(ctx, c.newSignal(name, p.Seq))
			}
			return err
		},
	)
}

// expiring is how many rows of everything Sweep finds in the end.
var expiring = len([]string{
	"session",
	"family",
	"API key",
	"certificate",
	"device",
	"failures",
	"grant",
	"decision",
	"invitation",
	"one-time token",
	"message",
	"factor",
	"import",
	"used answer of a provider",
	"grant to a client",
	"device code",
	"initial access token",
	"signal",
	"entry of the log",
})

// inOrder runs steps up to the first error.
func inOrder(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// A census is all that can be asked of a store that only knows everything(name).
type census struct {
	Users    []account.User
	Password string
	Sessions []session.Session
	Family   token.Rotated
	APIKeys  []apikey.Key

	Certificates []clientcert.Mapping
	Devices      []device.Device

	Passkeys []passkey.Passkey
	Roles    []authz.Role
	Assigned []string

	Organizations []org.Organization
	Members       []org.Member
	Invitations   []org.Invitation
	OneTime       string

	Messages []outbox.Message
	Factors  []otp.Factor
	Codes    int
	Import   string

	Identities []account.Identity

	Clients      []oauth.Client
	ClientGrants []oauth.Grant
	Consents     []oauth.Consent
	DeviceCode   string
	Introduced   []oauth.Introduction
	Initial      []oauth.InitialToken

	Grants   []authz.Grant
	Versions []authz.Version
	Decided  []string
	Keys     []token.StoredKey
	Failures limit.Failures
	Secret   []byte
	Audit    []audit.Entry
	Head     revoke.Head
	Log      []revoke.Entry
	Signals  []ssf.Signal
	Streams  []ssf.Stream
}

// census asks, and changes nothing.
func (c *check) census(name string) (n census) {
	c.Helper()
	ctx, user := c.Context(), "usr_"+name
	r := token.Rotation{Family: familyID(name), Counter: 5, Now: c.now}
	err := c.Update(ctx, func(tx account.Tx) error {
		return inOrder(
			func() (err error) { n.Users, err = tx.Users.List(ctx, account.UserFilter{Limit: 100}); return },
			func() (err error) { n.Password, err = tx.Credentials.Password(ctx, user); return },
			func() (err error) { n.Sessions, err = tx.Sessions.List(ctx, user); return },
			func() (err error) { n.Family, err = tx.Families.Rotate(ctx, r); return },
			func() (err error) { n.APIKeys, err = tx.APIKeys.List(ctx, user); return },
			func() (err error) { n.Devices, err = tx.Devices.List(ctx, user); return },
			func() (err error) { n.Certificates, err = tx.Certificates.List(ctx, user); return },
			func() (err error) { n.Passkeys, err = tx.Passkeys.List(ctx, user); return },
			func() (err error) { n.Roles, err = tx.Roles.Roles(ctx); return },
			func() (err error) { n.Assigned, err = tx.Roles.Assigned(ctx, user, ""); return },
			func() (err error) { n.Messages, err = tx.Outbox.Waiting(ctx, 100); return },
			func() (err error) { n.Grants, err = tx.Grants.List(ctx, authz.GrantFilter{}, c.now); return },
			func() (err error) { n.Versions, err = tx.Versions.History(ctx, 0, 100); return },
			func() error {
				all, err := tx.Decisions.Recent(ctx, authz.DecisionFilter{})
				n.Decided = c.shown(all)
				return err
			},
			func() (err error) { n.Organizations, err = tx.Organizations.List(ctx, org.Filter{}); return },
			func() (err error) { n.Members, err = tx.Members.In(ctx, "org_"+name, "", 0); return },
			func() (err error) {
				n.Invitations, err = tx.Invitations.Pending(ctx, "org_"+name, c.now, "", 0)
				return
			},
			func() error {
				t, err := tx.OneTime.Newest(ctx, user, "ticket")
				if n.OneTime = t.ID; err == onetime.ErrNotFound {
					err = nil
				}
				return err
			},
			func() (err error) { n.Factors, err = tx.Factors.Of(ctx, user); return },
			func() (err error) { n.Codes, err = tx.Recovery.Left(ctx, user); return },
			func() error {
				p, err := tx.Imports.Unfinished(ctx, "users.jsonl", "jsonl")
				n.Import = p.ID
				return err
			},
			func() (err error) { n.Identities, err = tx.Identities.Of(ctx, user); return },
			func() (err error) { n.Clients, err = tx.Clients.List(ctx, "", 0); return },
			func() (err error) { n.ClientGrants, err = tx.ClientGrants.Of(ctx, user); return },
			func() (err error) { n.Consents, err = tx.Consents.Of(ctx, user); return },
			func() error {
				d, err := tx.DeviceCodes.ByHash(ctx, hash(name))
				if n.DeviceCode = d.ID + " " + string(d.State); err == oauth.ErrNoGrant {
					err = nil
				}
				return err
			},
			func() (err error) { n.Initial, err = tx.InitialTokens.List(ctx, c.now, "", 0); return },
			func() (err error) { n.Introduced, err = tx.Introduced.Take(ctx, "ses_"+name); return },
			func() (err error) { n.Keys, err = tx.Keys.Keys(ctx); return },
			func() (err error) { n.Failures, err = tx.Failures.Lock(ctx, []byte(name)); return },
			func() (err error) { n.Secret, err = tx.Secrets.Get(ctx, name); return },
			func() (err error) { n.Audit, err = tx.Audit.List(ctx, audit.Filter{Limit: 100}); return },
			func() (err error) { n.Head, err = tx.Log.Head(ctx); return },
			func() (err error) { n.Log, err = tx.Log.Read(ctx, 0, 100); return },
			func() (err error) { n.Signals, err = tx.Signals.Read(ctx, 0, 100); return },
			func() (err error) { n.Streams, err = tx.Streams.Of(ctx, user); return },
			func() error { return errUndo },
		)
	})
	if err != errUndo {
		c.Fatalf("asking the store for all it has: %v", err)
	}
	return n
}
