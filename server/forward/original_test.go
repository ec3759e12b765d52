package forward_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/server/forward"
)

func TestTheOriginalRequestIsFound(t *testing.T) {
	traefik := func(pairs ...string) []string {
		return append([]string{"X-Forwarded-Method", "GET", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "a.example", "X-Forwarded-Uri", "/x?y=%2f"}, pairs...)
	}
	nginx := func(url string, pairs ...string) []string {
		return append([]string{"X-Original-URL", url, "X-Original-Method", "POST"}, pairs...)
	}
	for _, tt := range []struct {
		name    string
		headers []string // names and values; an empty value takes the header away
		method  string   // of the question, with Envoy
		path    string
		want    *forward.Original // nil = refused
	}{
		{"Traefik and Caddy", traefik(), "GET", "", &forward.Original{"GET", "https", "a.example", "/x?y=%2f", false}},
		{"without a scheme", traefik("X-Forwarded-Proto", ""), "GET", "", &forward.Original{"GET", "", "a.example", "/x?y=%2f", false}},
		{"nginx", nginx("https://a.example:8443/x?y=https://z/"), "GET", "", &forward.Original{"POST", "https", "a.example:8443", "/x?y=https://z/", true}},
		{"nginx beside what other proxies say", nginx("https://a.example/x", "X-Forwarded-Host", "a.example", "X-Forwarded-Proto", "https"), "GET", "", &forward.Original{"POST", "https", "a.example", "/x", true}},
		{"Envoy", []string{"X-Forwarded-Proto", "https"}, "DELETE", "/auth/forward/envoy/x/../y?z", &forward.Original{"DELETE", "https", "envoy.example", "/x/../y?z", false}},
		{"Envoy, whatever its client says", traefik("X-Original-URL", "https://b.example/"), "GET", "/auth/forward/envoy/x", &forward.Original{"GET", "https", "envoy.example", "/x", false}},

		{"nothing", nil, "GET", "", nil},
		{"no method", traefik("X-Forwarded-Method", ""), "GET", "", nil},
		{"no host", traefik("X-Forwarded-Host", ""), "GET", "", nil},
		{"no address", traefik("X-Forwarded-Uri", ""), "GET", "", nil},
		{"a method that is none", traefik("X-Forwarded-Method", "GET /"), "GET", "", nil},
		{"a method in small letters", traefik("X-Forwarded-Method", "get"), "GET", "", nil},
		{"two hosts", traefik("+X-Forwarded-Host", "b.example"), "GET", "", nil},
		{"two addresses", traefik("+X-Forwarded-Uri", "/public"), "GET", "", nil},
		{"two schemes", traefik("+X-Forwarded-Proto", "http"), "GET", "", nil},
		{"nginx and Traefik at once", traefik(nginx("https://a.example/public")...), "GET", "", nil},
		{"nginx, and a client that says what Traefik does", nginx("https://a.example/admin", "X-Forwarded-Uri", "/public"), "GET", "", nil},
		{"nginx without a method", nginx("https://a.example/x", "X-Original-Method", ""), "GET", "", nil},
		{"nginx twice", nginx("https://a.example/x", "+X-Original-URL", "https://a.example/y"), "GET", "", nil},
		{"nginx without a scheme", nginx("a.example/x"), "GET", "", nil},
		{"nginx without a path", nginx("https://a.example"), "GET", "", nil},
		{"nginx with an empty address", nginx(""), "GET", "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := tt.path
			if path == "" {
				path = "/auth/forward"
			}
			r := httptest.NewRequest(tt.method, path, nil)
			r.Host = "envoy.example"
			for i := 0; i < len(tt.headers); i += 2 {
				switch name, value := tt.headers[i], tt.headers[i+1]; {
				case strings.HasPrefix(name, "+"):
					r.Header.Add(name[1:], value)
				case value == "":
					r.Header.Del(name)
				default:
					r.Header.Set(name, value)
				}
			}
			got, err := forward.ReadOriginal(r)
			if (err == nil) != (tt.want != nil) || err == nil && got != *tt.want {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestHostsAreComparedAsTheyAreMeant(t *testing.T) {
	for _, tt := range []struct{ host, scheme, want string }{ // "" = none
		{"a.example", "https", "a.example"},
		{"A.Example", "https", "a.example"},
		{"a.example:443", "https", "a.example"},
		{"a.example:443", "http", "a.example:443"},
		{"a.example:80", "http", "a.example"},
		{"a.example:8443", "https", "a.example:8443"},
		{"a_b.example", "https", "a_b.example"},
		{"127.0.0.1:8080", "http", "127.0.0.1:8080"},
		{"[::1]", "https", "[::1]"},
		{"[::1]:443", "https", "[::1]"},
		{"[::1]:1", "https", "[::1]:1"},
		{"", "https", ""},
		{".", "https", ""},
		{"a.example.", "https", ""},
		{".a.example", "https", ""},
		{"a..example", "https", ""},
		{"-a.example", "https", ""},
		{"a.example:", "https", ""},
		{"a.example:0", "https", ""},
		{"a.example:0443", "https", ""},
		{"a.example:65536", "https", ""},
		{"a.example:443:443", "https", ""},
		{"a.example,b.example", "https", ""},
		{"a.example b.example", "https", ""},
		{"ann@a.example", "https", ""},
		{"a.example/x", "https", ""},
		{"a.example\\x", "https", ""},
		{"ä.example", "https", ""},
		{"[a.example]", "https", ""},
		{"[::1", "https", ""},
		{"::1", "https", ""},
		{strings.Repeat("a.", 130) + "a", "https", ""},
	} {
		if got, ok := forward.FoldHost(tt.host, tt.scheme); got != tt.want || ok != (tt.want != "") {
			t.Errorf("%q: %q, %v; want %q", tt.host, got, ok, tt.want)
		}
	}
}

func FuzzOriginal(f *testing.F) {
	f.Add("GET", "https", "a.example", "/x", "", "", "/auth/forward")
	f.Add("", "", "", "", "https://a.example/x", "POST", "/auth/forward")
	f.Add("", "https", "", "", "", "", "/auth/forward/envoy/x?y")
	f.Fuzz(func(t *testing.T, method, proto, host, uri, url, urlMethod, path string) {
		r := &http.Request{Method: "GET", Host: host, RequestURI: path, Header: http.Header{}}
		for name, value := range map[string]string{
			"X-Forwarded-Method": method, "X-Forwarded-Proto": proto, "X-Forwarded-Host": host, "X-Forwarded-Uri": uri,
			"X-Original-Url": url, "X-Original-Method": urlMethod,
		} {
			if value != "" {
				r.Header[name] = []string{value}
			}
		}
		o, err := forward.ReadOriginal(r)
		if err != nil {
			return
		}
		folded, ok := forward.FoldHost(o.Host, "https")
		if ok && (folded != strings.ToLower(folded) || strings.ContainsAny(folded, " /@,\\\r\n\x00")) {
			t.Fatalf("host %q is taken for %q", o.Host, folded)
		}
		if again, same := forward.FoldHost(folded, "https"); ok && (!same || again != folded) {
			t.Fatalf("host %q is taken for %q, and that for %q", o.Host, folded, again)
		}
		if !o.Nginx && url != "" && uri != "" && !strings.HasPrefix(path, "/auth/forward/envoy") {
			t.Fatalf("two proxies at once: %+v", o)
		}
		if o.Nginx && o.Scheme+"://"+o.Host+o.URI != url {
			t.Fatalf("%q is read as %+v", url, o)
		}
	})
}
