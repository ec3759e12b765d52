// Package storetest is the contract of [account.Store] as tests: what every back
// end promises, one sentence per subtest. A back end calls [Run] from a test of
// its own and knows nothing else of this package.
//
// The suite asks only through the interfaces, and relies on nothing but what
// their comments say, so that two back ends which pass behave alike.
package storetest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/revoke"
)

// Run checks every promise against a store of its own. open returns a new and
// empty store, and frees it when t ends; some tests close it before, so that
// Close may be called twice.
func Run(t *testing.T, open func(t *testing.T) account.Store) {
	for _, chapter := range []struct {
		name     string
		promises []promise
	}{
		{"transactions", transactions},
		{"contexts", contexts},
		{"life", life},
		{"text", text},
		{"users", users},
		{"credentials", credentials},
		{"sessions", sessions},
		{"families", families},
		{"rotation", rotation()},
		{"rotation races", rotationRaces},
		{"api keys", apiKeys},
		{"certificates", certificates},
		{"devices", devices},
		{"passkeys", passkeys},
		{"roles", roles},
		{"grants", grants},
		{"versions of the policy", versions},
		{"decisions", decisions},
		{"organizations", organizations},
		{"members", members},
		{"invitations", invitations},
		{"one-time tokens", oneTimeTokens},
		{"factors", factors},
		{"recovery codes", recoveryCodes},
		{"imports", imports},
		{"identities", identities},
		{"clients", clients},
		{"grants to clients", clientGrants},
		{"consents", consents},
		{"device codes", deviceCodes},
		{"resources", resources},
		{"logos", logos},
		{"introductions", introductions},
		{"initial access tokens", initialTokens},
		{"signing keys", signingKeys},
		{"failures", failures},
		{"audit", auditLog},
		{"revocation log", revocations},
		{"outbox", outboxPromises},
		{"signals", signals},
		{"streams", streams},
		{"secrets", secrets},
		{"sweep", sweep},
	} {
		t.Run(chapter.name, func(t *testing.T) {
			for _, p := range chapter.promises {
				t.Run(p.sentence, func(t *testing.T) {
					// Whole milliseconds, because that is what a store keeps.
					p.test(&check{t, open(t), time.Now().UTC().Truncate(time.Millisecond)})
				})
			}
		})
	}
}

// A promise is one sentence of the contract, and the test that it is kept.
type promise struct {
	sentence string
	test     func(*check)
}

// A check is one test and the store that it is about. What runs inside a
// transaction returns errors and never calls Fatal: a store may run it in
// another goroutine.
type check struct {
	*testing.T
	account.Store
	now time.Time
}

// update runs f in an Update that must commit.
func (c *check) update(f func(account.Tx) error) {
	c.Helper()
	if err := c.Update(c.Context(), f); err != nil {
		c.Fatalf("Update: %v", err)
	}
}

// view runs f in a View that must succeed.
func (c *check) view(f func(account.Tx) error) {
	c.Helper()
	if err := c.View(c.Context(), f); err != nil {
		c.Fatalf("View: %v", err)
	}
}

// reading is View or Look.
type reading func(context.Context, func(account.Tx) error) error

func (c *check) look(ctx context.Context, f func(account.Tx) error) error {
	return account.Look(ctx, c.Store, f)
}

// get returns what f finds in a View.
func get[T any](c *check, f func(account.Tx) (T, error)) (found T) {
	c.Helper()
	c.view(func(tx account.Tx) (err error) {
		found, err = f(tx)
		return err
	})
	return found
}

// do returns what f finds or did in an Update.
func do[T any](c *check, f func(account.Tx) (T, error)) (found T) {
	c.Helper()
	c.update(func(tx account.Tx) (err error) {
		found, err = f(tx)
		return err
	})
	return found
}

// answer checks that f is answered with the error want, which does not keep the
// Update from committing.
func (c *check) answer(want error, f func(account.Tx) error) {
	c.Helper()
	var got error
	c.update(func(tx account.Tx) error {
		got = f(tx)
		return nil
	})
	if !errors.Is(got, want) {
		c.Errorf("got error %v, want %v", got, want)
	}
}

// fails checks that f cannot be done, whatever the reason given.
func (c *check) fails(what string, f func(account.Tx) error) {
	c.Helper()
	if err := c.Update(c.Context(), f); err == nil {
		c.Errorf("%s: no error", what)
	}
}

// asKept leaves out what an entry of the log has only where it came over a feed.
var asKept = cmpopts.IgnoreUnexported(revoke.Entry{})

// equal compares exactly; nil and empty lists differ.
func equal[T any](c *check, what string, got, want T) {
	c.Helper()
	if diff := cmp.Diff(want, got, asKept); diff != "" {
		c.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// same compares where nil and empty lists mean the same.
func same[T any](c *check, what string, got, want T) {
	c.Helper()
	if diff := cmp.Diff(want, got, asKept, cmpopts.EquateEmpty()); diff != "" {
		c.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// together runs f(0) to f(n-1) at once and returns their errors.
func together(n int, f func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	all.Wait()
	return errs
}

// succeed checks that none of the errors of together is one.
func (c *check) succeed(errs []error) {
	c.Helper()
	if err := errors.Join(errs...); err != nil {
		c.Fatal(err)
	}
}

// errUndo ends a transaction that was only to look.
var errUndo = errors.New("undo")

// odd is text that a careless statement, pattern or column would change.
const odd = `Ünïcødé 🦔 'quoted" back\slash 100%_ $1 ?`
