package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/internal/testdb"
	"github.com/sallyport-auth/sallyport/internal/testenv"
	"github.com/sallyport-auth/sallyport/store/sqlite"
)

const restorePassword = "plums ripen late in august"

// command runs a command in a process of its own and returns what it says.
func command(t *testing.T, dir string, environ []string, args ...string) string {
	t.Helper()
	c, out, diagnosis := prepared(t, dir, environ, args...)
	if err := c.Run(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, diagnosis)
	}
	return out.String()
}

func prepared(t *testing.T, dir string, environ []string, args ...string) (c *exec.Cmd, out, diagnosis *bytes.Buffer) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out, diagnosis = &bytes.Buffer{}, &bytes.Buffer{}
	c = exec.Command(self, args...)
	c.Args[0] = "sallyport"
	c.Dir, c.Env, c.Stdout, c.Stderr = dir, environ, out, diagnosis
	return c, out, diagnosis
}

// A holder is somebody with a token, a refresh token and a cookie.
type holder struct{ name, access, refresh, cookie string }

// enter registers the holder, or signs in if that is done, in both ways.
func enter(t *testing.T, url, name string) holder {
	t.Helper()
	h := holder{name: name}
	body := map[string]string{"username": name, "password": restorePassword}
	status, answer := post(url+"/auth/register", "", body)
	if status == http.StatusConflict {
		status, answer = post(url+"/auth/login", "", body)
	}
	if status != http.StatusOK && status != http.StatusCreated {
		t.Fatalf("%s cannot sign in: %d %v", name, status, answer)
	}
	h.access, h.refresh = answer["access_token"], answer["refresh_token"]
	text, err := json.Marshal(map[string]string{"username": name, "password": restorePassword, "mode": "cookie"})
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.Post(url+"/auth/login", "application/json", bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	for _, c := range res.Cookies() {
		if c.Name == "sallyport" {
			h.cookie = c.Name + "=" + c.Value
		}
	}
	if h.cookie == "" {
		t.Fatalf("%s gets no cookie: %s", name, res.Status)
	}
	return h
}

// me asks who one is, with a header field.
func me(url, field, value string) int {
	req, err := http.NewRequest("GET", url+"/auth/me", nil)
	if err != nil {
		panic(err)
	}
	req.Header.Set(field, value)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	res.Body.Close()
	return res.StatusCode
}

// answers are those to the token, the cookie and, if it is asked, the refresh token.
func (h holder) answers(url string, refresh bool) []int {
	got := []int{me(url, "Authorization", "Bearer "+h.access), me(url, "Cookie", h.cookie)}
	if refresh {
		status, _ := post(url+"/auth/refresh", "", map[string]string{"refresh_token": h.refresh})
		got = append(got, status)
	}
	return got
}

func (h holder) isOut(t *testing.T, url string) {
	t.Helper()
	if got := h.answers(url, true); !slices.Equal(got, []int{401, 401, 401}) {
		t.Errorf("%s is let in: token, cookie and refresh token get %v", h.name, got)
	}
}

func (h holder) isIn(t *testing.T, url string) {
	t.Helper()
	if got := h.answers(url, false); !slices.Equal(got, []int{200, 200}) {
		t.Errorf("%s is not let in: token and cookie get %v", h.name, got)
	}
}

// apiKey makes an API key for somebody.
func apiKey(t *testing.T, dir string, environ []string, name string) string {
	t.Helper()
	return strings.TrimSpace(command(t, dir, environ, "apikey", "add", "--user", name, "--name", "k", "--scope", "user:read"))
}

// TestNothingComesBackWithABackup changes things after a backup, kills the server,
// restores and starts again. Whatever was signed in is out, whenever that was, also
// when the log has given out the same numbers again; keys go on, and people come
// back.
func TestNothingComesBackWithABackup(t *testing.T) {
	t.Parallel()
	dir, env := t.TempDir(), environ()
	p := serving(t, dir, "--base-url", "http://localhost:8080")
	command(t, dir, env, "role", "set", "support", "user:read")
	ann, bob, carol := enter(t, p.url, "ann"), enter(t, p.url, "bob"), enter(t, p.url, "carol")
	command(t, dir, env, "user", "role", "add", "carol", "support")
	key := apiKey(t, dir, env, "ann")
	command(t, dir, env, "backup", "copy.db")

	// Since then ann has another password, bob is signed out, carol has no role, and
	// dave is new.
	if err := os.WriteFile(filepath.Join(dir, "other"), []byte("a heron stands in the river\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	command(t, dir, env, "user", "password", "ann", "--password-file", "other")
	command(t, dir, env, "session", "revoke", "--user", "bob")
	command(t, dir, env, "user", "role", "remove", "carol", "support")
	later := []holder{enter(t, p.url, "carol"), enter(t, p.url, "dave")}
	for _, h := range []holder{ann, bob} {
		h.isOut(t, p.url)
	}
	carol.isIn(t, p.url)
	everybody := append([]holder{ann, bob, carol}, later...)

	p.kill()
	command(t, dir, env, "restore", "copy.db")
	p = serving(t, dir, "--base-url", "http://localhost:8080")
	out := func() {
		t.Helper()
		for _, h := range everybody {
			h.isOut(t, p.url)
		}
	}
	out()
	if status := me(p.url, "X-API-Key", key); status != 200 {
		t.Errorf("the API key gets %d", status)
	}
	back := enter(t, p.url, "bob") // with the password of then
	back.isIn(t, p.url)
	for range 7 { // the numbers that were given out after the backup, and more
		h := enter(t, p.url, "carol")
		command(t, dir, env, "session", "revoke", "--user", "carol")
		h.isOut(t, p.url)
		out()
	}
	back.isIn(t, p.url)
	if err := p.stop(); err != nil {
		t.Error(err)
	}
}

// TestAKilledRestoreLeavesOneDatabaseOrTheOther kills restores at random moments.
// In place is the database that was there, with its last change, or the one of the
// backup under a name of its log that nobody has seen: nothing in between.
func TestAKilledRestoreLeavesOneDatabaseOrTheOther(t *testing.T) {
	t.Parallel()
	dir, env := t.TempDir(), environ()
	p := serving(t, dir, "--base-url", "http://localhost:8080")
	ann := enter(t, p.url, "ann")
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "password"), []byte(restorePassword), 0o600); err != nil {
		t.Fatal(err)
	}
	command(t, dir, env, "backup", "copy.db")
	begun := time.Now()
	command(t, dir, env, "restore", "copy.db")
	whole := time.Since(begun)

	data := folder(filepath.Join(dir, "sallyport-data"))
	seen := map[string]bool{logName(t, filepath.Join(dir, "copy.db")): true, logName(t, data.database()): true}
	kept, restored := 0, 0
	rounds := testenv.Count(4, 200)
	for round := range rounds {
		user := fmt.Sprint("user", round)
		command(t, dir, env, "user", "add", "--username", user, "--password-file", "password")
		before := logName(t, data.database())

		c, _, _ := prepared(t, dir, env, "restore", "copy.db")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if round%2 == 0 {
			time.Sleep(mathrand.N(whole))
		} else { // the end is where names change
			time.Sleep(whole*3/4 + mathrand.N(whole/2))
		}
		c.Process.Kill()
		c.Wait()

		if _, err := sqlite.Verify(t.Context(), data.database()); err != nil {
			t.Fatal(err)
		}
		now := logName(t, data.database())
		there := hasUser(t, data.database(), user)
		switch {
		case now == before && there:
			kept++
		case now != before && !there && !seen[now]:
			seen[now] = true
			restored++
		default:
			t.Fatalf("round %d: the log was %s and is %s, the last change is there: %v", round, before, now, there)
		}
		if round%20 == 0 || round == rounds-1 {
			p := serving(t, dir, "--base-url", "http://localhost:8080")
			ann.isOut(t, p.url)
			enter(t, p.url, "ann").isIn(t, p.url)
			if err := p.stop(); err != nil {
				t.Fatal(err)
			}
			entries, err := os.ReadDir(string(data))
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				name := filepath.Join(string(data), e.Name())
				if strings.Contains(e.Name(), "incoming") || strings.HasPrefix(name, data.kept()) && sameFile(name, data.database()) {
					t.Errorf("the server left %s there", e.Name())
				}
			}
		}
	}
	t.Logf("%d kept and %d restored over %d killed restores", kept, restored, rounds)
}

func sameFile(a, b string) bool {
	first, err := os.Stat(a)
	second, err2 := os.Stat(b)
	return err == nil && err2 == nil && os.SameFile(first, second)
}

// look reads a database file that no server has open.
func look(t *testing.T, path string, f func(account.Tx) error) {
	t.Helper()
	db, err := sqlite.Config{Path: path, NoMigrate: true}.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.View(t.Context(), f), db.Close()); err != nil {
		t.Fatal(err)
	}
}

func logName(t *testing.T, path string) (name string) {
	t.Helper()
	look(t, path, func(tx account.Tx) error {
		head, err := tx.Log.Head(t.Context())
		name = head.Log
		return err
	})
	return name
}

func hasUser(t *testing.T, path, name string) (there bool) {
	t.Helper()
	look(t, path, func(tx account.Tx) error {
		_, err := tx.Users.ByUsername(t.Context(), name)
		there = err == nil
		if errors.Is(err, account.ErrNotFound) {
			err = nil
		}
		return err
	})
	return there
}

// TestServersNoticeThatTheirDatabaseWasPutBack puts the rows of a PostgreSQL
// database back beneath two servers that run. Who was signed out since is not let in
// for a moment, and everybody else is out as soon as it is noticed; one of the two
// renames the log.
func TestServersNoticeThatTheirDatabaseWasPutBack(t *testing.T) {
	t.Parallel()
	dsn := testdb.Postgres(t, "", nil)
	secretKey := make([]byte, 32)
	rand.Read(secretKey)
	env := append(environ(), "SALLYPORT_STORE__DATABASE="+dsn, "SALLYPORT_SEALING_KEY="+base64.RawURLEncoding.EncodeToString(secretKey))
	var nodes []*process
	for range 2 {
		p, err := start(t.TempDir(), env, "--base-url", "http://localhost:8080")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.kill)
		nodes = append(nodes, p)
	}
	one, two := nodes[0].url, nodes[1].url
	dir := t.TempDir()
	command(t, dir, env, "role", "set", "support", "user:read")
	ann, bob, carol, erin := enter(t, one, "ann"), enter(t, one, "bob"), enter(t, two, "carol"), enter(t, two, "erin")
	key := apiKey(t, dir, env, "ann")
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	putBack := photograph(t, db)

	// Since then bob is signed out, carol has a role, and dave is new. When erin is
	// out, too, both servers have read all of that.
	command(t, dir, env, "session", "revoke", "--user", "bob")
	command(t, dir, env, "user", "role", "add", "carol", "support")
	dave := enter(t, two, "dave")
	command(t, dir, env, "session", "revoke", "--user", "erin")
	dead := func(h holder, when string) {
		t.Helper()
		for _, url := range []string{one, two} {
			for _, status := range h.answers(url, true) {
				if status != 401 && status != 503 {
					t.Fatalf("%s: %s is let in: %d", when, h.name, status)
				}
			}
		}
	}
	for _, url := range []string{one, two} {
		ready(t, url, func() bool { return slices.Equal(erin.answers(url, false), []int{401, 401}) })
	}
	dead(bob, "before the database is put back")

	old := putBack(t)
	// The numbers are given out again, before anybody has noticed or after.
	post(one+"/auth/logout", ann.access, map[string]string{})
	var renamed string
	for begun := time.Now(); renamed == "" || renamed == old; time.Sleep(5 * time.Millisecond) {
		dead(bob, "while nobody has noticed")
		if err := db.QueryRow(`SELECT log_id FROM sallyport_log_head`).Scan(&renamed); err != nil {
			t.Fatal(err)
		}
		if time.Since(begun) > time.Minute {
			t.Fatal("nobody noticed")
		}
	}
	for _, p := range nodes {
		ready(t, p.url, func() bool { return slices.Equal(ann.answers(p.url, false), []int{401, 401}) })
		for _, h := range []holder{ann, bob, carol, dave} {
			h.isOut(t, p.url)
		}
		if status := me(p.url, "X-API-Key", key); status != 200 {
			t.Errorf("the API key gets %d", status)
		}
	}
	var entries int
	if err := db.QueryRow(`SELECT count(*) FROM sallyport_audit_log WHERE action = 'log.renew' AND outcome = $1`, string(audit.Success)).Scan(&entries); err != nil || entries != 1 {
		t.Errorf("the log was renamed %d times, %v", entries, err)
	}
	back := enter(t, one, "bob")
	for _, url := range []string{one, two} {
		ready(t, url, func() bool { return slices.Equal(back.answers(url, false), []int{200, 200}) })
	}
}

// ready waits until the server answers as it will.
func ready(t *testing.T, url string, is func() bool) {
	t.Helper()
	for begun := time.Now(); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Since(begun) > time.Minute {
			t.Fatalf("%s does not come to it", url)
		}
	}
}

// photograph keeps the rows of all tables and returns what puts them back in one
// transaction, and returns the name of the log.
func photograph(t *testing.T, db *sql.DB) func(*testing.T) string {
	t.Helper()
	rows, err := db.Query(`SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema() AND tablename LIKE 'sallyport_%'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var tables []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		tables = append(tables, name)
	}
	// A table comes after those that it refers to.
	slices.SortFunc(tables, func(a, b string) int {
		if a == "sallyport_roles" || b == "sallyport_role_assignments" {
			return -1
		}
		if b == "sallyport_roles" || a == "sallyport_role_assignments" {
			return 1
		}
		return strings.Compare(a, b)
	})
	take := []string{`CREATE SCHEMA photograph`}
	put := []string{`TRUNCATE ` + strings.Join(tables, ", ")}
	for _, name := range tables {
		take = append(take, `CREATE TABLE photograph.`+name+` AS SELECT * FROM `+name)
		put = append(put, `INSERT INTO `+name+` SELECT * FROM photograph.`+name)
	}
	inOne := func(statements []string) error {
		tx, err := db.BeginTx(context.Background(), &sql.TxOptions{Isolation: sql.LevelRepeatableRead})
		if err != nil {
			return err
		}
		for _, s := range statements {
			if _, err := tx.Exec(s); err != nil {
				return errors.Join(fmt.Errorf("%s: %w", s, err), tx.Rollback())
			}
		}
		return tx.Commit()
	}
	if err := inOne(take); err != nil {
		t.Fatal(err)
	}
	return func(t *testing.T) (log string) {
		t.Helper()
		var err error
		for range 20 { // the servers hold locks, too
			if err = inOne(put); err == nil {
				break
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := db.QueryRow(`SELECT log_id FROM photograph.sallyport_log_head`).Scan(&log); err != nil {
			t.Fatal(err)
		}
		return log
	}
}
