package oauth

import (
	"slices"

	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/server/web"
)

// asks tells apart where what is asked for counts, in the words of each resource. before
// is what the person has allowed, nil if nothing is to be told apart from it.
//
// What lets a client know the person, and what it may do here, comes first. At another
// resource count the scopes that it defines; one that defines none may mean something by
// each. Nothing that was asked for stays unsaid.
func asks(issuer string, scope []string, resources []oauth.Resource, before *oauth.Consent) []web.Ask {
	isNew := func(s string, r *oauth.Resource) bool {
		return before != nil && len(before.Scope) > 0 && (!slices.Contains(before.Scope, s) || r != nil && !slices.Contains(before.Resources, r.URI))
	}
	var here web.Ask
	var there []web.Ask
	said := map[string]bool{}
	add := func(a *web.Ask, s string, r *oauth.Resource) {
		said[s] = true
		w := web.ConsentScope{Name: s, New: isNew(s, r)}
		if r != nil {
			w.Says = r.Says(s)
		}
		a.Scopes = append(a.Scopes, w)
	}
	for _, s := range scope {
		if oauth.Standard(s) {
			add(&here, s, nil)
		}
	}
	for i := range resources {
		r := &resources[i]
		a := web.Ask{Service: r.Name, URI: r.URI}
		for _, s := range scope {
			if !oauth.Standard(s) && (r.URI == issuer || len(r.Scopes) == 0 || r.Says(s) != "") {
				add(&a, s, r)
			}
		}
		if r.URI == issuer {
			here.Scopes = append(here.Scopes, a.Scopes...)
		} else {
			there = append(there, a)
		}
	}
	for _, s := range scope {
		switch {
		case said[s]:
		case len(there) > 0:
			add(&there[0], s, nil)
		default:
			add(&here, s, nil)
		}
	}
	if len(here.Scopes) > 0 || len(there) == 0 {
		there = slices.Insert(there, 0, here)
	}
	return there
}
