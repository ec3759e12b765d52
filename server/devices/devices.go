// Package devices is the browsers that a person has signed in from: a list, and how
// to forget one.
package devices

import (
	"net/http"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/shown"
	"github.com/sallyport-auth/sallyport/server/web"
)

// A Handler serves the flow below Base.
type Handler struct {
	Base     string // "/auth"
	Gate     *sallyport.Gate
	Accounts *account.Service
	Pages    *web.Pages
}

// Mount registers the routes.
func (h *Handler) Mount(rt *sallyport.Routes) {
	own := sallyport.SignedIn()
	rt.Func("GET "+h.Base+"/devices", own, exchange.Within("account:read", h.list))
	rt.Func("DELETE "+h.Base+"/devices/{id}", own, exchange.Within("account:write", h.forget))
	rt.Func("POST "+h.Base+"/devices/{id}/forget", own, exchange.Within("account:write", h.forget))
}

// A line is one device, on the page.
type line struct {
	shown.KnownDevice
	Trusted time.Time // until then; zero = it is not
}

func (h *Handler) list(w http.ResponseWriter, r *http.Request) error {
	all, err := h.Accounts.Devices(r.Context(), sallyport.From(r.Context()).Subject, exchange.Origin(h.Gate, r))
	if err != nil {
		return exchange.Problem(err)
	}
	if sallyport.Navigation(r) {
		lines := make([]line, 0, len(all))
		for _, d := range all {
			lines = append(lines, line{shown.NewKnownDevice(d), d.TrustedUntil})
		}
		return h.Pages.Show(w, r, "devices", lines)
	}
	out := exchange.List[shown.KnownDevice]{Items: make([]shown.KnownDevice, 0, len(all))}
	for _, d := range all {
		out.Items = append(out.Items, shown.NewKnownDevice(d))
	}
	return exchange.JSON(w, http.StatusOK, out)
}

func (h *Handler) forget(w http.ResponseWriter, r *http.Request) error {
	var none struct{}
	if err := exchange.Read(w, r, &none); err != nil {
		return err
	}
	subject := sallyport.From(r.Context()).Subject
	if err := h.Accounts.ForgetDevice(r.Context(), subject, r.PathValue("id"), exchange.Origin(h.Gate, r)); err != nil {
		return exchange.Problem(err)
	}
	if exchange.IsForm(r) {
		return exchange.See(w, r, h.Base+"/devices?done=device_forgotten")
	}
	return exchange.Done(w)
}
