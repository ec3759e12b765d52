// Package oauth is what other services speak to over OAuth 2.0. So far they can
// introspect tokens and API keys (RFC 7662).
//
// Its requests are forms, and mistakes in them are answered as RFC 6749 §5.2 has
// it; who may send them is found out by the doors, which answer like everywhere
// else, with the challenges of RFC 6750.
package oauth

import (
	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/apikey"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/revoke"
)

// A Handler serves the flows below Base.
type Handler struct {
	Base     string // "/auth"
	Issuer   string // "https://example.com"
	Gate     *sallyport.Gate
	Accounts *account.Service
	Follower *revoke.Follower      // that Tokens and APIKeys obey
	Tokens   *token.Authenticator  // of every audience of ours
	APIKeys  *apikey.Authenticator // that Gate has
}

// Mount registers the routes.
func (h *Handler) Mount(rt *sallyport.Routes) {
	rt.Func("POST "+h.Base+"/oauth/introspect", sallyport.May(introspect).InOrg().NoCookie(), answering(h.introspect))
}
