package server

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/sallyport-auth/sallyport/authn/passkey"
)

// A PasskeyConfig says who passkeys belong to. The zero PasskeyConfig is the host of
// BaseURL.
type PasskeyConfig struct {
	// Domain is that host, or a domain above it whose other hosts may use the same
	// passkeys. It can never be changed: passkeys stay with the domain that they were
	// made for. "" = the host.
	Domain string
	// Origins are pages of other domains that may use the same passkeys ("related
	// origins"): /.well-known/webauthn lists them.
	Origins []string
	// Verification is how much is asked of a device to make sure of its user; "" =
	// preferred: a device that did counts as two factors, one that did not as one.
	Verification passkey.Verification
}

// party is whom passkeys are made for.
func (c *Config) party() *passkey.Party {
	domain := c.Passkeys.Domain
	if domain == "" {
		domain = c.base().Hostname()
	}
	own := c.base().Scheme + "://" + c.base().Host
	return &passkey.Party{
		ID: domain, Name: c.name(), Origins: slices.Concat([]string{own}, c.Origins, c.Passkeys.Origins), Verification: c.Passkeys.Verification,
	}
}

// checkPasskeys reports every mistake, joined.
func (c *Config) checkPasskeys() error {
	var errs []error
	report := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	host, domain := c.base().Hostname(), c.Passkeys.Domain
	if domain != "" && domain != host && (!strings.HasSuffix(host, "."+domain) || !strings.Contains(domain, ".")) {
		report("Passkeys.Domain %q must be the host of BaseURL (%s) or a domain above it", domain, host)
	}
	for _, o := range c.Passkeys.Origins {
		if u, err := url.Parse(o); err != nil || u.Scheme != "https" || u.Host == "" || u.String() != "https://"+u.Host {
			report("Passkeys.Origins: %q must look like https://example.com", o)
		}
	}
	if !c.Passkeys.Verification.Valid() {
		report("Passkeys.Verification %q is none of required, preferred and discouraged", c.Passkeys.Verification)
	}
	return errors.Join(errs...)
}
