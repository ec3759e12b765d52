package clientcert_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authn/clientcert"
)

// The whole of it, over TLS: what a client gets that shows this certificate.
func TestOverTLS(t *testing.T) {
	ca, other := newAuthority(t, "CA"), newAuthority(t, "CA")
	below := ca.authority(t, "Intermediate")
	b := newBook()
	b.put(clientcert.SPIFFE, "spiffe://example.org/billing", "usr_billing", func(m *clientcert.Mapping) { m.Service = true })
	b.put(clientcert.DNS, "robot.example.org", "usr_robot")
	b.put(clientcert.DNS, "r2.example.org", "usr_robot")
	b.put(clientcert.DNS, "else.example.org", "usr_else")
	b.put(clientcert.Subject, "CN=robot,O=Example", "usr_subject")
	b.put(clientcert.DNS, "old.example.org", "usr_old", func(m *clientcert.Mapping) { m.ExpiresAt = time.Now().Add(-time.Second) })
	b.put(clientcert.DNS, "example.org", "usr_cn")
	pinned := ca.client(t, dns("robot.example.org"))
	b.put(clientcert.Fingerprint, clientcert.Names(pinned.Leaf)[0].Value, "usr_pinned")

	g := &sallyport.Gate{Authenticators: []sallyport.Authenticator{b.authenticator(b.follow(t))}}
	s := httptest.NewUnstartedServer(g.Through(sallyport.SignedIn())(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := sallyport.From(r.Context())
		io.WriteString(w, p.Kind.String()+" "+p.Subject)
	})))
	s.TLS = &tls.Config{ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: ca.pool()}
	s.StartTLS()
	t.Cleanup(s.Close)

	chained := below.client(t, dns("robot.example.org"))
	chained.Certificate = append(chained.Certificate, below.cert.Raw)
	mismatched := ca.client(t, dns("robot.example.org"))
	mismatched.PrivateKey = newKey(t)
	const noHandshake = "handshake refused"
	for _, tt := range []struct {
		name string
		cert tls.Certificate // none if empty
		want string
	}{
		{"a SPIFFE ID, mapped to a program", ca.client(t, uris("spiffe://example.org/billing")), "service usr_billing"},
		{"a DNS name", ca.client(t, dns("robot.example.org")), "user usr_robot"},
		{"two DNS names of one owner", ca.client(t, dns("r2.example.org", "robot.example.org")), "user usr_robot"},
		{"two DNS names of two owners", ca.client(t, dns("robot.example.org", "else.example.org")), "401"},
		{"a mapped DNS name beside one that is not", ca.client(t, dns("unknown.example.org", "robot.example.org")), "user usr_robot"},
		{"a subject", ca.client(t), "user usr_subject"},
		{"this very certificate counts before its names", pinned, "user usr_pinned"},
		{"by way of an intermediate", chained, "user usr_robot"},
		{"no certificate", tls.Certificate{}, "401"},
		{"another name", ca.client(t, dns("stranger.example.org")), "401"},
		{"a SPIFFE ID that is not mapped, beside a DNS name that is", ca.client(t, uris("spiffe://example.org/other"), dns("robot.example.org")), "401"},
		{"a common name that looks like a DNS name", ca.client(t, func(c *x509.Certificate) { c.Subject.CommonName, c.Subject.Organization = "robot.example.org", nil }), "401"},
		{"a mapping that has expired", ca.client(t, dns("old.example.org")), "401"},
		{"no extended key usage", ca.client(t, dns("robot.example.org"), usage()), "user usr_robot"},
		{"expired", ca.client(t, dns("robot.example.org"), valid(-2*time.Hour, -time.Hour)), noHandshake},
		{"not yet valid", ca.client(t, dns("robot.example.org"), valid(time.Hour, 2*time.Hour)), noHandshake},
		{"self-signed", (*authority)(nil).client(t, dns("robot.example.org")), noHandshake},
		{"of another CA that calls itself the same", other.client(t, dns("robot.example.org")), noHandshake},
		{"of an intermediate that is not sent", below.client(t, dns("robot.example.org")), noHandshake},
		{"a server's", ca.client(t, dns("robot.example.org"), usage(x509.ExtKeyUsageServerAuth)), noHandshake},
		{"for signing code", ca.client(t, dns("robot.example.org"), usage(x509.ExtKeyUsageCodeSigning)), noHandshake},
		{"the CA itself", tls.Certificate{Certificate: [][]byte{ca.cert.Raw}, PrivateKey: ca.key}, "401"},
		{"without its key", mismatched, noHandshake},
	} {
		t.Run(tt.name, func(t *testing.T) {
			transport := s.Client().Transport.(*http.Transport).Clone()
			// Sent whatever the server says it accepts: so does an attacker.
			transport.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &tt.cert, nil }
			defer transport.CloseIdleConnections()
			resp, err := (&http.Client{Transport: transport}).Get(s.URL)
			if err != nil {
				if tt.want != noHandshake {
					t.Fatal(err)
				}
				return
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			got := string(body)
			if resp.StatusCode != 200 {
				got = resp.Status[:3]
			}
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestAuthenticate(t *testing.T) {
	ca := newAuthority(t, "CA")
	b := newBook()
	b.put(clientcert.DNS, "robot.example.org", "usr_robot")
	good := ca.client(t, dns("robot.example.org")).Leaf
	for _, tt := range []struct {
		name       string
		credential sallyport.Credential
		want       string
	}{
		{"a certificate", offered(good), "user usr_robot"},
		{"a connection that outlived its certificate", offered(ca.client(t, dns("robot.example.org"), valid(-2*time.Hour, -time.Second)).Leaf), "401"},
		{"a server's, which a careless listener let in", offered(ca.client(t, dns("robot.example.org"), usage(x509.ExtKeyUsageServerAuth)).Leaf), "401"},
		{"no certificate", sallyport.Credential{Scheme: sallyport.SchemeCertificate}, "not mine"},
		{"a token beside a certificate", sallyport.Credential{Scheme: sallyport.SchemeBearer, Value: "x", Peer: good}, "not mine"},
		{"a cookie", sallyport.Credential{Scheme: sallyport.SchemeCookie, Value: "x", Peer: good}, "not mine"},
	} {
		if got := answer(b.authenticator(nil).Authenticate(t.Context(), tt.credential)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	b.down = true
	if got := answer(b.authenticator(nil).Authenticate(t.Context(), offered(good))); got != "503" {
		t.Errorf("a store that is down: %s", got)
	}
}

func TestPrincipal(t *testing.T) {
	ca, b := newAuthority(t, "CA"), newBook()
	b.put(clientcert.DNS, "robot.example.org", "usr_robot")
	leaf := ca.client(t, dns("robot.example.org")).Leaf
	p, err := b.authenticator(nil).Authenticate(t.Context(), offered(leaf))
	want := &sallyport.Principal{Kind: sallyport.User, Subject: "usr_robot", Roles: []string{"member"}, Credential: "certificate", AMR: []string{"pop"}, AAL: 1}
	if err != nil || !reflect.DeepEqual(p, want) {
		t.Errorf("got  %+v, %v\nwant %+v", p, err, want)
	}
	b.put(clientcert.DNS, "robot.example.org", "usr_robot", func(m *clientcert.Mapping) { m.Service = true })
	p, _ = b.authenticator(nil).Authenticate(t.Context(), offered(leaf))
	if want.Kind, want.AAL = sallyport.Service, 0; !reflect.DeepEqual(p, want) {
		t.Errorf("got  %+v\nwant %+v", p, want)
	}
}

// What is remembered counts until the log says otherwise, and then no more.
func TestTheFeedRevokes(t *testing.T) {
	ca, b := newAuthority(t, "CA"), newBook()
	b.put(clientcert.DNS, "robot.example.org", "usr_robot")
	f := b.follow(t)
	a := b.authenticator(f)
	leaf := ca.client(t, dns("robot.example.org")).Leaf
	ask := func(want string) {
		t.Helper()
		if got := answer(a.Authenticate(t.Context(), offered(leaf))); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	ask("user usr_robot")
	asked := b.asked
	ask("user usr_robot")
	if b.asked != asked || b.used != 1 {
		t.Errorf("%d look-ups more, %d uses recorded", b.asked-asked, b.used)
	}
	if err := f.CatchUp(t.Context(), b.put(clientcert.Fingerprint, clientcert.Names(leaf)[0].Value, "usr_other")); err != nil {
		t.Fatal(err)
	}
	ask("user usr_other")
	if err := f.CatchUp(t.Context(), b.drop(clientcert.Fingerprint, clientcert.Names(leaf)[0].Value)); err != nil {
		t.Fatal(err)
	}
	ask("user usr_robot")
	if err := f.CatchUp(t.Context(), b.drop(clientcert.DNS, "robot.example.org")); err != nil {
		t.Fatal(err)
	}
	ask("401")
	if err := f.CatchUp(t.Context(), b.put(clientcert.DNS, "robot.example.org", "usr_new")); err != nil {
		t.Fatal(err)
	}
	ask("user usr_new")
}

// While a mapping moves to and fro, whoever asks after a change is answered by it.
func TestManyAskWhileMappingsChange(t *testing.T) {
	ca, b := newAuthority(t, "CA"), newBook()
	b.put(clientcert.DNS, "robot.example.org", "usr_0")
	f := b.follow(t)
	a := b.authenticator(f)
	leaf := ca.client(t, dns("robot.example.org")).Leaf
	stop := make(chan struct{})
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if got := answer(a.Authenticate(t.Context(), offered(leaf))); !strings.HasPrefix(got, "user usr_") && got != "401" {
					t.Errorf("got %s", got)
					return
				}
			}
		})
	}
	for i := range 200 {
		want := "401"
		p := b.drop(clientcert.DNS, "robot.example.org")
		if i%2 == 1 {
			p, want = b.put(clientcert.DNS, "robot.example.org", "usr_1"), "user usr_1"
		}
		if err := f.CatchUp(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		if got := answer(a.Authenticate(t.Context(), offered(leaf))); got != want {
			t.Errorf("after change %d: %s, want %s", i, got, want)
		}
	}
	close(stop)
	all.Wait()
}
