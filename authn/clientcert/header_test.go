package clientcert_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authn/clientcert"
	"github.com/sallyport-auth/sallyport/revoke"
)

func der(c *x509.Certificate) string {
	return ":" + base64.StdEncoding.EncodeToString(c.Raw) + ":"
}

func escaped(cs ...*x509.Certificate) string {
	var all strings.Builder
	for _, c := range cs {
		all.WriteString(pemOf(c))
	}
	return strings.ReplaceAll(url.QueryEscape(all.String()), "+", "%20") // as proxies do
}

func header(lines ...string) http.Header {
	h := http.Header{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		h.Add(name, value)
	}
	return h
}

func TestHeaders(t *testing.T) {
	ca := newAuthority(t, "CA")
	below := ca.authority(t, "Intermediate")
	robot, other := below.client(t, dns("robot.example.org")).Leaf, ca.client(t, dns("other.example.org")).Leaf
	sum := sha256.Sum256(robot.Raw)
	hash := hex.EncodeToString(sum[:])
	nine := strings.TrimSuffix(strings.Repeat(der(below.cert)+", ", 9), ", ")
	for _, tt := range []struct {
		name    string
		form    clientcert.Form
		header  http.Header
		leaf    *x509.Certificate
		between int
		refused bool
	}{
		{"RFC 9440", clientcert.RFC9440, header("Client-Cert: " + der(robot)), robot, 0, false},
		{"RFC 9440 with a chain", clientcert.RFC9440, header("Client-Cert: "+der(robot), "Client-Cert-Chain: "+der(below.cert)+", "+der(ca.cert)), robot, 2, false},
		{"RFC 9440 with a chain on two lines", clientcert.RFC9440, header("Client-Cert: "+der(robot), "Client-Cert-Chain: "+der(below.cert), "Client-Cert-Chain: "+der(ca.cert)), robot, 2, false},
		{"RFC 9440, none", clientcert.RFC9440, header("Client-Cert-Chain: " + der(below.cert)), nil, 0, false},
		{"RFC 9440, empty", clientcert.RFC9440, header("Client-Cert: "), nil, 0, false},
		{"RFC 9440, two lines", clientcert.RFC9440, header("Client-Cert: "+der(robot), "Client-Cert: "+der(other)), nil, 0, true},
		{"RFC 9440, the same twice", clientcert.RFC9440, header("Client-Cert: "+der(robot), "Client-Cert: "+der(robot)), nil, 0, true},
		{"RFC 9440, two on a line", clientcert.RFC9440, header("Client-Cert: " + der(robot) + ", " + der(other)), nil, 0, true},
		{"RFC 9440 with a parameter", clientcert.RFC9440, header("Client-Cert: " + der(robot) + ";a=1"), nil, 0, true},
		{"RFC 9440 without colons", clientcert.RFC9440, header("Client-Cert: " + strings.Trim(der(robot), ":")), nil, 0, true},
		{"RFC 9440, cut short", clientcert.RFC9440, header("Client-Cert: " + der(robot)[:400] + ":"), nil, 0, true},
		{"RFC 9440 with something behind the certificate", clientcert.RFC9440, header("Client-Cert: :" + base64.StdEncoding.EncodeToString(append(bytes.Clone(robot.Raw), 0)) + ":"), nil, 0, true},
		{"RFC 9440 in PEM", clientcert.RFC9440, header("Client-Cert: " + escaped(robot)), nil, 0, true},
		{"RFC 9440, garbage in the chain", clientcert.RFC9440, header("Client-Cert: "+der(robot), "Client-Cert-Chain: :AA==:"), nil, 0, true},
		{"RFC 9440, an endless chain", clientcert.RFC9440, header("Client-Cert: "+der(robot), "Client-Cert-Chain: "+nine), nil, 0, true},
		{"RFC 9440, too long", clientcert.RFC9440, header("Client-Cert: :" + strings.Repeat("A", 1<<16) + ":"), nil, 0, true},

		{"nginx", clientcert.Nginx, header("ssl-client-cert: " + escaped(robot)), robot, 0, false},
		{"nginx says that it is fine", clientcert.Nginx, header("ssl-client-cert: "+escaped(robot), "ssl-client-verify: SUCCESS"), robot, 0, false},
		{"nginx, none", clientcert.Nginx, header("ssl-client-verify: NONE"), nil, 0, false},
		{"nginx does not like it", clientcert.Nginx, header("ssl-client-cert: "+escaped(robot), "ssl-client-verify: FAILED:certificate has been revoked"), nil, 0, true},
		{"nginx, two verdicts", clientcert.Nginx, header("ssl-client-cert: "+escaped(robot), "ssl-client-verify: SUCCESS", "ssl-client-verify: SUCCESS"), nil, 0, true},
		{"nginx, two lines", clientcert.Nginx, header("ssl-client-cert: "+escaped(robot), "ssl-client-cert: "+escaped(other)), nil, 0, true},
		{"nginx, not encoded", clientcert.Nginx, header("ssl-client-cert: " + strings.ReplaceAll(pemOf(robot), "\n", " ")), nil, 0, true},
		{"nginx, a broken escape", clientcert.Nginx, header("ssl-client-cert: " + escaped(robot) + "%4"), nil, 0, true},
		{"nginx, a key", clientcert.Nginx, header("ssl-client-cert: " + strings.ReplaceAll(escaped(robot), "CERTIFICATE", "PRIVATE%20KEY")), nil, 0, true},
		{"nginx, garbage", clientcert.Nginx, header("ssl-client-cert: %00%ff"), nil, 0, true},
		{"nginx does not read Client-Cert", clientcert.Nginx, header("Client-Cert: " + der(robot)), nil, 0, false},

		{"Envoy, Cert", clientcert.Envoy, header(`x-forwarded-client-cert: Hash=` + hash + `;Cert="` + escaped(robot) + `"`), robot, 0, false},
		{"Envoy, Chain", clientcert.Envoy, header(`x-forwarded-client-cert: Chain="` + escaped(robot, below.cert) + `"`), robot, 1, false},
		{"Envoy, all that it can say", clientcert.Envoy, header(`x-forwarded-client-cert: By=spiffe://example.org/front;By=https://b;Hash=` + strings.ToUpper(hash) + `;Subject="CN=\"a, b\",O=Example";URI=;DNS=a;DNS=b;Cert="` + escaped(robot) + `";Chain="` + escaped(robot, below.cert) + `"`), robot, 1, false},
		{"Envoy, not quoted", clientcert.Envoy, header(`x-forwarded-client-cert: cert=` + escaped(robot)), robot, 0, false},
		{"Envoy, none", clientcert.Envoy, header(), nil, 0, false},
		{"Envoy, a hash alone", clientcert.Envoy, header(`x-forwarded-client-cert: Hash=` + hash), nil, 0, true},
		{"Envoy, the hash of another", clientcert.Envoy, header(`x-forwarded-client-cert: Hash=` + strings.Repeat("00", 32) + `;Cert="` + escaped(robot) + `"`), nil, 0, true},
		{"Envoy, a chain of another", clientcert.Envoy, header(`x-forwarded-client-cert: Cert="` + escaped(robot) + `";Chain="` + escaped(other) + `"`), nil, 0, true},
		{"Envoy, two elements", clientcert.Envoy, header(`x-forwarded-client-cert: Cert="` + escaped(robot) + `",Cert="` + escaped(other) + `"`), nil, 0, true},
		{"Envoy, an element before that a client made up", clientcert.Envoy, header(`x-forwarded-client-cert: By=a,Cert="` + escaped(robot) + `"`), nil, 0, true},
		{"Envoy, two lines", clientcert.Envoy, header(`x-forwarded-client-cert: Cert="`+escaped(robot)+`"`, `x-forwarded-client-cert: Cert="`+escaped(other)+`"`), nil, 0, true},
		{"Envoy, Cert twice", clientcert.Envoy, header(`x-forwarded-client-cert: Cert="` + escaped(robot) + `";cert="` + escaped(other) + `"`), nil, 0, true},
		{"Envoy, a second Cert in a subject", clientcert.Envoy, header(`x-forwarded-client-cert: Subject="CN=\";Cert=\"x";Cert="` + escaped(robot) + `"`), robot, 0, false},
		{"Envoy, an open quote", clientcert.Envoy, header(`x-forwarded-client-cert: Cert="` + escaped(robot)), nil, 0, true},
		{"Envoy, no pairs", clientcert.Envoy, header(`x-forwarded-client-cert: hello`), nil, 0, true},
		{"Envoy, two certificates as Cert", clientcert.Envoy, header(`x-forwarded-client-cert: Cert="` + escaped(robot, other) + `"`), nil, 0, true},

		{"no form", "", header("Client-Cert: "+der(robot), "ssl-client-cert: "+escaped(robot)), nil, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			leaf, between, err := tt.form.Read(tt.header)
			if (err != nil) != tt.refused || (leaf == nil) != (tt.leaf == nil) || leaf != nil && !leaf.Equal(tt.leaf) || len(between) != tt.between {
				t.Errorf("%v, %d between, %v", leaf != nil, len(between), err)
			}
			if err != nil && strings.Contains(err.Error(), escaped(robot)[40:80]) {
				t.Errorf("the error repeats what was sent: %v", err)
			}
		})
	}
}

// What comes by a proxy counts as if it had come by TLS.
func TestProxy(t *testing.T) {
	ca, other := newAuthority(t, "CA"), newAuthority(t, "CA")
	below := ca.authority(t, "Intermediate")
	good := ca.client(t, dns("robot.example.org")).Leaf
	b := newBook()
	for _, cached := range []bool{false, true} {
		p := &clientcert.Proxy{Form: clientcert.RFC9440, Roots: ca.pool}
		if cached {
			p.Cache = revoke.NewCache[[32]byte, *x509.Certificate](b.follow(t), 8)
		}
		for _, tt := range []struct {
			name string
			leaf *x509.Certificate
			more []string
			want string
		}{
			{"good", good, nil, "it"},
			{"good again", good, nil, "it"},
			{"by way of an intermediate", below.client(t).Leaf, []string{"Client-Cert-Chain: " + der(below.cert)}, "it"},
			{"without the intermediate", below.client(t).Leaf, nil, "refused"},
			{"expired", ca.client(t, valid(-2*time.Hour, -time.Hour)).Leaf, nil, "refused"},
			{"not yet valid", ca.client(t, valid(time.Hour, 2*time.Hour)).Leaf, nil, "refused"},
			{"self-signed", (*authority)(nil).client(t).Leaf, nil, "refused"},
			{"self-signed, and sent as its own CA", other.cert, []string{"Client-Cert-Chain: " + der(other.cert)}, "refused"},
			{"of another CA", other.client(t).Leaf, []string{"Client-Cert-Chain: " + der(other.cert)}, "refused"},
			{"a server's", ca.client(t, usage(x509.ExtKeyUsageServerAuth)).Leaf, nil, "refused"},
			{"a CA's", ca.cert, nil, "refused"},
			{"good, then twice", good, []string{"Client-Cert: " + der(good)}, "refused"},
		} {
			got := "none"
			leaf, err := p.Peer(header(append([]string{"Client-Cert: " + der(tt.leaf)}, tt.more...)...))
			switch {
			case errors.Is(err, sallyport.ErrInvalidCredential):
				got = "refused"
			case err != nil:
				got = err.Error()
			case leaf != nil && leaf.Equal(tt.leaf):
				got = "it"
			}
			if got != tt.want {
				t.Errorf("%s: %s (%v), want %s", tt.name, got, err, tt.want)
			}
		}
		if leaf, err := p.Peer(header("Accept: */*")); leaf != nil || err != nil {
			t.Errorf("none: %v, %v", leaf, err)
		}
		if err := clientcert.Verify(nil, good, nil, time.Now()); err == nil {
			t.Error("without CAs that count, those of the system do")
		}
	}
}

// fuzz tells what no header may do: panic, yield a certificate and an error, or one
// that is not in it.
func fuzz(f *testing.F, form clientcert.Form, lines func(a, b string) []string, seeds ...[2]string) {
	for _, s := range seeds {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		h := http.Header{}
		for i, name := range lines(a, b) {
			h.Add(name, []string{a, b}[i])
		}
		leaf, between, err := form.Read(h)
		switch {
		case err != nil && (leaf != nil || between != nil):
			t.Fatalf("%v, and a certificate all the same", err)
		case leaf == nil && between != nil:
			t.Fatal("those between, and no leaf")
		}
		for _, c := range append(between, leaf) {
			if c != nil && len(c.Raw) == 0 {
				t.Fatal("an empty certificate")
			}
		}
	})
}

func FuzzRFC9440(f *testing.F) {
	ca := newAuthority(f, "CA")
	leaf := ca.client(f).Leaf
	fuzz(f, clientcert.RFC9440, func(string, string) []string { return []string{"Client-Cert", "Client-Cert-Chain"} },
		[2]string{der(leaf), der(ca.cert) + ", " + der(ca.cert)}, [2]string{":AA==:", ","}, [2]string{"::", "::"}, [2]string{":", ":"})
}

func FuzzNginx(f *testing.F) {
	leaf := newAuthority(f, "CA").client(f).Leaf
	fuzz(f, clientcert.Nginx, func(string, string) []string { return []string{"Ssl-Client-Cert", "Ssl-Client-Verify"} },
		[2]string{escaped(leaf), "SUCCESS"}, [2]string{"%", ""}, [2]string{"-----BEGIN%20CERTIFICATE-----", "NONE"})
}

func FuzzEnvoy(f *testing.F) {
	ca := newAuthority(f, "CA")
	leaf := ca.client(f).Leaf
	fuzz(f, clientcert.Envoy, func(_, b string) []string {
		if b == "" {
			return []string{"X-Forwarded-Client-Cert"}
		}
		return []string{"X-Forwarded-Client-Cert", "X-Forwarded-Client-Cert"}
	},
		[2]string{`Hash=00;Subject="a\"b";Cert="` + escaped(leaf) + `"`, ""}, [2]string{`Chain="` + escaped(leaf, ca.cert) + `"`, ""},
		[2]string{`Cert="`, ""}, [2]string{`a=b,c=d`, ""}, [2]string{`Cert="\`, "x"})
}
