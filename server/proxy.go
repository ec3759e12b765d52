package server

import (
	"crypto/sha256"
	"crypto/x509"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authn/clientcert"
	"github.com/sallyport-auth/sallyport/revoke"
)

// proxies are the networks whose headers count.
type proxies []netip.Prefix

func (ps proxies) has(a netip.Addr) bool {
	return slices.ContainsFunc(ps, func(p netip.Prefix) bool { return p.Contains(a) })
}

// sent reports whether r comes from one of them.
func (ps proxies) sent(r *http.Request) bool { return len(ps) > 0 && ps.has(neighbour(r)) }

// neighbour is whoever has the other end of r's connection.
func neighbour(r *http.Request) netip.Addr {
	peer, _ := netip.ParseAddrPort(r.RemoteAddr)
	return peer.Addr().Unmap()
}

// clientAddr returns the address of the client behind the trusted proxies: the
// last entry of X-Forwarded-For that none of them made up. Without trusted
// proxies it is nil: the header is anybody's to write.
func clientAddr(trusted proxies) func(*http.Request) netip.Addr {
	if len(trusted) == 0 {
		return nil
	}
	return func(r *http.Request) netip.Addr {
		client := neighbour(r)
		if len(r.Header["X-Forwarded-For"]) == 0 {
			return client
		}
		hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		for _, hop := range slices.Backward(hops) {
			if !trusted.has(client) {
				break
			}
			next, err := netip.ParseAddr(strings.TrimSpace(hop))
			if err != nil {
				break
			}
			client = next.Unmap()
		}
		return client
	}
}

// A frontier finds out which certificate the client of a request has, where proxies
// may stand between.
type frontier struct {
	trusted  proxies
	header   *clientcert.Proxy     // nil: no header counts
	roots    func() *x509.CertPool // nil: only what the listener has verified counts
	verified *revoke.Cache[[32]byte, *x509.Certificate]
}

func (s *Server) frontier() *frontier {
	c := &s.config
	verified := func() *revoke.Cache[[32]byte, *x509.Certificate] {
		return revoke.NewCache[[32]byte, *x509.Certificate](s.follower, 1<<12)
	}
	f := &frontier{trusted: c.TrustedProxies, roots: c.ClientCAs, verified: verified()}
	if c.CertificateHeader != "" {
		f.header = &clientcert.Proxy{
			Form: c.CertificateHeader, Roots: c.ClientCAs,
			Cache: verified(),
		}
	}
	return f
}

// peer is what [sallyport.Gate] asks. The certificate of a proxy's own connection
// is the proxy's, and never that of whom it speaks for.
func (f *frontier) peer(r *http.Request) (*x509.Certificate, error) {
	switch {
	case !f.trusted.sent(r):
		return f.direct(r)
	case f.header == nil:
		return nil, nil
	}
	return f.header.Peer(r.Header)
}

// direct returns the certificate of the connection's own client if it counts, and nil if
// it does not: a listener that takes any certificate (tls.RequestClientCert) takes those
// that stand for nobody, too.
func (f *frontier) direct(r *http.Request) (*x509.Certificate, error) {
	if c := sallyport.VerifiedPeer(r); c != nil || f.roots == nil || r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return c, nil
	}
	chain := r.TLS.PeerCertificates
	hash := sha256.New()
	for _, c := range chain {
		sum := sha256.Sum256(c.Raw)
		hash.Write(sum[:])
	}
	return f.verified.Find([32]byte(hash.Sum(nil)), func() (*x509.Certificate, revoke.IDs, time.Time, error) {
		now := time.Now()
		until := now.Add(time.Minute)
		if clientcert.Verify(f.roots(), chain[0], chain[1:], now) != nil {
			return nil, revoke.IDs{}, until, nil
		}
		if chain[0].NotAfter.Before(until) {
			until = chain[0].NotAfter
		}
		return chain[0], revoke.IDs{}, until, nil
	})
}

// shown is what [sallyport.Gate] asks: the certificate whose key the client of r has,
// whoever signed it.
func (f *frontier) shown(r *http.Request) *x509.Certificate {
	switch {
	case !f.trusted.sent(r):
		return sallyport.ShownPeer(r)
	case f.header == nil:
		return nil
	}
	return f.header.Shown(r.Header)
}

// strip removes what only a proxy may say from a request that none has sent, so
// that no handler believes it either.
func (f *frontier) strip(r *http.Request) {
	if f.header != nil && !f.trusted.sent(r) {
		f.header.Strip(r.Header)
	}
}
