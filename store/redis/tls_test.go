package redis_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/internal/testdb"
	"github.com/sallyport-auth/sallyport/store/redis"
)

// An identity is a certificate for 127.0.0.1 and its key, in PEM.
type identity struct{ cert, key []byte }

func newIdentity() (identity, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return identity{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return identity{}, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	return identity{
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
	}, err
}

// trusted is the same for the whole process, which reads the system's authorities
// once.
var trusted = sync.OnceValues(newIdentity)

// files writes the identity where the server's user can read it, which t.TempDir is
// not.
func (i identity) files(t *testing.T) (cert, key string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "sallyport-tls-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if err := errors.Join(os.WriteFile(cert, i.cert, 0o644), os.WriteFile(key, i.key, 0o644), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// rediss:// talks to whom a certificate authority of the system vouches for, and
// never in plain.
func TestTLS(t *testing.T) {
	known, err := trusted()
	other, otherErr := newIdentity()
	if err := errors.Join(err, otherErr); err != nil {
		t.Fatal(err)
	}
	authorities, _ := known.files(t)
	t.Setenv("SSL_CERT_FILE", authorities)
	serve := func(i identity) string {
		cert, key := i.files(t)
		plain := testdb.NewRedis(t) // for its port only
		plain.Stop()
		_, port, _ := net.SplitHostPort(plain.Addr)
		testdb.NewRedis(t, "--tls-port", port, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-auth-clients", "no")
		return "rediss://" + plain.Addr
	}
	for _, c := range []struct {
		name, url string
		works     bool
	}{
		{"a certificate that is trusted", serve(known), true},
		{"a certificate that nobody vouches for", serve(other), false},
		{"a server without TLS", "rediss://" + testdb.Redis(t), false},
	} {
		client, _ := openWith(t, redis.Config{URL: c.url, Patience: time.Minute})
		if c.works {
			answers(t, client)
		} else if _, err := client.Get(t.Context(), "k"); !errors.Is(err, redis.ErrAway) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
