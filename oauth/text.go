package oauth

// Text returns every text of the client, for a store that must refuse some.
func (c *Client) Text() []string {
	all := []string{c.ID, c.Name, c.Home, c.Logo, c.Policy, c.Terms, string(c.Auth), string(c.JWKS), c.JWKSURI, string(c.Profile), string(c.IDTokenAlg), string(c.Subjects), c.SectorURI, c.BackchannelLogout}
	for _, f := range c.CertificateName.fields() {
		all = append(all, *f.value)
	}
	for _, g := range c.Grants {
		all = append(all, string(g))
	}
	if c.Registered != nil {
		all = append(append(all, c.Registered.By), c.Registered.Scopes...)
	}
	for _, list := range [][]string{c.Redirects, c.LogoutRedirects, c.Scopes, c.Resources, c.Serves} {
		all = append(all, list...)
	}
	return all
}

// Text returns every text of the grant, for a store that must refuse some.
func (g *Grant) Text() []string {
	all := []string{
		g.ID, g.User, g.Client, g.Session, g.SID, g.Org, g.Redirect, g.Challenge, g.Nonce, g.JKT, g.Claims.Subject, g.Position.Log,
	}
	for _, list := range [][]string{g.Scope, g.Resources, g.AMR, g.Claims.UserInfo, g.Claims.IDToken, g.Claims.ACR} {
		all = append(all, list...)
	}
	return all
}
