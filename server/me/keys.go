package me

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/shown"
)

func (h *Handler) keys(w http.ResponseWriter, r *http.Request) error {
	keys, err := h.Accounts.Keys(r.Context(), sallyport.From(r.Context()).Subject)
	if err != nil {
		return exchange.Problem(err)
	}
	if sallyport.Navigation(r) {
		return h.Pages.Show(w, r, "api-keys", keys)
	}
	out := exchange.List[shown.APIKey]{Items: make([]shown.APIKey, 0, len(keys))}
	for _, k := range keys {
		out.Items = append(out.Items, shown.NewAPIKey(k, ""))
	}
	return exchange.JSON(w, http.StatusOK, out)
}

type keyRequest struct {
	Name      string     `json:"name"`
	Scopes    []string   `json:"scopes"`
	ExpiresAt *time.Time `json:"expires_at"`
}

// A keyForm is the same from the page, on which everything is text.
type keyForm struct {
	Name   string `json:"name"`
	Scopes string `json:"scopes"` // separated by spaces
	Days   string `json:"days"`   // that the key lives; "" = for ever
}

// request reads what the form says.
func (f *keyForm) request(now time.Time) (keyRequest, error) {
	in := keyRequest{Name: f.Name, Scopes: strings.Fields(f.Scopes)}
	if f.Days == "" {
		return in, nil
	}
	days, err := strconv.Atoi(f.Days)
	if err != nil || days < 1 || days > 3650 {
		return in, exchange.Invalid("The days that a key lives are a number up to 3650.")
	}
	expires := now.AddDate(0, 0, days)
	in.ExpiresAt = &expires
	return in, nil
}

// A newKey is what the page of a new key shows.
type newKey struct {
	Form        keyForm
	Permissions []string // that the key can have
}

func (h *Handler) newKey(p *sallyport.Principal, f keyForm) newKey {
	return newKey{f, h.Policy.Load().Permissions(p.Roles)}
}

func (h *Handler) newKeyPage(w http.ResponseWriter, r *http.Request) error {
	return h.Pages.Show(w, r, "api-key-new", h.newKey(sallyport.From(r.Context()), keyForm{Days: "90"}))
}

func (h *Handler) createKey(w http.ResponseWriter, r *http.Request) error {
	p := sallyport.From(r.Context())
	if !exchange.IsForm(r) {
		var in keyRequest
		if err := exchange.Read(w, r, &in); err != nil {
			return err
		}
		k, err := h.makeKey(r, p, in)
		if err != nil {
			return exchange.Problem(err)
		}
		return exchange.JSON(w, http.StatusCreated, k)
	}
	var form keyForm
	if err := exchange.Read(w, r, &form); err != nil {
		return err
	}
	in, err := form.request(time.Now())
	if err != nil {
		return h.Pages.Failed(w, r, "api-key-new", err, h.newKey(p, form))
	}
	k, err := h.makeKey(r, p, in)
	if err != nil {
		return h.Pages.Failed(w, r, "api-key-new", err, h.newKey(p, form))
	}
	return h.Pages.Show(w, r, "api-key", k)
}

// makeKey makes a key that reaches no further than the caller's credential.
func (h *Handler) makeKey(r *http.Request, p *sallyport.Principal, in keyRequest) (shown.APIKey, error) {
	if !authz.ScopeCovers(p.Scopes, in.Scopes) {
		return shown.APIKey{}, sallyport.Forbidden("forbidden", "A key cannot reach further than the credential that makes it.")
	}
	want := account.NewKey{Name: in.Name, Org: p.Org, Scopes: in.Scopes} // it acts where its owner acts now
	if in.ExpiresAt != nil {
		want.ExpiresAt = *in.ExpiresAt
	}
	k, plain, err := h.Accounts.CreateOwnKey(r.Context(), p, want, exchange.Origin(h.Gate, r))
	return shown.NewAPIKey(k, plain), err
}

func (h *Handler) revokeKey(w http.ResponseWriter, r *http.Request) error {
	if err := nothing(w, r); err != nil {
		return err
	}
	p := sallyport.From(r.Context())
	err := h.Accounts.RevokeKey(r.Context(), r.PathValue("id"), p.Subject, exchange.Origin(h.Gate, r))
	if err != nil {
		return exchange.Problem(err)
	}
	return done(w, r, h.Base+"/api-keys?done=key_revoked")
}
