package oauth

import (
	"net/http"

	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/server/exchange"
)

// revoke ends a token of the client (RFC 7009), everywhere at once. What is no token, or
// no longer, or another client's is answered alike: there is nothing left to end.
func (h *Handler) revoke(w http.ResponseWriter, r *http.Request, c oauth.Client, p oauth.Params) error {
	value, err := p.Need("token")
	if err != nil {
		return err
	}
	if _, err := p.One("token_type_hint"); err != nil { // ours tell themselves what they are
		return err
	}
	o := exchange.Origin(h.Gate, r)
	claims, _, err := h.Tokens.Inspect(r.Context(), value)
	if err != nil && !isInvalid(err) {
		return err
	}
	if err := h.Accounts.RevokeForClient(r.Context(), c.ID, value, claims, o); err != nil { // no access token: perhaps a refresh token
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	return nil
}

// beginDevice lets a device wait for a person to answer on another one (RFC 8628 §3.1).
func (h *Handler) beginDevice(w http.ResponseWriter, r *http.Request, c oauth.Client, p oauth.Params) error {
	if !c.May(oauth.ByDevice) {
		return oauth.Refuse(oauth.UnauthorizedClient, "The client may not use the grant type %s.", oauth.ByDevice)
	}
	ask, err := h.ask(p, token.Held{})
	if err != nil {
		return err
	}
	if ask.Scope, err = c.Allowed(ask.Scope); err != nil {
		return err
	}
	if ask.Resources, err = c.Audiences(h.Issuer, ask.Resources); err != nil {
		return err
	}
	if _, err := h.Accounts.Targets(r.Context(), ask.Resources); err != nil {
		return err
	}
	if ask.Scope == nil {
		ask.Scope = []string{}
	}
	d, err := h.Accounts.BeginDevice(r.Context(), c.ID, ask.Scope, ask.Resources, exchange.Origin(h.Gate, r))
	if err != nil {
		return exchange.Problem(err)
	}
	page := h.Issuer + h.Base + "/device"
	return answerTokens(w, struct {
		DeviceCode string `json:"device_code"`
		UserCode   string `json:"user_code"`
		Page       string `json:"verification_uri"`
		Whole      string `json:"verification_uri_complete"`
		Expires    int    `json:"expires_in"`
		Interval   int    `json:"interval"`
	}{d.DeviceCode, d.UserCode, page, page + "?user_code=" + d.UserCode, int(d.ExpiresIn.Seconds()), int(d.Interval.Seconds())})
}
