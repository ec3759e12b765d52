package account_test

import (
	"context"
	"errors"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/org"
	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/authn/apikey"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/limit"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/revoke"
)

var errDisk = errors.New("the disk is full")

// A faulty store fails at one write, counted from 1 over all transactions. It
// notes what every transaction that committed has written.
type faulty struct {
	account.Store
	failAt  int
	writes  int
	commits [][]string
}

func (s *faulty) Update(ctx context.Context, f func(account.Tx) error) error {
	var written []string
	before := s.writes
	err := s.Store.Update(ctx, func(tx account.Tx) error {
		s.writes, written = before, nil // it may run again
		return f(s.tx(tx, &written))
	})
	if err == nil && len(written) > 0 {
		s.commits = append(s.commits, written)
	}
	return err
}

// tx wraps every store of the transaction that can write.
func (s *faulty) tx(tx account.Tx, written *[]string) account.Tx {
	w := writer(func(what string) error {
		if s.writes++; s.writes == s.failAt {
			return errDisk
		}
		*written = append(*written, what)
		return nil
	})
	tx.Users = faultyUsers{tx.Users, w}
	tx.Credentials = faultyCredentials{tx.Credentials, w}
	tx.Sessions = faultySessions{tx.Sessions, w}
	tx.Families = faultyFamilies{tx.Families, w}
	tx.APIKeys = faultyAPIKeys{tx.APIKeys, w}
	tx.Roles = faultyRoles{tx.Roles, w}
	tx.Grants = faultyGrants{tx.Grants, w}
	tx.Versions = faultyVersions{tx.Versions, w}
	tx.Organizations = faultyOrganizations{tx.Organizations, w}
	tx.Members = faultyMembers{tx.Members, w}
	tx.Invitations = faultyInvitations{tx.Invitations, w}
	tx.Clients = faultyClients{tx.Clients, w}
	tx.ClientGrants = faultyClientGrants{tx.ClientGrants, w}
	tx.Consents = faultyConsents{tx.Consents, w}
	tx.Failures = faultyFailures{tx.Failures, w}
	tx.Audit = faultyAudit{tx.Audit, w}
	tx.Log = faultyLog{tx.Log, w}
	return tx
}

// A writer is asked before every write.
type writer func(what string) error

// write runs f unless it is the one to fail.
func write[T any](w writer, what string, f func() (T, error)) (T, error) {
	if err := w(what); err != nil {
		var zero T
		return zero, err
	}
	return f()
}

func (w writer) do(what string, f func() error) error {
	if err := w(what); err != nil {
		return err
	}
	return f()
}

type faultyUsers struct {
	account.Users
	w writer
}

func (s faultyUsers) Create(ctx context.Context, u account.User) error {
	return s.w.do("Users.Create", func() error { return s.Users.Create(ctx, u) })
}

func (s faultyUsers) SetStatus(ctx context.Context, id string, status account.Status, now time.Time) error {
	return s.w.do("Users.SetStatus", func() error { return s.Users.SetStatus(ctx, id, status, now) })
}

func (s faultyUsers) SetPlan(ctx context.Context, id, plan string, now time.Time) error {
	return s.w.do("Users.SetPlan", func() error { return s.Users.SetPlan(ctx, id, plan, now) })
}

func (s faultyUsers) SetKilledSeq(ctx context.Context, id string, seq int64) error {
	return s.w.do("Users.SetKilledSeq", func() error { return s.Users.SetKilledSeq(ctx, id, seq) })
}

func (s faultyUsers) Delete(ctx context.Context, id string) error {
	return s.w.do("Users.Delete", func() error { return s.Users.Delete(ctx, id) })
}

type faultyCredentials struct {
	account.Credentials
	w writer
}

func (s faultyCredentials) SetPassword(ctx context.Context, user, phc string, now time.Time) error {
	return s.w.do("Credentials.SetPassword", func() error { return s.Credentials.SetPassword(ctx, user, phc, now) })
}

func (s faultyCredentials) ReplacePassword(ctx context.Context, user, old, phc string, now time.Time) (bool, error) {
	return write(s.w, "Credentials.ReplacePassword", func() (bool, error) { return s.Credentials.ReplacePassword(ctx, user, old, phc, now) })
}

type faultySessions struct {
	session.Store
	w writer
}

func (s faultySessions) Create(ctx context.Context, v session.Session) error {
	return s.w.do("Sessions.Create", func() error { return s.Store.Create(ctx, v) })
}

func (s faultySessions) Touch(ctx context.Context, id string, seen, idle time.Time) error {
	return s.w.do("Sessions.Touch", func() error { return s.Store.Touch(ctx, id, seen, idle) })
}

func (s faultySessions) Rotate(ctx context.Context, id string, hash []byte, p revoke.Position, authTime time.Time) error {
	return s.w.do("Sessions.Rotate", func() error { return s.Store.Rotate(ctx, id, hash, p, authTime) })
}

func (s faultySessions) SetOrg(ctx context.Context, id, org string) error {
	return s.w.do("Sessions.SetOrg", func() error { return s.Store.SetOrg(ctx, id, org) })
}

func (s faultySessions) Leave(ctx context.Context, subject, org string) error {
	return s.w.do("Sessions.Leave", func() error { return s.Store.Leave(ctx, subject, org) })
}

func (s faultySessions) End(ctx context.Context, id string) (bool, error) {
	return write(s.w, "Sessions.End", func() (bool, error) { return s.Store.End(ctx, id) })
}

func (s faultySessions) EndAll(ctx context.Context, subject, except string) ([]session.Session, error) {
	return write(s.w, "Sessions.EndAll", func() ([]session.Session, error) { return s.Store.EndAll(ctx, subject, except) })
}

type faultyFamilies struct {
	token.Families
	w writer
}

func (s faultyFamilies) Create(ctx context.Context, f token.Family) error {
	return s.w.do("Families.Create", func() error { return s.Families.Create(ctx, f) })
}

func (s faultyFamilies) Rotate(ctx context.Context, r token.Rotation) (token.Rotated, error) {
	return write(s.w, "Families.Rotate", func() (token.Rotated, error) { return s.Families.Rotate(ctx, r) })
}

func (s faultyFamilies) EndSession(ctx context.Context, id, reason string, now time.Time) error {
	return s.w.do("Families.EndSession", func() error { return s.Families.EndSession(ctx, id, reason, now) })
}

func (s faultyFamilies) EndGrant(ctx context.Context, id, reason string, now time.Time) error {
	return s.w.do("Families.EndGrant", func() error { return s.Families.EndGrant(ctx, id, reason, now) })
}

func (s faultyFamilies) EndSubject(ctx context.Context, subject, except, reason string, now time.Time) error {
	return s.w.do("Families.EndSubject", func() error { return s.Families.EndSubject(ctx, subject, except, reason, now) })
}

func (s faultyFamilies) Advance(ctx context.Context, id string, p revoke.Position) error {
	return s.w.do("Families.Advance", func() error { return s.Families.Advance(ctx, id, p) })
}

type faultyAPIKeys struct {
	apikey.Store
	w writer
}

func (s faultyAPIKeys) Create(ctx context.Context, k apikey.Key) error {
	return s.w.do("APIKeys.Create", func() error { return s.Store.Create(ctx, k) })
}

func (s faultyAPIKeys) Revoke(ctx context.Context, id, owner string) (bool, error) {
	return write(s.w, "APIKeys.Revoke", func() (bool, error) { return s.Store.Revoke(ctx, id, owner) })
}

func (s faultyAPIKeys) RevokeAll(ctx context.Context, owner string) ([]string, error) {
	return write(s.w, "APIKeys.RevokeAll", func() ([]string, error) { return s.Store.RevokeAll(ctx, owner) })
}

type faultyRoles struct {
	authz.Store
	w writer
}

func (s faultyRoles) PutRole(ctx context.Context, r authz.Role) error {
	return s.w.do("Roles.PutRole", func() error { return s.Store.PutRole(ctx, r) })
}

func (s faultyRoles) DeleteRole(ctx context.Context, name string) (bool, error) {
	return write(s.w, "Roles.DeleteRole", func() (bool, error) { return s.Store.DeleteRole(ctx, name) })
}

func (s faultyRoles) Assign(ctx context.Context, subject, role, org string) (bool, error) {
	return write(s.w, "Roles.Assign", func() (bool, error) { return s.Store.Assign(ctx, subject, role, org) })
}

func (s faultyRoles) Unassign(ctx context.Context, subject, role, org string) (bool, error) {
	return write(s.w, "Roles.Unassign", func() (bool, error) { return s.Store.Unassign(ctx, subject, role, org) })
}

func (s faultyRoles) UnassignAll(ctx context.Context, subject string) error {
	return s.w.do("Roles.UnassignAll", func() error { return s.Store.UnassignAll(ctx, subject) })
}

type faultyGrants struct {
	authz.GrantStore
	w writer
}

func (s faultyGrants) Put(ctx context.Context, g authz.Grant) error {
	return s.w.do("Grants.Put", func() error { return s.GrantStore.Put(ctx, g) })
}

func (s faultyGrants) Remove(ctx context.Context, g authz.Grantee, r sallyport.UID, permissions ...string) (int, error) {
	return write(s.w, "Grants.Remove", func() (int, error) { return s.GrantStore.Remove(ctx, g, r, permissions...) })
}

func (s faultyGrants) RemoveAllOf(ctx context.Context, g authz.Grantee) error {
	return s.w.do("Grants.RemoveAllOf", func() error { return s.GrantStore.RemoveAllOf(ctx, g) })
}

type faultyVersions struct {
	authz.VersionStore
	w writer
}

func (s faultyVersions) Publish(ctx context.Context, v authz.Version, current int64) (authz.Version, error) {
	return write(s.w, "Versions.Publish", func() (authz.Version, error) { return s.VersionStore.Publish(ctx, v, current) })
}

func (s faultyRoles) UnassignIn(ctx context.Context, subject, org string) error {
	return s.w.do("Roles.UnassignIn", func() error { return s.Store.UnassignIn(ctx, subject, org) })
}

type faultyOrganizations struct {
	org.Store
	w writer
}

func (s faultyOrganizations) Create(ctx context.Context, o org.Organization) error {
	return s.w.do("Organizations.Create", func() error { return s.Store.Create(ctx, o) })
}

func (s faultyOrganizations) Update(ctx context.Context, o org.Organization) error {
	return s.w.do("Organizations.Update", func() error { return s.Store.Update(ctx, o) })
}

func (s faultyOrganizations) Delete(ctx context.Context, id string) error {
	return s.w.do("Organizations.Delete", func() error { return s.Store.Delete(ctx, id) })
}

type faultyMembers struct {
	org.Members
	w writer
}

func (s faultyMembers) Add(ctx context.Context, m org.Member) (bool, error) {
	return write(s.w, "Members.Add", func() (bool, error) { return s.Members.Add(ctx, m) })
}

func (s faultyMembers) Remove(ctx context.Context, org, user string) (bool, error) {
	return write(s.w, "Members.Remove", func() (bool, error) { return s.Members.Remove(ctx, org, user) })
}

func (s faultyMembers) RemoveUser(ctx context.Context, user string) error {
	return s.w.do("Members.RemoveUser", func() error { return s.Members.RemoveUser(ctx, user) })
}

type faultyInvitations struct {
	org.Invitations
	w writer
}

func (s faultyInvitations) Create(ctx context.Context, inv org.Invitation) error {
	return s.w.do("Invitations.Create", func() error { return s.Invitations.Create(ctx, inv) })
}

func (s faultyInvitations) Consume(ctx context.Context, hash []byte, now time.Time) (org.Invitation, error) {
	return write(s.w, "Invitations.Consume", func() (org.Invitation, error) { return s.Invitations.Consume(ctx, hash, now) })
}

func (s faultyInvitations) Revoke(ctx context.Context, in, id string) (org.Invitation, error) {
	return write(s.w, "Invitations.Revoke", func() (org.Invitation, error) { return s.Invitations.Revoke(ctx, in, id) })
}

func (s faultyInvitations) Withdraw(ctx context.Context, in, email, inviter string) error {
	return s.w.do("Invitations.Withdraw", func() error { return s.Invitations.Withdraw(ctx, in, email, inviter) })
}

type faultyClients struct {
	oauth.Clients
	w writer
}

func (s faultyClients) Create(ctx context.Context, c oauth.Client) error {
	return s.w.do("Clients.Create", func() error { return s.Clients.Create(ctx, c) })
}

func (s faultyClients) Update(ctx context.Context, c oauth.Client, was time.Time) error {
	return s.w.do("Clients.Update", func() error { return s.Clients.Update(ctx, c, was) })
}

func (s faultyClients) Delete(ctx context.Context, id string) (bool, error) {
	return write(s.w, "Clients.Delete", func() (bool, error) { return s.Clients.Delete(ctx, id) })
}

type faultyClientGrants struct {
	oauth.Grants
	w writer
}

func (s faultyClientGrants) Create(ctx context.Context, g oauth.Grant) error {
	return s.w.do("ClientGrants.Create", func() error { return s.Grants.Create(ctx, g) })
}

func (s faultyClientGrants) Redeem(ctx context.Context, id string, now time.Time) (bool, error) {
	return write(s.w, "ClientGrants.Redeem", func() (bool, error) { return s.Grants.Redeem(ctx, id, now) })
}

func (s faultyClientGrants) End(ctx context.Context, id string) (bool, error) {
	return write(s.w, "ClientGrants.End", func() (bool, error) { return s.Grants.End(ctx, id) })
}

func (s faultyClientGrants) EndAll(ctx context.Context, user, client string) ([]string, error) {
	return write(s.w, "ClientGrants.EndAll", func() ([]string, error) { return s.Grants.EndAll(ctx, user, client) })
}

type faultyConsents struct {
	oauth.Consents
	w writer
}

func (s faultyConsents) Put(ctx context.Context, c oauth.Consent) error {
	return s.w.do("Consents.Put", func() error { return s.Consents.Put(ctx, c) })
}

func (s faultyConsents) Remove(ctx context.Context, user, client string) (bool, error) {
	return write(s.w, "Consents.Remove", func() (bool, error) { return s.Consents.Remove(ctx, user, client) })
}

type faultyFailures struct {
	limit.Store
	w writer
}

func (s faultyFailures) Set(ctx context.Context, key []byte, f limit.Failures, until time.Time) error {
	return s.w.do("Failures.Set", func() error { return s.Store.Set(ctx, key, f, until) })
}

type faultyAudit struct {
	audit.Log
	w writer
}

func (s faultyAudit) Append(ctx context.Context, e audit.Entry) error {
	return s.w.do("Audit.Append", func() error { return s.Log.Append(ctx, e) })
}

type faultyLog struct {
	revoke.Log
	w writer
}

func (s faultyLog) Append(ctx context.Context, es ...revoke.Entry) (revoke.Position, error) {
	return write(s.w, "Log.Append", func() (revoke.Position, error) { return s.Log.Append(ctx, es...) })
}

func (s faultyLog) Renew(ctx context.Context, old string) (revoke.Position, error) {
	return write(s.w, "Log.Renew", func() (revoke.Position, error) { return s.Log.Renew(ctx, old) })
}
