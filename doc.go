// Package sallyport guards a web service with two doors, always in this order.
// The first asks who are you? (authentication, 401). The second asks what may
// you do? (authorization, 403). A sally port is a gateway with two doors in a
// row: the inner one never opens before the outer one has closed.
//
// This package holds the words and the doors themselves, and imports the
// standard library only. A [Door] says who may pass a route; a [Gate] puts
// requests through it, as middleware for any router or by way of [Routes], a
// ServeMux in which every pattern names its door. An [Authenticator] turns a
// [Credential] into a [Principal]; a [Policy] answers a [Query] with a
// [Decision].
//
// A [Type] says once which attributes a Go type has, and in which columns they are
// kept: a policy reads them as a [Value] each, and [Gate.Filter] turns the same
// policy into a condition for the caller's own SELECT.
//
// The way of a request:
//
//	request → Credential → Authenticator → Principal → (load the object) → Policy → Decision → handler
//
// Ready-made authenticators live below authn, the policy in authz, and package
// server assembles both with sessions, tokens, accounts and administration.
package sallyport
