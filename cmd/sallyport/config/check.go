package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-auth/sallyport/authn/otp"
	"github.com/sallyport-auth/sallyport/authn/password"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/server/messages"
	"github.com/sallyport-auth/sallyport/store/redis"
)

// check returns what is wrong with settings that are each well-formed.
func check(c *Config) (problems []string) {
	report := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if (c.Server.TLSCert == "") != (c.Server.TLSKey == "") {
		report("server.tls_cert and server.tls_key: one needs the other")
	}
	https := strings.HasPrefix(c.Server.BaseURL, "https://")
	if len(c.Server.TrustedProxies) > 0 && !https && !c.Server.InsecureHTTP {
		report("server.trusted_proxies: behind a proxy people come by https, so server.base_url must be an https address")
	}
	if c.Server.TLSCert != "" && c.Server.BaseURL != "" && !https {
		report("server.base_url: with a certificate it must be an https address")
	}
	problems = append(problems, c.Server.checkCertificates()...)
	if c.Redis.URL != "" {
		if err := redis.CheckURL(c.Redis.URL); err != nil {
			report("redis.url: %s", err)
		}
	}
	if err := (&messages.Mail{URL: c.Mail.URL, From: c.Mail.From}).Check(); err != nil {
		report("mail: %s", err)
	}
	if err := (&messages.SMS{URL: c.SMS.URL, Secret: c.SMS.Secret}).Check(); err != nil {
		report("sms: %s", err)
	}
	if c.OldSystem != (OldSystem{}) {
		if err := c.OldSystem.Webhook().Check(); err != nil {
			report("old_system: %s", err)
		}
	}
	if err := c.Hashing().Validate(); err != nil {
		report("password.cost: the costs do not fit: %s", oneLine(err))
	}
	schedule := c.Schedule()
	if err := schedule.Check(); err != nil {
		report("keys: %s", oneLine(err))
	}
	roles := []authz.Role{{Name: "admin", Permissions: []string{"*"}}}
	for _, name := range sortedKeys(c.Roles) {
		if name == "admin" {
			report("roles.admin: this role is there already; it holds every permission")
			continue
		}
		roles = append(roles, authz.Role{Name: name, Permissions: c.Roles[name]})
	}
	if _, err := authz.Compile(roles); err != nil {
		report("roles: %s", oneLine(err))
	}
	problems = append(problems, checkProviders(c)...)
	problems = append(problems, checkForward(c)...)
	problems = append(problems, c.Theme.check()...)
	if slices.Contains(c.Factors.Kinds, otp.SMS) && c.SMS.URL == "" {
		report("factors.kinds: codes by sms need a gateway: name it in sms.url")
	}
	if c.Factors.RequiredOfAll() && len(c.Factors.Required) > 1 {
		report("factors.required: \"*\" is everybody, so leave the roles out")
	}
	for i, name := range c.Service.DefaultRoles {
		if slices.Contains(c.Service.DefaultRoles[:i], name) {
			report("service.default_roles: %q is listed twice", name)
		}
	}
	return problems
}

// checkCertificates returns why client certificates could not count.
func (s *Server) checkCertificates() (problems []string) {
	report := func(text string) { problems = append(problems, text) }
	form := s.CertificateHeader()
	switch {
	case s.ClientCA == "" && s.Certificates != certificatesOptional && s.Certificates != certificatesAny:
		report("server.client_certificates: name the CAs that count in server.client_ca")
	case s.ClientCA != "" && form != "" && len(s.TrustedProxies) == 0:
		report("server.client_certificates: name the proxy that sends the header in server.trusted_proxies")
	case s.Certificates == certificatesAny && s.TLSCert == "":
		report("server.client_certificates: without server.tls_cert nobody can show a certificate here")
	case s.ClientCA != "" && form == "" && s.TLSCert == "":
		report("server.client_ca: without server.tls_cert nobody can show a certificate here; if a proxy terminates TLS, say in server.client_certificates how it hands them on")
	}
	return problems
}

// oneLine puts joined errors on one line.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// Hashing returns the costs of new password hashes.
func (c *Config) Hashing() password.Params {
	p := c.Password.Cost
	p.InsecureBelowMinimum = c.Password.InsecureLowCost
	return p
}
