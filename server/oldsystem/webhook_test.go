package oldsystem_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/internal/outbound"
	"github.com/sallyport-auth/sallyport/server/messages"
	"github.com/sallyport-auth/sallyport/server/oldsystem"
)

const secret = "0123456789abcdef"

// serving is a webhook that answers so.
func serving(t *testing.T, answer http.HandlerFunc) *oldsystem.Webhook {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return &oldsystem.Webhook{URL: s.URL + "/ask", Secret: secret}
}

func TestTheOldSystemCanVerifyWhoAsks(t *testing.T) {
	h := serving(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		signature := r.Header.Get("Sallyport-Signature")
		var at int64
		fmt.Sscanf(signature, "t=%d,", &at)
		if want := messages.Sign(secret, body, time.Unix(at, 0)); signature != want || time.Since(time.Unix(at, 0)) > time.Minute {
			t.Errorf("signed %s, want %s", signature, want)
		}
		if r.Method != "POST" || r.URL.Path != "/ask" || string(body) != `{"identifier":"ann@example.org","password":"plums \u0026 pears"}` {
			t.Errorf("%s %s %s", r.Method, r.URL, body)
		}
		io.WriteString(w, "{\n  \"username\": \"ann\",\n  \"roles\": [\"editor\"]\n}\n")
	})
	rec, err := h.Ask(t.Context(), "ann@example.org", "plums & pears")
	if err != nil || rec.Username != "ann" || len(rec.Roles) != 1 {
		t.Errorf("%+v, %v", rec, err)
	}
}

func TestWhatTheOldSystemAnswersMeans(t *testing.T) {
	says := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status); io.WriteString(w, body) }
	}
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		wrong  string // part of the error; "" = nobody has name and password
	}{
		{"no", says(404, "no such person"), ""},
		{"out of order", says(500, ""), "500"},
		{"our signature is wrong", says(401, ""), "401"},
		{"done, and nothing", says(204, ""), "204"},
		{"nothing", says(200, ""), "no JSON"},
		{"a page", says(200, "<h1>Welcome</h1>"), "no JSON"},
		{"half a person", says(200, `{"username":"an`), "no JSON"},
		{"two persons", says(200, `{"username":"ann"} {"username":"bob"}`), "no JSON"},
		{"a list", says(200, `[{"username":"ann"}]`), "one object a line"},
		{"yes", says(200, `true`), "cannot be a bool"},
		{"what we do not know", says(200, `{"user":"ann"}`), "unknown field"},
		{"binary", says(200, "\x00\xff"), "no JSON"},
		{"without end", says(200, `{"username":"`+strings.Repeat("x", 2<<20)+`"}`), "more than 1048576 bytes"},
		{"elsewhere", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/there", http.StatusTemporaryRedirect)
		}, "307"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rec, err := serving(t, c.answer).Ask(t.Context(), "zoe", "s3cret password")
			if rec != nil || (err != nil) != (c.wrong != "") {
				t.Fatalf("%+v, %v", rec, err)
			}
			if err != nil && (!strings.Contains(err.Error(), c.wrong) || strings.Contains(err.Error(), "zoe") || strings.Contains(err.Error(), "s3cret")) {
				t.Errorf("%v, want %q", err, c.wrong)
			}
		})
	}
}

func TestAnOldSystemThatHangsIsLeft(t *testing.T) {
	reached, release := make(chan struct{}), make(chan struct{})
	h := serving(t, func(http.ResponseWriter, *http.Request) { close(reached); <-release })
	defer close(release)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-reached; cancel() }() // its time is over
	if rec, err := h.Ask(ctx, "ann", "x"); rec != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("%+v, %v", rec, err)
	}
}

func TestNothingPrivateIsAskedUnlessItIsSaidSo(t *testing.T) {
	h := &oldsystem.Webhook{URL: "https://10.1.2.3/ask", Secret: secret}
	if _, err := h.Ask(t.Context(), "ann", "x"); !errors.Is(err, outbound.ErrPrivate) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h = &oldsystem.Webhook{URL: "https://10.1.2.3/ask", Secret: secret, PrivateNetwork: true}
	if _, err := h.Ask(ctx, "ann", "x"); err == nil || errors.Is(err, outbound.ErrPrivate) {
		t.Errorf("if it is said so: %v", err)
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name, url, secret string
		ok                bool
	}{
		{"https", "https://old.example/ask", secret, true},
		{"http on this machine", "http://127.0.0.1:8000/ask", secret, true},
		{"plain http", "http://old.example/ask", secret, false},
		{"no address", "", secret, false},
		{"a file", "file:///etc/passwd", secret, false},
		{"a password in the address", "https://ann:x@old.example/", secret, false},
		{"a short secret", "https://old.example/ask", "short", false},
	} {
		if err := (&oldsystem.Webhook{URL: c.url, Secret: c.secret}).Check(); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
