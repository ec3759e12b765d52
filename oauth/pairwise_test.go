package oauth_test

import (
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
