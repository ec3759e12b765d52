package clientcert

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/revoke"
)

// Verify reports whether a certificate comes from one of the CAs, by way of those
// between, and is a client's, at that moment: chain, time, constraints of names and
// extended key usage (RFC 5280 §6).
func Verify(roots *x509.CertPool, leaf *x509.Certificate, between []*x509.Certificate, now time.Time) error {
	if roots == nil {
		return errors.New("no CA counts") // the zero options would take those of the system
	}
	o := x509.VerifyOptions{
		Roots: roots, Intermediates: x509.NewCertPool(), CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, c := range between {
		o.Intermediates.AddCert(c)
	}
	if _, err := leaf.Verify(o); err != nil {
		return err
	}
	return Check(leaf, now)
}

// A Proxy reads the certificates of clients from the headers of proxies that
// terminate TLS. That the client has the key is the proxy's word; that the
// certificate counts is not. It is safe for concurrent use.
type Proxy struct {
	Form  Form
	Roots func() *x509.CertPool // in force now
	// Cache remembers what was verified, for a minute at most; nil = nothing is.
	Cache *revoke.Cache[[32]byte, *x509.Certificate]
}

// Peer returns the certificate that the client of a proxy offered, nil if it
// offered none, and an error that wraps [sallyport.ErrInvalidCredential] if it does
// not count. The request must be one that came from such a proxy.
func (p *Proxy) Peer(h http.Header) (*x509.Certificate, error) {
	name, _ := p.Form.reader()
	if len(h[name]) == 0 {
		return nil, nil
	}
	return p.Cache.Find(p.key(h), func() (*x509.Certificate, revoke.IDs, time.Time, error) {
		now := time.Now()
		leaf, err := p.read(h, now)
		if err != nil || leaf == nil {
			return nil, revoke.IDs{}, time.Time{}, err
		}
		return leaf, revoke.IDs{}, earlier(leaf.NotAfter, now.Add(remember)), nil
	})
}

func (p *Proxy) read(h http.Header, now time.Time) (*x509.Certificate, error) {
	leaf, between, err := p.Form.Read(h)
	if err == nil && leaf != nil {
		err = Verify(p.Roots(), leaf, between, now)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: certificate from the proxy: %w", sallyport.ErrInvalidCredential, err)
	}
	return leaf, nil
}

// Shown returns the certificate that the client of a proxy has the key of, by the
// proxy's word and whoever signed it, nil if there is none that can be read.
func (p *Proxy) Shown(h http.Header) *x509.Certificate {
	leaf, _, err := p.Form.Read(h)
	if err != nil {
		return nil
	}
	return leaf
}

// key is a hash of all that the form reads. Lengths keep the values apart.
func (p *Proxy) key(h http.Header) (key [32]byte) {
	hash := sha256.New()
	for _, name := range p.Form.Headers() {
		values := h[name]
		hash.Write(binary.BigEndian.AppendUint64(nil, uint64(len(values))))
		for _, v := range values {
			hash.Write(binary.BigEndian.AppendUint64(nil, uint64(len(v))))
			hash.Write([]byte(v))
		}
	}
	hash.Sum(key[:0])
	return key
}

// Strip removes the headers of the form: for a request that no proxy sent.
func (p *Proxy) Strip(h http.Header) {
	for _, name := range p.Form.Headers() {
		delete(h, name)
	}
}
