// Package oauth is what other programs may ask for on somebody's behalf, and how
// they prove which program they are: clients, authorization requests, grants,
// consents and device codes (RFC 6749, 7636, 8252, 8628, 8707, 9126, 9207, OpenID
// Connect Core 1.0). It decides by what it is given, speaks no HTTP and knows no
// store: account does what is done with it, server/oauth speaks the protocol.
//
// What is not there on purpose: the implicit and the password grant, plain PKCE,
// redirect URIs with wildcards (RFC 9700 §2).
package oauth
