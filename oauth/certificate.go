package oauth

import (
	"crypto/x509"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport/authn/clientcert"
	"github.com/sallyport-auth/sallyport/authn/token"
)

// A CertificateName says which certificates are those of a client with tls_client_auth
// (RFC 8705 §2.1.2): exactly one of its fields is set.
type CertificateName struct {
	Subject string `json:"tls_client_auth_subject_dn,omitempty"` // the whole of it, as RFC 4514 writes it
	DNS     string `json:"tls_client_auth_san_dns,omitempty"`
	URI     string `json:"tls_client_auth_san_uri,omitempty"`
	IP      string `json:"tls_client_auth_san_ip,omitempty"`
	Email   string `json:"tls_client_auth_san_email,omitempty"`
}

// fields are the names by what RFC 8705 calls them, in its order.
func (n *CertificateName) fields() []struct {
	name  string
	value *string
} {
	return []struct {
		name  string
		value *string
	}{
		{"tls_client_auth_subject_dn", &n.Subject}, {"tls_client_auth_san_dns", &n.DNS}, {"tls_client_auth_san_uri", &n.URI},
		{"tls_client_auth_san_ip", &n.IP}, {"tls_client_auth_san_email", &n.Email},
	}
}

// Given is the name that is set, and what RFC 8705 calls it.
func (n *CertificateName) Given() (name, value string) {
	for _, f := range n.fields() {
		if *f.value != "" {
			return f.name, *f.value
		}
	}
	return "", ""
}

// checkName makes sure that there is one name if there is to be one, and that a
// certificate can have it. It is kept in the one form in which it is compared.
func (c *Client) checkName() error {
	var given []string
	for _, f := range c.CertificateName.fields() {
		if *f.value = strings.TrimSpace(*f.value); *f.value != "" {
			given = append(given, f.name)
		}
	}
	switch {
	case c.Auth != TLSAuth && len(given) > 0:
		return wrong(given[0], "is for clients with %s", TLSAuth)
	case c.Auth == TLSAuth && len(given) == 0:
		return wrong("tls_client_auth_subject_dn", "or another name of its certificates (san_dns, san_uri, san_ip, san_email) is needed for %s", TLSAuth)
	case len(given) > 1:
		return wrong(given[1], "and %s exclude each other", given[0])
	}
	return c.normalName()
}

func (c *Client) normalName() error {
	n := &c.CertificateName
	if n.Subject != "" {
		name, err := clientcert.ParseName(clientcert.Subject, n.Subject)
		if err != nil {
			return wrong("tls_client_auth_subject_dn", "cannot be one: %v", err)
		}
		n.Subject = name.Value
	}
	if n.DNS != "" {
		name, err := clientcert.ParseName(clientcert.DNS, n.DNS)
		if err != nil {
			return wrong("tls_client_auth_san_dns", "cannot be one: %v", err)
		}
		n.DNS = name.Value
	}
	if n.URI != "" {
		u, err := url.Parse(n.URI)
		if err != nil || !u.IsAbs() || len(n.URI) > maxURI || !validToken(n.URI) {
			return wrong("tls_client_auth_san_uri", "must be an absolute URI")
		}
		n.URI = u.String()
	}
	if n.IP != "" {
		a, err := netip.ParseAddr(n.IP)
		if err != nil || a.Zone() != "" {
			return wrong("tls_client_auth_san_ip", "must be an IP address")
		}
		n.IP = a.Unmap().String()
	}
	if n.Email != "" {
		local, domain, ok := strings.Cut(n.Email, "@")
		if !ok || local == "" || domain == "" || strings.Contains(domain, "@") || !validToken(n.Email) {
			return wrong("tls_client_auth_san_email", "must be an e-mail address")
		}
		n.Email = local + "@" + strings.ToLower(domain)
	}
	return nil
}

// Names reports whether a certificate, which comes from a CA that counts, has the name.
// A wildcard in it is a name like any other, and stands for itself.
func (n *CertificateName) Names(c *x509.Certificate) bool {
	switch {
	case n.Subject != "":
		s, ok := clientcert.SubjectOf(c)
		return ok && s == n.Subject
	case n.DNS != "":
		return slices.ContainsFunc(c.DNSNames, func(host string) bool { return strings.ToLower(host) == n.DNS })
	case n.URI != "":
		return slices.ContainsFunc(c.URIs, func(u *url.URL) bool { return u.String() == n.URI })
	case n.IP != "":
		want, err := netip.ParseAddr(n.IP)
		return err == nil && slices.ContainsFunc(c.IPAddresses, func(b net.IP) bool {
			got, ok := netip.AddrFromSlice(b)
			return ok && got.Unmap() == want
		})
	case n.Email != "":
		return slices.ContainsFunc(c.EmailAddresses, func(address string) bool {
			local, domain, _ := strings.Cut(address, "@")
			return local+"@"+strings.ToLower(domain) == n.Email
		})
	}
	return false
}

// ProveByName reports whether the certificate, which a CA that counts has signed for a
// client, is one of the client's (RFC 8705 §2.1). nil is none.
func (c *Client) ProveByName(peer *x509.Certificate, now time.Time) bool {
	return peer != nil && clientcert.Check(peer, now) == nil && c.CertificateName.Names(peer)
}

// ProveByKey reports whether the certificate is one of those that the client has
// registered (RFC 8705 §2.2). Who signed it says nothing, and only that the client has its
// key does. nil is none.
func ProveByKey(shown *x509.Certificate, keys []*token.Key, now time.Time) bool {
	return shown != nil && !now.Before(shown.NotBefore) && !now.After(shown.NotAfter) &&
		slices.ContainsFunc(keys, func(k *token.Key) bool { return k.Certifies(shown) })
}
