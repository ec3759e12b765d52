package clientcert_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authn/clientcert"
	"github.com/sallyport-auth/sallyport/revoke"
)

// An authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newAuthority(t testing.TB, name string) *authority { return (*authority)(nil).authority(t, name) }

// authority returns one below a, or a root if a is nil.
func (a *authority) authority(t testing.TB, name string) *authority {
	t.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	made := &authority{key: newKey(t)}
	made.cert = sign(t, template, a, made.key)
	return made
}

// sign signs the template by a, or by the key itself if a is nil.
func sign(t testing.TB, template *x509.Certificate, a *authority, key *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	template.SerialNumber, _ = rand.Int(rand.Reader, big.NewInt(1<<62))
	parent, by := template, key
	if a != nil {
		parent, by = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// client returns a certificate of the subject CN=robot,O=Example with its key. a may
// be nil: then it is signed by itself.
func (a *authority) client(t testing.TB, change ...func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		Subject:   pkix.Name{CommonName: "robot", Organization: []string{"Example"}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, f := range change {
		f(template)
	}
	key := newKey(t)
	leaf := sign(t, template, a, key)
	return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

func dns(names ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.DNSNames = names }
}

func uris(texts ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		for _, text := range texts {
			u, err := url.Parse(text)
			if err != nil {
				panic(err)
			}
			c.URIs = append(c.URIs, u)
		}
	}
}

func valid(from, to time.Duration) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = time.Now().Add(from), time.Now().Add(to) }
}

func usage(u ...x509.ExtKeyUsage) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.ExtKeyUsage = u }
}

func pemOf(c *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
}

var errDown = errors.New("connection refused")

// A book is a store in memory: mappings and the log, changed together.
type book struct {
	mu       sync.Mutex
	mappings map[clientcert.Name]clientcert.Mapping
	entries  []revoke.Entry
	down     bool

	asked, used int
}

func newBook() *book { return &book{mappings: map[clientcert.Name]clientcert.Mapping{}} }

// put maps a name, as one transaction with its entry in the log.
func (b *book) put(kind clientcert.Kind, value, owner string, change ...func(*clientcert.Mapping)) revoke.Position {
	n := clientcert.Name{Kind: kind, Value: value}
	m := clientcert.Mapping{ID: "crt_" + value, Owner: owner, Name: n, CreatedAt: time.Now()}
	for _, f := range change {
		f(&m)
	}
	return b.commit(func() { b.mappings[n] = m }, revoke.Notice, revoke.Client, clientcert.Everybody)
}

func (b *book) drop(kind clientcert.Kind, value string) revoke.Position {
	n := clientcert.Name{Kind: kind, Value: value}
	return b.commit(func() { delete(b.mappings, n) }, revoke.Notice, revoke.Client, clientcert.Everybody)
}

func (b *book) commit(change func(), effect revoke.Effect, kind revoke.Kind, id string) revoke.Position {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
	seq := int64(len(b.entries)) + 1
	b.entries = append(b.entries, revoke.Entry{
		Seq: seq, Effect: effect, Kind: kind, ID: id, Nonce: fmt.Sprint(seq), CreatedAt: time.Now(), ExpiresAt: time.Now().Add(24 * time.Hour),
	})
	return revoke.Position{Log: "log", Seq: seq}
}

func (b *book) Certificate(_ context.Context, n clientcert.Name) (clientcert.Mapping, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	if b.down {
		return clientcert.Mapping{}, errDown
	}
	m, ok := b.mappings[n]
	if !ok {
		return m, clientcert.ErrNotFound
	}
	return m, nil
}

func (b *book) CertificateUsed(context.Context, clientcert.Mapping, time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used++
	return nil
}

// Head, Append, Renew and Read implement [revoke.Log].
func (b *book) Head(context.Context) (revoke.Head, error) {
	return revoke.Head{Position: revoke.Position{Log: "log", Seq: int64(len(b.entries))}}, nil
}

func (b *book) Append(context.Context, ...revoke.Entry) (revoke.Position, error) {
	return revoke.Position{}, errors.ErrUnsupported
}

func (b *book) Renew(context.Context, string) (revoke.Position, error) {
	return revoke.Position{}, errors.ErrUnsupported
}

func (b *book) Read(_ context.Context, after int64, limit int) ([]revoke.Entry, error) {
	from := min(after, int64(len(b.entries)))
	return b.entries[from:min(from+int64(limit), int64(len(b.entries)))], nil
}

func (b *book) follow(t testing.TB) *revoke.Follower {
	t.Helper()
	f, err := revoke.Follow(t.Context(), revoke.Config{
		Read: func(_ context.Context, f func(revoke.Log) error) error {
			b.mu.Lock()
			defer b.mu.Unlock()
			return f(b)
		},
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

func (b *book) authenticator(f *revoke.Follower) *clientcert.Authenticator {
	a := &clientcert.Authenticator{Mappings: b, Complete: func(_ context.Context, p *sallyport.Principal) error {
		p.Roles = []string{"member"}
		return nil
	}}
	if f != nil {
		a.Cache = revoke.NewCache[[32]byte, *sallyport.Principal](f, 64)
	}
	return a
}

func offered(c *x509.Certificate) sallyport.Credential {
	return sallyport.Credential{Scheme: sallyport.SchemeCertificate, Peer: c}
}

// answer is what door one makes of it.
func answer(p *sallyport.Principal, err error) string {
	switch {
	case errors.Is(err, sallyport.ErrNotMine):
		return "not mine"
	case errors.Is(err, sallyport.ErrInvalidCredential):
		return "401"
	case err != nil:
		return "503"
	}
	return p.Kind.String() + " " + p.Subject
}
