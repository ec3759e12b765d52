package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/internal/testdb"
	"github.com/sallyport-auth/sallyport/internal/testenv"
)

// TestKilledServerLosesNoEvent kills the server while it pushes, after the receiver
// has a token and before it has acknowledged it. Whoever goes on tells that token
// again, as the same one, and everything after it, in order.
func TestKilledServerLosesNoEvent(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) { killTransmitters(t) })
	t.Run("postgres", func(t *testing.T) { killTransmitters(t, "--database", testdb.PostgresDurable(t, "", nil)) })
}

// A told is what a receiver reads of a token, without verifying it: other tests do.
type told struct {
	ID     string `json:"jti"`
	Events map[string]struct {
		Claims struct{ Roles []string }
	}
}

func killTransmitters(t *testing.T, flags ...string) {
	t.Parallel()
	dir := t.TempDir()
	database := flags
	flags = append(flags, "--base-url", "http://localhost:8080")
	run := func(args ...string) string {
		t.Helper()
		return strings.TrimSpace(command(t, dir, environ(), append(args, database...)...))
	}
	var mu sync.Mutex
	var all []told
	kill, killed := make(chan *process, 1), make(chan bool)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		parts := strings.Split(string(body), ".")
		payload, err := base64.RawURLEncoding.DecodeString(parts[1])
		var s told
		if err != nil || json.Unmarshal(payload, &s) != nil {
			t.Errorf("pushed %s", body)
		}
		mu.Lock()
		all = append(all, s)
		mu.Unlock()
		select {
		case victim := <-kill:
			victim.kill()
			killed <- true
		default:
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	defer receiver.Close()

	p := serving(t, dir, flags...)
	run("user", "add", "--username", "boss", "--role", "admin")
	run("role", "set", "editor", "post:write")
	key := run("apikey", "add", "--user", "boss", "--name", "receiver", "--scope", "ssf:manage")
	delivery := map[string]string{"method": "urn:ietf:rfc:8935", "endpoint_url": receiver.URL}
	if status, answer := post(p.url+"/auth/ssf/stream", key, map[string]any{"delivery": delivery}); status != http.StatusCreated {
		t.Fatalf("%d %v", status, answer)
	}
	rounds := testenv.Count(1, 5)
	for range rounds {
		kill <- p
		run("user", "role", "add", "boss", "editor")
		run("user", "role", "remove", "boss", "editor")
		<-killed
		p = serving(t, dir, flags...)
	}
	told := func() (distinct []string, again int) {
		mu.Lock()
		defer mu.Unlock()
		seen := map[string]bool{}
		for _, s := range all {
			for _, e := range s.Events {
				if !seen[s.ID] {
					distinct = append(distinct, fmt.Sprint(e.Claims.Roles))
				} else {
					again++
				}
			}
			seen[s.ID] = true
		}
		return distinct, again
	}
	waitFor(t, func() bool { distinct, again := told(); return len(distinct) == 2*rounds && again >= rounds })
	distinct, again := told()
	for i, roles := range distinct {
		if want := []string{"[admin editor]", "[admin]"}[i%2]; roles != want {
			t.Errorf("event %d of %v: want %s", i, distinct, want)
		}
	}
	t.Logf("%d events, %d told again over %d killed servers", len(distinct), again, rounds)
}

// waitFor waits until something is so, which takes until a dead node's lease ends.
func waitFor(t *testing.T, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it never was so")
		}
	}
}
