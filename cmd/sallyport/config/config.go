// Package config holds the settings of the sallyport program. They come from
// four sources, each over the ones before: defaults, one TOML file, the
// environment, flags. Nothing that is not known is ignored, every problem is
// reported at once, and each value remembers where it came from.
package config

import (
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport/authn/clientcert"
	"github.com/sallyport-auth/sallyport/authn/federation"
	"github.com/sallyport-auth/sallyport/authn/token"
)

// A Config is every setting. [Load] makes one that is complete and checked.
type Config struct {
	Server   Server
	Store    Store
	Redis    Redis
	Service  Service
	Session  Session
	Token    Token
	Keys     Keys
	Password Password
	Passkeys Passkeys
	Mail     Mail
	SMS      SMS
	Log      Log

	Roles     map[string][]string  // permissions of roles that are created if absent
	Resources map[string]token.Alg // by audience
	Providers []federation.Config  // in the order in which people see them

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
	Certificates    string // optional, required, or how a proxy hands them on
	InsecureHTTP    bool
	TrustedProxies  []netip.Prefix
	Origins         []string
	ShutdownTimeout time.Duration
}

// CertificateHeader returns how the trusted proxies hand on the certificates of
// their clients, "" if the listener asks for them itself, or nobody does.
func (s *Server) CertificateHeader() clientcert.Form {
	if s.Certificates == certificatesOptional || s.Certificates == certificatesRequired {
		return ""
	}
	return clientcert.Form(s.Certificates)
}

// RequireCertificate says whether the listener refuses clients without one.
func (s *Server) RequireCertificate() bool { return s.Certificates == certificatesRequired }

// The values of client_certificates that are not the form of a header.
const (
	certificatesOptional = "optional"
	certificatesRequired = "required"
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
	Name               string
	DefaultRoles       []string
	ClosedRegistration bool
	EmailIsName        bool
}

// Session is how long a sign-in lasts.
type Session struct{ Idle, Absolute, Fresh, TrustedDevice time.Duration }

// Token is how long tokens live, and what signs them.
type Token struct {
	AccessLifetime, FamilyLifetime, Leeway time.Duration
	Algorithm                              token.Alg
}

// Keys is how signing keys rotate.
type Keys struct{ Active, Publish, Verify time.Duration }

// Password is what passwords must be, and cost.
type Password struct {
	Minimum, Memory, Time, Threads int
	InsecureLowCost                bool
	KeepOtherSessions              bool
	Breaches                       string
	BreachesClosed                 bool
}

// Passkeys is who passkeys belong to.
type Passkeys struct {
	Domain         string // "" = the host of the base URL
	RelatedOrigins []string
	Verification   string
}

// Mail is who carries mails.
type Mail struct{ URL, From string }

// SMS is who carries text messages.
type SMS struct{ URL, Secret string }

// Log is what is written to standard error.
type Log struct {
	Level  slog.Level
	Format string
}

// Schedule returns what the settings say about signing keys.
func (c *Config) Schedule() token.Schedule {
	s := token.Schedule{Alg: c.Token.Algorithm, Active: c.Keys.Active, Publish: c.Keys.Publish, Verify: c.Keys.Verify}
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
