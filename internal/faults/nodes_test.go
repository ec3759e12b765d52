//go:build unix

package faults_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/internal/process"
	"github.com/sallyport-auth/sallyport/internal/testdb"
	"github.com/sallyport-auth/sallyport/internal/testenv"
)

// second starts another node on the issuer's database.
func (w *world) second() *process.Program {
	w.Helper()
	return w.node(filepath.Join(w.TempDir(), "data"))
}

// at asks a node whether it takes a token.
func at(node *process.Program, token string) int {
	status, _ := ask("GET", node.URL+"/auth/me", token, "")
	return status
}

// What one node ends is over at the other, and at a service that follows the other.
func TestTwoNodes(t *testing.T) {
	w := begin(t, "--database", testdb.Postgres(t, "", nil))
	two := w.second()
	w.front.to(two.URL)
	s := w.service()
	for range testenv.Count(5, 100) {
		token := w.sessions(w.issuer, 1, fmt.Sprint("ann", time.Now().UnixNano()))[0]
		s.becomes(token, 200)
		if got := at(two, token); got != 200 {
			t.Fatalf("the other node says %d", got)
		}
		began := time.Now()
		w.signOut(w.issuer, token)
		s.becomes(token, 401)
		t.Logf("signed out at one node, and refused by a service of the other after %v", time.Since(began))
		await(t, func() bool { return at(two, token) == 401 }, two.Output)
	}
	w.command("", "role", "set", "analyst", "report:read")
	ann := w.register(two, "ann")
	reports := func() int {
		status, _ := ask("GET", s.URL+"/reports", ann.Access, "")
		return status
	}
	await(t, func() bool { return reports() == 403 }, s.Output)
	w.command("", "user", "role", "add", "ann", "analyst")
	await(t, func() bool { return reports() == 200 }, s.Output)
	w.command("", "user", "role", "remove", "ann", "analyst")
	await(t, func() bool { return reports() == 403 }, s.Output)

	// The service goes on at the first node when the second dies, from its cursor.
	bob := w.register(w.issuer, "bob")
	s.becomes(bob.Access, 200)
	two.Kill()
	w.front.to(w.issuer.URL)
	w.signOut(w.issuer, bob.Access)
	s.becomes(bob.Access, 401)
	s.becomes(ann.Access, 200)
}

// PostgreSQL goes down and comes back under two nodes.
func TestPostgresRestarts(t *testing.T) {
	cluster := testdb.PostgresCluster(t, testdb.Durable)
	w := begin(t, "--database", cluster.DSN())
	two := w.second()
	s := w.service()
	live := w.register(w.issuer, "ann").Access
	var dead []string
	for i := range testenv.Count(2, 10) {
		all := w.sessions(w.issuer, 20, fmt.Sprint("bob", i))
		s.becomes(all[0], 200)
		var mu sync.Mutex
		var done atomic.Int64
		go func() {
			for done.Load() < 5 {
				time.Sleep(time.Millisecond)
			}
			if err := cluster.Crash(); err != nil {
				t.Error(err)
			}
		}()
		each(len(all), func(i int) {
			node := []*process.Program{w.issuer, two}[i%2]
			for { // until it is acknowledged: 401 says that it was done, and the answer lost
				status, answer := ask("POST", node.URL+"/auth/logout", all[i], `{}`)
				if status == 204 || status == 401 {
					break
				}
				if status != 503 {
					t.Errorf("signing out while PostgreSQL restarts: %d %s", status, answer)
					return
				}
				time.Sleep(5 * time.Millisecond)
			}
			done.Add(1)
			mu.Lock()
			defer mu.Unlock()
			dead = append(dead, all[i])
		})
		for _, token := range dead {
			s.becomes(token, 401)
			for _, node := range []*process.Program{w.issuer, two} {
				await(t, func() bool { return at(node, token) == 401 }, node.Output)
			}
		}
		s.becomes(live, 200)
		for _, node := range []*process.Program{w.issuer, two} {
			await(t, func() bool { return at(node, live) == 200 }, node.Output)
		}
	}
	t.Logf("%d sign-outs, all in force at two nodes and at a service of one", len(dead))
}

// A copy of the database is put back under a service that follows it. Whoever was
// signed in by then is signed out, also who would be again by the copy.
func TestARestoredBackup(t *testing.T) {
	w := begin(t)
	s := w.service()
	before, out := w.register(w.issuer, "ann").Access, w.register(w.issuer, "bob").Access
	s.becomes(before, 200)
	s.becomes(out, 200)
	file := filepath.Join(t.TempDir(), "copy.db")
	w.command("", "backup", file)
	after := w.register(w.issuer, "carl").Access
	s.becomes(after, 200)
	w.signOut(w.issuer, out) // which the copy does not know
	s.becomes(out, 401)

	stop, watching := make(chan struct{}), sync.WaitGroup{}
	watching.Go(func() { // whatever happens
		for {
			select {
			case <-stop:
				return
			default:
			}
			if got := s.get(out); got != 401 && got != 503 {
				t.Errorf("signed out, and the service says %d", got)
			}
		}
	})
	w.issuer.Signal(syscall.SIGTERM)
	w.issuer.Wait()
	w.command("", "restore", file)
	w.start()
	fresh := w.signIn(w.issuer, "ann").Access
	s.becomes(fresh, 200)
	for name, token := range map[string]string{"of before the copy": before, "of after the copy": after, "signed out after the copy": out} {
		s.becomes(token, 401)
		if got := at(w.issuer, token); got != 401 {
			t.Errorf("%s: the node says %d", name, got)
		}
	}
	w.signOut(w.issuer, fresh) // the new log is obeyed
	s.becomes(fresh, 401)
	s.becomes(w.signIn(w.issuer, "bob").Access, 200)
	close(stop)
	watching.Wait()
}

// A person has a session in a browser, and one in a program that refreshes.
type person struct {
	browser *http.Client
	tokens  tokens
}

// Nodes are replaced one after the other while people work.
func TestARollingRestart(t *testing.T) {
	w := begin(t, "--database", testdb.Postgres(t, "", nil))
	s := w.service()
	type slot struct {
		node atomic.Pointer[process.Program]
		data string
	}
	var nodes [2]slot
	nodes[0].data, nodes[1].data = w.data, filepath.Join(t.TempDir(), "data")
	nodes[0].node.Store(w.issuer)
	nodes[1].node.Store(w.node(nodes[1].data))

	var requests, refused, unavailable, refreshes atomic.Int64
	stop := make(chan struct{})
	stopped := func() bool {
		select {
		case <-stop:
			return true
		default:
			return false
		}
	}
	// try asks one node, and the other while there is no answer or a 503: as a load
	// balancer does.
	try := func(who int, do func(url string) (int, string)) (int, string) {
		for i := who; ; i++ {
			requests.Add(1)
			status, answer := do(nodes[i%2].node.Load().URL)
			switch status {
			case 0:
				refused.Add(1)
			case 503:
				unavailable.Add(1)
			default:
				return status, answer
			}
			if t.Context().Err() != nil {
				return status, answer
			}
			time.Sleep(time.Millisecond)
		}
	}
	var busy sync.WaitGroup
	for i := range 6 {
		name := fmt.Sprint("person", i)
		p := &person{tokens: w.register(w.issuer, name)}
		p.browser = w.browser(name)
		busy.Go(func() {
			for round := i; !stopped(); round++ {
				if status, answer := try(round, func(url string) (int, string) { return ask("GET", url+"/auth/me", p.tokens.Access, "") }); status != 200 {
					t.Errorf("%s with a token: %d %s", name, status, answer)
				}
				if status, answer := try(round, p.me); status != 200 {
					t.Errorf("%s with a cookie: %d %s", name, status, answer)
				}
				if got := s.get(p.tokens.Access); got != 200 && got != 503 {
					t.Errorf("%s at the service: %d", name, got)
				}
				if round%3 != 0 {
					continue
				}
				status, answer := try(round, func(url string) (int, string) {
					return ask("POST", url+"/auth/refresh", "", `{"refresh_token":"`+p.tokens.Refresh+`"}`)
				})
				if err := json.Unmarshal([]byte(answer), &p.tokens); err != nil || status != 200 {
					t.Errorf("%s refreshes: %d %s", name, status, answer)
					return
				}
				refreshes.Add(1)
			}
		})
	}
	for range testenv.Count(2, 10) {
		for i := range nodes {
			served := requests.Load() + 200
			await(t, func() bool { return requests.Load() > served }, w.issuer.Output)
			old := nodes[i].node.Load()
			w.front.to(nodes[1-i].node.Load().URL)
			old.Signal(syscall.SIGTERM)
			if code := old.Wait(); code != 0 {
				t.Errorf("a node that was asked to stop ended with %d\n%s", code, old.Output())
			}
			fresh := w.node(nodes[i].data)
			nodes[i].node.Store(fresh)
		}
	}
	close(stop)
	busy.Wait()
	t.Logf("%d requests, %d refreshes; tried again: %d after no answer, %d after 503", requests.Load(), refreshes.Load(), refused.Load(), unavailable.Load())
}

// browser signs somebody in by a cookie.
func (w *world) browser(name string) *http.Client {
	w.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.Fatal(err)
	}
	c := &http.Client{Jar: jar, Timeout: client.Timeout}
	resp, err := c.Post(w.issuer.URL+"/auth/login", "application/json", strings.NewReader(`{"username":"`+name+`","password":"`+pass+`","mode":"cookie"}`))
	if err != nil || resp.StatusCode != 200 {
		w.Fatalf("%v, %v", resp, err)
	}
	resp.Body.Close()
	return c
}

// me asks a node who the cookie is.
func (p *person) me(url string) (int, string) {
	resp, err := p.browser.Get(url + "/auth/me")
	if err != nil {
		return 0, err.Error()
	}
	resp.Body.Close()
	return resp.StatusCode, ""
}
