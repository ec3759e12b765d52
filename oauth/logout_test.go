package oauth_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/oauth"
)

// Back-Channel Logout 1.0 §2.2.
func TestWhereAClientIsToldOfSignOuts(t *testing.T) {
	for address, good := range map[string]bool{
		"":                                   true,
		"https://app.example/logout":         true,
		"https://app.example:8443/l?x=1":     true,
		"http://127.0.0.1:3000/logout":       true, // on the machine of whoever develops it
		"http://[::1]/logout":                true,
		"http://localhost:3000/logout":       true,
		"http://app.example/logout":          false,
		"http://192.168.1.1/logout":          false,
		"http://localhost.example/":          false,
		"https://app.example/logout#f":       false,
		"https://app.example/logout#":        false,
		"https://ann:pw@app.example/":        false,
		"https:///logout":                    false,
		"https:logout":                       false,
		"/logout":                            false,
		"com.example.app:/logout":            false,
		"javascript:alert(1)":                false,
		"file:///etc/passwd":                 false,
		"https://*.example/logout":           false,
		"https://app.example/a/../logout":    false,
		"https://app.example/\nlogout":       false,
		"https://app.example/" + longPath():  false,
		"gopher://app.example/logout":        false,
		"https://app.example/log out":        false,
		"HTTPS://app.example/logout":         false,
		"https://app.example/%00":            true, // of the client's own, and no address of another
		"https://app.example/logout?a=1&b=2": true,
	} {
		err := client(func(c *oauth.Client) { c.BackchannelLogout = address }).Complete()
		field, _ := errors.AsType[*oauth.FieldError](err)
		if good != (err == nil) || err != nil && (field == nil || field.Field != "backchannel_logout_uri") {
			t.Errorf("%q: %v", address, err)
		}
	}
	if err := client(func(c *oauth.Client) { c.BackchannelSession = true }).Complete(); err == nil {
		t.Error("what must be in a token can be required of none")
	}
}

func longPath() string { return strings.Repeat("a", 2000) }
