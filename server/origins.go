package server

import (
	"net/http"
	"slices"
)

// cors answers the browser origins that the configuration trusts (Fetch
// Standard, CORS protocol), and no other.
type cors struct {
	origins []string
}

func newCORS(origins []string) *cors { return &cors{slices.Clone(origins)} }

// protection lets the trusted origins change state with cookies.
func (c *cors) protection() *http.CrossOriginProtection {
	p := http.NewCrossOriginProtection()
	for _, o := range c.origins {
		// The configuration was checked; an origin that still is not one is trusted
		// with nothing.
		_ = p.AddTrustedOrigin(o)
	}
	return p
}

// serve adds the headers for a trusted origin and reports whether it answered,
// as it does a preflight request.
func (c *cors) serve(w http.ResponseWriter, r *http.Request) (answered bool) {
	if len(c.origins) == 0 {
		return false
	}
	h := w.Header()
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if !slices.Contains(c.origins, origin) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true")
	h.Set("Access-Control-Expose-Headers", "WWW-Authenticate, Retry-After, RateLimit, RateLimit-Policy, ETag, Location")
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, X-API-Key, DPoP, If-Match, Traceparent")
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}
