package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// pair makes a certificate for 127.0.0.1 with that serial number.
func pair(t *testing.T, serial int64) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(serial), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: time.Now().Add(time.Hour),
	}, &x509.Certificate{SerialNumber: big.NewInt(serial)}, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
}

func TestCertificateIsReadAnewWhenItChanges(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name string, data []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cert, key := pair(t, 1)
	write("cert.pem", cert)
	write("key.pem", key)
	p := serving(t, dir, "--tls-cert", "cert.pem", "--tls-key", "key.pem")
	if !strings.HasPrefix(p.url, "https://") || !strings.Contains(p.banner, "sign in    https://") {
		t.Errorf("it says\n%s", p.banner)
	}
	addr := strings.TrimPrefix(p.url, "https://")
	serial := func(c *tls.Config) int64 {
		t.Helper()
		c.InsecureSkipVerify = true // which one it is, is what is asked
		conn, err := tls.Dial("tcp", addr, c)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	until := func(what string, done func() bool) {
		for !done() {
			time.Sleep(50 * time.Millisecond)
		}
		t.Log(what)
	}

	if got := serial(&tls.Config{}); got != 1 {
		t.Fatalf("the certificate is %d", got)
	}
	// Half a change, then nonsense: the old pair stays, and each is said once.
	cert, key = pair(t, 2)
	write("cert.pem", cert)
	until("half a change is noticed", func() bool {
		return serial(&tls.Config{}) == 1 && strings.Count(p.logged(), "the new certificate does not work; the old one stays") == 1
	})
	write("key.pem", []byte("nonsense"))
	until("nonsense is noticed", func() bool {
		return serial(&tls.Config{}) == 1 && strings.Count(p.logged(), "the new certificate does not work; the old one stays") == 2
	})
	write("key.pem", key)
	until("the new pair is in force", func() bool { return serial(&tls.Config{}) == 2 })

	old := &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	if conn, err := tls.Dial("tcp", addr, old); err == nil {
		conn.Close()
		t.Error("TLS 1.1 is spoken")
	}
	// Cookies are those of https.
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	res, err := client.Post(p.url+"/auth/register", "application/json",
		strings.NewReader(`{"username":"ann","password":"plums ripen late in august","mode":"cookie"}`))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if got := res.Header["Set-Cookie"]; !slices.ContainsFunc(got, func(line string) bool { return strings.HasPrefix(line, "__Host-sallyport=") }) ||
		slices.ContainsFunc(got, func(line string) bool { return !strings.Contains(line, "; Secure") }) {
		t.Errorf("the cookies are %q", got)
	}
	if err := p.stop(); err != nil {
		t.Error(err)
	}
}
