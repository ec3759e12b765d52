package server

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/clientcert"
	"github.com/sallyport-auth/sallyport/authn/federation"
	"github.com/sallyport-auth/sallyport/authn/otp"
	"github.com/sallyport-auth/sallyport/authn/password"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/internal/outbound"
	"github.com/sallyport-auth/sallyport/limit"
	"github.com/sallyport-auth/sallyport/server/forward"
	"github.com/sallyport-auth/sallyport/server/messages"
	"github.com/sallyport-auth/sallyport/server/transmitter"
	"github.com/sallyport-auth/sallyport/server/web"
)

// A Config says what to serve. BaseURL and Store are needed, everything else has
// a working default.
type Config struct {
	BaseURL  string        // "https://example.com", as browsers see it: the issuer of tokens
	BasePath string        // prefix of our own paths; "" = /auth
	Store    account.Store // sqlite.Open, postgres.Open or memory.New
	Name     string        // of the service, for people; "" = the host of BaseURL
	Help     string        // address where people find help, shown on every page; "" = none
	Terms    string        // address of the terms of use, shown where people register; "" = none
	Theme    web.Theme     // how the pages look

	// Shared is where the nodes of an installation keep together what may be lost:
	// redis.Open. nil: each node keeps it for itself. It stays open: it is yours.
	Shared Shared

	// SealingKey are the 32 bytes that everything secret in the store is sealed
	// with. nil: what SealingKeyFile holds. A wrong key refuses to start.
	SealingKey []byte
	// SealingKeyFile is made at the first start. "": <database>.key beside a SQLite
	// database; with other stores one of the two must be given.
	SealingKeyFile string
	// OldSealingKeys still open what was sealed before the key was rotated.
	OldSealingKeys [][]byte

	Roles        map[string][]string   // permissions of roles that are created if absent, and data from then on
	DefaultRoles []string              // of a new member
	Rules        []authz.Rule          // rules in Go, for what Cedar cannot say: see authz.Permit
	Limits       map[string]limit.Rate // the limits that doors name

	// Types are what the program's objects are; rules are checked against them.
	Types []sallyport.AnyType
	// Policy and PolicyFiles are the program's own rules in Cedar: text, and every
	// *.cedar (and at most one *.cedarschema) in a tree, such as an embed.FS. With
	// neither, the policy that was published last is in force; with one, nothing can
	// be published.
	Policy      string
	PolicyFiles fs.FS
	ShowReasons bool // the public reason of a rule ("@message") is sent with the refusal
	// RecordAll writes permissions into the decision log too, not only refusals.
	RecordAll bool

	// ClientRegistration lets programs register themselves as clients (RFC 7591), each with
	// a token that an administrator has made for that.
	ClientRegistration bool

	ClosedRegistration bool // only administrators create accounts
	EmailIsName        bool // people register with an address alone, which they prove first, and no user name
	KeepOtherSessions  bool // a password change leaves the other sessions alone

	// FactorKinds are what people can set up beside passkeys; nil = whatever there is: an
	// authenticator app, codes by mail, and by text message if SMS is set up, or loopback
	// shows them on a page.
	FactorKinds     []otp.Kind
	RequireFactor   bool     // everybody needs a second factor
	RequireFactorOf []string // roles whose holders need a second factor

	Passwords   password.Params // of new hashes; raised ones apply at the next sign-in
	PasswordMin int             // code points; 0 = 15
	// Breaches is the address of a range service for breached passwords, to which the
	// first five digits of a SHA-1 are appended; "" = nobody is asked. BreachesClosed
	// refuses new passwords while it does not answer.
	Breaches       string
	BreachesClosed bool
	SessionIdle    time.Duration // 0 = 7 days
	SessionMax     time.Duration // 0 = 30 days
	AccessLifetime time.Duration // of access tokens; 0 = 15 minutes
	FamilyLifetime time.Duration // of refresh tokens; 0 = 30 days
	Leeway         time.Duration // for repeated refreshes; 0 = 30 s
	TrustFor       time.Duration // of a device, instead of a second factor; 0 = 30 days, negative = never
	FreshFor       time.Duration // age of a sign-in that may do sensitive things; 0 = 15 minutes

	Passkeys PasskeyConfig

	Keys token.Schedule // signing keys: algorithm, resources, rotation

	// Providers are what people can sign in with beside a password, in the order in
	// which they see them.
	Providers []federation.Config

	Origins        []string       // browser origins beside our own that may call, with credentials
	TrustedProxies []netip.Prefix // whose X-Forwarded-For counts, and who may ask by Forward

	// Forward says what reverse proxies, which must be among the TrustedProxies, let
	// through to programs of their own, and to whom. Where no rule is for an address,
	// nobody gets there. Serve the Server then, not its Routes alone: only it takes what
	// Envoy asks, of any method and path.
	Forward []forward.Rule

	// Mail and SMS say who carries messages. Without, they wait in the store; on loopback
	// they can be read at BasePath/dev/mail.
	Mail messages.Mail
	SMS  messages.SMS

	// OldSystem is asked about people without an account at their first sign-in, who are
	// imported if they have one there: see package oldsystem. nil = nobody is asked.
	OldSystem account.OldSystem

	// CertificateHeader is how the trusted proxies hand on the certificates of their
	// clients; "" = not at all. Where no proxy terminates TLS, the listener's
	// tls.Config says which certificates count.
	CertificateHeader clientcert.Form
	// ClientCAs returns the CAs whose certificates count in that header, now: a proxy
	// is trusted to say which certificate a client has, not which one counts. So is a
	// listener that takes any certificate (tls.RequestClientCert), as clients need that
	// prove themselves by one of their own making (RFC 8705 §2.2).
	ClientCAs func() *x509.CertPool
	// CertificateURL is where clients show certificates, such as "https://mtls.example.com",
	// if they are not asked for one at BaseURL; "" = there. Metadata names it.
	CertificateURL string

	// ManageOnly opens an installation to change it, beside the server that runs it:
	// nothing is rotated, swept or created anew, except in a store without roles.
	ManageOnly bool

	InsecureHTTP bool         // plain http outside loopback: cookies and tokens can be read on the way
	Log          *slog.Logger // nil = slog.Default()

	poll     time.Duration     // between polls of the log; set by tests only
	outgoing http.RoundTripper // see sending; set by tests only
	lease    time.Duration     // of event streams; set by tests only
}

func (c *Config) basePath() string        { return cmp.Or(c.BasePath, "/auth") }
func (c *Config) log() *slog.Logger       { return cmp.Or(c.Log, slog.Default()) }
func (c *Config) freshFor() time.Duration { return cmp.Or(c.FreshFor, 15*time.Minute) }
func (c *Config) timeouts() session.Timeouts {
	return session.Timeouts{Idle: c.SessionIdle, Absolute: c.SessionMax}
}

// name is what people see.
func (c *Config) name() string {
	if c.Name != "" {
		return c.Name
	}
	return c.base().Hostname()
}

// base is BaseURL, which check has parsed before.
func (c *Config) base() *url.URL {
	u, _ := url.Parse(c.BaseURL)
	return u
}

// secure reports whether browsers come by https.
func (c *Config) secure() bool { return c.base().Scheme == "https" }

// issuer is BaseURL without a slash at its end.
func (c *Config) issuer() string { return strings.TrimSuffix(c.BaseURL, "/") }

var pathForm = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)+$`)

// check reports every mistake, joined.
func (c *Config) check() error {
	var errs []error
	report := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	errs = append(errs, c.checkURL())
	if c.Store == nil {
		report("Store is missing: where should accounts live?")
	}
	if c.BasePath != "" && !pathForm.MatchString(c.BasePath) {
		report("BasePath %q must look like /auth", c.BasePath)
	}
	for _, o := range c.Origins {
		if u, err := url.Parse(o); err != nil || u.Scheme == "" || u.Host == "" || u.Path != "" || u.RawQuery != "" || o == "null" {
			report("origin %q must look like https://app.example.com", o)
		}
	}
	switch c.CertificateHeader {
	case "":
	case clientcert.RFC9440, clientcert.Nginx, clientcert.Envoy:
		if len(c.TrustedProxies) == 0 || c.ClientCAs == nil {
			report("CertificateHeader needs TrustedProxies and ClientCAs: anybody can write a header")
		}
	default:
		report("CertificateHeader %q is none of rfc9440, nginx, envoy", c.CertificateHeader)
	}
	if u, err := url.Parse(c.CertificateURL); c.CertificateURL != "" && (err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "") {
		report("CertificateURL %q must look like https://mtls.example.com", c.CertificateURL)
	}
	if len(c.Forward) > 0 && len(c.TrustedProxies) == 0 {
		report("Forward needs TrustedProxies: anybody can write the headers in which a proxy asks")
	}
	if err := forward.Check(c.issuer(), c.Forward); err != nil {
		report("Forward: %w", err)
	}
	for name, d := range map[string]time.Duration{
		"SessionIdle": c.SessionIdle, "SessionMax": c.SessionMax, "AccessLifetime": c.AccessLifetime,
		"FamilyLifetime": c.FamilyLifetime, "Leeway": c.Leeway, "FreshFor": c.FreshFor,
	} {
		if d < 0 {
			report("%s is negative", name)
		}
	}
	if c.AccessLifetime > time.Hour {
		report("AccessLifetime %v is longer than an hour: that is what refresh tokens are for", c.AccessLifetime)
	}
	errs = append(errs, c.checkPasskeys())
	if c.PasswordMin < 0 || c.PasswordMin != 0 && c.PasswordMin < password.MinWithFactor {
		report("PasswordMin %d is below %d", c.PasswordMin, password.MinWithFactor)
	}
	ids := map[string]bool{}
	for _, p := range c.Providers {
		if _, err := federation.New(p); err != nil {
			report("provider %q: %w", p.ID, err)
		}
		if ids[p.ID] {
			report("provider %q is there twice", p.ID)
		}
		ids[p.ID] = true
	}
	if c.Breaches != "" {
		if err := outbound.CheckURL(c.Breaches, false); err != nil || !strings.HasSuffix(c.Breaches, "/") {
			report("Breaches %q must look like https://api.pwnedpasswords.com/range/", c.Breaches)
		}
	}
	for _, r := range c.Keys.Resources {
		if r.Audience == transmitter.Resource(c.issuer(), c.basePath()) && r.Alg == token.HS256 {
			report("resource %q: HS256 cannot sign events, which others verify", r.Audience)
		}
	}
	if u, err := url.Parse(c.Help); err != nil || c.Help != "" && u.Scheme != "https" && u.Scheme != "http" && u.Scheme != "mailto" {
		report("Help %q must look like https://example.com/help or mailto:help@example.com", c.Help)
	}
	if u, err := url.Parse(c.Terms); err != nil || c.Terms != "" && u.Scheme != "https" && u.Scheme != "http" {
		report("Terms %q must look like https://example.com/terms", c.Terms)
	}
	for _, err := range web.Mistakes(c.Theme.Check()) {
		report("Theme: %w", err)
	}
	for _, kind := range c.FactorKinds {
		if !slices.Contains(c.possibleFactors(), kind) {
			report("FactorKinds: %q cannot be set up here: there are %q", kind, c.possibleFactors())
		}
	}
	return errors.Join(append(errs, c.checkMessages(), c.Passwords.Validate(), c.Keys.Check())...)
}

// possibleFactors are the kinds that there are: codes by text message only where they go
// somewhere.
func (c *Config) possibleFactors() []otp.Kind {
	if _, sms := c.carried(); sms || c.showsMessages() {
		return []otp.Kind{otp.TOTP, otp.Email, otp.SMS}
	}
	return []otp.Kind{otp.TOTP, otp.Email}
}

func (c *Config) factorKinds() []otp.Kind {
	if c.FactorKinds != nil {
		return c.FactorKinds
	}
	return c.possibleFactors()
}

func (c *Config) checkURL() error {
	u, err := url.Parse(c.BaseURL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("BaseURL %q must look like https://example.com", c.BaseURL)
	case u.RawQuery != "" || u.Fragment != "" || u.User != nil || strings.Trim(u.Path, "/") != "":
		return fmt.Errorf("BaseURL %q must be a scheme and a host only", c.BaseURL)
	case u.Scheme == "http" && !c.InsecureHTTP && !loopback(u.Hostname()):
		return fmt.Errorf("BaseURL %q is plain http outside loopback: passwords and cookies could be read on the way; use https, or say InsecureHTTP", c.BaseURL)
	}
	return nil
}

// local reports whether the installation is on loopback, for trying it out.
func (c *Config) local() bool { return loopback(c.base().Hostname()) }

// sending is the transport to the addresses that clients and receivers name: nil, which
// leads to the public internet only, unless the installation is local.
func (c *Config) sending() http.RoundTripper {
	if c.outgoing == nil && c.local() {
		return outbound.Transport(false)
	}
	return c.outgoing
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}
