package server

import (
	"fmt"

	upstream "github.com/sallyport-auth/sallyport/authn/federation"
	"github.com/sallyport-auth/sallyport/server/entry"
	"github.com/sallyport-auth/sallyport/server/federation"
	"github.com/sallyport-auth/sallyport/server/web"
)

// providers makes the providers that people can sign in with. Nothing is asked of them
// yet: one that is down keeps nobody from starting.
func (s *Server) providers() ([]*upstream.Provider, error) {
	var all []*upstream.Provider
	for _, c := range s.config.Providers {
		p, err := upstream.New(c)
		if err != nil {
			return nil, fmt.Errorf("provider %q: %w", c.ID, err)
		}
		all = append(all, p)
	}
	return all, nil
}

// buttons are what pages show of the providers.
func buttons(providers []*upstream.Provider) (all []web.Provider) {
	for _, p := range providers {
		all = append(all, web.Provider{ID: p.ID(), Name: p.Name()})
	}
	return all
}

// social serves what leads to the providers and back.
func (s *Server) social(providers []*upstream.Provider, answer *entry.Answer, pages *web.Pages) *federation.Handler {
	return &federation.Handler{
		Base: s.config.basePath(), Issuer: s.config.issuer(), Gate: s.Gate, Accounts: s.Accounts, Answer: answer, Pages: pages,
		Sealer: s.sealer, Insecure: !s.config.secure(), Providers: providers,
		Closed: s.config.ClosedRegistration, Fresh: s.config.freshFor(), Log: s.config.Log,
	}
}
