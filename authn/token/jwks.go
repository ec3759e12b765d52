package token

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// A KeySource finds the key that a token names. It returns an ErrUnknownKey if there is none and ErrKeysUnavailable if that cannot
// be told at present. Implementations must be safe for concurrent use.
type KeySource interface {
	Key(ctx context.Context, kid string) (*Key, error)
}

// A JWKS is an immutable set of keys, each with its own id (RFC 7517 §5). It is a KeySource. The nil JWKS is empty.
type JWKS struct {
	keys    []*Key
	byID    map[string]*Key
	skipped []error
}

// maxKeys bounds the work that a set can cause.
const maxKeys = 256

// NewJWKS returns a set of these keys. Two keys with one id are refused, because a token would not say which it means; so is a mixture
// of secrets and public keys, because whoever may read such a set could sign.
func NewJWKS(keys ...*Key) (*JWKS, error) {
	s := &JWKS{byID: make(map[string]*Key, len(keys))}
	for _, k := range keys {
		if err := s.add(k); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *JWKS) add(k *Key) error {
	switch {
	case k == nil || !k.alg.supported():
		return badKey("zero key")
	case s.byID[k.id] != nil:
		return badKey("two keys with one id")
	case len(s.keys) == maxKeys:
		return badKey("more than 256 keys")
	case len(s.keys) > 0 && (s.keys[0].alg == HS256) != (k.alg == HS256):
		return badKey("secrets and public keys in one set")
	}
	s.keys = append(s.keys, k)
	s.byID[k.id] = k
	return nil
}

// ParseJWKS reads a published key set. Keys that are not for us are skipped (see Skipped); a key that is malformed, or a secret or a
// private member anywhere, refuses the whole set: who publishes those must not be trusted with the rest. Every error is an
// ErrInvalidKey.
func ParseJWKS(data []byte) (*JWKS, error) {
	s := &JWKS{byID: map[string]*Key{}}
	found := false
	err := parseObject(string(data), func(p *parser, name string) error {
		if name != "keys" {
			if resembles(name, []string{"keys"}) {
				return errResembling
			}
			return p.skip()
		}
		found = true
		return p.array(s.parseMember)
	})
	if err != nil {
		return nil, fmt.Errorf("%w: key set: %w", ErrInvalidKey, err)
	}
	if !found {
		return nil, badKey("key set without keys")
	}
	return s, nil
}

func (s *JWKS) parseMember(p *parser) error {
	var j jwk
	if err := p.object(j.member); err != nil {
		return err
	}
	if j.private || j.kty == "oct" || j.k != "" {
		return badKey("private key in a published set")
	}
	if len(s.keys)+len(s.skipped) == maxKeys {
		return badKey("more than 256 keys")
	}
	k, err := j.key()
	if errors.Is(err, ErrUnsupportedKey) {
		s.skipped = append(s.skipped, err)
		return nil
	}
	if err != nil {
		return err
	}
	return s.add(k)
}

// Key returns the key with this id, or ErrUnknownKey.
func (s *JWKS) Key(_ context.Context, kid string) (*Key, error) {
	if s != nil {
		if k := s.byID[kid]; k != nil {
			return k, nil
		}
	}
	return nil, ErrUnknownKey
}

// Candidates returns the keys that a header may mean: the one that it names or, if it names none, all of its algorithm.
func (s *JWKS) Candidates(h Header) (keys []*Key) {
	if s == nil {
		return nil
	}
	for _, k := range s.keys {
		if k.alg == h.Alg && (h.KeyID == "" || h.KeyID == k.id) {
			keys = append(keys, k)
		}
	}
	return keys
}

// Keys returns all of them.
func (s *JWKS) Keys() []*Key {
	if s == nil {
		return nil
	}
	return slices.Clone(s.keys)
}

// Len returns the number of keys.
func (s *JWKS) Len() int {
	if s == nil {
		return 0
	}
	return len(s.keys)
}

// Skipped says why keys were left out by ParseJWKS, one error for each.
func (s *JWKS) Skipped() []error {
	if s == nil {
		return nil
	}
	return append([]error(nil), s.skipped...)
}

// MarshalJSON returns the set as it is published. It fails for secrets.
func (s *JWKS) MarshalJSON() ([]byte, error) {
	b := []byte(`{"keys":[`)
	if s != nil {
		for i, k := range s.keys {
			m, err := k.MarshalJSON()
			if err != nil {
				return nil, err
			}
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, m...)
		}
	}
	return append(b, "]}"...), nil
}
