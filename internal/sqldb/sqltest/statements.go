package sqltest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/device"
	"github.com/sallyport-auth/sallyport/account/org"
	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/authn/apikey"
	"github.com/sallyport-auth/sallyport/authn/clientcert"
	"github.com/sallyport-auth/sallyport/authn/otp"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/internal/sqldb"
	"github.com/sallyport-auth/sallyport/limit"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/ssf"
)

// A Statement is one that sqldb ran.
type Statement struct {
	Text string
	Args []any
}

// Statements returns every statement that sqldb has, each once. It finds them by
// doing everything that can be done to a store, and undoes it.
func Statements(t *testing.T, transact Transact) []Statement {
	t.Helper()
	r := &recorder{seen: map[string]bool{}}
	err := transact(t.Context(), func(c sqldb.Conn) error {
		r.Conn = c
		everything(t.Context(), sqldb.NewTx(r))
		return errUndo
	})
	if err != errUndo {
		t.Fatal(err)
	}
	undone := func(ctx context.Context, f func(sqldb.Conn) error) error {
		err := transact(ctx, func(c sqldb.Conn) error {
			r.Conn = c
			return errors.Join(f(r), errUndo)
		})
		if errors.Is(err, errUndo) {
			return nil
		}
		return err
	}
	if _, err := sqldb.Sweep(t.Context(), undone, time.Now(), 10); err != nil {
		t.Fatal(err)
	}
	if len(r.all) < 50 {
		t.Fatalf("only %d statements", len(r.all))
	}
	return r.all
}

var errUndo = errors.New("undo")

// A recorder remembers what it runs.
type recorder struct {
	sqldb.Conn
	seen map[string]bool
	all  []Statement
}

func (r *recorder) note(stmt string, args []any) {
	if !r.seen[stmt] {
		r.seen[stmt] = true
		r.all = append(r.all, Statement{stmt, args})
	}
}

func (r *recorder) Exec(ctx context.Context, stmt string, args ...any) (int64, error) {
	r.note(stmt, args)
	return r.Conn.Exec(ctx, stmt, args...)
}

func (r *recorder) Query(ctx context.Context, stmt string, args []any, f func(sqldb.Row) error) error {
	r.note(stmt, args)
	return r.Conn.Query(ctx, stmt, args, f)
}

// everything calls each method, so that each of its statements runs. Answers such
// as "not found" do not matter.
func everything(ctx context.Context, tx account.Tx) {
	now := time.Now()
	p := revoke.Position{Log: "log", Seq: 1}
	later := now.Add(time.Hour)

	u := tx.Users
	u.Create(ctx, account.User{ID: "usr_1", Username: "Ann", UsernameNorm: "ann", Status: account.Active, CreatedAt: now, UpdatedAt: now})
	u.ByID(ctx, "usr_1")
	u.ByUsername(ctx, "ann")
	u.ByEmail(ctx, "ann@example.org")
	u.Lock(ctx, "usr_1")
	u.SetStatus(ctx, "usr_1", account.Active, now)
	u.SetPlan(ctx, "usr_1", "free", now)
	u.SetKilledSeq(ctx, "usr_1", 1)
	u.Any(ctx)
	for _, prefix := range []string{"", "an"} {
		for _, after := range []string{"", "usr_0"} {
			for _, status := range []account.Status{"", account.Active} {
				u.List(ctx, account.UserFilter{Prefix: prefix, After: after, Status: status, Limit: 10})
			}
		}
	}

	tx.Credentials.SetPassword(ctx, "usr_1", "old", now)
	tx.Credentials.Password(ctx, "usr_1")
	tx.Credentials.ReplacePassword(ctx, "usr_1", "old", "new", now)
	tx.Secrets.Create(ctx, "name", nil)
	tx.Secrets.Get(ctx, "name")

	s := tx.Sessions
	s.Create(ctx, session.Session{ID: "ses_1", TokenHash: []byte{1}, Subject: "usr_1", IdleExpiresAt: later, ExpiresAt: later})
	s.ByTokenHash(ctx, []byte{1})
	s.ByID(ctx, "ses_1")
	s.Touch(ctx, "ses_1", now, later)
	s.Rotate(ctx, "ses_1", []byte{2}, p, now)
	s.SetOrg(ctx, "ses_1", "org_1")
	s.Leave(ctx, "usr_1", "org_1")
	s.List(ctx, "usr_1")
	s.End(ctx, "ses_1")
	s.EndAll(ctx, "usr_1", "")

	f := tx.Families
	f.Create(ctx, token.Family{ID: "fam_1", Session: "ses_1", Subject: "usr_1", ExpiresAt: later})
	f.ByID(ctx, "fam_1")
	f.Rotate(ctx, token.Rotation{Family: "fam_1", Now: now})
	f.Advance(ctx, "ses_1", p)
	f.EndSession(ctx, "ses_1", "test", now)
	f.EndGrant(ctx, "gnt_1", "test", now)
	f.EndSubject(ctx, "usr_1", "ses_1", "test", now)

	k := tx.APIKeys
	k.Create(ctx, apikey.Key{ID: "key_1", Hash: []byte{1}, Owner: "usr_1", Scopes: []string{}})
	k.ByID(ctx, "key_1")
	k.Touch(ctx, "key_1", now)
	k.List(ctx, "usr_1")
	k.Revoke(ctx, "key_1", "usr_1")
	k.RevokeAll(ctx, "usr_1")

	c := tx.Certificates
	c.Create(ctx, clientcert.Mapping{ID: "crt_1", Owner: "usr_1", Name: clientcert.Name{Kind: clientcert.DNS, Value: "robot"}, CreatedAt: now})
	c.ByName(ctx, clientcert.Name{Kind: clientcert.DNS, Value: "robot"})
	c.ByID(ctx, "crt_1")
	c.Touch(ctx, "crt_1", now)
	c.List(ctx, "usr_1")
	c.Remove(ctx, "crt_1")
	c.RemoveAll(ctx, "usr_1")

	dv := tx.Devices
	dv.Create(ctx, device.Device{ID: "dev_1", User: "usr_1", Hash: []byte{1}, ExpiresAt: later})
	dv.ByHash(ctx, "usr_1", []byte{1})
	dv.Update(ctx, device.Device{ID: "dev_1"})
	dv.Rename(ctx, []byte{1}, []byte{2})
	dv.List(ctx, "usr_1")
	dv.EndTrust(ctx, "usr_1")
	dv.Remove(ctx, "usr_1", "dev_1")
	dv.RemoveOthers(ctx, "usr_1", "dev_1")

	r := tx.Roles
	r.PutRole(ctx, authz.Role{Name: "member"})
	r.Roles(ctx)
	r.Assign(ctx, "usr_1", "member", "")
	r.Assigned(ctx, "usr_1", "")
	r.LockHolders(ctx, "member", 2)
	r.Unassign(ctx, "usr_1", "member", "")
	r.UnassignAll(ctx, "usr_1")
	r.UnassignIn(ctx, "usr_1", "org_1")
	r.UnassignIn(ctx, "", "org_1")
	r.DeleteRole(ctx, "member")

	rules(ctx, tx, now, later)

	o := tx.Organizations
	o.Create(ctx, org.Organization{ID: "org_1", Slug: "club", CreatedAt: now, UpdatedAt: now})
	o.ByID(ctx, "org_1")
	o.BySlug(ctx, "club")
	o.Update(ctx, org.Organization{ID: "org_1", Slug: "pub", UpdatedAt: now})
	for _, prefix := range []string{"", "p"} {
		for _, after := range []string{"", "a"} {
			o.List(ctx, org.Filter{Prefix: prefix, After: after, Limit: 10})
		}
	}

	m := tx.Members
	m.Add(ctx, org.Member{Org: "org_1", User: "usr_1", Status: org.Active, JoinedAt: now})
	m.Membership(ctx, "org_1", "usr_1")
	m.Of(ctx, "usr_1")
	m.In(ctx, "org_1", "usr_0", 10)
	m.Remove(ctx, "org_1", "usr_1")
	m.RemoveUser(ctx, "usr_1")

	a := tx.Factors
	a.Create(ctx, otp.Factor{ID: "fac_1", User: "usr_1", Kind: otp.TOTP, CreatedAt: now})
	a.Of(ctx, "usr_1")
	a.Use(ctx, "fac_1", 1, now)
	a.Remove(ctx, "fac_1")
	a.RemoveAll(ctx, "usr_1")
	tx.Recovery.Replace(ctx, "usr_1", [][]byte{{1}})
	tx.Recovery.Use(ctx, "usr_1", []byte{1}, now)
	tx.Recovery.Left(ctx, "usr_1")

	b := tx.Identities
	b.Create(ctx, account.Identity{ID: "idn_1", User: "usr_1", Provider: "up", Issuer: "https://id.example.com", Subject: "1", CreatedAt: now})
	b.BySubject(ctx, "https://id.example.com", "1")
	b.Of(ctx, "usr_1")
	b.Used(ctx, "idn_1", "", "", now)
	b.Remove(ctx, "idn_1")
	b.RemoveAll(ctx, "usr_1")
	b.Spend(ctx, []byte{1}, later)

	provider(ctx, tx, now, later)

	v := tx.Invitations
	v.Create(ctx, org.Invitation{ID: "inv_1", TokenHash: []byte{1}, Org: "org_1", EmailNorm: "ann@example.org", CreatedAt: now, ExpiresAt: later})
	v.ByHash(ctx, []byte{1})
	v.Pending(ctx, "org_1", now, "inv_0", 10)
	v.Withdraw(ctx, "org_1", "bob@example.org", "usr_1")
	v.Consume(ctx, []byte{2}, now)
	v.Revoke(ctx, "org_1", "inv_1")
	o.Delete(ctx, "org_1")

	tx.Keys.PutKey(ctx, token.StoredKey{KID: "kid"})
	tx.Keys.Keys(ctx)
	tx.Keys.DeleteKey(ctx, "kid")

	tx.Failures.Lock(ctx, []byte{1})
	tx.Failures.Set(ctx, []byte{1}, limit.Failures{Count: 1, FirstAt: now}, later)
	tx.Failures.Set(ctx, []byte{1}, limit.Failures{}, later)

	tx.Audit.Append(ctx, audit.Entry{At: now})
	for i := range 16 {
		filter := audit.Filter{Limit: 10}
		for bit, field := range []*string{&filter.Actor, &filter.Action, &filter.Target, &filter.Before} {
			if i>>bit&1 == 1 {
				*field = "aud_1"
			}
		}
		tx.Audit.List(ctx, filter)
	}

	tx.Log.Append(ctx, revoke.Entry{Effect: revoke.Kill, Kind: revoke.Session, ID: "ses_1", CreatedAt: now, ExpiresAt: now})
	tx.Log.Head(ctx)
	tx.Log.Renew(ctx, "another")
	tx.Log.Read(ctx, 0, 10)

	st := tx.Streams
	st.Create(ctx, ssf.Stream{ID: "stm_1", Owner: "usr_1", Method: ssf.Push, Status: ssf.Enabled})
	st.ByID(ctx, "stm_1")
	st.Of(ctx, "usr_1")
	st.Lock(ctx, "stm_1")
	st.Update(ctx, ssf.Stream{ID: "stm_1"})
	tx.Signals.Append(ctx, ssf.Signal{Seq: 1, ID: "sig_1", At: now})
	tx.Signals.Read(ctx, 0, 10)
	st.Due(ctx, now, 10)
	st.Behind(ctx, now, 10)
	st.Delete(ctx, "stm_1")
	st.DeleteOf(ctx, "usr_1")
	tx.Users.Delete(ctx, "usr_1")
}

// provider calls what other programs need.
func provider(ctx context.Context, tx account.Tx, now, later time.Time) {
	c := tx.Clients
	c.Create(ctx, oauth.Client{ID: "app", IDTokenAlg: token.RS256, CreatedAt: now, UpdatedAt: now})
	c.ByID(ctx, "app")
	c.Update(ctx, oauth.Client{ID: "app"}, now)
	c.List(ctx, "a", 10)
	c.List(ctx, "", 0)
	c.Algs(ctx)
	c.Delete(ctx, "app")

	r := tx.Resources
	r.Put(ctx, oauth.Resource{URI: "https://api.example", Alg: token.ES256, CreatedAt: now, UpdatedAt: now}, time.Time{})
	r.Put(ctx, oauth.Resource{URI: "https://api.example", UpdatedAt: now}, now)
	r.ByURI(ctx, "https://api.example")
	r.List(ctx, "a", 10)
	r.List(ctx, "", 0)
	r.Algs(ctx)
	r.Delete(ctx, "https://api.example")

	l := tx.Logos
	l.Put(ctx, "app", []byte{1})
	l.Of(ctx, "app")
	l.Remove(ctx, "app")

	g := tx.ClientGrants
	g.Create(ctx, oauth.Grant{ID: "gnt_1", User: "usr_1", Client: "app", CodeHash: []byte{1}, ExpiresAt: later})
	g.ByID(ctx, "gnt_1")
	g.ByCode(ctx, []byte{1})
	g.Redeem(ctx, "gnt_1", now)
	g.Of(ctx, "usr_1")
	g.End(ctx, "gnt_1")
	g.EndAll(ctx, "usr_1", "")

	k := tx.Consents
	k.Put(ctx, oauth.Consent{User: "usr_1", Client: "app", CreatedAt: now, UpdatedAt: now})
	k.Get(ctx, "usr_1", "app")
	k.Of(ctx, "usr_1")
	k.Remove(ctx, "usr_1", "app")

	d := tx.DeviceCodes
	d.Create(ctx, oauth.DeviceCode{ID: "dvc_1", Hash: []byte{1}, UserMAC: []byte{1}, State: oauth.Pending, ExpiresAt: later})
	d.ByHash(ctx, []byte{1})
	d.ByUserCode(ctx, []byte{1})
	d.Polled(ctx, "dvc_1", now, oauth.DeviceInterval)
	d.Decide(ctx, "dvc_1", oauth.Approved, "gnt_1")
	d.Remove(ctx, "dvc_1")
}

// rules calls what rules need.
func rules(ctx context.Context, tx account.Tx, now, later time.Time) {
	post := sallyport.UID{Type: "Post", ID: "1"}
	ann := authz.Grantee{Kind: authz.SubjectGrantee, ID: "usr_1"}
	all := []authz.Grantee{ann, {Kind: authz.RoleGrantee, ID: "a"}, {Kind: authz.RoleGrantee, ID: "b"}, {Kind: authz.OrganizationGrantee, ID: "org_1"}}
	g := tx.Grants
	grant := authz.Grant{Grantee: ann, Resource: post, Permissions: []string{"post:edit", "post:read"}, ExpiresAt: later, CreatedAt: now}
	g.Put(ctx, grant)
	for _, grantees := range [][]authz.Grantee{{ann}, all} {
		g.On(ctx, []sallyport.UID{post}, grantees, now)
		g.On(ctx, []sallyport.UID{post, {Type: "Folder", ID: "1"}}, grantees, now)
		g.Of(ctx, grantees, "Post", now, 10)
	}
	for _, r := range []sallyport.UID{{}, {Type: "Post"}, post} {
		for _, grantee := range []authz.Grantee{{}, ann} {
			for _, after := range []authz.Grant{{}, grant} {
				g.List(ctx, authz.GrantFilter{Resource: r, Grantee: grantee, After: after, Limit: 10}, now)
			}
		}
	}
	g.Remove(ctx, ann, post, "post:edit")
	g.Remove(ctx, ann, post, "post:edit", "post:read")
	g.Remove(ctx, ann, post)
	g.RemoveAllOf(ctx, ann)

	v := tx.Versions
	v.Publish(ctx, authz.Version{CreatedAt: now}, 0)
	v.Current(ctx)
	v.ByNumber(ctx, 1)
	v.History(ctx, 0, 10)
	v.History(ctx, 2, 10)

	d := tx.Decisions
	d.Append(ctx, authz.DecisionEntry{Decision: sallyport.Decision{ID: "dec_1"}, At: now})
	d.ByID(ctx, "dec_1")
	yes := true
	for i := range 16 {
		f := authz.DecisionFilter{Limit: 10}
		if i&1 != 0 {
			f.Subject = "usr_1"
		}
		if i&2 != 0 {
			f.Action = "post:read"
		}
		if i&4 != 0 {
			f.Allow = &yes
		}
		if i&8 != 0 {
			f.Before, f.BeforeID = now, "dec_1"
		}
		d.Recent(ctx, f)
	}
}
