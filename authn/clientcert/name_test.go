package clientcert_test

import (
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/authn/clientcert"
)

func TestNames(t *testing.T) {
	ca := newAuthority(t, "CA")
	subject := func(n pkix.Name) func(*x509.Certificate) { return func(c *x509.Certificate) { c.Subject = n } }
	var many []string
	for i := range 17 {
		many = append(many, fmt.Sprintf("h%d.example.org", i))
	}
	for _, tt := range []struct {
		name   string
		change []func(*x509.Certificate)
		want   string // after the fingerprint
	}{
		{"a SPIFFE ID", []func(*x509.Certificate){uris("spiffe://example.org/ns/default/billing")}, "spiffe spiffe://example.org/ns/default/billing"},
		{"a SPIFFE ID hides DNS names and subject", []func(*x509.Certificate){uris("spiffe://example.org/a"), dns("robot.example.org")}, "spiffe spiffe://example.org/a"},
		{"two URIs beside a SPIFFE ID are none at all", []func(*x509.Certificate){uris("spiffe://example.org/a", "spiffe://example.org/b"), dns("robot.example.org")}, ""},
		{"another URI beside a SPIFFE ID, too", []func(*x509.Certificate){uris("https://example.org", "spiffe://example.org/a")}, ""},
		{"a malformed SPIFFE ID does not fall back to a DNS name", []func(*x509.Certificate){uris("spiffe://example.org/a/../b"), dns("robot.example.org")}, ""},
		{"a trust domain is nobody", []func(*x509.Certificate){uris("spiffe://example.org")}, ""},
		{"a SPIFFE ID in capitals", []func(*x509.Certificate){uris("SPIFFE://example.org/a")}, "spiffe spiffe://example.org/a"},
		{"another URI is no name", []func(*x509.Certificate){uris("https://example.org/a"), dns("robot.example.org")}, "dns robot.example.org"},
		{"DNS names, in lower case", []func(*x509.Certificate){dns("Robot.Example.org", "r2.example.org")}, "dns robot.example.org, dns r2.example.org"},
		{"a DNS name hides the subject", []func(*x509.Certificate){dns("robot")}, "dns robot"},
		{"a wildcard is nobody, and hides the subject all the same", []func(*x509.Certificate){dns("*.example.org")}, ""},
		{"more DNS names than anybody needs", []func(*x509.Certificate){dns(many...)}, ""},
		{"a subject, whole", nil, "subject CN=robot,O=Example"},
		{"a subject with separators in it", []func(*x509.Certificate){subject(pkix.Name{CommonName: "a,O=Example", Organization: []string{"B"}})}, `subject CN=a\,O=Example,O=B`},
		{"a subject with a line break", []func(*x509.Certificate){subject(pkix.Name{CommonName: "a\nb"})}, ""},
		{"no subject", []func(*x509.Certificate){subject(pkix.Name{})}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			leaf := ca.client(t, tt.change...).Leaf
			names := clientcert.Names(leaf)
			sum := sha256.Sum256(leaf.Raw)
			if first := names[0]; first.Kind != clientcert.Fingerprint || first.Value != hex.EncodeToString(sum[:]) {
				t.Errorf("the first is %+v", first)
			}
			var got []string
			for _, n := range names[1:] {
				got = append(got, string(n.Kind)+" "+n.Value)
				if again, err := clientcert.ParseName(n.Kind, n.Value); err != nil || again != n {
					t.Errorf("ParseName does not take %+v: %+v, %v", n, again, err)
				}
			}
			if strings.Join(got, ", ") != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestParseName(t *testing.T) {
	digits := strings.Repeat("0a", 32)
	for _, tt := range []struct {
		kind       clientcert.Kind
		text, want string // "" = refused
	}{
		{clientcert.Fingerprint, digits, digits},
		{clientcert.Fingerprint, strings.ToUpper(digits), digits},
		{clientcert.Fingerprint, strings.TrimSuffix(strings.Repeat("0A:", 32), ":"), digits},
		{clientcert.Fingerprint, digits[2:], ""},
		{clientcert.Fingerprint, digits + "0a", ""},
		{clientcert.Fingerprint, "sha256", ""},
		{clientcert.SPIFFE, " spiffe://example.org/a ", "spiffe://example.org/a"},
		{clientcert.SPIFFE, "spiffe://example.org/a.b/C-d_e", "spiffe://example.org/a.b/C-d_e"},
		{clientcert.SPIFFE, "spiffe://example.org/", ""},
		{clientcert.SPIFFE, "spiffe://example.org/a/", ""},
		{clientcert.SPIFFE, "spiffe://example.org//a", ""},
		{clientcert.SPIFFE, "spiffe://example.org/./a", ""},
		{clientcert.SPIFFE, "spiffe://Example.org/a", ""},
		{clientcert.SPIFFE, "spiffe://example.org:8443/a", ""},
		{clientcert.SPIFFE, "spiffe://ann@example.org/a", ""},
		{clientcert.SPIFFE, "spiffe://example.org/a?b", ""},
		{clientcert.SPIFFE, "spiffe://example.org/a%2Fb", ""},
		{clientcert.SPIFFE, "spiffe:///a", ""},
		{clientcert.SPIFFE, "https://example.org/a", ""},
		{clientcert.SPIFFE, "spiffe://example.org/" + strings.Repeat("a", 2048), ""},
		{clientcert.DNS, "Robot.Example.ORG", "robot.example.org"},
		{clientcert.DNS, "*.example.org", ""},
		{clientcert.DNS, "robot.example.org.", ""},
		{clientcert.DNS, "robot..example.org", ""},
		{clientcert.DNS, "-robot", ""},
		{clientcert.DNS, "röbot.example.org", ""},
		{clientcert.DNS, "", ""},
		{clientcert.DNS, strings.Repeat("a.", 127) + "a", ""},
		{clientcert.Subject, "CN=robot,O=Example", "CN=robot,O=Example"},
		{clientcert.Subject, "robot", ""},
		{clientcert.Subject, "CN=a\x00b", ""},
		{clientcert.Subject, "CN=" + strings.Repeat("a", 1024), ""},
		{"cn", "robot", ""},
		{"", "", ""},
	} {
		n, err := clientcert.ParseName(tt.kind, tt.text)
		if got := n.Value; got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%s %.60q: %q, %v, want %q", tt.kind, tt.text, got, err, tt.want)
		}
	}
}

// FuzzParseName: what is taken is taken again, as the same.
func FuzzParseName(f *testing.F) {
	for _, s := range []string{"spiffe://example.org/a", "robot.example.org", "CN=robot,O=Example", strings.Repeat("0a:", 31) + "0a", "\xff", "*"} {
		for _, kind := range []clientcert.Kind{clientcert.SPIFFE, clientcert.DNS, clientcert.Subject, clientcert.Fingerprint} {
			f.Add(string(kind), s)
		}
	}
	f.Fuzz(func(t *testing.T, kind, s string) {
		n, err := clientcert.ParseName(clientcert.Kind(kind), s)
		if err != nil {
			return
		}
		if again, err := clientcert.ParseName(n.Kind, n.Value); err != nil || again != n {
			t.Fatalf("%q is read as %+v, and that as %+v, %v", s, n, again, err)
		}
	})
}
