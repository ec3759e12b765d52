package oauth_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/oauth"
)

// RFC 8705 §2.1.2: which certificates a name is of.
func TestNamesOfCertificates(t *testing.T) {
	uri, err := url.Parse("spiffe://example.org/billing")
	if err != nil {
		t.Fatal(err)
	}
	subject := func(n pkix.Name) []byte {
		der, err := asn1.Marshal(n.ToRDNSequence())
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	c := &x509.Certificate{
		RawSubject: subject(pkix.Name{CommonName: "robot, O=Evil", Organization: []string{"Example"}}), DNSNames: []string{"Robot.Example.org", "*.example.com"},
		URIs: []*url.URL{uri}, IPAddresses: []net.IP{net.IPv4(192, 0, 2, 7), net.ParseIP("2001:db8::7")}, EmailAddresses: []string{"Robot@Example.org"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	for _, tt := range []struct {
		n    oauth.CertificateName
		good bool
	}{
		{oauth.CertificateName{Subject: `CN=robot\, O\=Evil,O=Example`}, false}, // the equals sign is not escaped
		{oauth.CertificateName{Subject: `CN=robot\, O=Evil,O=Example`}, true},
		{oauth.CertificateName{Subject: `CN=robot, O=Evil,O=Example`}, false}, // a name within a name
		{oauth.CertificateName{Subject: `O=Example`}, false},
		{oauth.CertificateName{DNS: "robot.example.org"}, true},
		{oauth.CertificateName{DNS: "example.org"}, false},
		{oauth.CertificateName{DNS: "a.example.com"}, false},
		{oauth.CertificateName{URI: "spiffe://example.org/billing"}, true},
		{oauth.CertificateName{URI: "spiffe://example.org/billing/2"}, false},
		{oauth.CertificateName{IP: "192.0.2.7"}, true},
		{oauth.CertificateName{IP: "2001:db8:0::7"}, true},
		{oauth.CertificateName{IP: "192.0.2.70"}, false},
		{oauth.CertificateName{Email: "Robot@example.org"}, true},
		{oauth.CertificateName{Email: "robot@example.org"}, false}, // who has which is the domain's to say
		{oauth.CertificateName{}, false},
	} {
		client := client(func(c *oauth.Client) { c.Auth, c.CertificateName = oauth.TLSAuth, tt.n })
		if err := client.Complete(); err != nil && tt.n != (oauth.CertificateName{}) {
			t.Errorf("%+v: %v", tt.n, err)
		}
		if client.ProveByName(c, time.Now()) != tt.good {
			t.Errorf("%+v: not %v", tt.n, tt.good)
		}
		if client.ProveByName(nil, time.Now()) || client.ProveByName(c, time.Now().Add(2*time.Hour)) {
			t.Errorf("%+v: of none, or of one that has expired", tt.n)
		}
	}
}

func TestClientsWithCertificatesAndProfiles(t *testing.T) {
	good, rsa := keyOf(t, token.ES256), keyOf(t, token.RS256)
	tls := func(n oauth.CertificateName) func(*oauth.Client) {
		return func(c *oauth.Client) { c.Auth, c.CertificateName = oauth.TLSAuth, n }
	}
	fapi := func(change func(*oauth.Client)) func(*oauth.Client) {
		return func(c *oauth.Client) {
			c.Profile, c.Auth, c.JWKS = oauth.FAPI2, oauth.PrivateKeyJWT, good
			change(c)
		}
	}
	for _, tt := range []struct {
		field  string // "" = it is good
		change func(*oauth.Client)
	}{
		{"", tls(oauth.CertificateName{Subject: "CN=robot,O=Example"})},
		{"", tls(oauth.CertificateName{IP: "::1"})},
		{"tls_client_auth_subject_dn", tls(oauth.CertificateName{})},
		{"tls_client_auth_subject_dn", tls(oauth.CertificateName{Subject: "robot"})},
		{"tls_client_auth_san_dns", tls(oauth.CertificateName{Subject: "CN=a", DNS: "a.example"})},
		{"tls_client_auth_san_dns", tls(oauth.CertificateName{DNS: "*.example"})},
		{"tls_client_auth_san_uri", tls(oauth.CertificateName{URI: "robot"})},
		{"tls_client_auth_san_ip", tls(oauth.CertificateName{IP: "192.0.2.0/24"})},
		{"tls_client_auth_san_ip", tls(oauth.CertificateName{IP: "fe80::1%eth0"})},
		{"tls_client_auth_san_email", tls(oauth.CertificateName{Email: "robot"})},
		{"tls_client_auth_san_email", tls(oauth.CertificateName{Email: "a@b@c"})},
		{"tls_client_auth_san_dns", func(c *oauth.Client) { c.DNS = "a.example" }},
		{"jwks", func(c *oauth.Client) { c.Auth = oauth.SelfSignedTLS }},
		{"", func(c *oauth.Client) { c.Auth, c.JWKS = oauth.SelfSignedTLS, good }},
		{"jwks", func(c *oauth.Client) { c.SignedOnly = true }},
		{"serves_resources", func(c *oauth.Client) { c.Serves = []string{"api"} }},
		{"serves_resources", func(c *oauth.Client) { c.Auth, c.Serves = oauth.NoAuth, []string{"https://api.example"} }},
		{"grant_types", func(c *oauth.Client) {
			c.Auth, c.Grants = oauth.NoAuth, []oauth.GrantType{oauth.ByCode, oauth.ByExchange}
		}},
		{"may_impersonate", func(c *oauth.Client) { c.Impersonates = true }},
		{"profile", func(c *oauth.Client) { c.Profile = "fapi1" }},
		{"", fapi(func(*oauth.Client) {})},
		{"", fapi(func(c *oauth.Client) { c.Auth, c.JWKS, c.DNS = oauth.TLSAuth, nil, "a.example" })},
		{"token_endpoint_auth_method", fapi(func(c *oauth.Client) { c.Auth = oauth.SecretBasic })},
		{"token_endpoint_auth_method", fapi(func(c *oauth.Client) { c.Auth = oauth.NoAuth })},
		{"id_token_signed_response_alg", fapi(func(c *oauth.Client) { c.IDTokenAlg = token.RS256 })},
		{"jwks", fapi(func(c *oauth.Client) { c.JWKS = rsa })},
		{"allow_no_pkce", fapi(func(c *oauth.Client) { c.NoPKCE = true })},
		{"redirect_uris", fapi(func(c *oauth.Client) { c.Redirects = append(c.Redirects, "http://127.0.0.1/cb") })},
		{"redirect_uris", fapi(func(c *oauth.Client) { c.Redirects = []string{"com.example.app:/cb"} })},
		{"grant_types", fapi(func(c *oauth.Client) { c.Grants = []oauth.GrantType{oauth.ByCode, oauth.ByDevice} })},
	} {
		c := client(tt.change)
		err := c.Complete()
		e, _ := errors.AsType[*oauth.FieldError](err)
		if (e == nil) != (tt.field == "") || e != nil && e.Field != tt.field {
			t.Errorf("%+v: %v, want a mistake in %q", c, err, tt.field)
		}
		if err == nil && c.Profile == oauth.FAPI2 && (!c.PushOnly || c.DPoP == c.MTLS || c.MTLS != (c.Auth == oauth.TLSAuth) || c.IDTokenAlg != token.ES256) {
			t.Errorf("not completed: %+v", c)
		}
	}
}

func keyOf(t testing.TB, alg token.Alg) []byte {
	t.Helper()
	k, err := token.Generate(alg)
	if err != nil {
		t.Fatal(err)
	}
	b, err := k.Public().MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return []byte(`{"keys":[` + string(b) + `]}`)
}
