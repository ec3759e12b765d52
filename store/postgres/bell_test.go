package postgres_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/internal/sqldb"
	"github.com/sallyport-auth/sallyport/internal/testdb"
	"github.com/sallyport-auth/sallyport/store"
	"github.com/sallyport-auth/sallyport/store/postgres"
)

// An ear is a node that listens.
type ear struct {
	rings chan struct{}
	ended chan error // what Listen returned
	stop  func()
}

// listen returns once db listens.
func listen(t *testing.T, db *postgres.DB) *ear {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	e := &ear{make(chan struct{}, 1000), make(chan error, 1), stop}
	go func() { e.ended <- db.Listen(ctx, func() { e.rings <- struct{}{} }) }()
	select {
	case <-e.rings:
	case err := <-e.ended:
		t.Fatalf("listening: %v", err)
	}
	return e
}

func ring(t *testing.T, db *postgres.DB) {
	t.Helper()
	if err := db.Ring(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestEveryOtherNodeHearsTheBell(t *testing.T) {
	dsn := testdb.Postgres(t, sqldb.Key(), migrate)
	one, two, three := connect(t, postgres.Config{DSN: dsn}), connect(t, postgres.Config{DSN: dsn}), connect(t, postgres.Config{DSN: dsn})
	first, second := listen(t, one), listen(t, two)
	ring(t, one)
	<-second.rings
	ring(t, three) // which does not listen, as a command
	<-first.rings
	<-second.rings
	if n := len(first.rings); n != 0 {
		t.Errorf("who rang heard %d rings of its own", n)
	}
	second.stop()
	if err := <-second.ended; !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
}

func TestABellInAnotherDatabaseIsNotHeard(t *testing.T) {
	here, elsewhere := testdb.Postgres(t, sqldb.Key(), migrate), testdb.Postgres(t, sqldb.Key(), migrate)
	e := listen(t, connect(t, postgres.Config{DSN: here}))
	ring(t, connect(t, postgres.Config{DSN: elsewhere}))
	ring(t, connect(t, postgres.Config{DSN: here}))
	<-e.rings
	if n := len(e.rings); n != 0 {
		t.Errorf("%d rings of another database", n)
	}
}

// A connection that was quiet for long is asked, and goes on listening.
func TestAQuietBellIsStillHeard(t *testing.T) {
	dsn := testdb.Postgres(t, sqldb.Key(), migrate)
	db := connect(t, postgres.Config{DSN: dsn})
	db.SetQuiet(time.Millisecond)
	e, other := listen(t, db), connect(t, postgres.Config{DSN: dsn})
	for range 50 {
		ring(t, other)
		<-e.rings
		time.Sleep(2 * time.Millisecond)
	}
	select {
	case err := <-e.ended:
		t.Errorf("it ended: %v", err)
	default:
	}
}

func TestALostConnectionEndsListening(t *testing.T) {
	dsn := testdb.Postgres(t, sqldb.Key(), migrate)
	db := connect(t, postgres.Config{DSN: dsn})
	e := listen(t, db)
	raw(t, dsn, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'`)
	if err := <-e.ended; err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("it ended with %v", err)
	}
	again := listen(t, db)
	ring(t, connect(t, postgres.Config{DSN: dsn}))
	<-again.rings
}

func TestAClosedStoreRingsNoMore(t *testing.T) {
	db := connect(t, postgres.Config{DSN: testdb.Postgres(t, sqldb.Key(), migrate)})
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := db.Ring(t.Context()); !errors.Is(err, store.ErrClosed) {
		t.Errorf("ringing: %v", err)
	}
}

func TestManyRingAtOnce(t *testing.T) {
	dsn := testdb.Postgres(t, sqldb.Key(), migrate)
	e, db := listen(t, connect(t, postgres.Config{DSN: dsn})), connect(t, postgres.Config{DSN: dsn, MaxConns: 4})
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 10 {
				if err := db.Ring(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	for range 160 {
		<-e.rings
	}
}
