package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/store"
)

var contexts = []promise{
	{"a context that has ended begins nothing", func(c *check) {
		ctx, cancel := context.WithCancel(c.Context())
		cancel()
		ran := func(tx account.Tx) error { return tx.Users.Create(ctx, c.newUser("ann")) }
		if err := c.Update(ctx, ran); !errors.Is(err, context.Canceled) {
			c.Errorf("Update: %v, want %v", err, context.Canceled)
		}
		if err := c.View(ctx, func(account.Tx) error { return nil }); !errors.Is(err, context.Canceled) {
			c.Errorf("View: %v, want %v", err, context.Canceled)
		}
		if _, err := c.Sweep(ctx, c.now, 10); !errors.Is(err, context.Canceled) {
			c.Errorf("Sweep: %v, want %v", err, context.Canceled)
		}
		if err := c.Ping(ctx); !errors.Is(err, context.Canceled) {
			c.Errorf("Ping: %v, want %v", err, context.Canceled)
		}
		if c.exists("usr_ann") {
			c.Error("the Update wrote something")
		}
	}},

	{"a context cancelled once f has run does not undo the commit", func(c *check) {
		for i := range 20 {
			name := fmt.Sprint(i)
			ctx, cancel := context.WithCancel(c.Context())
			err := c.Update(ctx, func(tx account.Tx) error {
				defer cancel()
				return tx.Users.Create(ctx, c.newUser(name))
			})
			if err != nil {
				c.Fatalf("Update: %v", err)
			}
			if !c.exists("usr_" + name) {
				c.Fatal("the Update returned nil but is not there")
			}
		}
	}},

	{"a cancelled context does not undo the Updates of others", func(c *check) {
		refusal := errors.New("refused")
		const n = 64
		errs := together(n, func(i int) error {
			ctx, cancel := context.WithCancel(c.Context())
			defer cancel()
			if i%4 == 3 {
				cancel()
			}
			return c.Update(ctx, func(tx account.Tx) error {
				if err := tx.Users.Create(ctx, c.newUser(fmt.Sprint(i))); err != nil {
					return err
				}
				switch i % 4 {
				case 1:
					cancel()
				case 2:
					cancel()
					return refusal
				}
				return nil
			})
		})
		for i, err := range errs {
			want := []error{nil, nil, refusal, context.Canceled}[i%4]
			if !errors.Is(err, want) {
				c.Errorf("Update %d returned %v, want %v", i, err, want)
			}
			if got := c.exists(fmt.Sprint("usr_", i)); got != (want == nil) {
				c.Errorf("Update %d, which returned %v, left a user: %t", i, err, got)
			}
		}
	}},

	{"who waits for another's lock gives up when the context ends, and the other goes on", func(c *check) {
		c.user("ann")
		c.update(func(tx account.Tx) error {
			if _, err := tx.Users.Lock(c.Context(), "usr_ann"); err != nil {
				return err
			}
			ctx, cancel := context.WithCancel(c.Context())
			done := make(chan error, 1)
			go func() {
				done <- c.Update(ctx, func(tx account.Tx) error {
					_, err := tx.Users.Lock(ctx, "usr_ann")
					return err
				})
			}()
			time.Sleep(20 * time.Millisecond) // so that it does wait, most of the time
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				return fmt.Errorf("the one who waited got %v, want %v", err, context.Canceled)
			}
			return tx.Users.SetKilledSeq(c.Context(), "usr_ann", 9)
		})
		ann := get(c, func(tx account.Tx) (account.User, error) { return tx.Users.ByID(c.Context(), "usr_ann") })
		equal(c, "what the other wrote", ann.KilledSeq, int64(9))
	}},
}

// exists reports whether there is such a user.
func (c *check) exists(id string) bool {
	c.Helper()
	err := c.View(c.Context(), func(tx account.Tx) error {
		_, err := tx.Users.ByID(c.Context(), id)
		return err
	})
	if err != nil && !errors.Is(err, account.ErrNotFound) {
		c.Fatal(err)
	}
	return err == nil
}

var life = []promise{
	{"a store that is open answers a Ping", func(c *check) {
		if err := c.Ping(c.Context()); err != nil {
			c.Error(err)
		}
	}},

	{"Close waits for what is under way, which commits", func(c *check) {
		var ended, early atomic.Bool
		var once sync.Once
		closed := make(chan error, 1)
		err := c.Update(c.Context(), func(tx account.Tx) error {
			once.Do(func() {
				calling := make(chan struct{})
				go func() {
					close(calling)
					err := c.Close()
					early.Store(!ended.Load())
					closed <- err
				}()
				<-calling
				time.Sleep(5 * time.Millisecond) // so that Close is there first, most of the time
			})
			for i := range 20 {
				if err := tx.Users.Create(c.Context(), c.newUser(fmt.Sprint(i))); err != nil {
					return err
				}
			}
			ended.Store(true)
			return nil
		})
		if err != nil {
			c.Errorf("the Update under way: %v", err)
		}
		if err := <-closed; err != nil || early.Load() {
			c.Errorf("Close: %v; it returned before f did: %t", err, early.Load())
		}
	}},

	{"a closed store does nothing, says so, and may be closed again", func(c *check) {
		if err := c.Close(); err != nil {
			c.Fatal(err)
		}
		nothing := func(account.Tx) error { return nil }
		_, sweeping := c.Sweep(c.Context(), c.now, 1)
		for what, err := range map[string]error{
			"Update": c.Update(c.Context(), nothing), "View": c.View(c.Context(), nothing),
			"Sweep": sweeping, "Ping": c.Ping(c.Context()),
		} {
			if !errors.Is(err, store.ErrClosed) {
				c.Errorf("%s of a closed store: %v, want ErrClosed", what, err)
			}
		}
		if err := c.Close(); err != nil {
			c.Errorf("second Close: %v", err)
		}
	}},
}
