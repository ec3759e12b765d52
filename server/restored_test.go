package server_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/store/sqlite"
)

// The rows of the log are put back beneath a server that runs, and numbers given
// out again before it looks.
func TestARunningServerNoticesThatItsDatabaseWasPutBack(t *testing.T) {
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "house.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	h := openOn(t, db)
	ann, bob := h.program("ann"), h.program("bob")
	bob.do("POST", "/auth/logout").want(204)
	before := h.Accounts.Follower.Cursor()

	for _, statement := range []string{
		`DELETE FROM sallyport_revocation WHERE seq = (SELECT seq FROM sallyport_log_head)`,
		`UPDATE sallyport_log_head SET seq = seq - 1`,
	} {
		if err := db.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	for begun := time.Now(); h.Accounts.Follower.Cursor().Log == before.Log; time.Sleep(10 * time.Millisecond) {
		if status := bob.ask("GET", "/auth/me"); status != 401 && status != 503 {
			t.Fatalf("who signed out is let in: %d", status)
		}
		if time.Since(begun) > time.Minute {
			t.Fatal("not noticed")
		}
	}
	ann.do("GET", "/auth/me").want(401, "invalid_token")
	bob.do("GET", "/auth/me").want(401, "invalid_token")
	es, err := h.Accounts.Audit(t.Context(), audit.Filter{Action: "log.renew"})
	if err != nil || len(es) != 1 || es[0].Actor != "system" || es[0].Target != before.Log {
		t.Errorf("audited %+v, %v", es, err)
	}
	if _, err := h.Accounts.SignIn(t.Context(), account.SignIn{Identifier: "ann", Password: pass}, account.Origin{}); err != nil {
		t.Errorf("signing in again: %v", err)
	}
	h.nobody().do("GET", "/readyz").want(200)
}
