package forward_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sallyport-auth/sallyport/server/forward"
)

func TestAPathIsReadInOneWayOrNotAtAll(t *testing.T) {
	for _, tt := range []struct{ name, uri, exact, loose string }{ // exact "" = refused
		{"the root", "/", "/", "/"},
		{"a path", "/a/b", "/a/b", "/a/b"},
		{"a slash at its end", "/a/", "/a/", "/a/"},
		{"the query is another's", "/a?b=/../c//d%2f", "/a", "/a"},
		{"an empty query", "/a?", "/a", "/a"},
		{"encoded letters", "/%61dmin", "/admin", "/admin"},
		{"encoded text", "/%C3%BCber%20uns", "/über uns", "/Über uns"},
		{"capital letters", "/Admin", "/Admin", "/admin"},
		{"capital letters of others", "/%C3%9Cber", "/Über", "/Über"},
		{"letters that fold to others", "/%E2%84%AAey%C5%BF", "/\u212aey\u017f", "/keys"},
		{"a percent sign", "/100%25", "/100%", "/100%"},
		{"letters encoded twice", "/%2561dmin", "/%61dmin", "/admin"},
		{"and three times", "/%252561dmin", "/%2561dmin", "/admin"},
		{"parameters", "/admin;v=1/x", "/admin;v=1/x", "/admin/x"},
		{"encoded parameters", "/admin%3Bv=1", "/admin;v=1", "/admin"},
		{"a dot and a space at an end", "/admin.%20/x", "/admin. /x", "/admin/x"},
		{"spaces at an end", "/admin%20", "/admin ", "/admin"},
		{"a dot at an end", "/admin./x", "/admin./x", "/admin/x"},
		{"a dot in front", "/.well-known/x", "/.well-known/x", "/.well-known/x"},
		{"an encoded question mark", "/what%3Fx/y", "/what?x/y", "/what"},
		{"an encoded hash", "/a%23b", "/a#b", "/a"},

		{"nothing", "", "", ""},
		{"no slash", "a", "", ""},
		{"everything there is", "*", "", ""},
		{"an address", "https://wiki.example.com/a", "", ""},
		{"a dot segment", "/a/../b", "", ""},
		{"one at the end", "/a/..", "", ""},
		{"a single dot", "/a/./b", "", ""},
		{"three dots", "/.../b", "", ""},
		{"an empty segment", "/a//b", "", ""},
		{"two slashes in front", "//a", "", ""},
		{"an encoded slash", "/a%2Fb", "", ""},
		{"in small letters", "/a%2fb", "", ""},
		{"encoded twice", "/a%252Fb", "", ""},
		{"encoded three times", "/a%25252Fb", "", ""},
		{"an encoded dot", "/a/%2e%2e/b", "", ""},
		{"half of it", "/a/.%2E/b", "", ""},
		{"encoded twice, a dot", "/a/%252e%252e/b", "", ""},
		{"a dot in a name that hides", "/a%2Ehtml", "", ""},
		{"a backslash", `/a\b`, "", ""},
		{"an encoded one", "/a%5Cb", "", ""},
		{"dots behind which parameters are", "/a/..;x/b", "", ""},
		{"a dot behind which parameters are", "/a/.;/b", "", ""},
		{"a segment of parameters", "/a/;x/b", "", ""},
		{"a segment of a space", "/a/%20/b", "", ""},
		{"a NUL", "/a%00", "", ""},
		{"a line break", "/a%0d%0aX: y", "", ""},
		{"an encoded line break", "/a%0d%0a", "", ""},
		{"a tab", "/a%09", "", ""},
		{"a raw space", "/a b", "", ""},
		{"a raw letter of others", "/ü", "", ""},
		{"a hash", "/a#b", "", ""},
		{"an encoding that is none", "/a%zz", "", ""},
		{"half an encoding", "/a%2", "", ""},
		{"a slash in three bytes", "/a%c0%afb", "", ""},
		{"no text", "/a%ff", "", ""},
		{"a very long one", "/" + strings.Repeat("a", 20000), "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, ok := forward.ReadPath(tt.uri)
			if ok != (tt.exact != "") || ok && (r.Exact != tt.exact || r.Loose != tt.loose) {
				t.Errorf("%q is read as %+v, %v", tt.uri, r, ok)
			}
		})
	}
}

func TestTheLongestPathCountsAndWhereProgramsDifferNone(t *testing.T) {
	rules, err := forward.Compile("https://id.example.com", []forward.Rule{
		{Host: "a.example", Require: "public"},
		{Host: "a.example", Path: "/admin", Require: "site:admin"},
		{Host: "a.example", Path: "/admin/help/", Require: "signed_in"},
		{Host: "a.example", Path: "/caf\u00e9", Require: "cafe:visit"},
		{Host: "b.example", Path: "/b", Require: "signed_in"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, host, uri, want string }{
		{"the root", "a.example", "/", "public"},
		{"beside a rule", "a.example", "/administrator", "public"},
		{"a rule", "a.example", "/admin", "site:admin"},
		{"with a slash", "a.example", "/admin/", "site:admin"},
		{"below", "a.example", "/admin/x?y", "site:admin"},
		{"the longer one", "a.example", "/admin/help", "signed_in"},
		{"below that", "a.example", "/admin/help/x", "signed_in"},
		{"beside that", "a.example", "/admin/helper", "site:admin"},
		{"encoded", "a.example", "/%61dmin", "site:admin"},
		{"in letters of others", "a.example", "/caf%C3%A9/menu", "cafe:visit"},
		{"in capital letters", "a.example", "/ADMIN", "?"},
		{"in capital letters of others", "a.example", "/CAF%C3%89", "?"},
		{"in a letter whose capital is that of another", "a.example", "/adm%C4%B1n", "?"},
		{"with parameters", "a.example", "/admin;x/y", "?"},
		{"with a dot at its end", "a.example", "/admin.", "?"},
		{"encoded twice", "a.example", "/%2561dmin", "?"},
		{"with an encoded question mark", "a.example", "/admin%3Fx", "?"},
		{"capital letters that make no difference", "a.example", "/README", "public"},
		{"capital letters below a rule", "a.example", "/admin/README", "site:admin"},
		{"parameters below a rule", "a.example", "/admin/x;y", "site:admin"},
		{"no rule", "b.example", "/", ""},
		{"no rule beside one", "b.example", "/bb", ""},
		{"the only rule", "b.example", "/b/c", "signed_in"},
		{"perhaps the only rule", "b.example", "/B", "?"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := rules.Find(tt.host, tt.uri); got != tt.want {
				t.Errorf("%s%s: %q, want %q", tt.host, tt.uri, got, tt.want)
			}
		})
	}
}

func TestRulesThatSayNothing(t *testing.T) {
	for _, tt := range []struct {
		name string
		rule forward.Rule
	}{
		{"no host", forward.Rule{Require: "public"}},
		{"an address for a host", forward.Rule{Host: "https://a.example", Require: "public"}},
		{"a pattern for a host", forward.Rule{Host: "*.example", Require: "public"}},
		{"a port that is none", forward.Rule{Host: "a.example:http", Require: "public"}},
		{"nothing required", forward.Rule{Host: "a.example"}},
		{"a word that is not known", forward.Rule{Host: "a.example", Require: "signed-in"}},
		{"a pattern for a permission", forward.Rule{Host: "a.example", Require: "report:*"}},
		{"everything", forward.Rule{Host: "a.example", Require: "*"}},
		{"a path without a slash", forward.Rule{Host: "a.example", Path: "admin", Require: "public"}},
		{"a path that is a pattern", forward.Rule{Host: "a.example", Path: "/admin/*", Require: "public"}},
		{"a path with a query", forward.Rule{Host: "a.example", Path: "/admin?x", Require: "public"}},
		{"an encoded path", forward.Rule{Host: "a.example", Path: "/%61dmin", Require: "public"}},
		{"a path with dots", forward.Rule{Host: "a.example", Path: "/a/../b", Require: "public"}},
		{"a path with two slashes", forward.Rule{Host: "a.example", Path: "/a//", Require: "public"}},
		{"a token for where people sign in", forward.Rule{Host: "id.example.com", Require: "signed_in", Token: true}},
		{"one that is there", forward.Rule{Host: "THERE.example:443", Path: "/Here/", Require: "public"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			there := forward.Rule{Host: "there.example", Path: "/here", Require: "signed_in"}
			if err := forward.Check("https://id.example.com", []forward.Rule{there, tt.rule}); err == nil || !strings.Contains(err.Error(), "rule 2") {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestWhatHeadersHoldIsVisibleASCII(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"", ""},
		{"ann", "ann"},
		{"ann@example.com", "ann@example.com"},
		{"Ann Ünder, 100%", "Ann%20%C3%9Cnder%2C%20100%25"},
		{"a\r\nX-Auth-Roles: admin", "a%0D%0AX-Auth-Roles:%20admin"},
		{"\x00\xff", "%00%FF"},
	} {
		if got := forward.Safe(tt.in); got != tt.want {
			t.Errorf("%q becomes %q, want %q", tt.in, got, tt.want)
		}
	}
}

func FuzzPath(f *testing.F) {
	for _, s := range []string{"/", "/a/b", "/%61", "/a%252fb", "/..;/a", "/A;b/c.", "/%E2%84%AA", "/a?b", "//", "/a%25"} {
		f.Add(s)
	}
	rules, err := forward.Compile("https://id.example.com", []forward.Rule{
		{Host: "a.example", Require: "public"}, {Host: "a.example", Path: "/admin", Require: "site:admin"},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		r, ok := forward.ReadPath(uri)
		if !ok {
			return
		}
		if !utf8.ValidString(r.Exact) || !strings.HasPrefix(r.Exact, "/") || !strings.HasPrefix(r.Loose, "/") {
			t.Fatalf("%q is read as %+v", uri, r)
		}
		for _, path := range []string{r.Exact, r.Loose} {
			for i, segment := range strings.Split(path, "/") {
				if segment == "." || segment == ".." || i > 0 && segment == "" && i < strings.Count(path, "/") {
					t.Fatalf("%q is read as %+v", uri, r)
				}
			}
			if strings.ContainsAny(path, "\\\x00\r\n") {
				t.Fatalf("%q is read as %+v", uri, r)
			}
		}
		if r.Loose != forward.Fold(r.Loose) {
			t.Fatalf("%q: folding %q again changes it", uri, r.Loose)
		}
		// Nobody gets to what might be the guarded path by the rule of everything else.
		looks := r.Loose == "/admin" || strings.HasPrefix(r.Loose, "/admin/") || r.Exact == "/admin" || strings.HasPrefix(r.Exact, "/admin/")
		if got := rules.Find("a.example", uri); looks && got == "public" {
			t.Fatalf("%q is public", uri)
		}
	})
}
