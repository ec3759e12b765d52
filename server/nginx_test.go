package server_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/internal/testdb"
	"github.com/sallyport-auth/sallyport/server"
	"github.com/sallyport-auth/sallyport/server/forward"
)

// A street is what stands in it behind one nginx: the house, where people sign in, and a
// program that knows nothing of us, as docs/how-to/forward-auth.md has it.
type street struct {
	*house
	port  int
	roots *x509.CertPool
}

const (
	idHost  = "id.example.com"
	appHost = "wiki.example.com"
)

// behindNginx starts all of it. What the document says of nginx is what runs here.
func behindNginx(t *testing.T) *street {
	t.Helper()
	st := &street{}
	program := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode(map[string]any{"uri": r.RequestURI, "method": r.Method, "headers": r.Header}) // what it got
	}))
	t.Cleanup(program.Close)
	certificate, key, roots := certificateFor(t, idHost, appHost)
	st.roots = roots
	st.house = open(t, func(c *server.Config) {
		house := c.BaseURL
		st.port = testdb.Nginx(t, map[string][]byte{"cert.pem": certificate, "key.pem": key}, func(folder string, port int) string {
			return documented(t, strings.NewReplacer(
				"listen 443 ssl;", fmt.Sprintf("listen 127.0.0.1:%d ssl;", port),
				"/etc/ssl/example.pem", filepath.Join(folder, "cert.pem"), "/etc/ssl/example.key", filepath.Join(folder, "key.pem"),
				"http://127.0.0.1:8080", house, "X-Forwarded-Host wiki.example.com", "X-Forwarded-Host "+net.JoinHostPort(appHost, strconv.Itoa(port)),
				"http://127.0.0.1:3000", program.URL,
				"https://wiki.example.com", "https://"+net.JoinHostPort(appHost, strconv.Itoa(port)),
			))
		})
		c.BaseURL = st.at(idHost)
		behind(
			forward.Rule{Host: st.host(appHost), Require: forward.SignedIn},
			forward.Rule{Host: st.host(appHost), Path: "/public", Require: forward.Public},
			forward.Rule{Host: st.host(appHost), Path: "/new", Require: "note:write"},
			forward.Rule{Host: st.host(appHost), Path: "/files", Require: forward.SignedIn, Token: true},
		)(c)
	})
	return st
}

func (st *street) host(name string) string { return net.JoinHostPort(name, strconv.Itoa(st.port)) }
func (st *street) at(name string) string   { return "https://" + st.host(name) }

// documented is the configuration for nginx out of the document.
func documented(t *testing.T, r *strings.Replacer) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "docs", "how-to", "forward-auth.md"))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)```nginx\n(.*?)```").FindAllSubmatch(text, -1)
	if len(m) != 1 {
		t.Fatalf("%d configurations for nginx in the document", len(m))
	}
	return r.Replace(string(m[0][1]))
}

// certificateFor makes a certificate, its key, and who trusts it.
func certificateFor(t *testing.T, names ...string) (certificate, key []byte, roots *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: names, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	certificate = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	roots = x509.NewCertPool()
	roots.AppendCertsFromPEM(certificate)
	return certificate, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}), roots
}

// A passer-by is a browser, or a program, in the street.
type passerBy struct {
	st     *street
	client *http.Client
	header http.Header
}

func (st *street) passerBy() *passerBy {
	st.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		st.Fatal(err)
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: st.roots},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) { // every name is this nginx
			return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", strconv.Itoa(st.port)))
		},
	}
	st.Cleanup(transport.CloseIdleConnections)
	return &passerBy{st, &http.Client{Transport: transport, Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}, http.Header{}}
}

func (p *passerBy) with(name, value string) *passerBy {
	n := *p
	n.header = p.header.Clone()
	n.header.Set(name, value)
	return &n
}

// browser is one that says that it shows pages.
func (p *passerBy) browser() *passerBy { return p.with("Sec-Fetch-Mode", "navigate") }

func (p *passerBy) do(method, address string, body ...string) *answer {
	p.st.Helper()
	r, err := http.NewRequest(method, address, strings.NewReader(strings.Join(body, "")))
	if err != nil {
		p.st.Fatal(err)
	}
	r.Header = p.header.Clone()
	if len(body) > 0 {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := p.client.Do(r)
	if err != nil {
		p.st.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		p.st.Fatal(err)
	}
	return &answer{p.st.house, method + " " + address, resp.StatusCode, resp.Header, string(text)}
}

// follow goes where it is led, until an answer leads nowhere, and returns that and the
// paths on the way.
func (p *passerBy) follow(a *answer, from string) (*answer, string, []string) {
	p.st.Helper()
	var way []string
	at := mustURL(from)
	for a.status == http.StatusSeeOther {
		next, err := at.Parse(a.header.Get("Location"))
		if err != nil || len(way) > 10 {
			p.st.Fatalf("led in circles, or nowhere: %v, %v", way, err)
		}
		way = append(way, next.Host+next.Path)
		at, a = next, p.do("GET", next.String())
	}
	return a, at.String(), way
}

// signsIn goes to a page of the wiki, is led to sign in, and back.
func (p *passerBy) signsIn(name, page string) *answer {
	p.st.Helper()
	form, at, _ := p.follow(p.do("GET", page), page)
	form.want(200)
	to, err := url.Parse(at)
	if err != nil || to.Path != "/auth/login" {
		p.st.Fatalf("led to %s", at)
	}
	in := url.Values{"identifier": {name}, "password": {pass}, "return_to": {to.Query().Get("return_to")}}
	back, at, _ := p.follow(p.do("POST", p.st.at(idHost)+"/auth/login", in.Encode()), at)
	if at != page {
		p.st.Fatalf("led back to %s, not to %s:\n%s", at, page, back.body)
	}
	return back
}

// received is what the program behind nginx got.
type received struct {
	URI, Method string
	Headers     http.Header
}

func (a *answer) got() (g received) {
	a.h.Helper()
	a.want(200).into(&g)
	return g
}

func TestBehindARealNginx(t *testing.T) {
	t.Parallel()
	st := behindNginx(t)
	app := st.at(appHost)
	ann := st.browser("ann")
	p := st.passerBy().browser()

	t.Run("a browser is led to sign in and back", func(t *testing.T) {
		st.T = t
		page := app + "/page?x=1%2f2&y=a%20b"
		g := p.signsIn("ann", page).got()
		if g.URI != "/page?x=1%2f2&y=a%20b" || g.Headers.Get("X-Auth-Subject") != ann.id || g.Headers.Get("X-Auth-Roles") != "member" || g.Headers.Get("X-Auth-Username") != "ann" {
			t.Errorf("the program got %+v", g)
		}
		for _, name := range []string{"X-Auth-Email", "X-Auth-Token"} {
			if _, there := g.Headers[name]; there {
				t.Errorf("the program got %s: %q", name, g.Headers[name])
			}
		}
		if again := p.do("GET", app+"/other").got(); again.URI != "/other" || again.Headers.Get("X-Auth-Session") == "" {
			t.Errorf("and then %+v", again)
		}
		if posted := p.do("POST", app+"/form", "a=b").got(); posted.Method != "POST" {
			t.Errorf("and then %+v", posted)
		}
	})
	t.Run("who is signed in already sees no page", func(t *testing.T) {
		st.T = t
		other := st.passerBy().browser()
		other.client.Jar.SetCookies(mustURL(st.at(idHost)), p.client.Jar.Cookies(mustURL(st.at(idHost)))) // of the issuer alone
		page := app + "/there"
		a, at, way := other.follow(other.do("GET", page), page)
		if a.got().Headers.Get("X-Auth-Subject") != ann.id || at != page || len(way) != 4 {
			t.Errorf("%v, %s", way, a.body)
		}
	})
	t.Run("a program gets 401", func(t *testing.T) {
		st.T = t
		a := st.passerBy().do("GET", app+"/page").want(401)
		if a.header.Get("Location") != "" || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer ") {
			t.Errorf("%v", a.header)
		}
		st.passerBy().with("Authorization", "Bearer x").do("GET", app+"/page").want(401)
	})
	t.Run("a program with an API key gets through", func(t *testing.T) {
		st.T = t
		_, key := st.key(ann)
		if g := st.passerBy().with("Authorization", "Bearer "+key).do("GET", app+"/page").got(); g.Headers.Get("X-Auth-Subject") != ann.id {
			t.Errorf("the program got %+v", g)
		}
	})
	t.Run("403", func(t *testing.T) {
		st.T = t
		for _, path := range []string{"/new", "/new/x", "/%6eew", "/NEW", "/public/..%2fnew", "/public//new"} {
			p.do("GET", app+path).want(403)
		}
	})
	t.Run("what is public", func(t *testing.T) {
		st.T = t
		g := st.passerBy().do("GET", app+"/public/logo.png").got()
		for name := range g.Headers {
			if strings.HasPrefix(name, "X-Auth-") {
				t.Errorf("the program is told of nobody: %s %q", name, g.Headers[name])
			}
		}
		if g := p.do("GET", app+"/public/logo.png").got(); g.Headers.Get("X-Auth-Subject") != ann.id {
			t.Errorf("the program got %+v", g)
		}
	})
	t.Run("nobody forges who they are", func(t *testing.T) {
		st.T = t
		for _, who := range []*passerBy{st.passerBy(), p} {
			for _, name := range []string{"X-Auth-Subject", "X-Auth-Roles", "x-auth-email", "X_Auth_Subject", "X-Auth-Session", "X-Auth-Token"} {
				for _, path := range []string{"/public", "/page", "/files"} {
					a := who.with(name, "forged").do("GET", app+path)
					if strings.Contains(a.body, "forged") {
						t.Errorf("%s %s reaches the program: %s", path, name, a.body)
					}
				}
			}
		}
	})
	t.Run("nobody says that they asked for something else", func(t *testing.T) {
		st.T = t
		for name, value := range map[string]string{
			"X-Original-URL": app + "/public", "X-Original-Method": "HEAD", "X-Forwarded-Uri": "/public", "X-Forwarded-Host": "evil.example", "X-Forwarded-Method": "GET",
		} {
			st.passerBy().with(name, value).do("GET", app+"/page").want(401)
		}
	})
	t.Run("a token for the program", func(t *testing.T) {
		st.T = t
		if g := p.do("GET", app+"/files/1").got(); strings.Count(g.Headers.Get("X-Auth-Token"), ".") != 2 {
			t.Errorf("the program got %+v", g)
		}
	})
	t.Run("our cookies and paths are not the program's", func(t *testing.T) {
		st.T = t
		if a := p.do("GET", app+"/.sallyport/callback?code=x"); a.status != 400 {
			t.Errorf("%d %s", a.status, a.body)
		}
		if a := p.do("GET", app+"/auth/forward"); a.status != 200 || a.got().URI != "/auth/forward" {
			t.Errorf("%d %s", a.status, a.body)
		}
		if a := st.passerBy().do("GET", st.at(idHost)+"/auth/forward"); a.status != 404 {
			t.Errorf("anybody can ask: %d %s", a.status, a.body)
		}
	})
	t.Run("signing out is in force at once", func(t *testing.T) {
		st.T = t
		p.do("GET", app+"/page").want(200)
		p.with("Sec-Fetch-Site", "same-origin").do("POST", st.at(idHost)+"/auth/logout", "").want(303)
		p.with("Sec-Fetch-Mode", "cors").do("GET", app+"/page").want(401)
		page := app + "/page"
		if _, at, _ := p.follow(p.do("GET", page), page); mustURL(at).Path != "/auth/login" {
			t.Errorf("led to %s", at)
		}
	})
	t.Run("a web socket is upgraded", func(t *testing.T) { st.T = t; st.upgrades(t) })
	st.T = t
}

// key makes an API key that may do everything.
func (st *street) key(c *caller) (id, key string) {
	st.Helper()
	var k struct{ ID, Key string }
	c.do("POST", "/auth/api-keys", `{"name":"all","scopes":["*"]}`).want(201).into(&k)
	return k.ID, k.Key
}

// upgrades is a handshake as a browser makes it; the program here answers it like any
// other request, so that only what nginx hands on is looked at.
func (st *street) upgrades(t *testing.T) {
	_, key := st.key(st.browser("wes"))
	a := st.passerBy().with("Authorization", "Bearer "+key).with("Connection", "Upgrade").with("Upgrade", "websocket").do("GET", st.at(appHost)+"/socket")
	if g := a.got(); g.Headers.Get("Upgrade") != "websocket" || !strings.EqualFold(g.Headers.Get("Connection"), "upgrade") {
		t.Errorf("the program got %+v", g)
	}
}
