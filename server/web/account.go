package web

import (
	"strings"
)

// accountPages are the pages of an account, in the order in which its side lists them.
// One that is not mounted is left out. Such a page says
//
//	{{define "shape"}}wide sided{{end}}
//	{{define "top"}}{{template "account-top" .}}{{end}}
//	{{define "side"}}{{template "account-side" .}}{{end}}
var accountPages = []struct{ path, key string }{
	{"/{$}", "account.nav_home"},
	{"/profile", "account.nav_profile"},
	{"/email", "account.nav_email"},
	{"/password", "account.nav_password"},
	{"/passkeys", "account.nav_passkeys"},
	{"/factors", "account.nav_factors"},
	{"/identities", "account.nav_identities"},
	{"/sessions", "account.nav_sessions"},
	{"/devices", "account.nav_devices"},
	{"/api-keys", "account.nav_keys"},
	{"/activity", "account.nav_activity"},
	{"/data", "account.nav_data"},
}

// An accountPage is one line of the side.
type accountPage struct {
	Href, Name string
	Current    bool
}

// AccountPages lists the pages of an account that there are.
func (v *view) AccountPages() []accountPage {
	var all []accountPage
	for _, page := range accountPages {
		if !v.pages.mounted("GET " + v.Base() + page.path) {
			continue
		}
		href := v.Base() + strings.TrimSuffix(page.path, "{$}")
		at := v.request.URL.Path
		all = append(all, accountPage{href, v.T(page.key), at == href || href != v.Base()+"/" && strings.HasPrefix(at, href+"/")})
	}
	return all
}

// mounted reports whether there is a route.
func (p *Pages) mounted(pattern string) bool {
	if p.routes == nil {
		return false
	}
	for ro := range p.routes.All() {
		if ro.Pattern == pattern {
			return true
		}
	}
	return false
}
