package token

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// MaxSize is the length, in bytes, above which a token is refused before any other work is done.
const MaxSize = 8 << 10

var (
	// ErrInvalid is what every refused token is. The text around it says why and is for the log: a client that learns the cause
	// learns how to do better. Each error below is an ErrInvalid too.
	ErrInvalid = errors.New("invalid token")
	// ErrExpired says that a token was right in every respect and is merely too old: its holder may refresh it.
	ErrExpired = fmt.Errorf("%w: expired", ErrInvalid)
	// ErrUnknownKey says that a token names a key that the KeySource does not have.
	ErrUnknownKey = fmt.Errorf("%w: unknown key", ErrInvalid)

	// ErrKeysUnavailable says that no keys can be had at present, so nothing can be said about the token. It is not an ErrInvalid.
	ErrKeysUnavailable = errors.New("keys are unavailable")
)

func invalid(why string) error             { return fmt.Errorf("%w: %s", ErrInvalid, why) }
func invalidBy(what string, e error) error { return fmt.Errorf("%w: %s: %w", ErrInvalid, what, e) }

// VerifyJWS checks the signature of a compact JWS (RFC 7515 §7.1) with one key and returns its payload. It says nothing about the
// payload, not even that it is JSON; for access tokens use Verifier. Every error is an ErrInvalid.
func VerifyJWS(jws string, key *Key) ([]byte, error) {
	s := scratch.Get().(*[2 * MaxSize]byte)
	defer scratch.Put(s)
	parts, err := split(jws, s)
	if err != nil {
		return nil, err
	}
	if err := parts.verify(key); err != nil {
		return nil, err
	}
	return []byte(parts.payload), nil
}

// A Header is what a JWS says of itself; nobody has verified it. It says which key to verify with, and nothing else should be made of it.
type Header struct {
	Alg   Alg
	KeyID string // "" = it names none
	Type  string // typ, without "application/"; "" = it has none
}

// ReadHeader reads the header of a compact JWS. Every error is an ErrInvalid.
func ReadHeader(jws string) (Header, error) {
	s := scratch.Get().(*[2 * MaxSize]byte)
	defer scratch.Put(s)
	p, err := split(jws, s)
	if err != nil {
		return Header{}, err
	}
	return Header{Alg: Alg(p.alg), KeyID: p.kid, Type: strings.TrimPrefix(p.typ, "application/")}, nil
}

// A header is the part of a JOSE header that we act on.
type header struct {
	alg, kid, typ string
}

// parts is a compact JWS taken apart. Input and signature lie in a scratch buffer and die with it; header and payload do not.
type parts struct {
	header
	head, payload    string
	input, signature []byte
}

// scratch holds buffers for the signing input and for the decoded parts, which together are never longer than twice the token.
var scratch = sync.Pool{New: func() any { return new([2 * MaxSize]byte) }}

// split decodes a compact JWS and reads its header. It does not check the signature.
func split(jws string, s *[2 * MaxSize]byte) (p parts, err error) {
	if p, err = takeApart(jws, s); err != nil {
		return p, err
	}
	if err := p.header.parse(p.head); err != nil {
		return p, invalidBy("header", err)
	}
	return p, nil
}

// takeApart decodes, and reads nothing.
func takeApart(jws string, s *[2 * MaxSize]byte) (p parts, err error) {
	if len(jws) > MaxSize {
		return p, invalid("longer than 8 KiB")
	}
	i := strings.IndexByte(jws, '.')
	j := strings.LastIndexByte(jws, '.')
	if i < 0 || i == j || strings.IndexByte(jws[i+1:j], '.') >= 0 {
		return p, invalid("not a compact JWS of three parts")
	}
	buf := append(s[:0], jws[:j]...)
	p.input = buf
	if buf, err = appendDecoded(buf, jws[:i]); err != nil {
		return p, invalidBy("header", err)
	}
	h := len(buf)
	if buf, err = appendDecoded(buf, jws[i+1:j]); err != nil {
		return p, invalidBy("payload", err)
	}
	n := len(buf)
	if buf, err = appendDecoded(buf, jws[j+1:]); err != nil {
		return p, invalidBy("signature", err)
	}
	p.signature = buf[n:]
	text := string(buf[j:n]) // one allocation for everything that outlives the buffer
	p.payload = text[h-j:]
	p.head = text[:h-j]
	return p, nil
}

// verify checks the signature. The algorithm is the key's; the header merely has to agree (RFC 8725 §3.1).
func (p *parts) verify(key *Key) error {
	if key == nil {
		return ErrUnknownKey
	}
	if p.alg != string(key.alg) {
		return invalid("algorithm is not the key's")
	}
	if !key.verify(p.input, p.signature) {
		return invalid("wrong signature")
	}
	return nil
}

var (
	errBase64     = errors.New("not canonical unpadded base64url")
	errForbidden  = errors.New("member that brings its own key, or asks for an extension")
	errNoAlg      = errors.New("no alg")
	errResembling = errors.New("member differs from a known one only in case")
)

var (
	headerNames = []string{"alg", "kid", "typ"}
	// Members that tell a naive verifier where to find the key (RFC 8725 §3.10), change what is signed (RFC 7797), or make it a JWE.
	forbiddenHeaderNames = []string{"jku", "jwk", "x5u", "x5c", "crit", "b64", "enc", "zip", "epk"}
)

func (h *header) parse(s string) error {
	err := parseObject(s, func(p *parser, name string) error { return h.member(p, name, headerNames) })
	if err == nil && h.alg == "" {
		return errNoAlg
	}
	return err
}

// member reads one member of a header in which those of known mean something.
func (h *header) member(p *parser, name string, known []string) (err error) {
	switch name {
	case "alg":
		h.alg, err = p.str()
	case "kid":
		h.kid, err = p.str()
	case "typ":
		h.typ, err = p.str()
	default:
		for _, f := range forbiddenHeaderNames {
			if strings.EqualFold(name, f) {
				return errForbidden
			}
		}
		if resembles(name, known) {
			return errResembling
		}
		err = p.skip()
	}
	return err
}

var strictBase64 = base64.RawURLEncoding.Strict()

// appendDecoded decodes unpadded base64url of which there is exactly one spelling: no padding, no bits to spare, no white space.
func appendDecoded(dst []byte, src string) ([]byte, error) {
	want := len(dst) + base64.RawURLEncoding.DecodedLen(len(src))
	if len(src)%4 == 1 {
		return nil, errBase64
	}
	// Strict refuses padding and spare bits, yet skips line breaks; then fewer bytes come out than the length of src promises.
	n, err := strictBase64.Decode(dst[len(dst):want], []byte(src))
	if err != nil || len(dst)+n != want {
		return nil, errBase64
	}
	return dst[:want], nil
}

func decode(src string) ([]byte, error) {
	return appendDecoded(make([]byte, 0, base64.RawURLEncoding.DecodedLen(len(src))), src)
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// UnverifiedPayload returns the payload of a compact JWS that nobody has verified: to find out whose key it is to be verified with.
func UnverifiedPayload(jws string) ([]byte, error) {
	s := scratch.Get().(*[2 * MaxSize]byte)
	defer scratch.Put(s)
	p, err := split(jws, s)
	return []byte(p.payload), err
}
