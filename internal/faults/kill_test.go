//go:build unix

package faults_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/internal/testenv"
)

// A witness reads the feed as it is written, with its cursor across the ends of
// servers, and remembers all that it was ever told.
type witness struct {
	*world
	cursor  string
	log     string
	entries map[int64]string // what each number is about
	last    int64
	resets  int
	streams int
}

// read reads one stream, until it ends or has told what want asks for.
func (wi *witness) read(ctx context.Context, enough func() bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "GET", wi.issuer.URL+"/auth/revocations?cursor="+url.QueryEscape(wi.cursor), nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+wi.key)
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 {
		return fmt.Errorf("the feed answers %d", resp.StatusCode)
	}
	wi.streams++
	var id, name string
	lines := bufio.NewReader(resp.Body)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return err
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch field {
		case "id":
			id = value
		case "event":
			name = value
		case "data":
			if err := wi.take(name, value); err != nil {
				return err
			}
		case "":
			if id != "" {
				wi.cursor, id = id, ""
			}
			if name == "beat" && enough() {
				return nil
			}
		}
	}
}

func (wi *witness) take(event, data string) error {
	var v struct {
		Log     string
		After   int64
		Seq     int64
		Entries []struct {
			Seq              int64
			Effect, Kind, ID string
		}
	}
	if err := json.Unmarshal([]byte(data), &v); err != nil {
		return err
	}
	switch event {
	case "hello":
		if wi.log != "" && v.Log != wi.log {
			wi.Errorf("the log is %s, and was %s", v.Log, wi.log)
		}
		wi.log = v.Log
	case "reset":
		wi.resets++
	case "beat":
		if v.Seq != wi.last {
			wi.Errorf("a beat at %d after entry %d", v.Seq, wi.last)
		}
	}
	for _, e := range v.Entries {
		about := fmt.Sprint(e.Effect, " ", e.Kind, " ", e.ID)
		if before, told := wi.entries[e.Seq]; told && before != about {
			wi.Errorf("entry %d is %q, and was %q", e.Seq, about, before)
		}
		if e.Seq != wi.last+1 {
			wi.Errorf("entry %d after %d", e.Seq, wi.last)
		}
		wi.entries[e.Seq], wi.last = about, e.Seq
	}
	return nil
}

// A server is killed while people sign out, over and over.
func TestAKilledServer(t *testing.T) {
	w := begin(t)
	s := w.service()
	wi := &witness{world: w, entries: map[int64]string{}}
	if err := wi.read(t.Context(), func() bool { return true }); err != nil {
		t.Fatal(err)
	}
	const perRound = 60
	var mu sync.Mutex
	var acked, unsure []string
	rounds := testenv.Count(3, 20)
	for round := range rounds {
		all := w.sessions(w.issuer, perRound, fmt.Sprint("r", round))
		s.becomes(all[0], 200)
		var reading sync.WaitGroup
		reading.Go(func() { wi.read(t.Context(), func() bool { return false }) }) // to the end of the server
		after := 1 + rand.N(perRound/2)
		dying := make(chan struct{})
		var once sync.Once
		go func() {
			<-dying
			time.Sleep(rand.N(10 * time.Millisecond)) // somewhere within an append
			w.issuer.Kill()
		}()
		each(perRound, func(i int) {
			status, answer := ask("POST", w.issuer.URL+"/auth/logout", all[i], `{}`)
			mu.Lock()
			defer mu.Unlock()
			switch status {
			case 204:
				acked = append(acked, all[i])
			case 0:
				unsure = append(unsure, all[i])
			default:
				t.Errorf("signing out: %d %s", status, answer)
			}
			if len(acked)%perRound >= after || status == 0 {
				once.Do(func() { close(dying) })
			}
		})
		once.Do(func() { close(dying) })
		w.issuer.Wait()
		reading.Wait()
		w.start()
		newest := w.sessions(w.issuer, 1, fmt.Sprint("after", round))[0]
		s.becomes(newest, 200)
		for _, token := range acked {
			if status, _ := ask("POST", w.issuer.URL+"/auth/logout", token, `{}`); status != 401 {
				t.Errorf("a sign-out was acknowledged, and after the restart the node says %d", status)
			}
			s.becomes(token, 401)
		}
		// What was not acknowledged was done or not, and the same everywhere.
		for _, token := range unsure {
			status, _ := ask("GET", w.issuer.URL+"/auth/me", token, "")
			if status != 200 && status != 401 {
				t.Errorf("the node says %d", status)
			}
			s.becomes(token, status)
		}
		if err := wi.read(t.Context(), func() bool { return true }); err != nil {
			t.Fatal(err)
		}
	}
	if wi.resets != 1 {
		t.Errorf("%d resets over %d streams: the first begins with one, and no other may", wi.resets, wi.streams)
	}
	t.Logf("%d sign-outs acknowledged and %d not, over %d killed servers; %d entries, %d streams, %d reset", len(acked), len(unsure), rounds, wi.last, wi.streams, wi.resets)
}
