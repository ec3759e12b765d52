package server_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/internal/testdb"
	"github.com/sallyport-auth/sallyport/server"
	"github.com/sallyport-auth/sallyport/store/memory"
	"github.com/sallyport-auth/sallyport/store/postgres"
	"github.com/sallyport-auth/sallyport/store/sqlite"
)

// breakable is a real store that can be cut off.
type breakable struct {
	account.Store
	down atomic.Bool
}

var errDown = errors.New("cut off")

func (b *breakable) View(ctx context.Context, f func(account.Tx) error) error {
	if b.down.Load() {
		return errDown
	}
	return b.Store.View(ctx, f)
}

func (b *breakable) Update(ctx context.Context, f func(account.Tx) error) error {
	if b.down.Load() {
		return errDown
	}
	return b.Store.Update(ctx, f)
}

func (b *breakable) Ping(ctx context.Context) error {
	if b.down.Load() {
		return errDown
	}
	return b.Store.Ping(ctx)
}

// TestANodeThatCannotReadItsStoreFailsClosed: what is remembered serves for the
// bound of five seconds and no longer; nothing turns into a 200 or a 401.
func TestANodeThatCannotReadItsStoreFailsClosed(t *testing.T) {
	t.Parallel()
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "house.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	store := &breakable{Store: db}
	h := openOn(t, store)
	browser, program := h.browser("ann"), h.program("bob")
	browser.do("GET", "/notes").want(200)
	program.do("GET", "/notes").want(200)

	store.down.Store(true)
	h.nobody().do("POST", "/auth/login", `{"username":"ann","password":"`+pass+`"}`).want(503, "unavailable")
	h.nobody().do("POST", "/auth/refresh", `{"refresh_token":"`+program.tokens.Refresh+`"}`).want(503, "unavailable")
	browser.do("POST", "/auth/logout").want(503, "unavailable")
	h.nobody().do("GET", "/readyz").want(503, "unavailable")
	h.nobody().do("GET", "/healthz").want(200)
	for _, c := range []*caller{browser, program} {
		for {
			a := c.do("GET", "/notes")
			if a.status == 503 {
				if a.header.Get("Retry-After") == "" {
					t.Error("503 without Retry-After")
				}
				break
			}
			a.want(200)
			time.Sleep(50 * time.Millisecond)
		}
	}

	store.down.Store(false)
	for _, c := range []*caller{browser, program} {
		for c.do("GET", "/notes").status == 503 {
			time.Sleep(50 * time.Millisecond)
		}
		c.do("GET", "/notes").want(200)
	}
	h.nobody().do("GET", "/readyz").want(200)
}

// stores are the back ends, each as open opens it.
var stores = map[string]func(t *testing.T) account.Store{
	"memory": func(*testing.T) account.Store { return memory.New() },
	"sqlite": func(t *testing.T) account.Store {
		db, err := sqlite.Open(filepath.Join(t.TempDir(), "house.db"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		return db
	},
	"postgres": func(t *testing.T) account.Store {
		db, err := postgres.Open(t.Context(), testdb.Postgres(t, "", nil))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		return db
	},
}

func TestTheWholeServerOnEveryStore(t *testing.T) {
	t.Parallel()
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			h := openOn(t, open(t))
			admin, who := h.admin(), credentials(h)
			for _, c := range who {
				c.do("GET", "/notes").want(200)
				c.do("POST", "/notes").want(403, "forbidden")
			}
			admin.do("PUT", "/auth/admin/api/users/"+who["cookie"].id+"/roles/editor").want(204)
			for _, c := range who {
				c.do("POST", "/notes").want(200)
			}
			t.Run("eight parallel refreshes", func(t *testing.T) {
				next := make([]tokens, 8)
				var wg sync.WaitGroup
				for i := range next {
					wg.Go(func() {
						h.nobody().do("POST", "/auth/refresh", fmt.Sprintf(`{"refresh_token":%q}`, who["token"].tokens.Refresh)).into(&next[i])
					})
				}
				wg.Wait()
				for _, n := range next {
					if n.Refresh == "" || n.Refresh != next[0].Refresh {
						t.Fatalf("successors %q and %q", n.Refresh, next[0].Refresh)
					}
				}
			})
			admin.do("POST", "/auth/admin/api/users/"+who["cookie"].id+"/disable").want(204)
			for _, c := range who {
				c.do("GET", "/notes").want(401, "invalid_token")
			}
		})
	}
}

// TestTwoNodesOnOneDatabase: what one node ends, the other refuses after its next
// poll.
func TestTwoNodesOnOneDatabase(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"sqlite", "postgres"} {
		t.Run(name, func(t *testing.T) {
			db := stores[name](t)
			one := openOn(t, db)
			two := openOn(t, db, func(c *server.Config) { c.BaseURL = one.URL })
			admin, ann := one.admin(), one.program("ann")
			elsewhere := *ann
			elsewhere.h = two
			elsewhere.client = two.nobody().client
			elsewhere.do("GET", "/notes").want(200)
			role := "/auth/admin/api/users/" + ann.id + "/roles/editor"

			until := func(want int) {
				t.Helper()
				for elsewhere.do("POST", "/notes").status != want {
					time.Sleep(20 * time.Millisecond)
				}
			}
			admin.do("PUT", role).want(204)
			until(200)
			admin.do("PUT", "/auth/admin/api/roles/editor", `{"permissions":["note:stamp"]}`).want(200)
			until(403)
			admin.do("POST", "/auth/admin/api/keys/rotate").want(204)
			fresh := two.nobody()
			fresh.do("POST", "/auth/login", `{"username":"ann","password":"`+pass+`"}`).want(200).into(&fresh.tokens)
			fresh.bearer(fresh.tokens.Access).do("GET", "/notes").want(200)
			admin.do("POST", "/auth/admin/api/users/"+ann.id+"/disable").want(204)
			until(401)
		})
	}
}
