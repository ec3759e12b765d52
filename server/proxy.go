package server

import (
	"crypto/x509"
	"net/http"
	"net/netip"
	"slices"
	"strings"

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
func (ps proxies) sent(r *http.Request) bool { return ps.has(neighbour(r)) }

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
	trusted proxies
	header  *clientcert.Proxy // nil: no header counts
}

func (s *Server) frontier() *frontier {
	c := &s.config
	f := &frontier{trusted: c.TrustedProxies}
	if c.CertificateHeader != "" {
		f.header = &clientcert.Proxy{
			Form: c.CertificateHeader, Roots: c.ClientCAs,
			Cache: revoke.NewCache[[32]byte, *x509.Certificate](s.follower, 1<<12),
		}
	}
	return f
}

// peer is what [sallyport.Gate] asks. The certificate of a proxy's own connection
// is the proxy's, and never that of whom it speaks for.
func (f *frontier) peer(r *http.Request) (*x509.Certificate, error) {
	switch {
	case !f.trusted.sent(r):
		return sallyport.VerifiedPeer(r), nil
	case f.header == nil:
		return nil, nil
	}
	return f.header.Peer(r.Header)
}

// strip removes what only a proxy may say from a request that none has sent, so
// that no handler believes it either.
func (f *frontier) strip(r *http.Request) {
	if f.header != nil && !f.trusted.sent(r) {
		f.header.Strip(r.Header)
	}
}
