// Latency signs people out at the issuer, and measures how long it takes until another
// service, which verifies tokens by itself, refuses them.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"math"
	"net/http"
	"os"
	"slices"
	"time"
)

func main() {
	var m measurement
	flag.StringVar(&m.issuer, "issuer", "http://127.0.0.1:8080", "URL of the issuer")
	flag.StringVar(&m.resource, "resource", "http://127.0.0.1:9090", "URL of the service")
	flag.IntVar(&m.n, "n", 100, "how many sign-outs are measured")
	flag.IntVar(&m.load, "load", 0, "other revocations each second meanwhile")
	asJSON := flag.Bool("json", false, "print JSON")
	flag.Parse()
	result, err := m.run()
	if err != nil {
		log.Fatal(err)
	}
	if *asJSON {
		json.NewEncoder(os.Stdout).Encode(result)
		return
	}
	fmt.Printf("%d sign-outs at %s, with %.0f other revocations a second.\n", result.N, m.issuer, result.Load)
	fmt.Printf("From the moment a sign-out is sent until %s refuses its token:\n", m.resource)
	fmt.Printf("  p50 %.2f ms   p99 %.2f ms   longest %.2f ms\n", result.P50, result.P99, result.Max)
}

// A result is what was measured, in milliseconds.
type result struct {
	N    int     `json:"n"`
	Load float64 `json:"load"` // revocations a second beside, as they came about
	P50  float64 `json:"p50_ms"`
	P99  float64 `json:"p99_ms"`
	Max  float64 `json:"max_ms"`
}

type measurement struct {
	issuer, resource string
	n, load          int
}

const password = "plums ripen late in august"

func (m *measurement) run() (result, error) {
	name := fmt.Sprintf("latency-%d", time.Now().UnixNano())
	token, err := m.sign("register", name)
	if err != nil {
		return result{}, err
	}
	tokens := make([]string, m.n)
	for i := range tokens {
		if tokens[i], err = m.sign("login", name); err != nil {
			return result{}, err
		}
	}
	beside := &load{m: m, token: token, stop: make(chan struct{})}
	if err := beside.prepare(); err != nil {
		return result{}, err
	}
	beside.begin()
	took := make([]time.Duration, m.n)
	for i, token := range tokens {
		time.Sleep(time.Duration(10+i*7%40) * time.Millisecond) // in no step with anything
		if took[i], err = m.signOut(token); err != nil {
			return result{}, err
		}
	}
	rate := beside.end()
	slices.Sort(took)
	at := func(p float64) float64 { // the shortest time that this share of them did not exceed
		return float64(took[max(int(math.Ceil(p*float64(m.n)))-1, 0)].Microseconds()) / 1000
	}
	return result{m.n, rate, at(0.5), at(0.99), at(1)}, nil
}

// interval is between two requests to the service. Without one, they keep two processors
// busy, and on a small machine it is the issuer's turn at one of them that is measured.
const interval = 200 * time.Microsecond

// signOut returns how long after it was sent the service refused.
func (m *measurement) signOut(token string) (time.Duration, error) {
	if status, err := m.whoami(token); err != nil || status != http.StatusOK {
		return 0, fmt.Errorf("before the sign-out the service answers %d, %v", status, err)
	}
	refused, failed := make(chan time.Time, 1), make(chan error, 1)
	go func() {
		for {
			status, err := m.whoami(token)
			switch {
			case err != nil:
				failed <- err
				return
			case status == http.StatusUnauthorized:
				refused <- time.Now()
				return
			case status != http.StatusOK:
				failed <- fmt.Errorf("the service answers %d", status)
				return
			}
			time.Sleep(interval)
		}
	}()
	sent := time.Now()
	if err := m.do("POST", m.issuer+"/auth/logout", token, `{}`, http.StatusNoContent, nil); err != nil {
		return 0, err
	}
	select {
	case at := <-refused:
		return max(at.Sub(sent), 0), nil
	case err := <-failed:
		return 0, err
	}
}

// client keeps a connection for each of who asks at once; http.DefaultClient keeps two, and would open most of them anew.
var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: workers + 1}}

func (m *measurement) whoami(token string) (status int, err error) {
	r, err := http.NewRequest("GET", m.resource+"/whoami", nil)
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, resp.Body.Close()
}

// sign registers or signs in, and returns the access token.
func (m *measurement) sign(how, name string) (string, error) {
	var got struct {
		Token string `json:"access_token"`
	}
	want := map[string]int{"register": http.StatusCreated, "login": http.StatusOK}[how]
	err := m.do("POST", m.issuer+"/auth/"+how, "", fmt.Sprintf(`{"username":%q,"password":%q}`, name, password), want, &got)
	return got.Token, err
}

func (m *measurement) do(method, url, token, body string, want int, into any) error {
	r, err := http.NewRequest(method, url, bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != want {
		return fmt.Errorf("%s %s: %d %s", method, url, resp.StatusCode, answer)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}
