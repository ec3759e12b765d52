package token_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/sallyport-auth/sallyport/authn/token"
)

func TestTheKeySetIsServed(t *testing.T) {
	r := newRing(t, token.Schedule{Resources: []token.Resource{{api, token.HS256}}})
	r.plan()
	do := func(method, tag string) *http.Response {
		req := httptest.NewRequest(method, "/.well-known/jwks.json", nil)
		if tag != "" {
			req.Header.Set("If-None-Match", tag)
		}
		w := httptest.NewRecorder()
		r.keys.ServeHTTP(w, req)
		return w.Result()
	}
	body := func(res *http.Response) []byte {
		b := make([]byte, 1<<16)
		n, _ := res.Body.Read(b)
		return b[:n]
	}
	first := do("GET", "")
	tag := first.Header.Get("ETag")
	for name, want := range map[string]string{
		"Content-Type": "application/jwk-set+json", "Cache-Control": "public, max-age=600", "X-Content-Type-Options": "nosniff",
	} {
		if got := first.Header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	set, err := token.ParseJWKS(body(first))
	if err != nil || set.Len() != 1 {
		t.Fatalf("%d keys, %v", set.Len(), err)
	}
	for _, c := range []struct {
		name, method, tag string
		status            int
		empty             bool
	}{
		{"again", "GET", "", 200, false},
		{"HEAD has no body", "HEAD", "", 200, true},
		{"not modified", "GET", tag, 304, true},
		{"not modified, weakly", "GET", "W/" + tag, 304, true},
		{"not modified, among others", "GET", `"x", ` + tag, 304, true},
		{"another tag", "GET", `"x"`, 200, false},
		{"POST", "POST", "", 405, false},
		{"OPTIONS", "OPTIONS", "", 405, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := do(c.method, c.tag)
			if res.StatusCode != c.status || (len(body(res)) == 0) != c.empty {
				t.Errorf("status %d", res.StatusCode)
			}
			if c.status == 405 && res.Header.Get("Allow") != "GET, HEAD" {
				t.Error("no Allow header")
			}
			if c.status < 400 && (res.Header.Get("ETag") != tag || res.Header.Get("Cache-Control") == "") {
				t.Error("no ETag or no cache header")
			}
		})
	}
	r.apply(token.Rotate(r.rows, r.rows[0].CreatedAt, r.schedule, ""))
	r.load()
	if res := do("GET", tag); res.StatusCode != 200 || res.Header.Get("ETag") == tag {
		t.Error("a new key does not change the ETag")
	}
}

func TestNoKeysYetIs503(t *testing.T) {
	w := httptest.NewRecorder()
	(&token.Keys{}).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != 503 || w.Header().Get("Retry-After") == "" || w.Header().Get("Cache-Control") != "" {
		t.Errorf("got %d, %v", w.Code, w.Header())
	}
}
