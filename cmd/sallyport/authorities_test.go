package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// clients makes a CA, in PEM, and a client's certificate of it.
func clients(t *testing.T, host string) (ca []byte, client tls.Certificate) {
	t.Helper()
	signer, parent := newClientKey(t), &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA of " + host}, IsCA: true, BasicConstraintsValid: true, NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, parent, parent, &signer.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	key := newClientKey(t)
	leaf, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), DNSNames: []string{host}, NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), tls.Certificate{Certificate: [][]byte{leaf}, PrivateKey: key}
}

func newClientKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// get asks who one is, over a connection of its own: the status, or that there was
// no handshake.
func get(t *testing.T, url string, c *tls.Certificate) string {
	t.Helper()
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	if c != nil {
		transport.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return c, nil }
	}
	resp, err := (&http.Client{Transport: transport}).Get(url + "/auth/me")
	if err != nil {
		return "no handshake"
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	return resp.Proto + " " + resp.Status[:3]
}

func TestTheListenerAsksForCertificates(t *testing.T) {
	const file = `[server]
tls_cert = "cert.pem"
tls_key = "key.pem"
client_ca = "ca.pem"
`
	cert, key := pair(t, 1)
	ca, robot := clients(t, "robot.example.org")
	other, stranger := clients(t, "robot.example.org")
	for _, tt := range []struct {
		mode                string
		none, good, foreign string
	}{
		{"optional", "HTTP/2.0 401", "HTTP/2.0 200", "no handshake"},
		{"required", "no handshake", "HTTP/2.0 200", "no handshake"},
	} {
		t.Run(tt.mode, func(t *testing.T) {
			dir := t.TempDir()
			for name, data := range map[string][]byte{
				"cert.pem": cert, "key.pem": key, "ca.pem": ca, "sallyport.toml": []byte(file + `client_certificates = "` + tt.mode + "\"\n"),
			} {
				if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			p := serving(t, dir)
			command := func(args ...string) {
				t.Helper()
				self, err := os.Executable()
				if err != nil {
					t.Fatal(err)
				}
				c := exec.Command(self, args...)
				c.Args[0], c.Dir, c.Env = "sallyport", dir, environ()
				if out, err := c.CombinedOutput(); err != nil {
					t.Fatalf("%s: %v\n%s", args, err, out)
				}
			}
			command("user", "add", "--username", "robot")
			command("cert", "add", "--user", "robot", "--dns", "robot.example.org")
			for _, x := range []struct {
				name string
				cert *tls.Certificate
				want string
			}{{"none", nil, tt.none}, {"good", &robot, tt.good}, {"of another CA", &stranger, tt.foreign}} {
				if got := get(t, p.url, x.cert); got != x.want {
					t.Errorf("%s: %s, want %s", x.name, got, x.want)
				}
			}
			if tt.mode == "required" {
				return
			}

			// Nonsense leaves the old CAs in force; other CAs count from then on.
			replace := func(data []byte, done func() bool) {
				t.Helper()
				if err := os.WriteFile(filepath.Join(dir, "ca.pem"), data, 0o600); err != nil {
					t.Fatal(err)
				}
				for !done() {
					time.Sleep(50 * time.Millisecond)
				}
			}
			replace([]byte("nonsense"), func() bool {
				return get(t, p.url, &robot) == tt.good && strings.Contains(p.logged(), "the new file of CAs does not work; the old CAs stay")
			})
			replace(other, func() bool { return get(t, p.url, &stranger) == tt.good })
			if got := get(t, p.url, &robot); got != "no handshake" {
				t.Errorf("of the CA that was replaced: %s", got)
			}
			command("user", "disable", "robot")
			if got := get(t, p.url, &stranger); got != "HTTP/2.0 401" {
				t.Errorf("of a disabled user: %s", got)
			}
		})
	}
}

// asked reports whether a listener asks whoever comes to that host for a certificate, and
// what it answers to one.
func asked(t *testing.T, url, host string, c tls.Certificate) (asks bool, status string) {
	t.Helper()
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{
		InsecureSkipVerify: true, ServerName: host,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { asks = true; return &c, nil },
	}}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Get(url + "/auth/me")
	if err != nil {
		return asks, "no handshake"
	}
	resp.Body.Close()
	return asks, resp.Status[:3]
}

// A browser that is asked for a certificate asks its user: only who comes to the address
// for certificates is.
func TestCertificatesAreAskedForAtTheirAddress(t *testing.T) {
	cert, key := pair(t, 1)
	ca, robot := clients(t, "robot.example.org")
	_, stranger := clients(t, "robot.example.org")
	for mode, foreign := range map[string]string{"optional": "no handshake", "any": "401"} {
		t.Run(mode, func(t *testing.T) {
			dir := t.TempDir()
			for name, data := range map[string][]byte{
				"cert.pem": cert, "key.pem": key, "ca.pem": ca, "sallyport.toml": []byte(`[server]
tls_cert = "cert.pem"
tls_key = "key.pem"
client_ca = "ca.pem"
certificate_url = "https://mtls.example.org"
client_certificates = "` + mode + "\"\n"),
			} {
				if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			p := serving(t, dir)
			for _, x := range []struct {
				host   string
				cert   tls.Certificate
				asks   bool
				status string
			}{
				{"mtls.example.org", robot, true, "401"}, {"mtls.example.org", stranger, true, foreign}, {"id.example.org", robot, false, "401"}, {"", stranger, false, "401"},
			} {
				if asks, status := asked(t, p.url, x.host, x.cert); asks != x.asks || status != x.status {
					t.Errorf("at %q: asks is %v, and it answers %s", x.host, asks, status)
				}
			}
		})
	}
}

func TestTheListenerSpeaksNoOldTLS(t *testing.T) {
	cert, key := pair(t, 1)
	dir := t.TempDir()
	for name, data := range map[string][]byte{
		"cert.pem": cert, "key.pem": key, "sallyport.toml": []byte("[server]\ntls_cert = \"cert.pem\"\ntls_key = \"key.pem\"\n"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	host := strings.TrimPrefix(serving(t, dir).url, "https://")
	for version, taken := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		c, err := tls.Dial("tcp", host, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version})
		if (err == nil) != taken {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
		if err == nil {
			c.Close()
		}
	}
}
