package storetest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/internal/testenv"
)

var users = []promise{
	{"Create keeps every field, times to the millisecond", func(c *check) {
		want := account.User{
			ID: "usr_1", Username: plenty("Name"), UsernameNorm: plenty("name"), Email: plenty("Mail"), EmailNorm: plenty("mail"),
			EmailVerified: true, Status: account.Disabled, KilledSeq: 1 << 40,
			DisplayName: plenty("Ann"), Locale: "de", Phone: "+4930123456", PhoneVerified: true, DeleteAt: c.now.Add(time.Hour),
			CreatedAt: c.now.Add(123456789), UpdatedAt: c.now.Add(-time.Hour),
		}
		c.update(func(tx account.Tx) error { return tx.Users.Create(c.Context(), want) })
		want.CreatedAt = want.CreatedAt.Truncate(time.Millisecond)
		equal(c, "ByID", c.userByID(want.ID), want)
		equal(c, "ByUsername", get(c, func(tx account.Tx) (account.User, error) {
			return tx.Users.ByUsername(c.Context(), want.UsernameNorm)
		}), want)
		equal(c, "ByEmail", c.byEmail(want.EmailNorm), []account.User{want})
		equal(c, "Lock", do(c, func(tx account.Tx) (account.User, error) { return tx.Users.Lock(c.Context(), want.ID) }), want)
		equal(c, "List", c.listUsers(account.UserFilter{}), []account.User{want})
	}},

	{"zero times come back as zero", func(c *check) {
		c.user("ann", func(u *account.User) { u.CreatedAt, u.UpdatedAt = time.Time{}, time.Time{} })
		if got := c.userByID("usr_ann"); !got.CreatedAt.IsZero() || !got.UpdatedAt.IsZero() {
			c.Errorf("got %v and %v", got.CreatedAt, got.UpdatedAt)
		}
	}},

	{"whoever does not exist is ErrNotFound", func(c *check) {
		c.user("ann")
		ctx := c.Context()
		for _, f := range []func(account.Tx) error{
			func(tx account.Tx) error { _, err := tx.Users.ByID(ctx, "usr_an"); return err },
			func(tx account.Tx) error { _, err := tx.Users.ByUsername(ctx, "ANN"); return err },
			func(tx account.Tx) error { _, err := tx.Users.Lock(ctx, "usr_bob"); return err },
			func(tx account.Tx) error { return tx.Users.SetStatus(ctx, "usr_bob", account.Disabled, c.now) },
			func(tx account.Tx) error { return tx.Users.Delete(ctx, "usr_bob") },
		} {
			c.answer(account.ErrNotFound, f)
		}
	}},

	{"a name belongs to one user", func(c *check) {
		c.user("ann")
		twin := c.newUser("ann")
		twin.ID = "usr_twin"
		c.answer(account.ErrTaken, func(tx account.Tx) error { return tx.Users.Create(c.Context(), twin) })
		equal(c, "owner", get(c, func(tx account.Tx) (account.User, error) { return tx.Users.ByUsername(c.Context(), "ann") }).ID, "usr_ann")
		if c.exists("usr_twin") {
			c.Error("the second user exists")
		}
	}},

	{"a name is free again once its owner is deleted", func(c *check) {
		c.user("ann", func(u *account.User) { u.EmailNorm, u.EmailVerified = "ann@example.org", true })
		c.update(func(tx account.Tx) error { return tx.Users.Delete(c.Context(), "usr_ann") })
		c.user("ann", func(u *account.User) { u.ID, u.EmailNorm, u.EmailVerified = "usr_new", "ann@example.org", true })
	}},

	{"any number of users have no name, and nobody is found without one", func(c *check) {
		for _, name := range []string{"1", "2", "3"} {
			c.user(name, func(u *account.User) { u.Username, u.UsernameNorm = "", "" })
		}
		c.answer(account.ErrNotFound, func(tx account.Tx) error { _, err := tx.Users.ByUsername(c.Context(), ""); return err })
		equal(c, "users found by no address", len(c.byEmail("")), 0)
		equal(c, "users", len(c.listUsers(account.UserFilter{})), 3)
	}},

	{"an id is given once", func(c *check) {
		want := c.user("ann")
		c.fails("second user of that id", func(tx account.Tx) error {
			u := c.newUser("bob")
			u.ID = want.ID
			return tx.Users.Create(c.Context(), u)
		})
		equal(c, "first user", c.userByID(want.ID), want)
	}},

	{"an address that is not verified neither blocks anybody nor is blocked", func(c *check) {
		address := func(verified bool) func(*account.User) {
			return func(u *account.User) { u.EmailNorm, u.EmailVerified = "ann@example.org", verified }
		}
		c.user("1", address(false))
		c.user("2", address(true))
		c.user("3", address(false))
		var got []string
		for _, u := range c.byEmail("ann@example.org") {
			got = append(got, u.ID)
		}
		if len(got) == 3 {
			slices.Sort(got[1:])
		}
		equal(c, "the verified one first, then the others", got, []string{"usr_2", "usr_1", "usr_3"})
	}},

	{"a verified address belongs to one user", func(c *check) {
		verified := func(u *account.User) { u.EmailNorm, u.EmailVerified = "ann@example.org", true }
		c.user("ann", verified)
		twin := c.newUser("bob")
		verified(&twin)
		c.answer(account.ErrTaken, func(tx account.Tx) error { return tx.Users.Create(c.Context(), twin) })
		equal(c, "owners", len(c.byEmail("ann@example.org")), 1)
	}},

	{"SetProfile changes what people change of themselves, and nothing else", func(c *check) {
		want := c.user("ann", func(u *account.User) { u.Email, u.EmailNorm, u.Plan = "Old@example.org", "old@example.org", "pro" })
		want.Email, want.EmailNorm, want.EmailVerified = plenty("New@example.org"), plenty("new@example.org"), true
		want.DisplayName, want.Locale, want.Phone, want.PhoneVerified = plenty("Ann"), "de-AT", "+4930123456", true
		want.DeleteAt, want.UpdatedAt = c.now.Add(time.Hour), c.now.Add(time.Second)
		c.update(func(tx account.Tx) error {
			other := want
			other.Username, other.Status, other.KilledSeq, other.Plan = "eve", account.Disabled, 7, "free"
			return tx.Users.SetProfile(c.Context(), other)
		})
		equal(c, "changed", c.userByID("usr_ann"), want)
		equal(c, "found by the new address", c.byEmail(want.EmailNorm), []account.User{want})
		equal(c, "by the old one", len(c.byEmail("old@example.org")), 0)
		c.answer(account.ErrNotFound, func(tx account.Tx) error {
			return tx.Users.SetProfile(c.Context(), account.User{ID: "usr_bob"})
		})
	}},

	{"SetProfile does not take a verified address from its owner", func(c *check) {
		verified := func(u *account.User) { u.EmailNorm, u.EmailVerified = "ann@example.org", true }
		c.user("ann", verified)
		bob := c.user("bob")
		changed := bob
		verified(&changed)
		c.answer(account.ErrTaken, func(tx account.Tx) error { return tx.Users.SetProfile(c.Context(), changed) })
		equal(c, "bob", c.userByID("usr_bob"), bob)
		changed.EmailVerified = false
		c.update(func(tx account.Tx) error { return tx.Users.SetProfile(c.Context(), changed) })
		again := c.userByID("usr_ann")
		c.update(func(tx account.Tx) error { return tx.Users.SetProfile(c.Context(), again) }) // her own
	}},

	{"Leaving has those whose time of deletion has come, the first first", func(c *check) {
		for name, in := range map[string]time.Duration{"1": 2 * time.Hour, "2": time.Hour, "3": 3 * time.Hour} {
			c.user(name, func(u *account.User) { u.DeleteAt = c.now.Add(in) })
		}
		c.user("4")
		leaving := func(in time.Duration, limit int) (ids []string) {
			for _, u := range get(c, func(tx account.Tx) ([]account.User, error) {
				return tx.Users.Leaving(c.Context(), c.now.Add(in), limit)
			}) {
				ids = append(ids, u.ID)
			}
			return ids
		}
		same(c, "before", leaving(time.Hour-time.Millisecond, 10), nil)
		equal(c, "two of them", leaving(2*time.Hour, 10), []string{"usr_2", "usr_1"})
		equal(c, "one of them", leaving(4*time.Hour, 1), []string{"usr_2"})
		back := c.userByID("usr_2")
		back.DeleteAt = time.Time{}
		c.update(func(tx account.Tx) error { return tx.Users.SetProfile(c.Context(), back) })
		c.update(func(tx account.Tx) error { return tx.Users.Delete(c.Context(), "usr_1") })
		equal(c, "who stays is not among them", leaving(4*time.Hour, 10), []string{"usr_3"})
	}},

	{"ByEmail finds the whole address and nothing else", func(c *check) {
		c.user("ann", func(u *account.User) { u.EmailNorm = "ann@example.org" })
		for _, address := range []string{"ann", "%", "ann@example.or_", "ANN@EXAMPLE.ORG", ""} {
			equal(c, address, len(c.byEmail(address)), 0)
		}
	}},

	{"of many who want a name at once, one gets it", func(c *check) {
		c.oneWins(func(u *account.User, i, round int) { u.UsernameNorm = fmt.Sprint("name", round) })
	}},

	{"of many who verified an address at once, one gets it", func(c *check) {
		c.oneWins(func(u *account.User, i, round int) { u.EmailNorm, u.EmailVerified = fmt.Sprint("mail", round), true })
	}},

	{"what is read under Lock holds until the transaction ends", func(c *check) {
		c.user("ann")
		n := testenv.Count(10, 100)
		c.succeed(together(8, func(int) error {
			for range n {
				err := c.Update(c.Context(), func(tx account.Tx) error {
					u, err := tx.Users.Lock(c.Context(), "usr_ann")
					if err != nil {
						return err
					}
					return tx.Users.SetKilledSeq(c.Context(), u.ID, u.KilledSeq+1)
				})
				if err != nil {
					return err
				}
			}
			return nil
		}))
		equal(c, "KilledSeq after as many increments", c.userByID("usr_ann").KilledSeq, int64(8*n))
	}},

	{"SetStatus sets the status and the time, and nothing else", func(c *check) {
		want := c.user("ann")
		c.user("bob")
		want.Status, want.UpdatedAt = account.Disabled, c.now.Add(time.Minute)
		c.update(func(tx account.Tx) error {
			return tx.Users.SetStatus(c.Context(), "usr_ann", account.Disabled, want.UpdatedAt.Add(999))
		})
		equal(c, "ann", c.userByID("usr_ann"), want)
		equal(c, "bob", c.userByID("usr_bob").Status, account.Active)
	}},

	{"SetKilledSeq never moves back", func(c *check) {
		c.user("ann")
		c.user("bob")
		for _, step := range []struct{ set, want int64 }{{5, 5}, {3, 5}, {5, 5}, {1 << 40, 1 << 40}, {0, 1 << 40}} {
			c.update(func(tx account.Tx) error { return tx.Users.SetKilledSeq(c.Context(), "usr_ann", step.set) })
			equal(c, fmt.Sprint("after ", step.set), c.userByID("usr_ann").KilledSeq, step.want)
		}
		equal(c, "bob", c.userByID("usr_bob").KilledSeq, int64(0))
	}},

	{"Delete removes the user and the password, not what other stores hold", func(c *check) {
		c.update(func(tx account.Tx) error { return c.everything(c.Context(), tx, "ann") })
		c.user("bob")
		want := c.census("ann")
		c.update(func(tx account.Tx) error { return tx.Users.Delete(c.Context(), "usr_ann") })
		if c.exists("usr_ann") || !c.exists("usr_bob") {
			c.Error("another user was deleted")
		}
		want.Password = ""
		want.Users = slices.DeleteFunc(want.Users, func(u account.User) bool { return u.ID == "usr_ann" })
		same(c, "what is left", c.census("ann"), want)
	}},

	{"List pages in order of id and meets everybody once", func(c *check) {
		const n = 25
		for i := range n {
			c.user(fmt.Sprintf("%02d", (i*7)%n))
		}
		var got []string
		for after := ""; ; {
			page := c.listUsers(account.UserFilter{After: after, Limit: 4})
			if len(page) > 4 {
				c.Fatalf("a page of %d, want at most 4", len(page))
			}
			if len(page) == 0 {
				break
			}
			for _, u := range page {
				got = append(got, u.ID)
			}
			after = got[len(got)-1]
		}
		equal(c, "users met", len(got), n)
		equal(c, "in order", slices.IsSorted(got), true)
		equal(c, "without a limit", len(c.listUsers(account.UserFilter{})), n)
	}},

	{"List filters by prefix of id, name or address, taken literally", func(c *check) {
		c.user("ann", func(u *account.User) { u.EmailNorm = "zoe@example.org" })
		c.user("anna", func(u *account.User) { u.EmailNorm = "bob@example.org" })
		c.user("a%b")
		c.user("a_b")
		c.user(`a\b`)
		c.user("none", func(u *account.User) { u.UsernameNorm = "" })
		for _, q := range []struct {
			prefix string
			want   []string
		}{
			{"an", []string{"usr_ann", "usr_anna"}},
			{"anna", []string{"usr_anna"}},
			{"nn", nil},
			{"ANN", nil},
			{"zoe@", []string{"usr_ann"}},
			{"bo", []string{"usr_anna"}},
			{"usr_ann", []string{"usr_ann", "usr_anna"}},
			{"a%", []string{"usr_a%b"}},
			{"a_", []string{"usr_a_b"}},
			{`a\`, []string{`usr_a\b`}},
			{"%", nil},
			{"_", nil},
			{"annab", nil},
		} {
			var got []string
			for _, u := range c.listUsers(account.UserFilter{Prefix: q.prefix}) {
				got = append(got, u.ID)
			}
			same(c, "prefix "+q.prefix, got, q.want)
		}
	}},

	{"List filters by status, together with the rest", func(c *check) {
		for i := range 8 {
			c.user(fmt.Sprint(i), func(u *account.User) {
				if i%2 == 1 {
					u.Status = account.Disabled
				}
			})
		}
		var got []string
		for _, u := range c.listUsers(account.UserFilter{Prefix: "usr_", Status: account.Disabled, After: "usr_1", Limit: 2}) {
			got = append(got, u.ID)
		}
		equal(c, "disabled users after usr_1, two at most", got, []string{"usr_3", "usr_5"})
	}},

	{"Any says whether there is any user", func(c *check) {
		any := func(tx account.Tx) (bool, error) { return tx.Users.Any(c.Context()) }
		equal(c, "empty", get(c, any), false)
		c.user("ann", func(u *account.User) { u.Status = account.Disabled })
		equal(c, "with a disabled user", get(c, any), true)
		c.update(func(tx account.Tx) error { return tx.Users.Delete(c.Context(), "usr_ann") })
		equal(c, "after deletion", get(c, any), false)
	}},
}

func (c *check) userByID(id string) account.User {
	c.Helper()
	return get(c, func(tx account.Tx) (account.User, error) { return tx.Users.ByID(c.Context(), id) })
}

func (c *check) byEmail(norm string) []account.User {
	c.Helper()
	return get(c, func(tx account.Tx) ([]account.User, error) { return tx.Users.ByEmail(c.Context(), norm) })
}

func (c *check) listUsers(f account.UserFilter) []account.User {
	c.Helper()
	return get(c, func(tx account.Tx) ([]account.User, error) { return tx.Users.List(c.Context(), f) })
}

// oneWins lets eight create users who claim the same thing, and checks that one
// got it and the others were told ErrTaken.
func (c *check) oneWins(claim func(u *account.User, i, round int)) {
	for round := range testenv.Count(10, 100) {
		errs := together(8, func(i int) error {
			u := c.newUser(fmt.Sprintf("%d-%d", round, i))
			claim(&u, i, round)
			return c.Update(c.Context(), func(tx account.Tx) error { return tx.Users.Create(c.Context(), u) })
		})
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else if !errors.Is(err, account.ErrTaken) {
				c.Fatalf("a loser got %v, want ErrTaken", err)
			}
		}
		if won != 1 {
			c.Fatalf("round %d: %d won", round, won)
		}
	}
}
