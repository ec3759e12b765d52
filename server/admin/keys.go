package admin

import (
	"context"
	"net/http"
	"time"

	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/shown"
)

func (h *Handler) keys(w http.ResponseWriter, r *http.Request) error {
	rows := h.Keyring.Keys().Load().Rows()
	out := exchange.List[shown.SigningKey]{Items: make([]shown.SigningKey, 0, len(rows))}
	for _, k := range rows {
		out.Items = append(out.Items, shown.NewSigningKey(k))
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
