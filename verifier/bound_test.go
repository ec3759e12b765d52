package verifier_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/verifier"
)

// A service refuses a token that is bound to a certificate without it, whether it verifies
// the token, has seen it before, or asks the issuer.
func TestTokensThatAreBoundToACertificate(t *testing.T) {
	in := install(t)
	mine, other := certificate(t), certificate(t)
	c, _, err := in.Accounts.AddClient(t.Context(), account.ClientRegistration{
		Client: oauth.Client{Name: "Robot", Grants: []oauth.GrantType{oauth.ByCredentials}, Scopes: []string{"note:read"}}, Roles: []string{"member"},
	}, account.Origin{})
	in.must(err)
	g, err := in.Accounts.ClientToken(t.Context(), c.ID, account.Ask{
		Scope: []string{"note:read"}, Resources: []string{in.URL}, Held: token.Held{X5T: sallyport.Thumbprint(mine)},
	})
	in.must(err)
	s := in.service(func(c *verifier.Config) { c.Introspect, c.Bound = true, 2*time.Second })
	ask := func(shown *x509.Certificate) int {
		r := httptest.NewRequest("GET", "/notes", nil)
		r.Header.Set("Authorization", "Bearer "+g.Access)
		if r.TLS = new(tls.ConnectionState); shown != nil {
			r.TLS.PeerCertificates = []*x509.Certificate{shown}
		}
		w := httptest.NewRecorder()
		s.routes.ServeHTTP(w, r)
		return w.Code
	}
	try := func(how string) {
		t.Helper()
		for range 2 {
			for name, x := range map[string]struct {
				shown *x509.Certificate
				want  int
			}{"without": {nil, 401}, "with it": {mine, 200}, "with another": {other, 401}} {
				if got := ask(x.shown); got != x.want {
					t.Errorf("%s, %s: %d, want %d\n%s", how, name, got, x.want, s.log)
				}
			}
		}
	}
	try("by itself")
	in.silent.Store(true)
	in.http.CloseClientConnections()
	await(t, func() bool { // the issuer is asked from here on
		before := in.asked.Load()
		ask(mine)
		return in.asked.Load() > before
	})
	try("by asking the issuer")
	in.silent.Store(false)
	in.must(in.Accounts.RemoveClient(t.Context(), c.ID, account.Origin{}))
	await(t, func() bool { return ask(mine) == 401 })
}

func certificate(t testing.TB) *x509.Certificate {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
