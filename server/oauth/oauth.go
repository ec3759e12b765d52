// Package oauth is the provider: other programs sign their users in here and get
// limited access on their behalf (OAuth 2.0, OpenID Connect). It speaks the protocol;
// what may be asked for is in package oauth, and what is done in package account.
//
// What programs post are forms, and mistakes in them are answered as RFC 6749 §5.2 has
// it. Who a person is comes from their session, as everywhere else; who a client is,
// from what it proves at the endpoint.
package oauth

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/apikey"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/web"
)

// A Handler serves the flows below Base. Fill its fields before first use; it is then
// safe for concurrent use.
type Handler struct {
	Base    string // "/auth"
	Issuer  string // "https://example.com"
	Service string // name that people see
	// Certificates is where clients show certificates, such as "https://mtls.example.com",
	// if not at Issuer; "" = there.
	Certificates string
	Gate         *sallyport.Gate // with Peer and Shown
	Accounts     *account.Service
	Follower     *revoke.Follower                                  // that Tokens and APIKeys obey
	Tokens       *token.Authenticator                              // of every audience of ours
	APIKeys      *apikey.Authenticator                             // that Gate has
	Complete     func(context.Context, *sallyport.Principal) error // fills in the roles that a client has
	Keys         *token.Keys                                       // that ID tokens are signed with
	Pages        *web.Pages
	Session      session.Cookie // ended by a logout
	Refresh      session.Cookie
	Onward       *Onward
	Proofs       *token.Prover         // of keys that tokens are bound to
	Fresh        time.Duration         // age of a sign-in that may let a device in
	Register     bool                  // programs may register themselves
	MakeKeys     func(context.Context) // for an algorithm that a client is the first to want
	Key          []byte                // of what is kept in addresses between two steps; secret, and used for nothing else

	remote keySets
}

// Mount registers the routes.
func (h *Handler) Mount(rt *sallyport.Routes) {
	at := func(path string) string { return h.Base + "/oauth" + path }
	anybody, program := sallyport.Public(), sallyport.Public().NoCookie()

	rt.Func("GET /.well-known/openid-configuration", program, h.discovery)
	rt.Func("GET /.well-known/oauth-authorization-server", program, h.discovery)

	rt.Func("GET /.well-known/oauth-protected-resource", program, h.protectedResource)

	rt.Func("GET "+at("/authorize"), anybody, h.authorize)
	rt.Func("POST "+at("/authorize"), program, h.asQuery("/oauth/authorize"))
	rt.Func("POST "+at("/consent"), sallyport.SignedIn(), h.consent)
	rt.Func("GET "+at("/logout"), anybody, h.logout)
	rt.Func("POST "+at("/logout"), program, h.asQuery("/oauth/logout"))
	rt.Func("POST "+at("/logout/confirm"), anybody, h.logoutConfirmed)
	rt.Func("GET "+h.Base+"/device", sallyport.SignedIn(), h.devicePage)
	rt.Func("POST "+h.Base+"/device", sallyport.SignedIn().Fresh(h.Fresh), h.answerDevice)

	rt.Func("GET "+h.Base+"/applications", sallyport.SignedIn(), exchange.Within(readAccount, h.applications))
	rt.Func("DELETE "+h.Base+"/applications/{client}", sallyport.SignedIn(), exchange.Within(writeAccount, h.withdraw))
	rt.Func("POST "+h.Base+"/applications/{client}/withdraw", sallyport.SignedIn(), exchange.Within(writeAccount, h.withdraw))

	rt.Func("POST "+at("/token"), program, h.asClient(h.token))
	rt.Func("POST "+at("/par"), program, h.asClient(h.push))
	rt.Func("POST "+at("/device_authorization"), program, h.asClient(h.beginDevice))
	rt.Func("POST "+at("/revoke"), program, h.asClient(h.revoke))
	if h.Register {
		rt.Func("POST "+at("/register"), program, answering(h.register))
		rt.Func("GET "+at("/register/{client}"), program, answering(h.registration))
		rt.Func("PUT "+at("/register/{client}"), program, answering(h.setRegistration))
		rt.Func("DELETE "+at("/register/{client}"), program, answering(h.removeRegistration))
	}
	rt.Func("POST "+at("/introspect"), program, answering(h.introspect)) // whose doors are within
	rt.Func("GET "+at("/userinfo"), sallyport.SignedIn().NoCookie(), h.userinfo)
	rt.Func("POST "+at("/userinfo"), sallyport.SignedIn().NoCookie(), h.userinfo)
}

// toPerson makes a refusal one that a person reads: nothing of the request is known to be
// the client's, so that nobody is sent anywhere.
func toPerson(err error) error {
	if large, ok := errors.AsType[tooLarge](err); ok {
		return large.cause
	}
	e, ok := errors.AsType[*protocolError](err)
	if !ok {
		return err
	}
	return &sallyport.Problem{Status: http.StatusBadRequest, Code: "invalid_request", Detail: e.Says, Extra: map[string]any{"error": e.Code, "reason": "application"}}
}
