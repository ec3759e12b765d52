package admin

import (
	"encoding/json"
	"net/http"

	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/shown"
)

func (h *Handler) resources(w http.ResponseWriter, r *http.Request) error {
	limit, cursor, err := pageOf(r)
	if err != nil {
		return err
	}
	all, err := h.Accounts.Resources(r.Context(), cursor, limit+1)
	if err != nil {
		return exchange.Problem(err)
	}
	page := make([]shown.Resource, 0, len(all))
	for _, one := range all {
		page = append(page, shown.NewResource(one))
	}
	return exchange.JSON(w, http.StatusOK, exchange.NewPage(page, limit, func(s shown.Resource) string { return s.URI }))
}

// resourceURI is which one a request is about. It is no part of the path: many proxies
// change an address in one, or refuse it.
func resourceURI(r *http.Request) (string, error) {
	uri := r.URL.Query().Get("uri")
	if uri == "" {
		return "", exchange.Invalid("Name a resource: ?uri=https://api.example.com.")
	}
	return uri, nil
}

func (h *Handler) resource(w http.ResponseWriter, r *http.Request) error {
	uri, err := resourceURI(r)
	if err != nil {
		return err
	}
	found, err := h.Accounts.Resource(r.Context(), uri)
	if err != nil {
		return exchange.Problem(err)
	}
	return showResource(w, found)
}

func showResource(w http.ResponseWriter, r oauth.Resource) error {
	w.Header().Set("ETag", resourceTag(&r))
	return exchange.JSON(w, http.StatusOK, shown.NewResource(r))
}

// resourceTag names a version of a definition; "" of none.
func resourceTag(r *oauth.Resource) string {
	if r == nil {
		return ""
	}
	return tag([]any{r.URI, r.CreatedAt.UnixMilli(), r.UpdatedAt.UnixMilli()})
}

func resourceMatches(r *http.Request) func(*oauth.Resource) error {
	return func(current *oauth.Resource) error { return matches(r, resourceTag(current)) }
}

// A resourceRequest is a resource as it is to be. What is shown of one beside that is
// read, so that it can be sent back, and counts for nothing.
type resourceRequest struct {
	oauth.Resource
	CreatedAt json.RawMessage `json:"created_at"`
	UpdatedAt json.RawMessage `json:"updated_at"`
}

func (h *Handler) putResource(w http.ResponseWriter, r *http.Request) error {
	var in resourceRequest
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	uri, err := resourceURI(r)
	if err != nil {
		return err
	}
	if in.URI != "" && in.URI != uri {
		return exchange.Invalid("The resource in the body is not the one in the address.")
	}
	in.URI = uri
	made, err := h.Accounts.SetResource(r.Context(), in.Resource, resourceMatches(r), exchange.Origin(h.Gate, r))
	if err != nil {
		return exchange.Problem(err)
	}
	h.MakeKeys(r.Context())
	return showResource(w, made)
}

func (h *Handler) deleteResource(w http.ResponseWriter, r *http.Request) error {
	uri, err := resourceURI(r)
	if err != nil {
		return err
	}
	if err := h.Accounts.RemoveResource(r.Context(), uri, resourceMatches(r), exchange.Origin(h.Gate, r)); err != nil {
		return exchange.Problem(err)
	}
	return exchange.Done(w)
}
