package server_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/internal/sqldb"
	"github.com/sallyport-auth/sallyport/internal/testdb"
	"github.com/sallyport-auth/sallyport/internal/testenv"
	"github.com/sallyport-auth/sallyport/server"
	"github.com/sallyport-auth/sallyport/store/postgres"
)

// neverPoll leaves a bell as the only thing that wakes a node.
func neverPoll(c *server.Config) { c.Poll(24 * time.Hour) }

func migrate(ctx context.Context, dsn string) error {
	_, err := postgres.Migrate(ctx, dsn)
	return err
}

func openPostgres(t testing.TB, dsn string) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// twoNodes opens two nodes on one database, each with a pool of its own.
func twoNodes(t *testing.T, dsn string, change ...func(*server.Config)) (one, two *house) {
	t.Helper()
	one = openOn(t, openPostgres(t, dsn), change...)
	two = openOn(t, openPostgres(t, dsn), append(change, func(c *server.Config) { c.BaseURL = one.URL })...)
	return one, two
}

// at returns the caller, with the same credentials, at another node.
func (c *caller) at(h *house) *caller {
	n := *c
	n.h, n.client = h, h.nobody().client
	n.client.Jar.SetCookies(mustURL(h.URL), c.client.Jar.Cookies(mustURL(c.h.URL)))
	return &n
}

// copied returns a caller that offers the same cookies for ever, as whoever copied
// them would, also once a browser has thrown them away.
func (c *caller) copied() *caller {
	n := *c
	n.client, n.header = c.h.nobody().client, c.header.Clone()
	for _, cookie := range c.client.Jar.Cookies(mustURL(c.h.URL)) {
		n.header.Add("Cookie", cookie.Name+"="+cookie.Value)
	}
	return &n
}

// until repeats a request until it is answered so.
func (c *caller) until(want int, method, path string) {
	c.h.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		a := c.do(method, path)
		if a.status == want {
			return
		}
		if time.Now().After(deadline) {
			a.want(want)
		}
	}
}

// deaf is a node's store without a bell.
type deaf struct{ account.Store }

func TestTheBellWakesTheOtherNode(t *testing.T) {
	t.Parallel()
	dsn := testdb.Postgres(t, sqldb.Key(), migrate)
	one, two := twoNodes(t, dsn, neverPoll)
	without := openOn(t, deaf{openPostgres(t, dsn)}, neverPoll, func(c *server.Config) { c.BaseURL = one.URL })
	admin, here, there, elsewhere := one.admin(), credentials(one), map[string]*caller{}, map[string]*caller{}
	for name, c := range here {
		there[name], elsewhere[name] = c.at(two), c.at(without)
		there[name].do("GET", "/notes").want(200)
		elsewhere[name].do("GET", "/notes").want(200)
	}
	user := "/auth/admin/api/users/" + here["cookie"].id
	admin.do("PUT", user+"/roles/editor").want(204)
	for _, c := range there {
		c.until(200, "POST", "/notes")
	}
	admin.do("POST", user+"/disable").want(204)
	for name := range here {
		there[name].until(401, "GET", "/notes")
		if a := elsewhere[name].do("GET", "/notes"); a.status != 200 {
			t.Errorf("%s: a node without a bell answers %d: something else woke it, so this test shows nothing", name, a.status)
		}
	}
}

// What a command changes is rung before it ends, although it listens to nothing.
func TestACommandRingsTheBell(t *testing.T) {
	dsn := testdb.Postgres(t, sqldb.Key(), migrate)
	node := openOn(t, openPostgres(t, dsn), neverPoll)
	ann := node.browser("ann")
	ann.do("GET", "/notes").want(200)
	command := openOn(t, openPostgres(t, dsn), neverPoll, func(c *server.Config) { c.ManageOnly = true })
	if err := command.Accounts.Disable(t.Context(), ann.id, account.Origin{}); err != nil {
		t.Fatal(err)
	}
	if err := command.Close(); err != nil {
		t.Fatal(err)
	}
	ann.until(401, "GET", "/notes")
}

// cut ends the connections on which nodes listen.
func cut(t *testing.T, dsn string) {
	t.Helper()
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for { // a node that was cut off listens again in its own time
		r, err := db.Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'`)
		if err != nil {
			t.Fatal(err)
		}
		if n, _ := r.RowsAffected(); n > 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// While nobody listens, rings are lost; the change is found when somebody does
// again, and the bell works as before.
func TestTheBellIsHeardAgainAfterItsConnectionWasCut(t *testing.T) {
	dsn := testdb.Postgres(t, sqldb.Key(), migrate)
	one, two := twoNodes(t, dsn, neverPoll)
	for i := range testenv.Count(3, 30) {
		ann := one.browser(fmt.Sprint("ann", i))
		there := ann.at(two)
		there.do("GET", "/notes").want(200)
		cut(t, dsn)
		ann.do("POST", "/auth/logout").want(204)
		there.until(401, "GET", "/notes")

		bob := one.browser(fmt.Sprint("bob", i))
		there = bob.at(two)
		there.do("GET", "/notes").want(200)
		bob.do("POST", "/auth/logout").want(204)
		there.until(401, "GET", "/notes")
	}
}

// mute is a store whose bell neither rings nor is heard.
type mute struct{ account.Store }

func (mute) Ring(context.Context) error           { return errors.New("no bell today") }
func (mute) Listen(context.Context, func()) error { return errors.New("no bell today") }

func TestWithoutTheBellThePollIsEnough(t *testing.T) {
	dsn := testdb.Postgres(t, sqldb.Key(), migrate)
	one := openOn(t, mute{openPostgres(t, dsn)})
	two := openOn(t, mute{openPostgres(t, dsn)}, func(c *server.Config) { c.BaseURL = one.URL })
	ann := one.browser("ann")
	there := ann.at(two)
	there.do("GET", "/notes").want(200)
	ann.do("POST", "/auth/logout").want(204)
	there.until(401, "GET", "/notes")
}

// All connections are lost at once and the database recovers, as after a crash of
// the server.
func TestTheBellIsHeardAgainAfterPostgreSQLRestarted(t *testing.T) {
	t.Parallel()
	cluster := testdb.PostgresCluster(t, testdb.Durable)
	one, two := twoNodes(t, cluster.DSN(), neverPoll)
	for i := range testenv.Count(2, 10) {
		ann := one.browser(fmt.Sprint("ann", i))
		there := ann.at(two)
		there.do("GET", "/notes").want(200)
		if err := cluster.Crash(); err != nil {
			t.Fatal(err)
		}
		ann.until(204, "POST", "/auth/logout")
		there.until(401, "GET", "/notes")
	}
}

// Whoever was ended anywhere is refused everywhere, with many at once on both nodes.
func TestManyNodesRingAtOnce(t *testing.T) {
	t.Parallel()
	one, two := twoNodes(t, testdb.Postgres(t, sqldb.Key(), migrate), neverPoll)
	var all sync.WaitGroup
	for i := range 8 {
		here, there := one, two
		if i%2 == 1 {
			here, there = two, one
		}
		all.Go(func() {
			for j := range testenv.Count(5, 100) {
				ann := here.browser(fmt.Sprint("ann", i, "-", j))
				elsewhere := ann.at(there)
				elsewhere.do("GET", "/notes").want(200)
				ann.do("POST", "/auth/logout").want(204)
				elsewhere.until(401, "GET", "/notes")
			}
		})
	}
	all.Wait()
}
