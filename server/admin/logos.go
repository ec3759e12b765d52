package admin

import (
	"net/http"

	"github.com/sallyport-auth/sallyport/server/exchange"
)

// A logo is a picture, in base64.
type logo struct {
	Image []byte `json:"image"`
}

func (h *Handler) logo(w http.ResponseWriter, r *http.Request) error {
	image, err := h.Accounts.Logo(r.Context(), r.PathValue("id"))
	if err != nil {
		return exchange.Problem(err)
	}
	return exchange.JSON(w, http.StatusOK, logo{image})
}

func (h *Handler) putLogo(w http.ResponseWriter, r *http.Request) error {
	var in logo
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	if err := h.Accounts.SetLogo(r.Context(), r.PathValue("id"), in.Image, exchange.Origin(h.Gate, r)); err != nil {
		return exchange.Problem(err)
	}
	return exchange.Done(w)
}

func (h *Handler) deleteLogo(w http.ResponseWriter, r *http.Request) error {
	if err := h.Accounts.RemoveLogo(r.Context(), r.PathValue("id"), exchange.Origin(h.Gate, r)); err != nil {
		return exchange.Problem(err)
	}
	return exchange.Done(w)
}
