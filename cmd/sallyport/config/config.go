// Package config holds the settings of the sallyport program. They come from
// four sources, each over the ones before: defaults, one TOML file, the
// environment, flags. Nothing that is not known is ignored, every problem is
// reported at once, and each value remembers where it came from.
package config

import (
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport/authn/clientcert"
	"github.com/sallyport-auth/sallyport/authn/federation"
	"github.com/sallyport-auth/sallyport/authn/otp"
	"github.com/sallyport-auth/sallyport/authn/password"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/server/forward"
	"github.com/sallyport-auth/sallyport/server/oldsystem"
)

// A Config is every setting. [Load] makes one that is complete and checked.
type Config struct {
	Server    Server
	Store     Store
	Redis     Redis
	Service   Service
	Session   Session
	Token     Token
	Clients   Clients
	Password  Password
	Passkeys  Passkeys
	Factors   Factors
	Theme     Theme
	Mail      Mail
	SMS       SMS
	OldSystem OldSystem
	Log       Log

	Roles     map[string][]string  // permissions of roles that are created if absent
	Resources map[string]token.Alg // by audience
	Providers []federation.Config  // in the order in which people see them
	Forward   []forward.Rule       // what proxies let through

	// SealingKey is the key given by the environment; nil = the file in the data
	// folder.
	SealingKey []byte
	// File is the configuration file that was read; "" = none.
	File string

	sources map[string]string // by key; what is not in it has its default
}

// Server is how requests arrive.
type Server struct {
	Addr            string
	BaseURL         string // "" = the address it listens on
	BasePath        string
	TLSCert, TLSKey string // files; "" = plain http
	ClientCA        string // file; "" = client certificates are not asked for
	Certificates    string // optional, required, any, or how a proxy hands them on
	CertificateURL  string // where they are asked for; "" = at BaseURL
	InsecureHTTP    bool
	TrustedProxies  []netip.Prefix
	Origins         []string
	ShutdownTimeout time.Duration
}

// CertificateHeader returns how the trusted proxies hand on the certificates of
// their clients, "" if the listener asks for them itself, or nobody does.
func (s *Server) CertificateHeader() clientcert.Form {
	switch s.Certificates {
	case certificatesOptional, certificatesRequired, certificatesAny:
		return ""
	}
	return clientcert.Form(s.Certificates)
}

// RequireCertificate says whether the listener refuses clients without one.
func (s *Server) RequireCertificate() bool { return s.Certificates == certificatesRequired }

// AnyCertificate says whether the listener takes certificates that no CA has signed.
func (s *Server) AnyCertificate() bool { return s.Certificates == certificatesAny }

// The values of client_certificates that are not the form of a header.
const (
	certificatesOptional = "optional"
	certificatesRequired = "required"
	certificatesAny      = "any"
)

// Store is where things are kept.
type Store struct {
	Data     string // folder
	Database string // PostgreSQL; "" = SQLite in Data
}

// Redis is what several nodes share besides the database.
type Redis struct {
	URL string // "" = none
}

// Service is what people see and get.
type Service struct {
	Name         string
	DefaultRoles []string
	Registration string
	Help         string // address; "" = none
	Terms        string // the same
}

// The ways to register.
const (
	byUsername = "username"
	byEmail    = "email"
	closed     = "closed"
)

// Closed reports whether nobody can register.
func (s *Service) Closed() bool { return s.Registration == closed }

// EmailIsName reports whether people register with an address alone.
func (s *Service) EmailIsName() bool { return s.Registration == byEmail }

// Clients is how programs become clients.
type Clients struct {
	Registration bool // by themselves, too
}

// Session is how long a sign-in lasts.
type Session struct{ Idle, Absolute, Fresh, TrustedDevice time.Duration }

// Token is how long tokens live, and what signs them.
type Token struct {
	AccessLifetime, FamilyLifetime time.Duration
	Algorithm                      token.Alg
}

// Password is what passwords must be, and cost.
type Password struct {
	Minimum           int
	Cost              password.Params
	InsecureLowCost   bool
	KeepOtherSessions bool
	Breaches          string
	BreachesClosed    bool
}

// Passkeys is who passkeys belong to.
type Passkeys struct {
	Domain         string // "" = the host of the base URL
	RelatedOrigins []string
	Verification   string
}

// Factors is what people show beside a password.
type Factors struct {
	Kinds    []otp.Kind // empty = whatever there is
	Required []string   // roles; "*" = everybody
}

// everybody is what Required says in place of roles.
const everybody = "*"

// RequiredOfAll reports whether everybody needs a second factor.
func (f *Factors) RequiredOfAll() bool { return slices.Contains(f.Required, everybody) }

// Mail is who carries mails.
type Mail struct{ URL, From string }

// SMS is who carries text messages.
type SMS struct{ URL, Secret string }

// OldSystem is where people come from who have no account yet.
type OldSystem struct {
	URL, Secret    string
	PrivateNetwork bool
}

// Webhook is how it is asked.
func (o OldSystem) Webhook() *oldsystem.Webhook {
	return &oldsystem.Webhook{URL: o.URL, Secret: o.Secret, PrivateNetwork: o.PrivateNetwork}
}

// Log is what is written to standard error.
type Log struct {
	Level  slog.Level
	Format string
}

// Schedule returns what the settings say about signing keys.
func (c *Config) Schedule() token.Schedule {
	s := token.Schedule{Alg: c.Token.Algorithm}
	for _, audience := range sortedKeys(c.Resources) {
		s.Resources = append(s.Resources, token.Resource{Audience: audience, Alg: c.Resources[audience]})
	}
	return s
}

// Source returns where the value of a key came from: "default", file and line,
// the name of an environment variable, or a flag.
func (c *Config) Source(key string) string {
	if s, ok := c.sources[key]; ok {
		return s
	}
	return "default"
}

// An Error lists everything that is wrong with the settings, one sentence each.
type Error struct{ Problems []string }

func (e *Error) Error() string { return strings.Join(e.Problems, "\n") }
