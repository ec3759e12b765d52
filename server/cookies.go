package server

import (
	"net/http"

	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/server/exchange"
)

// The cookies on https; on plain http browsers do not take the prefixes, nor
// Secure.
const (
	sessionName = "__Host-sallyport"
	refreshName = "__Secure-sallyport-refresh"
	ticketName  = "__Host-sallyport-ticket"

	plainSessionName = "sallyport"
	plainRefreshName = "sallyport-refresh"
	plainTicketName  = "sallyport-ticket"
)

func (s *Server) sessionCookie() session.Cookie {
	if s.config.secure() {
		return session.Cookie{Name: sessionName}
	}
	return session.Cookie{Name: plainSessionName, Insecure: true}
}

// refreshCookie goes to the one path that uses it, and never with a request that
// another site began.
func (s *Server) refreshCookie() session.Cookie {
	c := session.Cookie{Name: refreshName, Path: s.config.basePath() + "/refresh", SameSite: http.SameSiteStrictMode}
	if !s.config.secure() {
		c.Name, c.Insecure = plainRefreshName, true
	}
	return c
}

// ticketCookie holds the ticket between two steps of a sign-in by page: nothing of
// it is in an address.
func (s *Server) ticketCookie() session.Cookie {
	if s.config.secure() {
		return session.Cookie{Name: ticketName}
	}
	return session.Cookie{Name: plainTicketName, Insecure: true}
}

// mailCookie holds for the pages what somebody has out of a message, or asked one for.
func (s *Server) mailCookie(name, base string) session.Cookie {
	if s.config.secure() {
		return session.Cookie{Name: "__Secure-sallyport-" + name, Path: base}
	}
	return session.Cookie{Name: "sallyport-" + name, Path: base, Insecure: true}
}

// deviceCookie says that this browser has been here before, and not who in it.
func (s *Server) deviceCookie() session.Cookie {
	return session.Cookie{Name: exchange.DeviceCookie(s.Gate), Insecure: !s.config.secure()}
}
