package openapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/sallyport-auth/sallyport"
)

// A Handler publishes the description of the routes among which it is mounted.
// Fill its fields before Mount.
type Handler struct {
	Base          string // "/auth"
	Issuer        string // "https://example.com"
	Service       string // for people
	SessionCookie string // names of the cookies
	RefreshCookie string
}

// Mount registers the route. The description is made when it is first asked for,
// so that it holds the routes which are registered later, too.
func (h *Handler) Mount(rt *sallyport.Routes) {
	document := sync.OnceValues(func() (published, error) { return h.publish(rt) })
	rt.Func("GET "+h.Base+"/openapi.json", sallyport.Public().NoCookie(), func(w http.ResponseWriter, r *http.Request) error {
		d, err := document()
		if err != nil {
			return err
		}
		header := w.Header()
		header.Set("Content-Type", "application/json")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Cache-Control", "public, max-age=600")
		header.Set("ETag", d.tag)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(d.body)) // answers If-None-Match and HEAD
		return nil
	})
}

type published struct {
	body []byte
	tag  string
}

func (h *Handler) publish(rt *sallyport.Routes) (published, error) {
	d, err := h.describe(rt.All())
	if err != nil {
		return published{}, fmt.Errorf("describing the API: %w", err)
	}
	body, err := encode(d)
	if err != nil {
		return published{}, fmt.Errorf("writing the API description: %w", err)
	}
	sum := sha256.Sum256(body)
	return published{body, `"` + hex.EncodeToString(sum[:16]) + `"`}, nil
}
