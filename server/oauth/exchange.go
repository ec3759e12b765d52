package oauth

import (
	"net/http"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/server/exchange"
)

// byExchange gives a client a token for another one (RFC 8693): to call further in the name
// of who has called it. The position is read before anything is verified, so that what ends
// the tokens afterwards ends the new one, too.
func (h *Handler) byExchange(r *http.Request, c oauth.Client, p oauth.Params, held token.Held) (*account.Granted, error) {
	in := account.Exchange{Client: c, Position: h.Follower.Cursor()}
	x, err := oauth.ReadExchange(p)
	if err != nil {
		return nil, err
	}
	if in.Ask, err = h.ask(p, held); err != nil {
		return nil, err
	}
	in.Resources = x.Targets
	if in.Subject, err = h.exchangeable(r, &c, "subject_token", x.Subject, held); err != nil {
		return nil, err
	}
	if x.Actor != "" {
		if in.Actor, err = h.exchangeable(r, &c, "actor_token", x.Actor, held); err != nil {
			return nil, err
		}
	}
	return h.Accounts.Exchange(r.Context(), in, exchange.Origin(h.Gate, r))
}

// exchangeable verifies a token that the client brings. One that is bound to a key or a
// certificate is good only for who proves it (RFC 9449 §7, RFC 8705 §3). Why one does not
// do is not said (RFC 8693 §2.2.2).
func (h *Handler) exchangeable(r *http.Request, c *oauth.Client, name, value string, held token.Held) (*token.Claims, error) {
	t, _, err := h.Tokens.Inspect(r.Context(), value)
	switch {
	case err != nil && !isInvalid(err):
		return nil, err
	case err != nil, !c.Concerns(t.ClientID, t.Audience),
		t.JKT != "" && t.JKT != held.JKT, t.X5T != "" && t.X5T != sallyport.Thumbprint(h.Gate.Shown(r)):
		return nil, oauth.Refuse(oauth.InvalidRequest, "The %s is not valid, not this client's to exchange, or bound to a key that was not proved.", name)
	}
	return t, nil
}
