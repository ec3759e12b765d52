package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/internal/testdb"
	"github.com/sallyport-auth/sallyport/internal/testenv"
)

// A person is signed in, over and over across the ends of servers.
type person struct {
	name            string
	access, refresh string
	refreshed       int
	out             []credentials // that ended with an answered sign-out
}

type credentials struct{ access, refresh string }

// TestKilledServerSignsNobodyOut kills the server at random moments, between
// commit and answer too, while people sign in, refresh and sign out. Whoever
// repeats the last request after the restart goes on, and who was told that they
// are signed out stays so.
func TestKilledServerSignsNobodyOut(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) { killServers(t) })
	t.Run("postgres", func(t *testing.T) { killServers(t, "--database", testdb.PostgresDurable(t, "", nil)) })
}

func killServers(t *testing.T, flags ...string) {
	dir := t.TempDir()
	flags = append(flags, "--base-url", "http://localhost:8080")
	people := make([]*person, 4)
	for i := range people {
		people[i] = &person{name: fmt.Sprintf("person%d", i)}
	}
	rounds := testenv.Count(3, 20)
	for range rounds {
		p := serving(t, dir, flags...)
		var busy sync.WaitGroup
		for _, who := range people {
			busy.Go(func() {
				for who.step(t, p.url) {
				}
			})
		}
		time.Sleep(time.Duration(50+rand.N(250)) * time.Millisecond)
		p.kill()
		busy.Wait()
	}
	p := serving(t, dir, flags...)
	refreshes, signOuts := 0, 0
	for _, who := range people {
		for range 3 {
			if !who.step(t, p.url) {
				t.Fatalf("%s cannot go on: %s", who.name, p.logged())
			}
		}
		for _, c := range who.out {
			who.staysOut(t, p.url, c)
		}
		refreshes, signOuts = refreshes+who.refreshed, signOuts+len(who.out)
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	t.Logf("%d refreshes and %d sign-outs over %d killed servers", refreshes, signOuts, rounds)
}

// step does the next thing, and reports whether it was answered.
func (w *person) step(t *testing.T, url string) bool {
	switch {
	case w.refresh == "":
		return w.signIn(t, url)
	case w.refreshed%7 == 6:
		return w.signOut(t, url)
	}
	status, answer := post(url+"/auth/refresh", "", map[string]string{"refresh_token": w.refresh})
	switch status {
	case 0:
		return false // nobody knows whether it was done: the same token again
	case http.StatusOK:
		w.access, w.refresh = answer["access_token"], answer["refresh_token"]
		w.refreshed++
	default:
		t.Errorf("%s was signed out by %d %v", w.name, status, answer)
		w.refresh = ""
	}
	return status == http.StatusOK
}

// signIn registers, or signs in if that is done already.
func (w *person) signIn(t *testing.T, url string) bool {
	body := map[string]string{"username": w.name, "password": "plums ripen late in august"}
	status, answer := post(url+"/auth/register", "", body)
	if status == http.StatusConflict {
		status, answer = post(url+"/auth/login", "", body)
	}
	if status != http.StatusOK && status != http.StatusCreated {
		if status != 0 {
			t.Errorf("%s cannot sign in: %d %v", w.name, status, answer)
		}
		return false
	}
	w.access, w.refresh = answer["access_token"], answer["refresh_token"]
	return true
}

// signOut signs out. Once that was answered, neither token ever works again.
func (w *person) signOut(t *testing.T, url string) bool {
	status, answer := post(url+"/auth/logout", w.access, map[string]string{})
	switch status {
	case 0:
		return false
	case http.StatusNoContent, http.StatusUnauthorized: // the latter: it was done, and the answer lost
	default:
		t.Errorf("%s cannot sign out: %d %v", w.name, status, answer)
	}
	w.out = append(w.out, credentials{w.access, w.refresh})
	w.refreshed++
	w.access, w.refresh = "", ""
	w.staysOut(t, url, w.out[len(w.out)-1])
	return true
}

// staysOut checks that what ended does not work.
func (w *person) staysOut(t *testing.T, url string, c credentials) {
	t.Helper()
	if status, _ := post(url+"/auth/refresh", "", map[string]string{"refresh_token": c.refresh}); status != 0 && status != http.StatusUnauthorized {
		t.Errorf("%s refreshes after sign-out: %d", w.name, status)
	}
	if status, _ := post(url+"/auth/logout", c.access, map[string]string{}); status != 0 && status != http.StatusUnauthorized {
		t.Errorf("the token of %s works after sign-out: %d", w.name, status)
	}
}

// post sends JSON, with an access token unless it is "". Status 0 means that there was no answer.
func post(url, access string, v any) (status int, answer map[string]string) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	req, err := http.NewRequest("POST", url, bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if access != "" {
		req.Header.Set("Authorization", "Bearer "+access)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, nil // cut off in the middle
	}
	var members map[string]any
	if len(text) > 0 && json.Unmarshal(text, &members) != nil {
		return 0, nil
	}
	answer = map[string]string{}
	for name, member := range members {
		if s, ok := member.(string); ok {
			answer[name] = s
		}
	}
	return res.StatusCode, answer
}
