package sallyportgrpc

import (
	"context"
	"crypto/x509"
	"net"
	"net/http"
	"net/netip"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/sallyport-auth/sallyport"
)

// credential reads what a call offers, as the gate reads a request: see
// [sallyport.ReadCredential]. A client certificate counts only when nothing else is
// offered and is otherwise what a token may be bound to. Proofs (RFC 9449) are made
// for the request of HTTP that a call is.
func (g *Guard) credential(ctx context.Context, method string) (sallyport.Credential, error) {
	offered := func(name string) []string { return metadata.ValueFromIncomingContext(ctx, name) }
	c, err := sallyport.ReadCredential(offered("authorization"), offered("x-api-key"), offered("dpop"))
	if err != nil {
		return sallyport.Credential{}, err
	}
	p, _ := peer.FromContext(ctx)
	c.Peer, c.Addr, c.Method = certificate(p), g.addr(ctx, p), http.MethodPost
	if c.Peer != nil && c.Scheme == "" {
		c.Scheme = sallyport.SchemeCertificate
	}
	if g.config.Gate.Origin != "" {
		c.URL = g.config.Gate.Origin + method
	}
	return c, nil
}

// certificate is the leaf of the verified chain of p, nil if there is none.
func certificate(p *peer.Peer) *x509.Certificate {
	if p == nil {
		return nil
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.VerifiedChains) == 0 {
		return nil
	}
	return info.State.VerifiedChains[0][0]
}

func (g *Guard) addr(ctx context.Context, p *peer.Peer) netip.Addr {
	if g.config.Addr != nil {
		return g.config.Addr(ctx)
	}
	if p == nil {
		return netip.Addr{}
	}
	if tcp, ok := p.Addr.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
