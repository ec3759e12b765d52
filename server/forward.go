package server

import (
	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/server/forward"
	"github.com/sallyport-auth/sallyport/server/oauth"
	"github.com/sallyport-auth/sallyport/server/web"
)

// The cookies of hosts that proxies guard.
const (
	forwardName      = "__Host-sallyport-forward"
	plainForwardName = "sallyport-forward"
)

func (s *Server) forwardCookie(suffix string) session.Cookie {
	if s.config.secure() {
		return session.Cookie{Name: forwardName + suffix}
	}
	return session.Cookie{Name: plainForwardName + suffix, Insecure: true}
}

// forwarding answers reverse proxies; nil if there are no rules for any.
func (s *Server) forwarding(onward *oauth.Onward, pages web.Config) (*forward.Handler, error) {
	c := &s.config
	if len(c.Forward) == 0 {
		return nil, nil
	}
	pages.Base, pages.Origin = c.issuer()+pages.Base, c.issuer()
	abroad, err := web.New(pages)
	if err != nil {
		return nil, err
	}
	cookies := session.HostCookies{Key: s.sealer.Derive("cookies of guarded hosts")}
	return forward.New(forward.Config{
		Base: c.basePath(), Issuer: c.issuer(), Rules: c.Forward, Gate: s.Gate, Accounts: s.Accounts, Follower: s.follower, Onward: onward,
		Asked: proxies(c.TrustedProxies).sent, At: s.abroad(cookies), Page: abroad.Problem,
		Cookie: s.forwardCookie(""), Cookies: cookies, Browser: s.forwardCookie("-browser"),
	})
}

// abroad returns who checks credentials at other hosts than ours: cookies of that host
// in place of ours, and tokens for it beside ours. The rest is as here.
func (s *Server) abroad(cookies session.HostCookies) func(host, origin string) []sallyport.Authenticator {
	remembered := revoke.NewCache[[32]byte, *sallyport.Principal](s.follower, cacheSize)
	return func(host, origin string) []sallyport.Authenticator {
		verifier := *s.tokens.Verifier
		verifier.InsecureAnyAudience, verifier.Others = false, []string{origin}
		all := []sallyport.Authenticator{
			&session.HostAuthenticator{Host: host, Cookies: cookies, Sessions: s.Accounts, Complete: s.tokens.Complete, Cache: remembered, Log: s.config.Log},
			&token.Authenticator{Verifier: &verifier, Follower: s.follower, Complete: s.tokens.Complete, Opaque: s.tokens.Opaque, Cache: token.NewCache(s.follower, cacheSize/16)},
		}
		for _, a := range s.Gate.Authenticators {
			switch a.(type) {
			case *session.Authenticator, *token.Authenticator:
			default:
				all = append(all, a)
			}
		}
		return all
	}
}
