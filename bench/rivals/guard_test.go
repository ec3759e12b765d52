//go:build linux

package rivals

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/alexedwards/scs/v2"
	"github.com/golang-jwt/jwt/v5"
	"github.com/sallyport-auth/sallyport/authn/token"
)

// who is what the doors of others hand to their handlers.
type who struct {
	subject string
	roles   []string
}

type whoKey struct{}

// asked passes on a request with who sent it.
func asked(next http.Handler, w http.ResponseWriter, r *http.Request, by who) {
	next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), whoKey{}, by)))
}

// refuse answers as a program by hand would. It writes no log.
func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"code": code})
}

// may answers 403 unless one of the roles of who asks may do that.
func may(action string, allows check, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if by, _ := r.Context().Value(whoKey{}).(who); !allows(by.roles, action) {
			refuse(w, http.StatusForbidden, "forbidden")
			return
		}
		next(w, r)
	}
}

// jwtSite is golang-jwt behind a middleware as many write it, with everything made once that can be: the parser and the key.
func jwtSite(alg token.Alg, issuer string) (http.Handler, credentials, error) {
	signed, err := newSigned(alg, issuer)
	if err != nil {
		return nil, nil, err
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{string(alg)}), jwt.WithIssuer(issuer), jwt.WithAudience(issuer), jwt.WithExpirationRequired())
	key := func(*jwt.Token) (any, error) { return signed.public, nil }
	mux := guardedRoutes(byRoleMap())
	guarded := func(w http.ResponseWriter, r *http.Request) {
		bearer, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		var c jwtClaims
		if !found {
			refuse(w, http.StatusUnauthorized, "unauthenticated")
			return
		}
		if _, err := parser.ParseWithClaims(bearer, &c, key); err != nil {
			refuse(w, http.StatusUnauthorized, "unauthenticated")
			return
		}
		asked(mux, w, r, who{c.Subject, c.Roles})
	}
	return http.HandlerFunc(guarded), credentials{"token": {"Authorization": {"Bearer " + signed.good}}}, nil
}

// A check reports whether one of the roles may do that.
type check func(roles []string, action string) bool

// byRoleMap is written by hand: a map of maps.
func byRoleMap() check {
	may := permissionsByRole([]role{{"member", "note:read"}})
	return func(roles []string, action string) bool {
		for _, r := range roles {
			if may[r][action] {
				return true
			}
		}
		return false
	}
}

// guardedRoutes are what others serve once they know who asks.
func guardedRoutes(c check) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /signed-in/{id}", greet)
	mux.HandleFunc("GET /allowed/{id}", may("note:read", c, greet))
	mux.HandleFunc("GET /denied/{id}", may("note:delete", c, greet))
	return mux
}

// mapSite keeps sessions in a map and checks roles in another.
func mapSite(string, string) (http.Handler, credentials, error) { return mapSessions(byRoleMap()) }

// casbinSite is mapSite with casbin for the decision.
func casbinSite(string, string) (http.Handler, credentials, error) {
	e, err := casbinRoles([]role{{"member", "note:read"}}).newEnforcer()
	if err != nil {
		return nil, nil, err
	}
	return mapSessions(func(roles []string, action string) bool {
		for _, r := range roles {
			if ok, err := e.Enforce(r, action); ok && err == nil {
				return true
			}
		}
		return false
	})
}

// scsSite is scs with its sessions in memory.
func scsSite(string, string) (http.Handler, credentials, error) {
	sessions := scs.New()
	ctx, err := sessions.Load(context.Background(), "")
	if err != nil {
		return nil, nil, err
	}
	sessions.Put(ctx, "subject", "usr_1")
	cookie, _, err := sessions.Commit(ctx)
	if err != nil {
		return nil, nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /signed-in/{id}", func(w http.ResponseWriter, r *http.Request) {
		if sessions.GetString(r.Context(), "subject") == "" {
			refuse(w, http.StatusUnauthorized, "unauthenticated")
			return
		}
		greet(w, r)
	})
	return sessions.LoadAndSave(mux), credentials{"session": {"Cookie": {sessions.Cookie.Name + "=" + cookie}}}, nil
}
