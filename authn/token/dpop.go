package token

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/url"
	"strings"
	"time"
)

// TypProof is the typ of a DPoP proof (RFC 9449 §4.2).
const TypProof = "dpop+jwt"

// A Proof shows that whoever sends a request holds a key (RFC 9449 §4). It comes from ReadProof, so that its signature is good; whether
// it is for this request is asked of Fits.
type Proof struct {
	Alg      Alg    // of the key
	JKT      string // thumbprint of the key, base64url of SHA-256 (RFC 7638)
	ID       string // jti
	Method   string // htm
	URL      string // htu
	IssuedAt time.Time
	Access   string // ath: hash of the access token; "" = it is for none
	Nonce    string // "" = none
}

// ReadProof reads a DPoP proof and verifies it with the key that it brings along. The key must be public, and of an algorithm that we
// know. Every error is an ErrInvalid.
func ReadProof(jwt string) (*Proof, error) {
	s := scratch.Get().(*[2 * MaxSize]byte)
	defer scratch.Put(s)
	var head proofHeader
	p, err := takeApart(jwt, s)
	if err != nil {
		return nil, err
	}
	if err := head.parse(p.head); err != nil {
		return nil, invalidBy("header", err)
	}
	if head.typ != TypProof {
		return nil, invalid("wrong typ")
	}
	key, err := head.key()
	if err != nil {
		return nil, err
	}
	p.header = head.header
	if err := p.verify(key); err != nil {
		return nil, err
	}
	out := &Proof{Alg: key.alg, JKT: key.Thumbprint()}
	if err := out.parse(p.payload); err != nil {
		return nil, invalidBy("claims", err)
	}
	return out, nil
}

// A proofHeader has the key in it, which no other header may.
type proofHeader struct {
	header
	jwk    jwk
	hasJWK bool
}

var proofHeaderNames = append([]string{"jwk"}, headerNames...)

func (h *proofHeader) parse(s string) error {
	err := parseObject(s, func(p *parser, name string) error {
		if name == "jwk" {
			h.hasJWK = true
			return p.object(h.jwk.member)
		}
		return h.member(p, name, proofHeaderNames)
	})
	if err == nil && (h.alg == "" || !h.hasJWK) {
		return errNoAlg
	}
	return err
}

// key is the key that the proof brings along, which says nothing about whose it is. An algorithm of RSA is that of the header, if the
// key names none.
func (h *proofHeader) key() (*Key, error) {
	if h.jwk.private || h.jwk.kty == "oct" || h.jwk.k != "" {
		return nil, invalid("the key is not public")
	}
	if !h.jwk.hasAlg {
		h.jwk.alg, h.jwk.hasAlg = h.alg, true
	}
	key, err := h.jwk.key()
	if err != nil {
		return nil, invalidBy("jwk", err)
	}
	return key, nil
}

var proofNames = []string{"jti", "htm", "htu", "iat", "ath", "nonce"}

func (p *Proof) parse(payload string) error {
	err := parseObject(payload, func(in *parser, name string) (err error) {
		switch name {
		case "jti":
			p.ID, err = in.str()
		case "htm":
			p.Method, err = in.str()
		case "htu":
			p.URL, err = in.str()
		case "iat":
			p.IssuedAt, err = in.time()
		case "ath":
			p.Access, err = in.str()
		case "nonce":
			p.Nonce, err = in.str()
		default:
			if resembles(name, proofNames) {
				return errResembling
			}
			err = in.skip()
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case p.ID == "" || len(p.ID) > 256 || p.Method == "" || p.URL == "" || p.IssuedAt.IsZero():
		return errors.New("jti, htm, htu or iat is missing, or too long")
	}
	return nil
}

// ProofLife is how long after it was made a proof is good, and how far a clock may be ahead.
const ProofLife = time.Minute

// Fits reports whether the proof is for a request of that method to that address, without query, and made just now; and for that access
// token, "" = for none. Every error is an ErrInvalid.
func (p *Proof) Fits(method, address, access string, now time.Time) error {
	switch {
	case p.Method != method:
		return invalid("proof of another method")
	case !sameURL(p.URL, address):
		return invalid("proof of another address")
	case p.IssuedAt.After(now.Add(ProofLife)) || now.After(p.IssuedAt.Add(ProofLife)):
		return invalid("proof from another time")
	case access == "" && p.Access != "":
		return invalid("proof of an access token where there is none")
	case access != "" && p.Access != hashOf(access):
		return invalid("proof of another access token")
	}
	return nil
}

// hashOf is what a proof says of the access token that it comes with (RFC 9449 §4.2, ath).
func hashOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return encode(sum[:])
}

// sameURL compares htu as RFC 9449 §4.3 wants: without query and fragment, and after normalisation by syntax and scheme (RFC 3986 §6.2).
func sameURL(proved, address string) bool {
	a, errA := url.Parse(proved)
	b, errB := url.Parse(address)
	if errA != nil || errB != nil || a.User != nil || !strings.EqualFold(a.Scheme, b.Scheme) {
		return false
	}
	return hostPort(a) == hostPort(b) && pathOf(a) == pathOf(b)
}

func pathOf(u *url.URL) string {
	if p := u.EscapedPath(); p != "" {
		return p
	}
	return "/"
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[strings.ToLower(u.Scheme)]
	}
	return strings.ToLower(u.Hostname()) + ":" + port
}

// A Prover checks the proofs of requests. Fill its fields before first use; it is then safe for concurrent use.
type Prover struct {
	// First reports true to the first who brings an id and false to everybody after, for as long as a proof is good: it was not made
	// before made, and can be forgotten after keep.
	First func(ctx context.Context, id string, made time.Time, keep time.Duration) (bool, error)
	// Nonces are what proofs may have to hold; nil = nothing.
	Nonces *Nonces
}

// ErrNonce says that a proof needs a nonce of ours, or a newer one (RFC 9449 §8, §9). It is an ErrInvalid.
var ErrNonce = invalid("a nonce is needed")

// Check returns the thumbprint of the key that a request proves: see Proof.Fits. A proof counts once. With strict, it must hold a nonce;
// without, it may, and one that is old is refused all the same.
func (v *Prover) Check(ctx context.Context, proof, method, address, access string, strict bool) (jkt string, err error) {
	p, err := ReadProof(proof)
	if err != nil {
		return "", err
	}
	return p.JKT, v.CheckRead(ctx, p, method, address, access, strict)
}

// CheckRead is Check for a proof that ReadProof has read.
func (v *Prover) CheckRead(ctx context.Context, p *Proof, method, address, access string, strict bool) error {
	now := time.Now()
	if err := p.Fits(method, address, access, now); err != nil {
		return err
	}
	if v.Nonces != nil && (strict || p.Nonce != "") && !v.Nonces.Good(p.Nonce, now) {
		return ErrNonce
	}
	first, err := v.First(ctx, hashOf(p.JKT+"\n"+p.ID), p.IssuedAt.Add(-ProofLife), 3*ProofLife)
	if err == nil && !first {
		err = invalid("proof was used before")
	}
	return err
}
