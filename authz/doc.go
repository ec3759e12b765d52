// Package authz is door two: may this principal do that?
//
// [Role] definitions are data, kept in a [Store] and compiled by [Compile] into
// [Definitions], an immutable snapshot that answers at the same speed for ten
// roles and for ten thousand. [Assignments] finds the names of the roles that a
// subject has. A [Policy] decides by both, by the scopes of the credential, which
// only ever take away, and by rules in Go, which [Permit] makes.
//
// Nothing here remembers a decision: what is cached is what decides, and the
// revocation log says when it no longer holds.
package authz
