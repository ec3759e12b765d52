package server_test

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What Traefik, Caddy and Envoy do of a request, as their documentation has it, with the
// configuration of docs/how-to/forward-auth.md. nginx runs itself: see nginx_test.go.
type proxy struct {
	name string
	// ask makes the question about a request of a client at https://wiki.example.com.
	ask func(client *http.Request) (method, path, host string, header http.Header)
	// upstream is what the program gets of the client's header, given a good answer.
	upstream func(client, answer http.Header) http.Header
	// location is where a browser is led to by an answer.
	location func(string) string
}

// hops are headers that go no further than to the next one (RFC 9110 §7.6.1).
var hops = []string{"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

// blocks are the configurations in a language out of the guide.
func blocks(t *testing.T, language string) (all []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "docs", "how-to", "forward-auth.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllSubmatch(text, -1) {
		all = append(all, string(m[1]))
	}
	return all
}

// found is what the expression finds in a configuration.
func found(t *testing.T, config, expression string) (all []string) {
	t.Helper()
	for _, m := range regexp.MustCompile(expression).FindAllStringSubmatch(config, -1) {
		all = append(all, m[1])
	}
	if all == nil {
		t.Fatalf("there is no %s in\n%s", expression, config)
	}
	return all
}

// forwarded are the headers of a client with what Traefik and Caddy say of its request in
// place of what it may have said itself.
func forwarded(client *http.Request) http.Header {
	header := client.Header.Clone()
	for _, name := range hops {
		header.Del(name)
	}
	for name, value := range map[string]string{
		"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https", "X-Forwarded-Host": client.Host, "X-Forwarded-Method": client.Method,
		"X-Forwarded-Uri": client.URL.RequestURI(),
	} {
		header.Set(name, value)
	}
	return header
}

// overwritten has each of the headers as the answer has it, and none that it has not.
func overwritten(client, answer http.Header, names []string) http.Header {
	out := client.Clone()
	for _, name := range names {
		out.Del(name)
		if values := answer.Values(name); len(values) > 0 {
			out[http.CanonicalHeaderKey(name)] = values
		}
	}
	return out
}

func traefik(t *testing.T) proxy {
	config := blocks(t, "yaml")[0]
	address := mustURL(found(t, config, `address: (\S+)`)[0])
	names := found(t, config, `- (X-Auth-\S+)`)
	return proxy{
		name: "Traefik",
		ask: func(client *http.Request) (string, string, string, http.Header) {
			return "GET", address.RequestURI(), address.Host, forwarded(client)
		},
		upstream: func(client, answer http.Header) http.Header { return overwritten(client, answer, names) },
		location: func(to string) string { // unless preserveLocationHeader is set
			u, err := address.Parse(to)
			if err != nil {
				t.Fatal(err)
			}
			return u.String()
		},
	}
}

func caddy(t *testing.T) proxy {
	config := blocks(t, "caddyfile")[0]
	path := found(t, config, `uri (\S+)`)[0]
	names := strings.Fields(found(t, config, `copy_headers (.+)`)[0])
	return proxy{
		name: "Caddy",
		ask: func(client *http.Request) (string, string, string, http.Header) {
			return "GET", path, client.Host, forwarded(client)
		},
		upstream: func(client, answer http.Header) http.Header { // as versions do that leave alone what the answer does not have
			out := client.Clone()
			for _, name := range names {
				if value := answer.Get(name); value != "" {
					out.Set(name, value)
				}
			}
			return out
		},
		location: func(to string) string { return to },
	}
}

func envoyProxy(t *testing.T) proxy {
	config := blocks(t, "yaml")[1]
	filter, routes, _ := strings.Cut(config, "http_service:")
	exact, prefixes := found(t, filter, `- exact: (\S+)`), found(t, filter, `- prefix: (\S+)`)
	path := found(t, routes, `path_prefix: (\S+)`)[0]
	back := found(t, routes, `(?s)allowed_upstream_headers:\s+patterns:\s+- prefix: (\S+)`)[0]
	return proxy{
		name: "Envoy",
		ask: func(client *http.Request) (string, string, string, http.Header) {
			header := http.Header{"Content-Length": {"0"}}
			said := client.Header.Clone()
			said.Set("X-Forwarded-For", "192.0.2.7")
			said.Set("X-Forwarded-Proto", "https")
			for name, values := range said {
				lower := strings.ToLower(name)
				allowed := lower == "authorization" // comes along by itself, like method, host and path
				for _, e := range exact {
					allowed = allowed || lower == e
				}
				for _, p := range prefixes {
					allowed = allowed || strings.HasPrefix(lower, p)
				}
				if allowed {
					header[name] = values
				}
			}
			return client.Method, path + client.URL.RequestURI(), client.Host, header
		},
		upstream: func(client, answer http.Header) http.Header {
			out := client.Clone()
			for name, values := range answer {
				if strings.HasPrefix(strings.ToLower(name), back) {
					out[name] = values
				}
			}
			return out
		},
		location: func(to string) string { return to },
	}
}

// through asks as the proxy does about a request of the caller.
func (c *caller) through(p proxy, method, uri string) *answer {
	c.h.Helper()
	client, err := http.NewRequest(method, "https://wiki.example.com"+uri, nil)
	if err != nil {
		c.h.Fatal(err)
	}
	client.Header = c.header.Clone()
	asks, path, host, header := p.ask(client)
	r, err := http.NewRequest(asks, c.h.URL+path, nil)
	if err != nil {
		c.h.Fatal(err)
	}
	r.Host, r.Header = host, header
	resp, err := c.client.Do(r)
	if err != nil {
		c.h.Fatal(err)
	}
	defer resp.Body.Close()
	return &answer{h: c.h, what: p.name + ": " + method + " " + uri, status: resp.StatusCode, header: resp.Header}
}

func TestWhatTraefikCaddyAndEnvoyAskIsAnswered(t *testing.T) {
	t.Parallel()
	h := open(t, behind(wiki()...))
	browser := h.browser("ann")
	ann := browser.enters("wiki.example.com", "/")
	var key struct{ Key string }
	browser.do("POST", "/auth/api-keys", `{"name":"all","scopes":["*"]}`).want(201).into(&key)
	for _, p := range []proxy{traefik(t), caddy(t), envoyProxy(t)} {
		t.Run(p.name, func(t *testing.T) {
			h.T = t
			for _, tt := range []struct {
				name        string
				who         *caller
				method, uri string
				status      int
			}{
				{"who is signed in", ann, "GET", "/x?y=%20z", 200},
				{"what one may not", ann, "GET", "/notes/new", 403},
				{"the method that was used", ann.with("Sec-Fetch-Site", "cross-site"), "POST", "/x", 403},
				{"nobody", h.nobody(), "GET", "/x", 401},
				{"nobody on a public path", h.nobody(), "GET", "/public", 200},
				{"an API key", h.nobody().with("X-API-Key", key.Key), "DELETE", "/x", 200},
				{"an API key as a token", h.nobody().with("Authorization", "Bearer "+key.Key), "PUT", "/x", 200},
				{"a client that says it asked for something else", ann.with("X-Forwarded-Uri", "/public").with("X-Forwarded-Host", "files.example.com"), "GET", "/notes/new", 403},
				{"or by another method", ann.with("Sec-Fetch-Site", "cross-site").with("X-Forwarded-Method", "GET"), "POST", "/x", 403},
				{"a client that says who it is", ann.with("X-Auth-Subject", "usr_boss"), "GET", "/x", 400},
				{"or in another way", ann.with("X_Auth_Subject", "usr_boss"), "GET", "/x", 400},
			} {
				if a := tt.who.through(p, tt.method, tt.uri); a.status != tt.status {
					t.Errorf("%s: %s is %d, want %d", tt.name, a.what, a.status, tt.status)
				}
			}
			// Of a client that says what nginx does, nothing is believed: Envoy does not pass it on.
			if a := h.nobody().with("X-Original-URL", "https://wiki.example.com/public").with("X-Original-Method", "GET").through(p, "GET", "/x"); a.status == 200 {
				t.Errorf("%s by what the client says", a.what)
			}

			a := ann.with("X-Other", "kept").through(p, "GET", "/x").want(200)
			got := p.upstream(http.Header{"X-Other": {"kept"}}, a.header)
			if got.Get("X-Auth-Subject") != browser.id || got.Get("X-Auth-Username") != "ann" || got.Get("X-Auth-Roles") != "member" || got.Get("X-Auth-Session") == "" || got.Get("X-Other") != "kept" {
				t.Errorf("the program gets %v", got)
			}
			h.nobody().through(p, "GET", "/x").wantHeader("WWW-Authenticate", "Bearer ")
			to, err := url.Parse(p.location(h.nobody().navigates().through(p, "GET", "/x?y=1").want(303).header.Get("Location")))
			if err != nil || to.Scheme != "https" || to.Host != "wiki.example.com" || to.Path != "/.sallyport/begin" || to.Query().Get("return_to") != "/x?y=1" {
				t.Errorf("a browser is led to %s, %v", to, err)
			}
		})
	}
}

// wantHeader checks how a header begins.
func (a *answer) wantHeader(name, prefix string) {
	a.h.Helper()
	if got := a.header.Get(name); !strings.HasPrefix(got, prefix) {
		a.h.Errorf("%s: %s is %q", a.what, name, got)
	}
}
