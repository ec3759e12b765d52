package oauth

import (
	"errors"
	"net/http"
	"slices"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/server/exchange"
)

// userinfo tells a client what it may know of the person (OpenID Connect Core 1.0 §5.3).
func (h *Handler) userinfo(w http.ResponseWriter, r *http.Request) error {
	p := sallyport.From(r.Context())
	if p.Kind != sallyport.User || p.Scopes != nil && !slices.Contains(p.Scopes, oauth.OpenID) {
		return sallyport.InsufficientScope(oauth.OpenID)
	}
	u, err := h.Accounts.User(r.Context(), p.Subject)
	if errors.Is(err, account.ErrNotFound) {
		return sallyport.Unauthenticated("invalid_token", "The account is gone.")
	}
	if err != nil {
		return err
	}
	scopes := p.Scopes
	if scopes == nil { // a token of a sign-in here, which is not limited
		scopes = []string{oauth.Profile, oauth.Email, oauth.Phone, oauth.Address}
	}
	var named []string
	if p.Grant != "" {
		g, err := h.Accounts.ClientGrant(r.Context(), p.Grant)
		if err != nil && !errors.Is(err, oauth.ErrNoGrant) {
			return err
		}
		named = g.Claims.UserInfo
	}
	out := person(&u, oauth.Names(scopes, named))
	if out["sub"], _, err = h.Accounts.KnownAs(r.Context(), p); err != nil {
		return exchange.Problem(err)
	}
	return exchange.JSON(w, http.StatusOK, out)
}
