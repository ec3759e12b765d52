package federation_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/authn/federation"
	"github.com/sallyport-auth/sallyport/internal/upstream"
)

func TestAProviderThatOthersWrote(t *testing.T) {
	real := upstream.StartReal(t, callback)
	p, err := federation.New(federation.Config{
		ID: "up", Issuer: real.URL, ClientID: upstream.ClientID, ClientSecret: upstream.ClientSecret, PrivateNetwork: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		person upstream.Object
		again  bool
		want   federation.Person
	}{
		{"with a verified address", upstream.Object{"sub": "ann-1", "name": "Ann", "email": "ann@example.com", "email_verified": true}, false,
			federation.Person{Subject: "ann-1", Name: "Ann", Email: "ann@example.com", EmailVerified: true}},
		{"with an address of which it says nothing", upstream.Object{"sub": "bob-2", "email": "bob@example.com", "preferred_username": "bob"}, false,
			federation.Person{Subject: "bob-2", Email: "bob@example.com", Username: "bob"}},
		{"without an address", upstream.Object{"sub": "cat-3"}, false, federation.Person{Subject: "cat-3"}},
		{"once more, asked again", upstream.Object{"sub": "ann-1"}, true, federation.Person{Subject: "ann-1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			real.Person(t, c.person)
			a, address, err := p.Begin(t.Context(), callback, c.again)
			if err != nil {
				t.Fatal(err)
			}
			in, err := federation.ParseAnswer(follow(t, address))
			if err != nil {
				t.Fatal(err)
			}
			got, err := p.Finish(t.Context(), a, in)
			c.want.Provider, c.want.Issuer = "up", real.URL
			if err != nil || got != c.want {
				t.Errorf("got %+v, %v", got, err)
			}
			if _, err := p.Finish(t.Context(), a, in); err == nil {
				t.Error("the code counts twice")
			}
		})
	}
}

// follow is a browser that goes where it is sent, until it comes back to us.
func follow(t *testing.T, address string) url.Values {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	var back url.Values
	browser := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), callback) {
			back = r.URL.Query()
			return http.ErrUseLastResponse
		}
		return nil
	}}
	resp, err := browser.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if back == nil {
		t.Fatalf("the provider ended with %s at %s", resp.Status, resp.Request.URL)
	}
	return back
}
