package oauth

import (
	"errors"
	"net/http"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/web"
)

// devicePage asks for the code that a device shows (RFC 8628 §3.3). A code that came with
// the address is filled in, and not taken: whoever sent the link may wait behind it.
func (h *Handler) devicePage(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	return h.Pages.Show(w, r, "device_code", web.DeviceCode{Code: clipped(q.Get("user_code")), Done: q.Get("done")})
}

func clipped(code string) string {
	const most = 20
	return code[:min(len(code), most)]
}

type deviceAnswer struct {
	UserCode string `json:"user_code"`
	Decision string `json:"decision"` // "" = show what it is about
}

// answerDevice first shows which device waits, and for what, then takes the answer.
func (h *Handler) answerDevice(w http.ResponseWriter, r *http.Request) error {
	var in deviceAnswer
	if err := exchange.Read(w, r, &in); err != nil {
		return err
	}
	p := sallyport.From(r.Context())
	if p.Session == "" || p.Scopes != nil {
		return exchange.Problem(account.ErrNoSession)
	}
	if in.Decision == "" {
		d, err := h.Accounts.Device(r.Context(), p, in.UserCode)
		if err != nil {
			return h.Pages.Failed(w, r, "device_code", deviceProblem(err), web.DeviceCode{Code: clipped(in.UserCode)})
		}
		if !exchange.IsForm(r) {
			return exchange.JSON(w, http.StatusOK, map[string]any{"client": d.Named.Name, "scopes": d.Scope, "address": d.Address, "asked_at": d.CreatedAt})
		}
		resources, err := h.Accounts.Known(r.Context(), d.Resources)
		if err != nil {
			return err
		}
		logo, err := h.logo(r.Context(), d.Client)
		if err != nil {
			return err
		}
		v := web.DeviceCode{
			Code: clipped(in.UserCode), Client: d.Named.Name, Home: d.Named.Home, Address: d.Address, Agent: d.Agent, Asked: d.CreatedAt,
			Logo: logo, Asks: asks(h.Issuer, d.Scope, resources, nil),
		}
		return h.Pages.Show(w, r, "device_confirm", v)
	}
	if in.Decision != "allow" && in.Decision != "deny" {
		return exchange.Invalid("decision must be allow or deny.")
	}
	err := h.Accounts.AnswerDevice(r.Context(), p, in.UserCode, in.Decision == "allow", exchange.Origin(h.Gate, r))
	if err != nil {
		return h.Pages.Failed(w, r, "device_code", deviceProblem(err), web.DeviceCode{Code: clipped(in.UserCode)})
	}
	if !exchange.IsForm(r) {
		return exchange.Done(w)
	}
	return exchange.See(w, r, h.Base+"/device?done="+in.Decision)
}

func deviceProblem(err error) error {
	if errors.Is(err, account.ErrDeviceCode) {
		p := exchange.Invalid("No device waits with this code. Look at it again; it may have expired.")
		p.Extra = map[string]any{"member": "user_code"}
		return p
	}
	return exchange.Problem(err)
}
