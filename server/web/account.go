package web

import "strings"

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
	{"/applications", "account.nav_applications"},
	{"/sessions", "account.nav_sessions"},
	{"/devices", "account.nav_devices"},
	{"/api-keys", "account.nav_keys"},
	{"/activity", "account.nav_activity"},
	{"/organizations", "account.nav_organizations"},
	{"/data", "account.nav_data"},
}

// An accountPage is one line of the side.
type accountPage struct {
	Href, Name, About string
	Current           bool
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
		all = append(all, accountPage{href, v.T(page.key), v.T(strings.Replace(page.key, "nav_", "about_", 1)), at == href || href != v.Base()+"/" && strings.HasPrefix(at, href+"/")})
	}
	return all
}

// Inner reports whether the page is one to which the overview leads.
func (v *view) Inner() bool { return v.request.URL.Path != v.Base()+"/" }

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

// Device names a browser and its system in the words of the page.
func (v *view) Device(browser, system string) string {
	switch {
	case browser == "":
		return v.T("account.device_unknown")
	case system == "":
		return browser
	}
	return v.T("account.device", "browser", browser, "system", system)
}

// Action says what an entry of the audit log means.
func (v *view) Action(action string) string {
	if key := "activity.action_" + strings.ReplaceAll(action, ".", "_"); v.locale.has(key) {
		return v.T(key)
	}
	return v.T("activity.action_other", "action", action)
}

// Days are the lives of an API key that the page offers, "" = until it is revoked.
func (v *view) Days() []string { return []string{"7", "30", "90", "365", ""} }
