package sallyport_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
)

// A browser that navigates is sent to sign in; a program gets its status code.
func TestNavigationsAreSentToSignIn(t *testing.T) {
	signedIn := sallyport.SignedIn()
	doubled := request("GET /", navigation)
	doubled.RequestURI = "//evil.example/x"
	proxied := request("GET /", navigation)
	proxied.RequestURI = "http://a.example/"
	for _, tt := range []struct {
		name     string
		door     sallyport.Door
		request  *http.Request
		status   int
		location string
	}{
		{"a navigation", signedIn, request("GET /x?a=1&b=2", navigation), 303, "/auth/login?return_to=%2Fx%3Fa%3D1%26b%3D2"},
		{"an older browser", signedIn, request("GET /", "Accept: text/html,*/*;q=0.8"), 303, "/auth/login?return_to=%2F"},
		{"a program", signedIn, request("GET /", "Accept: */*"), 401, ""},
		{"a script of a page, whatever it accepts", signedIn, request("GET /", "Accept: text/html", "Sec-Fetch-Mode: cors"), 401, ""},
		{"a navigation with an old session", signedIn, request("GET /", navigation, "Cookie: __Host-sallyport=expired"), 303, "/auth/login?return_to=%2F"},
		{"a navigation with a header that only programs send", signedIn, request("GET /", navigation, "Authorization: Bearer expired"), 401, ""},
		{"a form that was posted is not repeated", signedIn, request("POST /", navigation), 303, "/auth/login"},
		{"a form leads back to the page that it stands on", signedIn, request("POST /x/end", navigation, "Referer: https://example.com/x?a=1"), 303, "/auth/login?return_to=%2Fx%3Fa%3D1"},
		{"a form of another site leads nowhere", signedIn, request("POST /x/end", navigation, "Referer: https://evil.example/x"), 303, "/auth/login"},
		{"a sign-in that is too old", signedIn.Fresh(time.Minute), request("GET /", navigation, "Cookie: __Host-sallyport=stale"), 303, "/auth/login?return_to=%2F&step_up=1"},
		{"a denial is no reason to sign in again", sallyport.May("write"), request("GET /", navigation, annCookie), 403, ""},
		{"a store that is down is no reason either", signedIn, request("GET /", navigation, "Cookie: __Host-sallyport=down"), 503, ""},
		{"an address on another host is none of ours", signedIn, doubled, 303, "/auth/login?return_to=%2Fevil.example%2Fx"},
		{"a request in a proxy's form", signedIn, proxied, 303, "/auth/login?return_to=%2F"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g, _ := newGate()
			g.SignIn = "/auth/login"
			w := serve(g, tt.door, tt.request)
			if got := w.Header().Get("Location"); w.Code != tt.status || got != tt.location {
				t.Errorf("%d %s", w.Code, got)
			}
			if got := w.Header().Get("Cache-Control"); got != "no-store" {
				t.Errorf("Cache-Control %q", got)
			}
			if challenged := w.Header().Get("WWW-Authenticate") != ""; challenged != (w.Code == 401) {
				t.Errorf("challenge %q", w.Header().Get("WWW-Authenticate"))
			}
		})
	}
}

func TestSignInPage(t *testing.T) {
	for _, tt := range []struct {
		name, page string
		err        error
		want       string
	}{
		{"a page with a query of its own", "/login?lang=de", sallyport.ErrNoCredential, "/login?lang=de&return_to=%2F"},
		{"no page", "", sallyport.ErrNoCredential, ""},
		{"a form that failed stays where it is", "/login", sallyport.Unauthenticated("invalid_credentials", "No."), ""},
	} {
		g, _ := newGate()
		g.SignIn = tt.page
		w := httptest.NewRecorder()
		g.Error(w, request("GET /", navigation), tt.err)
		if got := w.Header().Get("Location"); got != tt.want || (w.Code == 303) != (tt.want != "") {
			t.Errorf("%s: %d %s", tt.name, w.Code, got)
		}
	}
}

func TestPagesRenderProblemsForBrowsers(t *testing.T) {
	g, _ := newGate()
	g.ShowReason = true
	g.Page = func(w http.ResponseWriter, _ *http.Request, p *sallyport.Problem) {
		w.WriteHeader(p.Status)
		fmt.Fprintf(w, "<h1>%s</h1> %s %v", p.Code, p.Detail, p.Extra["trace_id"])
	}
	w := serve(g, sallyport.May("write"), request("GET /", navigation, annCookie))
	if w.Code != 403 || !strings.HasPrefix(w.Body.String(), "<h1>forbidden</h1> Members only read. ") || strings.HasSuffix(w.Body.String(), "nil>") {
		t.Errorf("browser: %d %s", w.Code, w.Body)
	}
	w = serve(g, sallyport.SignedIn(), request("GET /", navigation))
	if w.Code != 401 || w.Header().Get("WWW-Authenticate") != bare {
		t.Errorf("a 401 has its challenge as a page, too: %d %v", w.Code, w.Header())
	}
	if w := serve(g, sallyport.May("write"), request("GET /", annCookie)); problem(t, w).Code != "forbidden" {
		t.Errorf("program: %s", w.Body)
	}
}
