package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/internal/testdb"
	"github.com/sallyport-auth/sallyport/internal/testenv"
)

// Twins are two servers on one database, of which clients use whichever is there.
type twins struct {
	t    *testing.T
	env  []string
	args []string
	dirs [2]string
	node [2]*process
	urls [2]atomic.Pointer[string]

	served, unavailable atomic.Int64
	away, cut           atomic.Int64 // of attempts; cut off were those whose connection was closed without an answer
}

func newTwins(t *testing.T, args ...string) *twins {
	t.Helper()
	p := &twins{t: t, args: args, env: append(environ(),
		"SALLYPORT_SEALING_KEY=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "SALLYPORT_SERVER__BASE_URL=http://localhost:8080")}
	for i := range p.node {
		p.dirs[i] = t.TempDir()
		p.start(i)
	}
	return p
}

func (p *twins) start(i int) {
	p.t.Helper()
	n, err := start(p.dirs[i], p.env, p.args...)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(n.kill)
	p.node[i] = n
	p.urls[i].Store(&n.url)
}

// restart stops a node as an operator does, and starts it again.
func (p *twins) restart(i int) {
	p.t.Helper()
	if err := p.node[i].stop(); err != nil {
		p.t.Errorf("node %d ended with %v\n%s", i, err, p.node[i].logged())
	}
	p.start(i)
}

// ask sends a request to one node, and to the other one if that takes no connection
// or closes it without a word.
func (p *twins) ask(client *http.Client, first int, method, path, body string, header http.Header) (status int, answer []byte) {
	for i := first; ; i++ {
		r, err := http.NewRequest(method, *p.urls[i%2].Load()+path, strings.NewReader(body))
		if err != nil {
			p.t.Error(err)
			return 0, nil
		}
		r.Header = header.Clone()
		resp, err := client.Do(r)
		if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
			p.away.Add(1)
			continue
		}
		if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
			p.cut.Add(1)
			continue
		}
		if err != nil {
			p.t.Errorf("%s %s: %v", method, path, err)
			return 0, nil
		}
		answer, err = io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			p.t.Errorf("reading the answer to %s %s: %v", method, path, err)
		}
		p.served.Add(1)
		if resp.StatusCode == http.StatusServiceUnavailable {
			p.unavailable.Add(1)
		}
		return resp.StatusCode, answer
	}
}

// A visitor is somebody who is signed in.
type visitor struct {
	client  *http.Client
	header  http.Header
	refresh string // "" = a cookie
}

func (p *twins) visitor(i int, withTokens bool) *visitor {
	p.t.Helper()
	v := &visitor{client: &http.Client{}, header: http.Header{"Content-Type": {"application/json"}}}
	mode := `,"mode":"cookie"`
	if withTokens {
		mode = ""
	}
	body := fmt.Sprintf(`{"username":"ann%d","password":"plums ripen late in august"%s}`, i, mode)
	r, err := v.client.Post(*p.urls[i%2].Load()+"/auth/register", "application/json", strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	defer r.Body.Close()
	answer, _ := io.ReadAll(r.Body)
	if r.StatusCode != http.StatusCreated {
		p.t.Fatalf("registering: %d %s", r.StatusCode, answer)
	}
	if withTokens {
		p.take(v, answer)
		return v
	}
	for _, c := range r.Cookies() {
		v.header.Add("Cookie", c.Name+"="+c.Value)
	}
	return v
}

// take gives the visitor the tokens of an answer.
func (p *twins) take(v *visitor, answer []byte) {
	var t struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if err := json.Unmarshal(answer, &t); err != nil || t.Access == "" {
		p.t.Errorf("no tokens: %v in %s", err, answer)
		return
	}
	v.header.Set("Authorization", "Bearer "+t.Access)
	v.refresh = t.Refresh
}

// again are the headers of a refresh. It can be repeated, which an HTTP client does
// if a server closes a connection that was idle, and has to be told that it may.
var again = http.Header{"Content-Type": {"application/json"}, "Idempotency-Key": {"refresh"}}

// visit lets the visitor work until done.
func (p *twins) visit(v *visitor, done chan struct{}) {
	for i := 0; ; i++ {
		select {
		case <-done:
			return
		default:
		}
		if status, answer := p.ask(v.client, i, "GET", "/auth/me", "", v.header); status != http.StatusOK && status != http.StatusServiceUnavailable {
			p.t.Errorf("a session was lost: %d %s", status, answer)
			return
		}
		if v.refresh == "" || i%5 != 0 {
			continue
		}
		body := fmt.Sprintf(`{"refresh_token":%q}`, v.refresh)
		switch status, answer := p.ask(v.client, i, "POST", "/auth/refresh", body, again); status {
		case http.StatusOK:
			p.take(v, answer)
		case http.StatusServiceUnavailable:
		default:
			p.t.Errorf("a family was lost: %d %s", status, answer)
			return
		}
	}
}

// While nodes are restarted one after the other, nobody is signed out and no
// request fails if the client tries it on the other node when one takes no connection.
func TestARollingRestartLosesNobody(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		args func(t *testing.T) []string
	}{
		{"postgres", func(t *testing.T) []string { return []string{"--database", testdb.PostgresDurable(t, "", nil)} }},
		{"postgres and redis", func(t *testing.T) []string {
			return []string{"--database", testdb.PostgresDurable(t, "", nil), "--redis", "redis://" + testdb.Redis(t)}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newTwins(t, c.args(t)...)
			var visitors []*visitor
			for i := range 8 {
				visitors = append(visitors, p.visitor(i, i%2 == 0))
			}
			done := make(chan struct{})
			var all sync.WaitGroup
			for _, v := range visitors {
				all.Go(func() { p.visit(v, done) })
			}
			for range testenv.Count(2, 20) {
				for i := range p.node {
					p.restart(i)
					time.Sleep(100 * time.Millisecond) // so that each node also serves for a while
				}
			}
			close(done)
			all.Wait()
			if n := p.unavailable.Load(); n > 0 {
				t.Errorf("%d requests were answered 503", n)
			}
			t.Logf("%d requests served, %d answered 503; %d attempts found a node away and %d were cut off, and went to the other",
				p.served.Load(), p.unavailable.Load(), p.away.Load(), p.cut.Load())

			// Who signs out at one is refused at the other.
			for i, v := range visitors {
				if status, answer := p.ask(v.client, i, "POST", "/auth/logout", "", v.header); status != http.StatusNoContent {
					t.Errorf("signing out: %d %s", status, answer)
				}
				for status := http.StatusOK; status != http.StatusUnauthorized; {
					if status, _ = p.ask(v.client, i+1, "GET", "/auth/me", "", v.header); status != http.StatusOK && status != http.StatusUnauthorized {
						t.Fatalf("%d after signing out", status)
					}
				}
			}
		})
	}
}
