package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authn/clientcert"
	"github.com/sallyport-auth/sallyport/server"
)

// An authority signs client certificates.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{t: t}
	a.cert, a.key = a.sign(&x509.Certificate{Subject: pkix.Name{CommonName: "CA"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

func (a *authority) sign(template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber, _ = rand.Int(rand.Reader, big.NewInt(1<<62))
	template.NotBefore = time.Now().Add(-time.Hour)
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}
	parent, by := a.cert, a.key
	if parent == nil {
		parent, by = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, by)
	if err != nil {
		a.t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return c, key
}

// client returns a certificate with that DNS name.
func (a *authority) client(host string) tls.Certificate {
	a.t.Helper()
	leaf, key := a.sign(&x509.Certificate{DNSNames: []string{host}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

func asPEM(c *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
}

// showing is a caller whose TLS shows the certificate.
func (h *house) showing(c tls.Certificate) *caller {
	h.Helper()
	n := h.nobody()
	transport := n.client.Transport.(*http.Transport).Clone()
	transport.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &c, nil }
	h.Cleanup(transport.CloseIdleConnections)
	n.client.Transport = transport
	return n
}

// asking makes the house's listener ask for certificates of that authority.
func (h *house) asking(a *authority) {
	h.http.TLS.ClientCAs, h.http.TLS.ClientAuth = a.pool(), tls.VerifyClientCertIfGiven
}

func mapping(kind clientcert.Kind, value string) string {
	b, _ := json.Marshal(map[string]string{"kind": string(kind), "value": value})
	return string(b)
}

func TestClientCertificates(t *testing.T) {
	h, ca := open(t), newAuthority(t)
	h.asking(ca)
	boss := h.admin()
	robot := h.browser("robot")
	path := api + "/users/" + robot.id + "/certificates"
	leaf := ca.client("robot.example.org")
	c := h.showing(leaf)

	c.do("GET", "/notes").want(401, "invalid_token")
	c.do("GET", "/auth/login").want(200) // anybody may
	var made struct{ ID string }
	boss.do("POST", path, mapping(clientcert.DNS, "Robot.Example.Org")).want(201).into(&made)
	c.do("GET", "/notes").want(200)
	c.do("POST", "/notes").want(403, "forbidden")
	var me struct{ Kind, Subject, Credential string }
	c.do("GET", "/auth/me").want(200).into(&me)
	if me.Kind != "user" || me.Subject != robot.id || me.Credential != "certificate" {
		t.Errorf("%+v", me)
	}
	// No person has proved anything just now.
	c.do("POST", "/auth/api-keys", `{"name":"x","scopes":["note:read"]}`).want(401, "step_up_required")
	// Browsers show certificates by themselves.
	c.with("Origin", "https://evil.example").do("POST", "/notes").want(403, "cross_origin")
	// Beside anything else it is no credential.
	c.with("Authorization", "Bearer garbage").do("GET", "/notes").want(401, "invalid_token")
	if got := boss.with("X-API-Key", "garbage").do("GET", "/notes"); got.status != 400 {
		t.Errorf("two credentials: %d", got.status)
	}

	// Each of these counts at the next request.
	boss.do("POST", api+"/users/"+robot.id+"/disable").want(204)
	c.do("GET", "/notes").want(401, "invalid_token")
	boss.do("POST", api+"/users/"+robot.id+"/enable").want(204)
	c.do("GET", "/notes").want(200)
	boss.do("DELETE", api+"/users/"+robot.id+"/roles/member").want(204)
	c.do("GET", "/notes").want(403, "forbidden")
	boss.do("PUT", api+"/users/"+robot.id+"/roles/member").want(204)
	c.do("GET", "/notes").want(200)
	boss.do("DELETE", path+"/"+made.ID).want(204)
	c.do("GET", "/notes").want(401, "invalid_token")

	// A certificate that is pinned to somebody else is theirs from then on.
	boss.do("POST", path, mapping(clientcert.DNS, "robot.example.org")).want(201)
	c.do("GET", "/auth/me").want(200).into(&me)
	other := h.browser("other")
	body, _ := json.Marshal(map[string]any{"certificate": asPEM(leaf.Leaf), "service": true, "name": "pinned"})
	boss.do("POST", api+"/users/"+other.id+"/certificates", string(body)).want(201)
	c.do("GET", "/auth/me").want(200).into(&me)
	if me.Kind != "service" || me.Subject != other.id {
		t.Errorf("%+v", me)
	}
	boss.do("DELETE", api+"/users/"+other.id).want(204)
	c.do("GET", "/auth/me").want(200).into(&me)
	if me.Subject != robot.id {
		t.Errorf("%+v", me)
	}

	var log struct {
		Items []struct {
			Actor, Target string
			Detail        map[string]string
		}
	}
	boss.do("GET", api+"/audit?action=certificate.add").want(200).into(&log)
	if len(log.Items) != 3 || log.Items[0].Actor != boss.id || log.Items[0].Target != other.id || log.Items[0].Detail["kind"] != "fingerprint" || log.Items[0].Detail["name"] != "pinned" {
		t.Errorf("%+v", log)
	}
	boss.do("GET", api+"/audit?action=certificate.remove").want(200).into(&log)
	if len(log.Items) != 1 || log.Items[0].Detail["certificate"] != made.ID {
		t.Errorf("%+v", log)
	}
}

// Who maps a certificate to somebody has all that they have.
func TestNobodyMapsACertificateToWhoHoldsMore(t *testing.T) {
	h := open(t)
	boss := h.admin()
	boss.do("PUT", api+"/roles/keeper", `{"permissions":["certificate:*","note:read"]}`).want(200)
	keeper, member := h.browser("keeper"), h.browser("member")
	boss.do("PUT", api+"/users/"+keeper.id+"/roles/keeper").want(204)
	keeper.do("POST", api+"/users/"+boss.id+"/certificates", mapping(clientcert.DNS, "mine.example.org")).want(403, "forbidden")
	keeper.do("POST", api+"/users/"+member.id+"/certificates", mapping(clientcert.DNS, "mine.example.org")).want(201)
	var made struct{ ID string }
	boss.do("POST", api+"/users/"+boss.id+"/certificates", mapping(clientcert.DNS, "boss.example.org")).want(201).into(&made)
	keeper.do("DELETE", api+"/users/"+boss.id+"/certificates/"+made.ID).want(403, "forbidden")
	keeper.do("DELETE", api+"/users/"+member.id+"/certificates/"+made.ID).want(404, "not_found")
	member.do("POST", api+"/users/"+member.id+"/certificates", mapping(clientcert.DNS, "x.example.org")).want(403, "forbidden")
}

// forms are what a proxy writes, in each of the forms.
var forms = map[clientcert.Form]func(*x509.Certificate) (header, value string){
	clientcert.RFC9440: func(c *x509.Certificate) (string, string) {
		return "Client-Cert", ":" + base64.StdEncoding.EncodeToString(c.Raw) + ":"
	},
	clientcert.Nginx: func(c *x509.Certificate) (string, string) {
		return "ssl-client-cert", url.PathEscape(asPEM(c))
	},
	clientcert.Envoy: func(c *x509.Certificate) (string, string) {
		return "x-forwarded-client-cert", `Cert="` + url.PathEscape(asPEM(c)) + `"`
	},
}

func TestCertificatesBehindAProxy(t *testing.T) {
	for form, write := range forms {
		t.Run(string(form), func(t *testing.T) {
			ca := newAuthority(t)
			h := open(t, func(c *server.Config) {
				c.CertificateHeader, c.ClientCAs = form, ca.pool
				c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
			})
			boss, robot, proxy := h.admin(), h.browser("robot"), h.browser("proxy")
			boss.do("POST", api+"/users/"+robot.id+"/certificates", mapping(clientcert.DNS, "robot.example.org")).want(201)
			boss.do("POST", api+"/users/"+proxy.id+"/certificates", mapping(clientcert.DNS, "proxy.example.org")).want(201)
			var seen http.Header
			h.Routes.Func("GET /seen", sallyport.Public(), func(w http.ResponseWriter, r *http.Request) error { seen = r.Header; return nil })

			good, _ := ca.sign(&x509.Certificate{DNSNames: []string{"robot.example.org"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
			expired, _ := ca.sign(&x509.Certificate{DNSNames: []string{"robot.example.org"}, NotAfter: time.Now().Add(-time.Minute)})
			servers, _ := ca.sign(&x509.Certificate{DNSNames: []string{"robot.example.org"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
			foreign := newAuthority(t).client("robot.example.org").Leaf
			name, value := write(good)
			of := func(c *x509.Certificate) []string { _, v := write(c); return []string{v} }
			ask := func(from, path string, values []string, more ...string) int {
				r := httptest.NewRequest("GET", h.URL+path, nil)
				r.RemoteAddr = from
				r.TLS = &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{ca.client("proxy.example.org").Leaf}}}
				for _, v := range values {
					r.Header.Add(name, v)
				}
				for i := 0; i < len(more); i += 2 {
					r.Header.Set(more[i], more[i+1])
				}
				w := httptest.NewRecorder()
				h.Server.ServeHTTP(w, r)
				return w.Code
			}
			const trusted, stranger = "192.0.2.1:4711", "203.0.113.9:4711"
			for _, tt := range []struct {
				name   string
				from   string
				values []string
				more   []string
				want   int
			}{
				{"from the proxy", trusted, []string{value}, nil, 200},
				{"again, from another proxy", "192.0.2.2:1", []string{value}, nil, 200},
				{"two headers", trusted, []string{value, value}, nil, 401},
				{"two in one", trusted, []string{value + "," + value}, nil, 401},
				{"garbage", trusted, []string{"garbage"}, nil, 401},
				{"expired", trusted, of(expired), nil, 401},
				{"a server's", trusted, of(servers), nil, 401},
				{"of another CA", trusted, of(foreign), nil, 401},
				{"of another name", trusted, of(ca.client("stranger.example.org").Leaf), nil, 401},
				{"garbage beside a token that does not count either", trusted, []string{"garbage"}, []string{"Authorization", "Bearer x"}, 401},
				{"none: the proxy's own certificate is not that of its clients", trusted, nil, nil, 401},
			} {
				if got := ask(tt.from, "/auth/me", tt.values, tt.more...); got != tt.want {
					t.Errorf("%s: %d, want %d\n%s", tt.name, got, tt.want, lastLines(h.log.String()))
				}
			}

			// From everybody else: as if it were not there.
			r := httptest.NewRequest("GET", h.URL+"/auth/me", nil)
			r.RemoteAddr = stranger
			r.Header.Set(name, value)
			r.Header.Set("X-Forwarded-For", "192.0.2.1")
			w := httptest.NewRecorder()
			h.Server.ServeHTTP(w, r)
			if w.Code != 401 || !strings.Contains(w.Body.String(), `"unauthenticated"`) {
				t.Errorf("forged: %d %s", w.Code, w.Body)
			}
			if ask(stranger, "/seen", []string{value}); len(seen[http.CanonicalHeaderKey(name)]) != 0 {
				t.Error("a handler sees the forged header")
			}
			if ask(trusted, "/seen", []string{value}); len(seen[http.CanonicalHeaderKey(name)]) != 1 {
				t.Error("a handler does not see that of the proxy")
			}
			if got := ask(stranger, "/auth/me", []string{value}); got != 200 { // by its own TLS
				t.Errorf("who comes by TLS itself: %d", got)
			}
			h.nobody().with(name, value).do("GET", "/notes").want(401, "unauthenticated") // over a real connection
		})
	}
}

func lastLines(s string) string { return s[max(0, len(s)-600):] }

func TestCertificateHeaderNeedsWhatMakesItSafe(t *testing.T) {
	ca := newAuthority(t)
	proxies := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	for _, tt := range []struct {
		name string
		c    server.Config
		want string
	}{
		{"no proxy", server.Config{CertificateHeader: clientcert.Nginx, ClientCAs: ca.pool}, "TrustedProxies"},
		{"no CA", server.Config{CertificateHeader: clientcert.Nginx, TrustedProxies: proxies}, "ClientCAs"},
		{"another form", server.Config{CertificateHeader: "haproxy", ClientCAs: ca.pool, TrustedProxies: proxies}, `"haproxy"`},
	} {
		_, err := server.Open(t.Context(), tt.c)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func driveCertificates(h *house, boss *caller) {
	who := h.browser("ivo")
	path := api + "/users/" + who.id + "/certificates"
	var made struct{ ID string }
	boss.do("POST", path, `{"kind":"spiffe","value":"spiffe://example.org/ivo","name":"ivo","service":true,"expires_at":"2100-01-01T00:00:00Z"}`).want(201).into(&made)
	boss.do("POST", path, mapping(clientcert.SPIFFE, "spiffe://example.org/ivo")).want(409, "conflict")
	boss.do("POST", path, mapping(clientcert.SPIFFE, "spiffe://example.org")).want(400, "invalid_request")
	boss.do("POST", path, `{"certificate":"garbage"}`).want(400, "invalid_request")
	body, _ := json.Marshal(map[string]string{"certificate": asPEM(newAuthority(h).client("ivo").Leaf)})
	boss.do("POST", path, string(body)).want(201)
	boss.do("POST", api+"/users/usr_x/certificates", mapping(clientcert.DNS, "x.example.org")).want(404, "not_found")
	boss.do("GET", path).want(200)
	boss.do("GET", api+"/users/usr_x/certificates").want(404, "not_found")
	boss.do("DELETE", path+"/"+made.ID).want(204)
	boss.do("DELETE", path+"/"+made.ID).want(404, "not_found")
}
