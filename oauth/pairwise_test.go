package oauth_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/oauth"
)

func TestPseudonyms(t *testing.T) {
	one, two := &oauth.Pseudonyms{Key: []byte(strings.Repeat("k", 32))}, &oauth.Pseudonyms{Key: []byte(strings.Repeat("l", 32))}
	at := func(redirects ...string) *oauth.Client {
		return &oauth.Client{Subjects: oauth.PairwiseSubjects, Redirects: redirects}
	}
	seen := map[string]string{}
	for what, name := range map[string]string{
		"ann at a":            one.Subject(at("https://a.example/cb"), "ann"),
		"bob at a":            one.Subject(at("https://a.example/cb"), "bob"),
		"ann at b":            one.Subject(at("https://b.example/cb"), "ann"),
		"ann under another":   two.Subject(at("https://a.example/cb"), "ann"),
		"a session of a":      one.Session(at("https://a.example/cb"), "ann"),
		"parts put elsewhere": one.Subject(at("https://a.example/cb"), "a.example\x00ann"),
	} {
		if seen[name] != "" || len(name) != 43 {
			t.Errorf("%s and %s have the name %s", what, seen[name], name)
		}
		seen[name] = what
	}
	same := one.Subject(at("https://a.example/cb"), "ann")
	for what, c := range map[string]*oauth.Client{
		"another path": at("https://a.example/other"), "capitals": at("https://A.example/cb"), "a port": at("https://a.example:8443/cb"),
		"a list there": {Subjects: oauth.PairwiseSubjects, SectorURI: "https://a.example/list", Redirects: []string{"https://x.example/"}},
	} {
		if one.Subject(c, "ann") != same {
			t.Errorf("%s: another sector, %q", what, c.Sector())
		}
	}
	if got := one.Subject(&oauth.Client{}, "ann") + one.Session(at("https://a.example/"), ""); got != "ann" {
		t.Errorf("who is public is called %q", got)
	}
}

// told answers every request with that.
type told string

func (body told) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(string(body)))}, nil
}

// Whatever stands at the address of a sector, only a list that has every redirect in it is taken.
func FuzzSector(f *testing.F) {
	for _, s := range []string{`["https://a.example/cb","https://b.example/cb"]`, `["https://a.example/cb"]`, `{"0":"https://a.example/cb"}`, `null`, `[]`, `[null]`, `["a"] x`, ``,
		`["https://a.example/cb",1]`, "\xff", strings.Repeat("[", 10001)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		c := oauth.Client{SectorURI: "https://sector.example/list", Redirects: []string{"https://a.example/cb", "https://b.example/cb"}}
		err := (&oauth.Sectors{Transport: told(body)}).Check(t.Context(), &c)
		var list []any
		if json.Unmarshal([]byte(body), &list) != nil {
			list = nil
		}
		both := slices.Contains(list, any(c.Redirects[0])) && slices.Contains(list, any(c.Redirects[1]))
		if err == nil && !both {
			t.Fatalf("%q is taken", body)
		}
		if e, ok := errors.AsType[*oauth.FieldError](err); err != nil && (!ok || e.Field != "sector_identifier_uri") {
			t.Fatalf("%q: %v", body, err)
		}
	})
}
