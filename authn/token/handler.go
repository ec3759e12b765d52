package token

import (
	"bytes"
	"crypto/sha256"
	"net/http"
	"time"
)

// JWKSMaxAge is how long verifiers may cache the published key set.
const JWKSMaxAge = 10 * time.Minute

// ServeHTTP publishes the current key set (RFC 7517 §8.5) to GET and HEAD, with an ETag and cache headers. It answers 503 while there
// are no keys. The set contains no secret, so it needs no door but a public one.
func (k *Keys) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	body, err := k.publish()
	if err != nil {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "keys are unavailable", http.StatusServiceUnavailable)
		return
	}
	tag := sha256.Sum256(body)
	h := w.Header()
	h.Set("Content-Type", "application/jwk-set+json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "public, max-age=600")
	h.Set("ETag", `"`+encode(tag[:16])+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body)) // answers If-None-Match and HEAD
}

func (k *Keys) publish() ([]byte, error) {
	s := k.Load()
	if s == nil {
		return nil, ErrKeysUnavailable
	}
	return s.JWKS(time.Now())
}
