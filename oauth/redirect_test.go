package oauth_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/oauth"
)

func TestWhatCanBeARedirect(t *testing.T) {
	for uri, good := range map[string]bool{
		"https://app.example/cb":       true,
		"https://app.example":          true,
		"https://app.example/cb?a=b":   true,
		"http://127.0.0.1/cb":          true,
		"http://127.0.0.1:8080/cb":     true,
		"http://[::1]/cb":              true,
		"http://localhost:3000/cb":     true,
		"com.example.app:/cb":          true,
		"com.example.app://cb":         true,
		"http://app.example/cb":        false,
		"https://app.example/cb#f":     false,
		"https://app.example/cb#":      false,
		"https://user@app.example/cb":  false,
		"https://*.example/cb":         false,
		"https://app.example/a/../cb":  false,
		"https://app.example/./cb":     false,
		`https://app.example\@evil/cb`: false,
		"https://app.example/c b":      false,
		"https://app.example/\n":       false,
		"https:///cb":                  false,
		"https:app.example":            false,
		"HTTPS://app.example/cb":       false,
		"app:/cb":                      false,
		"javascript:alert(1)":          false,
		"data:text/html,x":             false,
		"//app.example/cb":             false,
		"/cb":                          false,
		"":                             false,
		"https://app.example/" + strings.Repeat("a", 2000): false,
	} {
		if err := oauth.CheckRedirect(uri); (err == nil) != good {
			t.Errorf("%q: %v", uri, err)
		}
	}
}

func TestOnlyTheRegisteredRedirectIsLedTo(t *testing.T) {
	for _, tt := range []struct {
		registered, asked string
		leads             bool
	}{
		{"https://app.example/cb", "https://app.example/cb", true},
		{"https://app.example/cb", "https://app.example/cb/", false},
		{"https://app.example/cb", "https://app.example:443/cb", false},
		{"https://app.example/cb", "https://app.example/cb?x", false},
		{"https://app.example/cb", "https://app.example/%63b", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1:51234/cb", true}, // RFC 8252 §7.3
		{"http://127.0.0.1:1/cb", "http://127.0.0.1:2/cb", true},
		{"http://127.0.0.1/cb", "http://127.0.0.1:1/cb2", false},
		{"http://127.0.0.1/cb", "http://[::1]:1/cb", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1.evil.example/cb", false},
		{"http://127.0.0.1/cb", "http://127.0.0.1:1@evil.example/cb", false},
		{"http://127.0.0.1/cb", "https://127.0.0.1:1/cb", false},
		{"http://127.0.0.1/cb?x=1", "http://127.0.0.1:9/cb?x=2", false},
		{"http://localhost/cb", "http://localhost:1/cb", false}, // a name may lead anywhere
		{"http://[::1]/cb", "http://[::1]:9/cb", true},
		{"com.example.app:/cb", "com.example.app:/cb", true},
		{"com.example.app:/cb", "com.example.app:/cb2", false},
	} {
		c := oauth.Client{Redirects: []string{tt.registered}}
		if c.Leads(tt.asked) != tt.leads {
			t.Errorf("%s registered, %s asked for", tt.registered, tt.asked)
		}
	}
}

// FuzzRedirect: nobody is sent anywhere but to the host and path that is registered, as a
// browser reads the address.
func FuzzRedirect(f *testing.F) {
	for _, s := range []string{"https://app.example/cb", "http://127.0.0.1:1/cb", "http://127.0.0.1:1@evil.example/cb", "http://127.0.0.1/cb\\@evil", "com.example.app:/cb"} {
		f.Add(s)
	}
	registered := []string{"https://app.example/cb", "http://127.0.0.1/cb", "com.example.app:/cb"}
	c := oauth.Client{Redirects: registered}
	f.Fuzz(func(t *testing.T, asked string) {
		if oauth.CheckRedirect(asked) == nil && strings.ContainsAny(asked, " \t\r\n\\\"<>") {
			t.Errorf("%q", asked)
		}
		if !c.Leads(asked) {
			return
		}
		u, err := url.Parse(asked)
		if err != nil || u.User != nil || u.Fragment != "" {
			t.Fatalf("%q leads", asked)
		}
		if where := u.Scheme + " " + u.Hostname() + " " + u.EscapedPath(); where != "https app.example /cb" && where != "http 127.0.0.1 /cb" && asked != registered[2] {
			t.Errorf("%q leads to %s", asked, where)
		}
	})
}
