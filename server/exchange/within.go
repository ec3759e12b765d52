package exchange

import (
	"net/http"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz"
)

// Within lets a credential that is limited by scope through only if the scope
// reaches for what the handler does. It is for what needs no permission, because
// it is the caller's own.
func Within(permission string, next func(http.ResponseWriter, *http.Request) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		if !authz.ScopeAllows(sallyport.From(r.Context()).Scopes, permission) {
			return sallyport.InsufficientScope(permission)
		}
		return next(w, r)
	}
}
