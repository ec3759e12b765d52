package clientcert

import (
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Kind says which part of a certificate names its holder.
type Kind string

// The kinds of names, in the order in which they count. A common name is none: what
// it holds, nobody has ever agreed on.
const (
	Fingerprint Kind = "fingerprint" // this very certificate: SHA-256 of its DER, 64 hexadecimal digits
	SPIFFE      Kind = "spiffe"      // URI SAN such as spiffe://example.org/billing
	DNS         Kind = "dns"         // DNS SAN, in lower case
	Subject     Kind = "subject"     // the whole subject, as RFC 4514 writes it: CN=robot,O=Example
)

// A Name is what a certificate says of its holder.
type Name struct {
	Kind  Kind
	Value string
}

// Bounds on what a certificate may say: a look-up for each name is what it costs us.
const (
	maxDNS     = 16
	maxValue   = 2048 // bytes (SPIFFE ID §2.3)
	maxSubject = 1024
)

// Names returns the names of a certificate in the order in which they count: its
// fingerprint, which names this one and no other; and then its SPIFFE ID, else its
// DNS names, else its subject. What has one of the former is never known by the
// latter, so that nobody becomes somebody else by what a CA did not mean as a name.
func Names(c *x509.Certificate) []Name {
	names := []Name{{Fingerprint, fingerprint(c)}}
	switch {
	case slices.ContainsFunc(c.URIs, isSPIFFE):
		// X509-SVID §2 and §5.2: exactly one URI, or the certificate is to be refused.
		if id := c.URIs[0].String(); len(c.URIs) == 1 && validSPIFFE(id) {
			names = append(names, Name{SPIFFE, id})
		}
	case len(c.DNSNames) > 0:
		if len(c.DNSNames) > maxDNS {
			break
		}
		for _, host := range c.DNSNames {
			if host = strings.ToLower(host); validHost(host) {
				names = append(names, Name{DNS, host})
			}
		}
	default:
		if s, ok := SubjectOf(c); ok {
			names = append(names, Name{Subject, s})
		}
	}
	return names
}

// SubjectOf returns the whole subject of a certificate as RFC 4514 writes it, whatever
// other names there are; false if it has none that could be compared.
func SubjectOf(c *x509.Certificate) (string, bool) {
	s, err := subjectText(c.RawSubject)
	return s, err == nil
}

func fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

// ParseName returns the name in the one form in which it is kept, or an error that
// says how it is written.
func ParseName(kind Kind, value string) (Name, error) {
	n := Name{kind, strings.TrimSpace(value)}
	switch kind {
	case Fingerprint:
		n.Value = strings.ToLower(strings.ReplaceAll(n.Value, ":", ""))
		if b, err := hex.DecodeString(n.Value); err != nil || len(b) != sha256.Size {
			return Name{}, errors.New("a fingerprint is the SHA-256 of a certificate, in 64 hexadecimal digits")
		}
	case SPIFFE:
		if !validSPIFFE(n.Value) {
			return Name{}, errors.New("a SPIFFE ID is written like spiffe://example.org/billing")
		}
	case DNS:
		if n.Value = strings.ToLower(n.Value); !validHost(n.Value) {
			return Name{}, errors.New("a DNS name is written like robot.example.org, without a wildcard")
		}
	case Subject:
		if !validSubject(n.Value) {
			return Name{}, errors.New("a subject is written whole and as in RFC 4514, like CN=robot,O=Example")
		}
	default:
		return Name{}, fmt.Errorf("the kind of a name is one of %s, %s, %s and %s", SPIFFE, DNS, Subject, Fingerprint)
	}
	return n, nil
}

// ParsePEM reads the one certificate that text holds.
func ParsePEM(text []byte) (*x509.Certificate, error) {
	block, rest := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" || len(strings.TrimSpace(string(rest))) > 0 {
		return nil, errors.New("it is not one certificate in PEM")
	}
	return x509.ParseCertificate(block.Bytes)
}

func isSPIFFE(u *url.URL) bool { return strings.EqualFold(u.Scheme, "spiffe") }

// validSPIFFE reports whether id is a SPIFFE ID (SPIFFE-ID §2) with a path: without
// one it names a trust domain, which nobody is.
func validSPIFFE(id string) bool {
	rest, ok := strings.CutPrefix(id, "spiffe://")
	domain, path, hasPath := strings.Cut(rest, "/")
	if !ok || len(id) > maxValue || domain == "" || len(domain) > 255 || !hasPath {
		return false
	}
	if strings.IndexFunc(domain, func(r rune) bool { return !isLower(r) && !isDigit(r) && !strings.ContainsRune("-._", r) }) >= 0 {
		return false
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "" || segment == "." || segment == ".." || strings.IndexFunc(segment, notInPath) >= 0 {
			return false
		}
	}
	return true
}

func notInPath(r rune) bool {
	return !isLower(r) && !isUpper(r) && !isDigit(r) && !strings.ContainsRune("-._", r)
}

// validHost reports whether host is a name of one host, in lower case. A wildcard
// names nobody in particular.
func validHost(host string) bool {
	if len(host) > 253 {
		return false
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		if strings.IndexFunc(label, func(r rune) bool { return !isLower(r) && !isDigit(r) && r != '-' && r != '_' }) >= 0 {
			return false
		}
	}
	return true
}

func isLower(r rune) bool { return 'a' <= r && r <= 'z' }
func isUpper(r rune) bool { return 'A' <= r && r <= 'Z' }
func isDigit(r rune) bool { return '0' <= r && r <= '9' }

var errSubject = errors.New("subject cannot be a name")

// subjectText writes a subject as RFC 4514 does. What is no text cannot be
// compared as text and is refused.
func subjectText(raw []byte) (string, error) {
	var seq pkix.RDNSequence
	if rest, err := asn1.Unmarshal(raw, &seq); err != nil || len(rest) > 0 || len(seq) == 0 {
		return "", errSubject
	}
	for _, rdn := range seq {
		for _, a := range rdn {
			if s, ok := a.Value.(string); !ok || s == "" {
				return "", errSubject
			}
		}
	}
	if s := seq.String(); validSubject(s) {
		return s, nil
	}
	return "", errSubject
}

func validSubject(s string) bool {
	return len(s) <= maxSubject && strings.Contains(s, "=") && utf8.ValidString(s) && strings.IndexFunc(s, unicode.IsControl) < 0
}
