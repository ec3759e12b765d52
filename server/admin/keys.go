package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/server/exchange"
)

type shownKey struct {
	KID       string          `json:"kid"`
	Alg       token.Alg       `json:"alg"`
	Resource  string          `json:"resource,omitempty"` // audience; left out: every other one
	State     token.State     `json:"state"`
	NotBefore time.Time       `json:"not_before"`
	RetireAt  time.Time       `json:"retire_at"`
	PublicJWK json.RawMessage `json:"public_jwk,omitempty"`
}

func (h *Handler) keys(w http.ResponseWriter, r *http.Request) error {
	rows := h.Keyring.Keys().Load().Rows()
	out := exchange.List[shownKey]{Items: make([]shownKey, 0, len(rows))}
	for _, k := range rows {
		out.Items = append(out.Items, shownKey{k.KID, k.Alg, k.Resource, k.State, k.NotBefore.UTC(), k.RetireAt.UTC(), k.PublicJWK})
	}
	return exchange.JSON(w, http.StatusOK, out)
}

type rotateRequest struct {
	Resource string `json:"resource"`
}

func (h *Handler) rotateKey(w http.ResponseWriter, r *http.Request) error {
	var in rotateRequest
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	return h.toKeys(w, r, func(ctx context.Context, e audit.Entry) (revoke.Position, error) {
		return h.Keyring.Rotate(ctx, in.Resource, e)
	})
}

func (h *Handler) revokeKey(w http.ResponseWriter, r *http.Request) error {
	return h.toKeys(w, r, func(ctx context.Context, e audit.Entry) (revoke.Position, error) {
		return h.Keyring.Revoke(ctx, r.PathValue("kid"), e)
	})
}

func (h *Handler) toKeys(w http.ResponseWriter, r *http.Request, do func(context.Context, audit.Entry) (revoke.Position, error)) error {
	p, err := do(r.Context(), exchange.Origin(h.Gate, r).Entry("", "", time.Now()))
	if err != nil {
		return exchange.Problem(err)
	}
	if err := h.Accounts.CatchUp(r.Context(), p); err != nil {
		return err
	}
	return exchange.Done(w)
}
