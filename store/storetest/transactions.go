package storetest

import (
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/internal/testenv"
	"github.com/sallyport-auth/sallyport/limit"
)

var transactions = []promise{
	{"what an Update wrote is there for the next View and the next Update", func(c *check) {
		want := c.user("ann")
		find := func(tx account.Tx) (account.User, error) { return tx.Users.ByID(c.Context(), want.ID) }
		equal(c, "in a View", get(c, find), want)
		equal(c, "in an Update", do(c, find), want)
	}},

	{"an Update sees what it wrote itself", func(c *check) {
		want := c.newUser("ann")
		got := do(c, func(tx account.Tx) (account.User, error) {
			if err := tx.Users.Create(c.Context(), want); err != nil {
				return account.User{}, err
			}
			return tx.Users.ByUsername(c.Context(), "ann")
		})
		equal(c, "user", got, want)
	}},

	{"an error from f rolls back what every store was told, and is returned unchanged", func(c *check) {
		c.update(func(tx account.Tx) error { return c.everything(c.Context(), tx, "ann") })
		before := c.census("ann")
		refusal := errors.New("refused")
		err := c.Update(c.Context(), func(tx account.Tx) error {
			if err := c.everything(c.Context(), tx, "bob"); err != nil {
				return err
			}
			if err := c.undoEverything(tx, "ann"); err != nil {
				return err
			}
			return refusal
		})
		if err != refusal {
			c.Fatalf("Update returned %v, want the very error that f returned", err)
		}
		same(c, "the store after a rollback", c.census("ann"), before)
		c.update(func(tx account.Tx) error { return c.everything(c.Context(), tx, "bob") })
	}},

	{"an error from f in a View or a Look is returned unchanged", func(c *check) {
		refusal := errors.New("refused")
		for _, read := range []reading{c.View, c.look} {
			if err := read(c.Context(), func(account.Tx) error { return refusal }); err != refusal {
				c.Errorf("it returned %v, want the very error that f returned", err)
			}
		}
	}},

	{"a write in a View or a Look fails and changes nothing", func(c *check) {
		c.update(func(tx account.Tx) error { return c.everything(c.Context(), tx, "ann") })
		before := c.census("ann")
		for _, read := range []reading{c.View, c.look} {
			for _, w := range writes {
				var err error
				// Whether the View that swallowed the error succeeds is the database's affair.
				_ = read(c.Context(), func(tx account.Tx) error {
					err = w.write(c, tx, "new")
					return nil
				})
				if err == nil {
					c.Errorf("%s: no error", w.field)
				}
			}
		}
		same(c, "the store after refused writes", c.census("ann"), before)
	}},

	{"an answer such as ErrTaken or ErrNotFound leaves the transaction usable", func(c *check) {
		c.user("ann")
		bob, twin := c.newUser("bob"), c.newUser("ann")
		twin.ID = "usr_twin"
		c.update(func(tx account.Tx) error {
			ctx := c.Context()
			if err := tx.Users.Create(ctx, twin); !errors.Is(err, account.ErrTaken) {
				return fmt.Errorf("second ann: %v, want ErrTaken", err)
			}
			if _, err := tx.Roles.Assign(ctx, "usr_ann", "nothing", ""); !errors.Is(err, authz.ErrNotFound) {
				return fmt.Errorf("assigning an unknown role: %v, want ErrNotFound", err)
			}
			return tx.Users.Create(ctx, bob)
		})
		equal(c, "user created after the refusals", get(c, func(tx account.Tx) (account.User, error) {
			return tx.Users.ByID(c.Context(), bob.ID)
		}), bob)
	}},

	{"a View or a Look sees nothing of an Update that is under way, and does not wait for it", func(c *check) {
		c.user("ann")
		c.update(func(tx account.Tx) error {
			if err := tx.Users.Create(c.Context(), c.newUser("bob")); err != nil {
				return err
			}
			if err := tx.Users.SetStatus(c.Context(), "usr_ann", account.Disabled, c.now); err != nil {
				return err
			}
			before := func(other account.Tx) error {
				all, err := other.Users.List(c.Context(), account.UserFilter{})
				if err == nil && (len(all) != 1 || all[0].Status != account.Active) {
					err = fmt.Errorf("uncommitted changes are visible: %+v", all)
				}
				return err
			}
			return errors.Join(c.View(c.Context(), before), c.look(c.Context(), before))
		})
	}},

	{"a View never sees half of an Update", func(c *check) {
		n := testenv.Count(50, 1000)
		var writer sync.WaitGroup
		writer.Go(func() {
			for i := range n {
				err := c.Update(c.Context(), func(tx account.Tx) error {
					name := strconv.Itoa(i)
					return errors.Join(
						tx.Users.Create(c.Context(), c.newUser(name)),
						tx.Credentials.SetPassword(c.Context(), "usr_"+name, "$phc$", c.now))
				})
				if err != nil {
					c.Errorf("Update: %v", err)
				}
			}
		})
		for i := range n {
			c.halves("usr_" + strconv.Itoa(i))
		}
		writer.Wait()
	}},

	{"a panic in f rolls back, reaches the caller, and leaves the store usable", func(c *check) {
		c.update(func(tx account.Tx) error { return c.everything(c.Context(), tx, "ann") })
		before := c.census("ann")
		cause := errors.New("f panics")
		caught := func(run func()) (value any) {
			defer func() { value = recover() }()
			run()
			return nil
		}
		for range 20 { // more often than a pool has connections to lose
			if got := caught(func() {
				_ = c.Update(c.Context(), func(tx account.Tx) error {
					if err := c.everything(c.Context(), tx, "bob"); err != nil {
						return err
					}
					panic(cause)
				})
			}); got != cause {
				c.Fatalf("Update panicked with %v, want %v", got, cause)
			}
			if got := caught(func() { _ = c.View(c.Context(), func(account.Tx) error { panic(cause) }) }); got != cause {
				c.Fatalf("View panicked with %v, want %v", got, cause)
			}
		}
		same(c, "the store after panics", c.census("ann"), before)
		c.update(func(tx account.Tx) error { return c.everything(c.Context(), tx, "bob") })
	}},

	{"of many Updates at once each is done entirely or not at all, whatever happens beside it", func(c *check) {
		c.manyUpdates(32, testenv.Count(5, 50))
	}},
}

// undoEverything changes or ends all that everything wrote.
func (c *check) undoEverything(tx account.Tx, name string) error {
	ctx, user := c.Context(), "usr_"+name
	return inOrder(
		func() error { return tx.Users.SetStatus(ctx, user, account.Disabled, c.now) },
		func() error { return tx.Users.SetKilledSeq(ctx, user, 7) },
		func() error { return tx.Families.EndSubject(ctx, user, "", "test", c.now) },
		func() error { _, err := tx.Sessions.EndAll(ctx, user, ""); return err },
		func() error { _, err := tx.APIKeys.RevokeAll(ctx, user); return err },
		func() error { return tx.Roles.PutRole(ctx, authz.Role{Name: name, Permissions: []string{"*"}}) },
		func() error { return tx.Roles.UnassignAll(ctx, user) },
		func() error { _, err := tx.Roles.DeleteRole(ctx, name); return err },
		func() error {
			return tx.Grants.RemoveAllOf(ctx, authz.Grantee{Kind: authz.SubjectGrantee, ID: user})
		},
		func() error { _, err := tx.Keys.DeleteKey(ctx, "kid_"+name); return err },
		func() error { return tx.Streams.DeleteOf(ctx, user) },
		func() error { return tx.Failures.Set(ctx, []byte(name), limit.Failures{}, c.now) },
		func() error { return tx.Credentials.SetPassword(ctx, user, "$other$", c.now) },
		func() error { return tx.Users.Delete(ctx, user) },
	)
}

// halves asks for the two halves in both orders. Statements of one View may see
// different moments, so that only what follows from the first answer is checked.
func (c *check) halves(id string) {
	c.Helper()
	ctx := c.Context()
	c.view(func(tx account.Tx) error {
		phc, err := tx.Credentials.Password(ctx, id)
		if err != nil || phc == "" {
			return err
		}
		_, err = tx.Users.ByID(ctx, id)
		return err
	})
	c.view(func(tx account.Tx) error {
		if _, err := tx.Users.ByID(ctx, id); errors.Is(err, account.ErrNotFound) {
			return nil
		} else if err != nil {
			return err
		}
		phc, err := tx.Credentials.Password(ctx, id)
		if err == nil && phc == "" {
			err = errors.New("a user is visible without the password of the same Update")
		}
		return err
	})
}

// manyUpdates lets n goroutines add to one counter and create a user each time,
// a third of them in vain.
func (c *check) manyUpdates(n, rounds int) {
	c.user("counter")
	refusal := errors.New("refused")
	c.succeed(together(n, func(i int) error {
		for j := range rounds {
			name := fmt.Sprintf("%d-%d", i, j)
			err := c.Update(c.Context(), func(tx account.Tx) error {
				u, err := tx.Users.Lock(c.Context(), "usr_counter")
				if err != nil {
					return err
				}
				if err := tx.Users.Create(c.Context(), c.newUser(name)); err != nil {
					return err
				}
				if err := tx.Users.SetKilledSeq(c.Context(), u.ID, u.KilledSeq+1); err != nil {
					return err
				}
				if i%3 == 0 {
					return refusal
				}
				return nil
			})
			if i%3 == 0 && err != refusal || i%3 != 0 && err != nil {
				return fmt.Errorf("%s: %v", name, err)
			}
		}
		return nil
	}))
	want := int64((n - (n+2)/3) * rounds)
	counter := get(c, func(tx account.Tx) (account.User, error) { return tx.Users.ByID(c.Context(), "usr_counter") })
	all := get(c, func(tx account.Tx) ([]account.User, error) { return tx.Users.List(c.Context(), account.UserFilter{}) })
	if counter.KilledSeq != want || int64(len(all)) != want+1 {
		c.Errorf("counted %d and created %d, want %d of each", counter.KilledSeq, len(all)-1, want)
	}
}
