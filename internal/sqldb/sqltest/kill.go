package sqltest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/internal/testenv"
	"github.com/sallyport-auth/sallyport/revoke"
)

// target is the argument before the name of the database, for the child process.
const target = "write-until-killed"

// Kill writes to the database at dsn from a child process, kills that with
// SIGKILL, and checks that whatever it was told is kept is there, and nothing is
// there by half. The child is the same test of the same binary.
func Kill(t *testing.T, dsn func(*testing.T) string, open func(dsn string) (account.Store, error)) {
	if i := slices.Index(os.Args, target); i > 0 {
		db, err := open(os.Args[i+1])
		if err != nil {
			t.Fatal(err)
		}
		writeForEver(db)
	}
	name := dsn(t)
	acknowledged := map[string]bool{}
	for round := range testenv.Count(4, 40) {
		killed(t, name, 50+97*round%400, acknowledged)
		db, err := open(name)
		if err != nil {
			t.Fatalf("round %d: opening after the kill: %v", round, err)
		}
		whole(t, db, acknowledged)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// writeForEver prints the id of each user once the Update that created it has
// returned. 16 callers keep the groups of commits busy.
func writeForEver(db account.Store) {
	var n atomic.Int64
	for range 16 {
		go func() {
			for {
				id := fmt.Sprintf("usr_%d_%d", os.Getpid(), n.Add(1))
				if err := db.Update(context.Background(), func(tx account.Tx) error { return writeOne(tx, id) }); err != nil {
					fmt.Println("error", err)
					os.Exit(1)
				}
				fmt.Println("kept", id)
			}
		}()
	}
	select {}
}

// writeOne writes one user, one event and one entry of the log.
func writeOne(tx account.Tx, id string) error {
	ctx, now := context.Background(), time.Now()
	if err := tx.Users.Create(ctx, account.User{ID: id, Status: account.Active, CreatedAt: now}); err != nil {
		return err
	}
	if err := tx.Audit.Append(ctx, audit.Entry{At: now, Actor: "system", Action: "test", Target: id}); err != nil {
		return err
	}
	_, err := tx.Log.Append(ctx, revoke.Entry{Effect: revoke.Kill, Kind: revoke.Subject, ID: id, CreatedAt: now, ExpiresAt: now.Add(time.Hour)})
	return err
}

// killed starts a child, kills it after that many acknowledgements, and adds
// all of them.
func killed(t *testing.T, name string, after int, acknowledged map[string]bool) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", target, name)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	n := 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		id, kept := strings.CutPrefix(lines.Text(), "kept ")
		if !kept {
			t.Errorf("child: %s", lines.Text())
			continue
		}
		acknowledged[id] = true
		if n++; n == after {
			if err := child.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	var exit *exec.ExitError
	if err := child.Wait(); !errors.As(err, &exit) || exit.ExitCode() != -1 {
		t.Fatalf("the child was not killed: %v", err)
	}
}

// whole checks that everything acknowledged is there, and that whatever is there
// is there entirely, in a log without gaps.
func whole(t *testing.T, db account.Store, acknowledged map[string]bool) {
	t.Helper()
	ctx := t.Context()
	var users []account.User
	var events []audit.Entry
	var entries []revoke.Entry
	var head revoke.Head
	err := db.View(ctx, func(tx account.Tx) (err error) {
		if users, err = tx.Users.List(ctx, account.UserFilter{}); err != nil {
			return err
		}
		if events, err = tx.Audit.List(ctx, audit.Filter{}); err != nil {
			return err
		}
		if head, err = tx.Log.Head(ctx); err != nil {
			return err
		}
		entries, err = tx.Log.Read(ctx, 0, len(users)+1)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]int{}
	for _, u := range users {
		there[u.ID] = 1
	}
	for _, e := range events {
		there[e.Target] += 2
	}
	for i, e := range entries {
		there[e.ID] += 4
		if e.Seq != int64(i+1) {
			t.Fatalf("entry %d has number %d", i+1, e.Seq)
		}
	}
	if int(head.Seq) != len(entries) {
		t.Errorf("head at %d, %d entries", head.Seq, len(entries))
	}
	for id, parts := range there {
		if parts != 7 {
			t.Errorf("%s is half-written: parts %03b", id, parts)
		}
	}
	for id := range acknowledged {
		if there[id] == 0 {
			t.Errorf("%s was acknowledged and is lost", id)
		}
	}
	t.Logf("%d acknowledged, %d there", len(acknowledged), len(there))
}
