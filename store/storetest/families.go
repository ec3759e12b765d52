package storetest

import (
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/revoke"
)

var families = []promise{
	{"Create keeps every field, times to the millisecond", func(c *check) {
		want := token.Family{
			ID: familyID("1"), Session: plenty("session"), Subject: plenty("subject"), Client: plenty("client"), Proof: plenty("proof"),
			Scope: []string{"post:read", plenty("scope")}, KeyVersion: 3, Counter: 1 << 40,
			Position:  revoke.Position{Log: plenty("log"), Seq: 1 << 41},
			CreatedAt: c.now.Add(-time.Hour + 999999), RotatedAt: c.now.Add(-time.Minute), ExpiresAt: c.now.Add(time.Hour + 1),
		}
		c.update(func(tx account.Tx) error { return tx.Families.Create(c.Context(), want) })
		got := c.rotate(want, want.Counter, c.now.Add(999999))
		want.CreatedAt, want.ExpiresAt = c.now.Add(-time.Hour), c.now.Add(time.Hour)
		want.Counter, want.RotatedAt = want.Counter+1, c.now
		equal(c, "after its first rotation", got, token.Rotated{Family: want})
	}},

	{"a family of a grant keeps the grant and has no session", func(c *check) {
		want := c.family("1", "usr_ann", ofGrant)
		got := c.rotate(want, 5, c.now)
		want.Counter = 6
		equal(c, "after its first rotation", got, token.Rotated{Family: want})
	}},

	{"a family keeps both its session and its grant, and ends with either", func(c *check) {
		both := func(name, grant string) token.Family {
			return c.family(name, "usr_ann", func(f *token.Family) { f.Grant = grant })
		}
		one, two, three := both("1", "gnt_1"), both("2", "gnt_2"), both("3", "gnt_3")
		c.update(func(tx account.Tx) error { return tx.Families.EndSession(c.Context(), one.Session, "test", c.now) })
		c.update(func(tx account.Tx) error { return tx.Families.EndGrant(c.Context(), two.Grant, "test", c.now) })
		c.alive(one, false)
		c.alive(two, false)
		got := c.rotate(three, 5, c.now)
		three.Counter = 6
		equal(c, "after its first rotation", got, token.Rotated{Family: three})
	}},

	{"no list of scopes stays no limit, and an empty list stays empty", func(c *check) {
		for _, scope := range [][]string{nil, {}, {"one"}} {
			f := c.family(fmt.Sprintf("%#v", scope), "usr_ann", func(f *token.Family) { f.Scope = scope })
			equal(c, fmt.Sprintf("%#v", scope), c.rotate(f, 5, c.now).Scope, scope)
		}
	}},

	{"an id is given once", func(c *check) {
		f := c.family("1", "usr_ann")
		c.fails("second family of that id", func(tx account.Tx) error {
			return tx.Families.Create(c.Context(), c.newFamily("1", "usr_bob"))
		})
		equal(c, "subject", c.rotate(f, 5, c.now).Subject, "usr_ann")
	}},

	{"EndSession ends the families of that session", func(c *check) {
		one, two := c.family("1", "usr_ann"), c.family("2", "usr_ann")
		three := c.family("3", "usr_ann", func(f *token.Family) { f.Session = one.Session })
		grant := c.family("4", "usr_ann", ofGrant)
		c.update(func(tx account.Tx) error { return tx.Families.EndSession(c.Context(), one.Session, "test", c.now) })
		c.alive(one, false)
		c.alive(two, true)
		c.alive(three, false)
		c.alive(grant, true)
	}},

	{"EndSession of no session or an unknown one ends nothing", func(c *check) {
		one, grant := c.family("1", "usr_ann"), c.family("2", "usr_ann", ofGrant)
		for _, session := range []string{"", "ses_", "ses_9", grant.Grant} {
			c.update(func(tx account.Tx) error { return tx.Families.EndSession(c.Context(), session, "test", c.now) })
		}
		c.alive(one, true)
		c.alive(grant, true)
	}},

	{"ByID returns a family with every field, until it ends", func(c *check) {
		want := c.family("1", "usr_ann", ofGrant, func(f *token.Family) { f.Scope, f.Proof = []string{"a", "b"}, "key" })
		found := func() (token.Family, error) {
			var f token.Family
			err := c.View(c.Context(), func(tx account.Tx) (err error) { f, err = tx.Families.ByID(c.Context(), want.ID); return err })
			return f, err
		}
		got, err := found()
		equal(c, "error", err, nil)
		equal(c, "family", got, want)
		c.update(func(tx account.Tx) error { return tx.Families.EndGrant(c.Context(), want.Grant, "test", c.now) })
		if _, err := found(); !errors.Is(err, token.ErrNotFound) {
			c.Errorf("an ended one: %v", err)
		}
	}},

	{"EndGrant ends the families of that grant", func(c *check) {
		one, other := c.family("1", "usr_ann", ofGrant), c.family("2", "usr_ann")
		two := c.family("3", "usr_ann", ofGrant)
		three := c.family("4", "usr_ann", ofGrant, func(f *token.Family) { f.Grant = "gra_2" })
		c.update(func(tx account.Tx) error { return tx.Families.EndGrant(c.Context(), one.Grant, "test", c.now) })
		c.alive(one, false)
		c.alive(two, false)
		c.alive(three, true)
		c.alive(other, true)
	}},

	{"EndGrant of no grant or an unknown one ends nothing", func(c *check) {
		one, grant := c.family("1", "usr_ann"), c.family("2", "usr_ann", ofGrant)
		for _, id := range []string{"", "gra_", "gra_9", one.Session} {
			c.update(func(tx account.Tx) error { return tx.Families.EndGrant(c.Context(), id, "test", c.now) })
		}
		c.alive(one, true)
		c.alive(grant, true)
	}},

	{"EndSubject ends the subject's families, those of grants too", func(c *check) {
		one, grant := c.family("1", "usr_ann"), c.family("2", "usr_ann", ofGrant)
		other := c.family("3", "usr_anna")
		c.update(func(tx account.Tx) error { return tx.Families.EndSubject(c.Context(), "usr_ann", "", "test", c.now) })
		c.alive(one, false)
		c.alive(grant, false)
		c.alive(other, true)
	}},

	{"EndSubject spares the families of one session and no others", func(c *check) {
		one, two := c.family("1", "usr_ann"), c.family("2", "usr_ann")
		grant := c.family("3", "usr_ann", ofGrant)
		c.update(func(tx account.Tx) error {
			return tx.Families.EndSubject(c.Context(), "usr_ann", one.Session, "test", c.now)
		})
		c.alive(one, true)
		c.alive(two, false)
		c.alive(grant, false)
	}},

	{"a family that has ended stays so", func(c *check) {
		f := c.family("1", "usr_ann")
		c.update(func(tx account.Tx) error { return tx.Families.EndSession(c.Context(), f.Session, "test", c.now) })
		c.update(func(tx account.Tx) error {
			return errors.Join(
				tx.Families.EndSession(c.Context(), f.Session, "again", c.now.Add(time.Minute)),
				tx.Families.EndSubject(c.Context(), f.Subject, "", "again", c.now.Add(time.Minute)),
				tx.Families.Advance(c.Context(), f.Session, revoke.Position{Log: "log_1", Seq: 99}))
		})
		c.alive(f, false)
	}},

	{"Advance moves the position of a session's families and nothing else", func(c *check) {
		one, two, grant := c.family("1", "usr_ann"), c.family("2", "usr_ann"), c.family("3", "usr_ann", ofGrant)
		p := revoke.Position{Log: "log_2", Seq: 9}
		c.update(func(tx account.Tx) error {
			return errors.Join(tx.Families.Advance(c.Context(), one.Session, p), tx.Families.Advance(c.Context(), "", p))
		})
		for _, f := range []token.Family{one, two, grant} {
			want := f
			if f.ID == one.ID {
				want.Position = p
			}
			want.Counter = 6
			equal(c, f.ID, c.rotate(f, 5, c.now), token.Rotated{Family: want})
		}
	}},

	{"what a caller does to its copy does not reach the store", func(c *check) {
		scopes := func() []string { return []string{"post:read", "post:write"} }
		mine := scopes()
		f := c.family("1", "usr_ann", func(f *token.Family) { f.Scope = mine })
		mine[0] = "*"
		found := c.rotate(f, 5, c.now)
		equal(c, "after changing what was created", found.Scope, scopes())
		found.Scope[0] = "*"
		equal(c, "after changing what was found", c.rotate(f, 6, c.now).Scope, scopes())
	}},
}

// ofGrant makes a family that hangs on a grant.
func ofGrant(f *token.Family) { f.Session, f.Grant = "", "gra_1" }

// use is a rotation that names the family's own client and proof, with the
// leeway that is the default.
func use(f token.Family, counter int64, now time.Time) token.Rotation {
	return token.Rotation{
		Family: f.ID, Counter: counter, Client: f.Client, Proof: f.Proof, Now: now, Leeway: leeway,
	}
}

const leeway = 30 * time.Second

// rotate uses token number counter of f, which must not be refused.
func (c *check) rotate(f token.Family, counter int64, now time.Time) token.Rotated {
	c.Helper()
	return do(c, func(tx account.Tx) (token.Rotated, error) {
		return tx.Families.Rotate(c.Context(), use(f, counter, now))
	})
}

// alive checks, without leaving a trace, whether the token that f was created
// with can still be used.
func (c *check) alive(f token.Family, want bool) {
	c.Helper()
	err := c.Update(c.Context(), func(tx account.Tx) error {
		if _, err := tx.Families.Rotate(c.Context(), use(f, f.Counter, c.now)); err != nil {
			return err
		}
		return errUndo
	})
	if want && err != errUndo || !want && !errors.Is(err, token.ErrNotFound) {
		c.Errorf("using family %s (session %q, grant %q): %v; should it be alive: %t", f.ID, f.Session, f.Grant, err, want)
	}
}
