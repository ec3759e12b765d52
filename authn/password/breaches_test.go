package password_test

import (
	"crypto/sha1"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/authn/password"
)

// leaked is a password that the service knows.
const leaked = "correct horse battery staple"

func digits(pw string) string { return fmt.Sprintf("%X", sha1.Sum([]byte(pw))) }

// filler are the lines of other passwords, and padding.
var filler = strings.Repeat("0", 34) + "A:3\r\n" + strings.Repeat("F", 35) + ":0\r\n"

// service answers as the range service of Have I Been Pwned does.
func service(t *testing.T, answer func(w http.ResponseWriter, r *http.Request)) *password.Breaches {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(answer))
	t.Cleanup(srv.Close)
	return &password.Breaches{URL: srv.URL + "/range/"}
}

func TestKnownPasswords(t *testing.T) {
	var asked atomic.Int64
	b := service(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		prefix := strings.TrimPrefix(r.URL.Path, "/range/")
		if len(prefix) != 5 || r.Header.Get("Add-Padding") != "true" || len(r.Cookies()) > 0 {
			t.Errorf("asked %s %v", r.URL, r.Header)
		}
		fmt.Fprint(w, filler)
		if prefix == digits(leaked)[:5] {
			fmt.Fprint(w, digits(leaked)[5:], ":42\r\n")
		}
		if prefix == digits("padding")[:5] {
			fmt.Fprint(w, digits("padding")[5:], ":0\r\n")
		}
	})
	for pw, want := range map[string]bool{leaked: true, "a heron stands in the river": false, "padding": false} {
		for range 3 {
			if got, err := b.Known(t.Context(), pw); err != nil || got != want {
				t.Errorf("%q: %v, %v", pw, got, err)
			}
		}
	}
	if n := asked.Load(); n != 3 {
		t.Errorf("asked %d times, want once for each beginning", n)
	}
	if known, err := (*password.Breaches)(nil).Known(t.Context(), leaked); known || err != nil {
		t.Errorf("nobody: %v, %v", known, err)
	}
}

func TestAServiceThatDoesNotAnswer(t *testing.T) {
	hang := make(chan struct{})
	for name, b := range map[string]*password.Breaches{
		"down":  {URL: "http://127.0.0.1:1/range/"},
		"error": service(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }),
		"HTML":  service(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>sign in to the wifi</html>") }),
		"empty": service(t, func(http.ResponseWriter, *http.Request) {}),
		"huge": service(t, func(w http.ResponseWriter, _ *http.Request) {
			line := strings.Repeat("0", 35) + ":1\n"
			fmt.Fprint(w, strings.Repeat(line, 1<<20/len(line)+2))
		}),
		"redirect": service(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere/", http.StatusFound) }),
		"half a line": service(t, func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, filler+"00D4F6E8FA6EECAD2A3AA415EEC418D38E")
		}),
		"slow": service(t, func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-hang:
			}
		}),
	} {
		b.Timeout = 200 * time.Millisecond
		known, err := b.Known(t.Context(), leaked)
		if known || !errors.Is(err, password.ErrUnasked) {
			t.Errorf("%s: %v, %v", name, known, err)
		}
		if err != nil && strings.Contains(err.Error(), digits(leaked)[:5]) {
			t.Errorf("%s: the error names the digits: %v", name, err)
		}
	}
	close(hang)
}

func TestManyAskAtOnce(t *testing.T) {
	b := service(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, filler+digits(leaked)[5:]+":1\n") })
	var busy sync.WaitGroup
	for i := range 200 {
		busy.Go(func() {
			if _, err := b.Known(t.Context(), fmt.Sprint("password ", i)); err != nil {
				t.Error(err)
			}
			if known, err := b.Known(t.Context(), leaked); !known || err != nil {
				t.Errorf("%v, %v", known, err)
			}
		})
	}
	busy.Wait()
}

func FuzzRange(f *testing.F) {
	f.Add(filler)
	f.Add("00D4F6E8FA6EECAD2A3AA415EEC418D38EC:2\n")
	f.Add("<html>")
	f.Fuzz(func(t *testing.T, body string) {
		if text, err := password.ParseRange(body); err == nil && (text[0] != '\n' || text[len(text)-1] != '\n') {
			t.Errorf("%q gives %q", body, text)
		}
	})
}
