//go:build unix

// Package faults has no code. Its tests break what real processes stand on: nodes of
// the program itself, services that follow them, databases under them, and the
// connections between.
package faults_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/internal/process"
)

// bin has the programs, each built when it is first needed.
var bin string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if bin, err = os.MkdirTemp("", "sallyport-faults-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(bin)
	// Passwords are not what is tested.
	for name, value := range map[string]string{"COST": "m=64,t=1,p=1", "INSECURE_LOW_COST": "true"} {
		os.Setenv("SALLYPORT_PASSWORD__"+name, value)
	}
	// Nodes on one database share it.
	os.Setenv("SALLYPORT_SEALING_KEY", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY")
	return m.Run()
}

var (
	sallyport = sync.OnceValues(func() (string, error) { return build("../../cmd/sallyport", "sallyport") })
	resource  = sync.OnceValues(func() (string, error) { return build("../../examples/microservices/resource", "resource") })
)

func build(folder, name string) (string, error) {
	out := filepath.Join(bin, name)
	if text, err := exec.Command("go", "build", "-o", out, folder).CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", folder, err, text)
	}
	return out, nil
}

func program(t testing.TB, built func() (string, error)) string {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

const pass = "plums ripen late in august"

// A world is an issuer of one or more nodes and the services that follow it, all of
// them real processes.
type world struct {
	*testing.T
	data   string // folder of the first node
	flags  []string
	front  *proxy // the issuer's address, as services know it: it stays when nodes go
	issuer *process.Program
	key    string // API key that may read the feed
}

// begin starts an issuer of one node.
func begin(t *testing.T, flags ...string) *world {
	t.Helper()
	w := &world{T: t, data: filepath.Join(t.TempDir(), "data"), flags: flags, front: newProxy(t)}
	w.start()
	w.key = w.feedKey()
	return w
}

// start starts the first node, again if need be.
func (w *world) start() {
	w.Helper()
	w.issuer = w.node(w.data)
	w.front.to(w.issuer.URL)
}

// node starts a node with a data folder of its own.
func (w *world) node(data string) *process.Program {
	w.Helper()
	args := append([]string{"serve", "--addr", "127.0.0.1:0", "--data", data, "--base-url", w.front.url()}, w.flags...)
	return process.Start(w, program(w, sallyport), args...)
}

// feedKey returns an API key of somebody who may read the feed.
func (w *world) feedKey() string {
	w.Helper()
	w.command("", "role", "set", "service", "revocation:read", "token:introspect")
	w.command(pass+"\n", "user", "add", "--username", "reports", "--role", "service", "--password-stdin")
	var key struct{ Key string }
	text := w.command("", "apikey", "add", "--user", "reports", "--name", "feed", "--scope", "revocation:read", "--json")
	if err := json.Unmarshal(text, &key); err != nil {
		w.Fatalf("%v: %s", err, text)
	}
	return key.Key
}

// command runs a command on the first node's folder.
func (w *world) command(input string, args ...string) []byte {
	w.Helper()
	c := exec.Command(program(w, sallyport), append(args, "--data", w.data)...)
	for i, f := range w.flags {
		if f == "--database" {
			c.Args = append(c.Args, w.flags[i:i+2]...)
		}
	}
	c.Stdin = strings.NewReader(input)
	var complaints bytes.Buffer
	c.Stderr = &complaints
	out, err := c.Output()
	if err != nil {
		w.Fatalf("%v: %v\n%s%s", args, err, out, &complaints)
	}
	return out
}

// A service is a process that verifies tokens itself.
type service struct {
	*world
	*process.Program
	line *proxy // to the issuer
}

// service starts the example, which reaches the issuer by a line of its own.
func (w *world) service() *service {
	w.Helper()
	return &service{w, process.Start(w, "env", "SALLYPORT_KEY="+w.key, program(w, resource), "--issuer", w.front.url(), "--addr", "127.0.0.1:0"), w.front}
}

var client = &http.Client{
	Transport:     &http.Transport{MaxIdleConnsPerHost: 64},
	Timeout:       time.Minute, // of one request that hangs: a fault of ours, not of the test's patience
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// ask sends a request with a bearer token, if there is one. Status 0 means that there
// was no answer.
func ask(method, url, token, body string) (status int, answer string) {
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := client.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(text)
}

// get is the status with which the service answers somebody.
func (s *service) get(token string) int {
	status, _ := ask("GET", s.URL+"/whoami", token, "")
	return status
}

// becomes waits until the service answers so.
func (s *service) becomes(token string, want int) {
	s.Helper()
	got := 0
	await(s.T, func() bool { got = s.get(token); return got == want }, func() string {
		return fmt.Sprintf("the service says %d, want %d\n%s\n%s", got, want, s.Output(), s.issuer.Output())
	})
}

// await waits for what happens by itself. The limit only says that it does not.
func await(t testing.TB, happened func() bool, otherwise func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	for !happened() {
		select {
		case <-ctx.Done():
			t.Fatal("it does not happen: ", otherwise())
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// tokens are what a sign-in gives.
type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}

// register registers somebody at a node.
func (w *world) register(node *process.Program, name string) (t tokens) {
	w.Helper()
	status, answer := ask("POST", node.URL+"/auth/register", "", `{"username":"`+name+`","password":"`+pass+`"}`)
	if err := json.Unmarshal([]byte(answer), &t); err != nil || status != 201 {
		w.Fatalf("registering: %d %s", status, answer)
	}
	return t
}

// signIn signs in once more.
func (w *world) signIn(node *process.Program, name string) (t tokens) {
	w.Helper()
	status, answer := ask("POST", node.URL+"/auth/login", "", `{"username":"`+name+`","password":"`+pass+`"}`)
	if err := json.Unmarshal([]byte(answer), &t); err != nil || status != 200 {
		w.Fatalf("signing in: %d %s", status, answer)
	}
	return t
}

// sessions returns the access tokens of n sign-ins, of a few people.
func (w *world) sessions(node *process.Program, n int, who string) []string {
	w.Helper()
	people := min(n, 8)
	all := make([]string, n)
	var busy sync.WaitGroup
	for p := range people {
		w.register(node, fmt.Sprint(who, p))
		busy.Go(func() {
			for i := p; i < n; i += people {
				status, answer := ask("POST", node.URL+"/auth/login", "", fmt.Sprintf(`{"username":"%s%d","password":%q}`, who, p, pass))
				var t tokens
				if err := json.Unmarshal([]byte(answer), &t); err != nil || status != 200 {
					w.Errorf("signing in: %d %s", status, answer)
				}
				all[i] = t.Access
			}
		})
	}
	if busy.Wait(); w.Failed() {
		w.FailNow()
	}
	return all
}

// signOut ends the session of a token, acknowledged.
func (w *world) signOut(node *process.Program, token string) {
	w.Helper()
	if status, answer := ask("POST", node.URL+"/auth/logout", token, `{}`); status != 204 {
		w.Fatalf("signing out: %d %s\n%s", status, answer, node.Output())
	}
}

// each does something n times, a few at once.
func each(n int, do func(i int)) {
	turn := make(chan int)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range turn {
				do(i)
			}
		})
	}
	for i := range n {
		turn <- i
	}
	close(turn)
	all.Wait()
}
