package clientcert

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
)

// A Form is how a proxy that terminates TLS hands on the certificate of its client.
// The zero Form is none.
type Form string

// The forms.
const (
	RFC9440 Form = "rfc9440" // Client-Cert and Client-Cert-Chain: DER in base64 between colons
	Nginx   Form = "nginx"   // ssl-client-cert: PEM, URL-encoded ($ssl_client_escaped_cert)
	Envoy   Form = "envoy"   // x-forwarded-client-cert, with Cert or Chain
)

// The headers of the forms, as net/http spells them.
const (
	clientCert      = "Client-Cert"
	clientCertChain = "Client-Cert-Chain"
	nginxCert       = "Ssl-Client-Cert"
	nginxVerify     = "Ssl-Client-Verify"
	envoyCert       = "X-Forwarded-Client-Cert"
)

// Headers returns the headers of the form: what nobody but the proxy may send.
func (f Form) Headers() []string {
	switch f {
	case RFC9440:
		return []string{clientCert, clientCertChain}
	case Nginx:
		return []string{nginxCert, nginxVerify}
	case Envoy:
		return []string{envoyCert}
	}
	return nil
}

// Bounds on what a header may hold.
const (
	maxHeader = 64 << 10 // bytes of all certificates, encoded
	maxChain  = 8        // certificates
)

var (
	errNone   = errors.New("no certificate in it")
	errTwice  = errors.New("it is there twice")
	errLength = fmt.Errorf("it is longer than %d bytes", maxHeader)
	errChain  = fmt.Errorf("it has more than %d certificates", maxChain)
)

// Read returns the certificate that a proxy put into h, and those between it and
// the CA, as far as the proxy says. Both are nil where the client offered none.
// Nothing is verified: see [Verify].
func (f Form) Read(h http.Header) (leaf *x509.Certificate, between []*x509.Certificate, err error) {
	name, read := f.reader()
	if read == nil {
		return nil, nil, nil
	}
	value, err := single(h, name)
	if err == nil && value != "" {
		leaf, between, err = read(h, value)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("header %s: %w", name, err)
	}
	return leaf, between, nil
}

type reader func(h http.Header, value string) (*x509.Certificate, []*x509.Certificate, error)

func (f Form) reader() (header string, read reader) {
	switch f {
	case RFC9440:
		return clientCert, readRFC9440
	case Nginx:
		return nginxCert, readNginx
	case Envoy:
		return envoyCert, readEnvoy
	}
	return "", nil
}

// single returns the only value of a header, "" if it is absent. Of two nobody
// knows which one the proxy wrote.
func single(h http.Header, name string) (string, error) {
	switch values := h[name]; {
	case len(values) == 0:
		return "", nil
	case len(values) > 1:
		return "", errTwice
	case len(values[0]) > maxHeader:
		return "", errLength
	default:
		return textproto.TrimString(values[0]), nil
	}
}

// readRFC9440 reads an Item that is a Byte Sequence, and a List of them beside it
// (RFC 9440 §2). Neither has parameters.
func readRFC9440(h http.Header, value string) (*x509.Certificate, []*x509.Certificate, error) {
	leaf, err := byteSequence(value)
	if err != nil {
		return nil, nil, err
	}
	list := strings.Join(h[clientCertChain], ",")
	if textproto.TrimString(list) == "" {
		return leaf, nil, nil
	}
	if len(list) > maxHeader {
		return nil, nil, errLength
	}
	var between []*x509.Certificate
	for item := range strings.SplitSeq(list, ",") {
		c, err := byteSequence(textproto.TrimString(item))
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", clientCertChain, err)
		}
		if between = append(between, c); len(between) > maxChain {
			return nil, nil, errChain
		}
	}
	return leaf, between, nil
}

// byteSequence reads a Byte Sequence (RFC 9651 §3.3.5) with a certificate in DER.
func byteSequence(item string) (*x509.Certificate, error) {
	inner, opened := strings.CutPrefix(item, ":")
	inner, closed := strings.CutSuffix(inner, ":")
	if !opened || !closed || strings.ContainsAny(inner, "\r\n") { // base64 skips these
		return nil, errors.New("it is no byte sequence")
	}
	der, err := base64.StdEncoding.DecodeString(inner)
	if err != nil {
		return nil, errors.New("it is not base64")
	}
	return x509.ParseCertificate(der)
}

// readNginx reads what $ssl_client_escaped_cert has. Where nginx says beside it that
// it did not like the certificate, then neither do we.
func readNginx(h http.Header, value string) (*x509.Certificate, []*x509.Certificate, error) {
	verdict, err := single(h, nginxVerify)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", nginxVerify, err)
	}
	if verdict != "" && verdict != "SUCCESS" {
		return nil, nil, errors.New("nginx did not accept it")
	}
	all, err := escapedPEM(value)
	if err != nil {
		return nil, nil, err
	}
	return all[0], all[1:], nil
}

// escapedPEM reads certificates in PEM, URL-encoded; at least one. A plus sign is
// one: proxies write what stands for itself in a path.
func escapedPEM(text string) (all []*x509.Certificate, err error) {
	plain, err := url.PathUnescape(text)
	if err != nil {
		return nil, errors.New("it is not URL-encoded")
	}
	for rest := []byte(plain); len(strings.TrimSpace(string(rest))) > 0; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil || block.Type != "CERTIFICATE" || len(block.Headers) > 0 {
			return nil, errors.New("it is not PEM, or holds something else than certificates")
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		if all = append(all, c); len(all) > maxChain+1 {
			return nil, errChain
		}
	}
	if len(all) == 0 {
		return nil, errNone
	}
	return all, nil
}

// readEnvoy reads one element of x-forwarded-client-cert. With two, some proxy before
// the last has added what its own client sent: the last one is to be set to
// SANITIZE_SET.
func readEnvoy(_ http.Header, value string) (leaf *x509.Certificate, between []*x509.Certificate, err error) {
	pairs, err := envoyPairs(value)
	if err != nil {
		return nil, nil, err
	}
	if text, there := pairs["chain"]; there { // with the leaf first
		all, err := escapedPEM(text)
		if err != nil {
			return nil, nil, err
		}
		leaf, between = all[0], all[1:]
	}
	if text, there := pairs["cert"]; there {
		all, err := escapedPEM(text)
		switch {
		case err != nil:
			return nil, nil, err
		case len(all) > 1 || leaf != nil && !leaf.Equal(all[0]):
			//lint:ignore ST1005 it begins with a name
			return nil, nil, errors.New("Cert and Chain are of different certificates")
		}
		leaf = all[0]
	}
	if leaf == nil {
		return nil, nil, errors.New("it has neither Cert nor Chain")
	}
	if hash, there := pairs["hash"]; there && !strings.EqualFold(hash, fingerprint(leaf)) {
		//lint:ignore ST1005 it begins with a name
		return nil, nil, errors.New("Hash is that of another certificate")
	}
	return leaf, between, nil
}

// envoyPairs splits one element into its pairs, by key in lower case. Of the keys
// that say which certificate it is, none may be there twice.
func envoyPairs(element string) (map[string]string, error) {
	pairs := map[string]string{}
	for rest, more := element, true; more; {
		var key, value string
		var err error
		if key, value, rest, more, err = envoyPair(rest); err != nil {
			return nil, err
		}
		key = strings.ToLower(key)
		if _, twice := pairs[key]; twice && (key == "cert" || key == "chain" || key == "hash") {
			return nil, fmt.Errorf("%s is there twice", key)
		}
		pairs[key] = value
	}
	return pairs, nil
}

// envoyPair reads the first pair of text. A value with a separator in it is quoted,
// and a quote in it escaped.
func envoyPair(text string) (key, value, rest string, more bool, err error) {
	key, text, ok := strings.Cut(text, "=")
	if !ok || key == "" || strings.ContainsAny(key, `;,"`) {
		return "", "", "", false, errors.New("it is no list of key=value")
	}
	if quoted, is := strings.CutPrefix(text, `"`); is {
		if value, text, err = unquote(quoted); err != nil {
			return "", "", "", false, err
		}
	} else {
		end := strings.IndexAny(text, `;,"`)
		if end < 0 {
			end = len(text)
		}
		value, text = text[:end], text[end:]
	}
	switch {
	case text == "":
		return key, value, "", false, nil
	case text[0] == ';':
		return key, value, text[1:], true, nil
	case text[0] == ',':
		return "", "", "", false, errTwice
	}
	return "", "", "", false, errors.New("a value is not quoted well")
}

// unquote reads up to the closing quote and returns what follows it.
func unquote(text string) (value, rest string, err error) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return b.String(), text[i+1:], nil
		case c == '\\' && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", "", errors.New("a quote is not closed")
}
