package web_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authn/password"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/web"
)

func open(t testing.TB, change ...func(*web.Config)) *web.Pages {
	t.Helper()
	c := web.Config{Base: "/auth", Service: "Bulletin", PasswordMin: 15}
	for _, f := range change {
		f(&c)
	}
	p, err := web.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// show renders a page for a request with headers "Name: value".
func show(t testing.TB, p *web.Pages, page string, data any, target string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	if err := p.Show(w, request(target, headers...), page, data); err != nil {
		t.Fatal(err)
	}
	return w
}

func request(target string, headers ...string) *http.Request {
	r := httptest.NewRequest("GET", target, nil)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	return r
}

func TestLanguage(t *testing.T) {
	p := open(t)
	for _, c := range []struct {
		name, target string
		headers      []string
		lang, dir    string
	}{
		{"nothing is asked for", "/auth/login", nil, "en", "ltr"},
		{"the browser's", "/auth/login", []string{"Accept-Language: fr;q=0.9, de-AT, en;q=0.8"}, "de", "ltr"},
		{"the browser prefers another of ours", "/auth/login", []string{"Accept-Language: de;q=0.1, en"}, "en", "ltr"},
		{"none of ours", "/auth/login", []string{"Accept-Language: ar, fr"}, "en", "ltr"},
		{"chosen before", "/auth/login", []string{"Accept-Language: en", "Cookie: sallyport-locale=de"}, "de", "ltr"},
		{"named in the address", "/auth/login?ui_locales=fr+de", []string{"Cookie: sallyport-locale=en"}, "de", "ltr"},
		{"nonsense is nothing", "/auth/login?ui_locales=%00%ff", []string{"Accept-Language: de", "Cookie: sallyport-locale=;;"}, "de", "ltr"},
		{"too long is nothing", "/auth/login", []string{"Accept-Language: " + strings.Repeat("de,", 200)}, "en", "ltr"},
		{"other letters, to look", "/auth/login?ui_locales=en-XA", nil, "en-XA", "ltr"},
		{"from right to left, to look", "/auth/login?ui_locales=ar-XB", nil, "ar-XB", "rtl"},
		{"looking is not for who did not ask", "/auth/login", []string{"Accept-Language: ar-XB, en-XA"}, "en", "ltr"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := show(t, p, "login", web.Form{}, c.target, c.headers...)
			if want := `<html lang="` + c.lang + `" dir="` + c.dir + `">`; !strings.Contains(w.Body.String(), want) {
				t.Errorf("no %s in %.120s", want, w.Body)
			}
			if got := w.Header().Get("Content-Language"); got != c.lang {
				t.Errorf("Content-Language %q", got)
			}
		})
	}
}

func FuzzLanguage(f *testing.F) {
	f.Add("de", "en", "fr;q=0.9, de-AT")
	f.Add("de-CH-1996 en", "ar-XB", "*;q=0")
	f.Add("x-klingon", "en-XA", "de;q=1.0000001")
	p := open(f)
	f.Fuzz(func(t *testing.T, named, chosen, accepted string) {
		r := request("/auth/login?ui_locales=" + url.QueryEscape(named))
		r.Header["Accept-Language"] = []string{accepted}
		r.AddCookie(&http.Cookie{Name: "sallyport-locale", Value: chosen})
		switch got := p.Locale(r); got {
		case "en", "de", "en-XA", "ar-XB":
		default:
			t.Errorf("language %q", got)
		}
	})
}

// The words that the pages share with those that write them.
var unspoken = regexp.MustCompile(`(?s)<(script|style)[^>]*>.*?</(script|style)>|<[^>]*>`)

func TestEveryWordComesFromACatalog(t *testing.T) {
	p := open(t)
	for page, data := range map[string]any{
		"login": web.Form{SignedOut: true, StepUp: true}, "register": web.Form{}, "setup": web.Form{},
		"invitation": web.Invitation{Organization: "1", Role: "2", ExpiresAt: time.Now()},
	} {
		body := show(t, p, page, data, "/auth/x?ui_locales=en-XA").Body.String()
		_, body, _ = strings.Cut(body, "<main")
		body, _, _ = strings.Cut(body, "</main>")
		for line := range strings.Lines(unspoken.ReplaceAllString("<main"+body, "")) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "[") {
				t.Errorf("%s says %q", page, line)
			}
		}
	}
}

func TestHeaders(t *testing.T) {
	w := show(t, open(t, func(c *web.Config) { c.Secure = true }), "login", web.Form{}, "/auth/login")
	for name, want := range map[string]string{
		"Content-Security-Policy":   "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'",
		"Referrer-Policy":           "same-origin",
		"X-Content-Type-Options":    "nosniff",
		"Cache-Control":             "no-store",
		"Strict-Transport-Security": "max-age=63072000",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if strings.Contains(w.Body.String(), " style=") || strings.Contains(w.Body.String(), "<style") {
		t.Error("a style of its own, which the policy forbids")
	}
	w = httptest.NewRecorder()
	if err := open(t).Show(w, request("/auth/login"), "login", web.Form{}, "https://id.example.com"); err != nil {
		t.Fatal(err)
	}
	if got := w.Header().Get("Content-Security-Policy"); !strings.HasSuffix(got, "form-action 'self' https://id.example.com") {
		t.Error(got)
	}
}

func TestFailed(t *testing.T) {
	p := open(t)
	for _, c := range []struct {
		name     string
		err      error
		language string
		status   int
		says     string
	}{
		{"the password is weak", &password.WeakError{Reason: password.TooShort, Limit: 15}, "en", 422, "use at least 15 characters"},
		{"and in German", &password.WeakError{Reason: password.TooShort, Limit: 15}, "de", 422, "mindestens 15 Zeichen"},
		{"too often", &password.BusyError{RetryAfter: 3 * time.Second}, "de", 503, "gleich noch einmal"},
		{"one sentence for every failed sign-in", sallyport.Unauthenticated("invalid_credentials", "x"), "de", 422, "Benutzername oder Passwort ist falsch."},
		{"a field is wrong", &sallyport.Problem{Status: 400, Code: "invalid_request", Detail: "x", Extra: map[string]any{"member": "email"}}, "en", 422, `<a href="#email">`},
		{"English has the sentence of the problem", &sallyport.Problem{Status: 409, Code: "conflict", Detail: "Somebody was faster."}, "en", 422, "Somebody was faster."},
		{"a code that nobody translated", &sallyport.Problem{Status: 409, Code: "new", Detail: "Somebody was faster."}, "de", 422, "Somebody was faster."},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := request("/auth/register?ui_locales="+c.language, "Content-Type: application/x-www-form-urlencoded", "Sec-Fetch-Mode: navigate")
			w := httptest.NewRecorder()
			if err := p.Failed(w, r, "register", c.err, web.Form{Identifier: "ann<b>"}); err != nil {
				t.Fatal(err)
			}
			body := w.Body.String()
			if w.Code != c.status || !strings.Contains(body, c.says) {
				t.Errorf("%d\n%s", w.Code, body)
			}
			for _, want := range []string{`role="alert"`, "autofocus", "ann&lt;b&gt;"} {
				if !strings.Contains(body, want) {
					t.Errorf("no %s in\n%s", want, body)
				}
			}
			if title := map[string]string{"en": "<title>Error: ", "de": "<title>Fehler: "}[c.language]; !strings.Contains(body, title) {
				t.Errorf("no %s", title)
			}
		})
	}
	t.Run("a program gets the error", func(t *testing.T) {
		err := exchange.Invalid("x")
		if got := p.Failed(httptest.NewRecorder(), request("/auth/login", "Content-Type: application/json"), "login", err, web.Form{}); got != error(err) {
			t.Error(got)
		}
	})
}

func TestAssets(t *testing.T) {
	rt := &sallyport.Routes{Gate: &sallyport.Gate{}}
	p := open(t)
	p.Mount(rt)
	body := show(t, p, "login", web.Form{}, "/auth/login").Body.String()
	paths := regexp.MustCompile(`/auth/assets/[^"]+`).FindAllString(body, -1)
	if len(paths) != 3 {
		t.Fatalf("the page asks for %q", paths)
	}
	for _, path := range paths {
		plain, packed := httptest.NewRecorder(), httptest.NewRecorder()
		rt.ServeHTTP(plain, request(path))
		rt.ServeHTTP(packed, request(path, "Accept-Encoding: br, gzip"))
		z, err := gzip.NewReader(packed.Body)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		unpacked, err := io.ReadAll(z)
		if err != nil || string(unpacked) != plain.Body.String() {
			t.Errorf("%s: unpacked it is another: %v", path, err)
		}
		if got := plain.Header().Get("Cache-Control"); !strings.Contains(got, "immutable") {
			t.Errorf("%s: Cache-Control %q", path, got)
		}
	}
	for _, path := range []string{"/auth/assets/style.css", "/auth/assets/", "/auth/assets/..%2fweb.go"} {
		w := httptest.NewRecorder()
		rt.ServeHTTP(w, request(path))
		if w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

func TestStyleSheetStaysSmall(t *testing.T) {
	rt := &sallyport.Routes{Gate: &sallyport.Gate{}}
	p := open(t)
	p.Mount(rt)
	body := show(t, p, "login", web.Form{}, "/auth/login").Body.String()
	w := httptest.NewRecorder()
	rt.ServeHTTP(w, request(regexp.MustCompile(`/auth/assets/style[^"]+`).FindString(body), "Accept-Encoding: gzip"))
	if n := w.Body.Len(); n == 0 || n > 12_000 {
		t.Errorf("%d bytes, at most 12,000", n)
	}
}

func TestWhatWasDone(t *testing.T) {
	p := open(t)
	for _, target := range []string{"/auth/login?done=nothing_known", "/auth/login?done=%3Cb%3E", "/auth/login?done="} {
		if body := show(t, p, "login", web.Form{}, target).Body.String(); strings.Contains(body, `class="note done"`) {
			t.Errorf("%s says something was done", target)
		}
	}
}

func TestWhoRegistersIsShownTheTerms(t *testing.T) {
	const terms = `<a href="https://example.com/terms">By creating an account you accept our terms of use</a>`
	with := open(t, func(c *web.Config) { c.Terms = "https://example.com/terms" })
	for page, data := range map[string]any{"register": web.Form{}, "newcomer": struct {
		Provider, Path, Username, Email string
		Unproved                        bool
	}{}} {
		if !strings.Contains(show(t, with, page, data, "/auth/x").Body.String(), terms) {
			t.Errorf("%s does not show the terms", page)
		}
		if strings.Contains(show(t, open(t), page, data, "/auth/x").Body.String(), "terms") {
			t.Errorf("%s speaks of terms that are not there", page)
		}
	}
}

// Pages are read when somebody wants them; all of them can be.
func TestEveryPageCanBeRead(t *testing.T) {
	if err := open(t).ReadAll(); err != nil {
		t.Fatal(err)
	}
}
