package storetest

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/device"
	"github.com/sallyport-auth/sallyport/account/org"
	"github.com/sallyport-auth/sallyport/authn/apikey"
	"github.com/sallyport-auth/sallyport/authn/clientcert"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/limit"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/revoke"
)

var sweep = []promise{
	{"an empty store has nothing to sweep", func(c *check) {
		equal(c, "rows", c.sweepAt(c.now, 10), 0)
	}},

	{"expired sessions go in batches, others stay", func(c *check) {
		c.batches(func(i int, expires time.Time) {
			c.session(fmt.Sprint(i), "usr_ann", func(s *session.Session) { s.IdleExpiresAt, s.ExpiresAt = expires, expires })
		})
		equal(c, "left", sessionIDs(c.listSessions("usr_ann")), []string{"ses_5"})
		equal(c, "its token", c.sessionByHash(hash("5")).ID, "ses_5")
		c.answer(session.ErrNotFound, func(tx account.Tx) error {
			_, err := tx.Sessions.ByTokenHash(c.Context(), hash("0"))
			return err
		})
	}},

	{"expired families go in batches, others stay", func(c *check) {
		c.batches(func(i int, expires time.Time) {
			c.family(fmt.Sprint(i), "usr_ann", func(f *token.Family) { f.ExpiresAt = expires })
		})
		c.alive(c.newFamily("5", "usr_ann"), true)
		c.family("0", "usr_ann") // its id is free again
	}},

	{"expired API keys go in batches, others stay", func(c *check) {
		c.user("ann")
		c.key("never", "usr_ann")
		c.batches(func(i int, expires time.Time) {
			c.key(fmt.Sprint(i), "usr_ann", func(k *apikey.Key) {
				k.CreatedAt, k.ExpiresAt = c.now.Add(time.Duration(i)*time.Second), expires
			})
		})
		equal(c, "left", keyIDs(c.listKeys("usr_ann")), []string{"key_5", "key_never"})
		equal(c, "expired one left after a century", c.sweepAt(c.now.AddDate(100, 0, 0), 10), 1)
		equal(c, "left after a century", keyIDs(c.listKeys("usr_ann")), []string{"key_never"})
	}},

	{"expired devices go in batches, others stay", func(c *check) {
		c.batches(func(i int, expires time.Time) {
			c.device(fmt.Sprint(i), "usr_ann", func(d *device.Device) { d.ExpiresAt = expires })
		})
		equal(c, "left", deviceIDs(c.devicesOf("usr_ann")), []string{"dev_5"})
	}},

	{"expired mappings of certificates go in batches, others stay", func(c *check) {
		c.mapping("never", "usr_ann")
		c.batches(func(i int, expires time.Time) {
			c.mapping(fmt.Sprint(i), "usr_ann", func(m *clientcert.Mapping) {
				m.CreatedAt, m.ExpiresAt = c.now.Add(time.Duration(i)*time.Second), expires
			})
		})
		equal(c, "left", certificateIDs(c.certificatesOf("usr_ann")), []string{"crt_5", "crt_never"})
		c.mapping("0", "usr_ann") // its name is free again
		equal(c, "expired one left after a century", c.sweepAt(c.now.AddDate(100, 0, 0), 10), 1)
	}},

	{"failures that mean nothing any more go in batches, others stay", func(c *check) {
		c.batches(func(i int, expires time.Time) {
			c.update(func(tx account.Tx) error {
				return tx.Failures.Set(c.Context(), fmt.Append(nil, i), limit.Failures{Count: i + 1, FirstAt: c.now}, expires)
			})
		})
		for i := range 5 {
			equal(c, fmt.Sprint("failures of ", i), c.failures(fmt.Sprint(i)), limit.Failures{})
		}
		equal(c, "failures left", c.failures("5").Count, 6)
	}},

	{"expired grants go in batches, others stay", func(c *check) {
		c.grant(authz.Grant{Grantee: ann, Resource: news, Permissions: []string{"post:read"}, CreatedAt: c.now})
		c.batches(func(i int, expires time.Time) {
			c.grant(authz.Grant{Grantee: ann, Resource: post1, Permissions: []string{fmt.Sprint("post:p", i)}, ExpiresAt: expires, CreatedAt: c.now})
		})
		equal(c, "left", permissions(c.grants(authz.GrantFilter{}, c.now)), []string{"post:p5", "post:read"})
		equal(c, "expired one left after a century", c.sweepAt(c.now.AddDate(100, 0, 0), 10), 1)
		equal(c, "left after a century", permissions(c.grants(authz.GrantFilter{}, c.now)), []string{"post:read"})
	}},

	{"a grant that was given again before it was swept stays", func(c *check) {
		g := authz.Grant{Grantee: ann, Resource: post1, Permissions: []string{"post:read"}, ExpiresAt: c.now, CreatedAt: c.now}
		c.grant(g)
		g.ExpiresAt = c.now.Add(time.Hour)
		c.grant(g)
		equal(c, "rows swept", c.sweepAt(c.now, 10), 0)
		c.has("On", c.on(c.now, post1, ann), g)
	}},

	{"used answers of providers go in batches, others stay", func(c *check) {
		c.batches(func(i int, expires time.Time) { c.spend(fmt.Sprint(i), expires) })
		equal(c, "the one left", c.spend("5", c.now), false)
		equal(c, "one that is forgotten", c.spend("0", c.now), true)
	}},

	{"expired grants to clients go in batches, others stay", func(c *check) {
		c.batches(func(i int, expires time.Time) {
			c.clientGrant(fmt.Sprint(i), "usr_ann", func(g *oauth.Grant) { g.ExpiresAt = expires })
		})
		equal(c, "left", c.clientGrantsOf("usr_ann"), []string{"gnt_5"})
		c.clientGrant("0", "usr_ann") // its id and its code are free again
	}},

	{"expired device codes go in batches, others stay", func(c *check) {
		c.batches(func(i int, expires time.Time) {
			c.deviceCode(fmt.Sprint(i), func(d *oauth.DeviceCode) { d.ExpiresAt = expires })
		})
		equal(c, "left", c.deviceCodeBy("5").ID, "dvc_5")
		for i := range 5 {
			c.deviceCode(fmt.Sprint(i)) // its id and its codes are free again
		}
	}},

	{"expired initial access tokens go in batches, others stay", func(c *check) {
		c.batches(func(i int, expires time.Time) {
			c.initialToken(fmt.Sprint(i), func(t *oauth.InitialToken) { t.ExpiresAt = expires })
		})
		equal(c, "left", c.initialTokensAfter("", 0)[0].ID, "iat_5")
		c.initialToken("0") // its id and its hash are free again
	}},

	{"decisions go in batches, once they were kept long enough", func(c *check) {
		c.batches(func(i int, expires time.Time) {
			e := c.newDecision(fmt.Sprint(i))
			e.At = expires.Add(-authz.DecisionRetention)
			c.decided(e)
		})
		left := c.recent(authz.DecisionFilter{})
		if len(left) != 1 || left[0].ID != "dec_5" {
			c.Errorf("left: %+v", left)
		}
	}},

	{"expired entries of the log go in batches, others stay, and the floor rises", func(c *check) {
		begin := c.head()
		c.batches(func(i int, expires time.Time) {
			e := c.newKill(fmt.Sprint(i))
			e.ExpiresAt = expires
			c.appendLog(e)
			c.floor(begin.Seq)
		}, func() { c.floor(begin.Seq) })
		left := c.readLog(0, 10)
		if len(left) != 1 || left[0].ID != "5" || left[0].Seq != begin.Seq+6 {
			c.Errorf("left: %+v", left)
		}
		equal(c, "floor", c.head().Floor, begin.Seq+5)
	}},

	{"the floor is the highest number that was pruned, whatever was pruned first", func(c *check) {
		begin := c.head()
		for i, hours := range []time.Duration{1, 9, 5, 1, 3, 9} {
			e := c.newKill(fmt.Sprint(i))
			e.ExpiresAt = c.now.Add(hours * time.Hour)
			c.appendLog(e)
		}
		for hour := range time.Duration(10) {
			for c.sweepAt(c.now.Add(hour*time.Hour), 1) > 0 {
				c.floor(begin.Seq)
			}
		}
		same(c, "left", c.readLog(0, 10), nil)
		equal(c, "head", c.head(), revoke.Head{Position: revoke.Position{Log: begin.Log, Seq: begin.Seq + 6}, Floor: begin.Seq + 6})
		equal(c, "next position", c.appendLog(c.newKill("new")).Seq, begin.Seq+7)
	}},

	{"users, passwords, roles, versions, organizations, members, recovery codes, identities, clients, consents, introductions, signing keys, events, streams and secrets do not expire", func(c *check) {
		c.update(func(tx account.Tx) error { return c.everything(c.Context(), tx, "ann") })
		before := c.census("ann")
		equal(c, "rows swept", c.sweepAt(c.now.AddDate(100, 0, 0), 10), expiring)
		same(c, "users", c.listUsers(account.UserFilter{}), before.Users)
		equal(c, "password", c.password("usr_ann"), before.Password)
		same(c, "roles", c.definitions(), before.Roles)
		equal(c, "assigned", c.assigned("usr_ann", ""), before.Assigned)
		equal(c, "recovery codes", c.codesLeft("usr_ann"), before.Codes)
		equal(c, "identities", c.identitiesOf("usr_ann"), before.Identities)
		same(c, "clients", c.clientBy("ann"), before.Clients[0])
		equal(c, "consents", c.consentTo("usr_ann", "ann"), before.Consents[0])
		equal(c, "introductions", c.introduced("ses_ann"), before.Introduced)
		equal(c, "organizations", c.organizations(org.Filter{}), before.Organizations)
		equal(c, "members", c.membersIn("org_ann", "", 0), before.Members)
		same(c, "versions", c.history(0, 100), before.Versions)
		same(c, "signing keys", c.signingKeys(), before.Keys)
		equal(c, "secret", c.secret("ann"), before.Secret)
		equal(c, "streams", c.streamsOf("usr_ann"), before.Streams)
	}},

	{"sweeps and Updates at once do not disturb each other", func(c *check) {
		const n = 40
		var writers sync.WaitGroup
		writers.Go(func() {
			for i := range n {
				name := fmt.Sprint(i)
				err := c.Update(c.Context(), func(tx account.Tx) error {
					old, fresh := c.newSession(name, "usr_old"), c.newSession("fresh"+name, "usr_fresh")
					old.ExpiresAt = c.now.Add(-time.Hour)
					err := errors.Join(tx.Sessions.Create(c.Context(), old), tx.Sessions.Create(c.Context(), fresh))
					if err != nil {
						return err
					}
					e := c.newKill(name)
					e.ExpiresAt = c.now.Add(-time.Hour)
					_, err = tx.Log.Append(c.Context(), e)
					return err
				})
				if err != nil {
					c.Errorf("Update: %v", err)
				}
			}
		})
		swept := 0
		for range n {
			swept += c.sweepAt(c.now, 3)
		}
		writers.Wait()
		for rows := -1; rows != 0; swept += max(rows, 0) {
			rows = c.sweepAt(c.now, 100)
		}
		equal(c, "swept", swept, 2*n)
		same(c, "expired sessions", sessionIDs(c.listSessions("usr_old")), nil)
		equal(c, "fresh sessions", len(c.listSessions("usr_fresh")), n)
		equal(c, "floor", c.head().Floor, c.head().Seq)
	}},
}

// batches lets create make five rows that have expired two hours from now, and a
// sixth that has not, and sweeps them two at a time; between looks at the store
// after each sweep.
func (c *check) batches(create func(i int, expires time.Time), between ...func()) {
	c.Helper()
	for i := range 5 {
		create(i, c.now.Add(time.Hour))
	}
	create(5, c.now.Add(3*time.Hour))
	equal(c, "rows swept before anything expires", c.sweepAt(c.now, 2), 0)
	for _, want := range []int{2, 2, 1, 0} {
		equal(c, "rows swept", c.sweepAt(c.now.Add(2*time.Hour), 2), want)
		for _, look := range between {
			look()
		}
	}
}

func (c *check) sweepAt(now time.Time, limit int) int {
	c.Helper()
	n, err := c.Sweep(c.Context(), now, limit)
	if err != nil {
		c.Fatalf("Sweep: %v", err)
	}
	return n
}

// floor checks that the floor is the highest number that is missing from the log.
func (c *check) floor(begin int64) {
	c.Helper()
	there := map[int64]bool{}
	for _, e := range c.readLog(0, 1000) {
		there[e.Seq] = true
	}
	head := c.head()
	want := int64(0)
	for seq := begin + 1; seq <= head.Seq; seq++ {
		if !there[seq] {
			want = seq
		}
	}
	equal(c, "floor", head.Floor, want)
}
