package config

import (
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport/authn/clientcert"
	"github.com/sallyport-auth/sallyport/authn/otp"
	"github.com/sallyport-auth/sallyport/authn/password"
	"github.com/sallyport-auth/sallyport/authn/token"
)

// A Setting is one key that can be set.
type Setting struct {
	Key      string // "server.addr"; "roles.*" stands for every name below roles
	Expected string // completes "expected …"
	Doc      string
	Flag     string // of serve; "" = none
	Default  any    // string, int64, bool or []string; nil if there is none

	shape  shape
	secret bool
	put    func(c *Config, name string, v any) bool
	values func(c *Config) map[string]any  // by key
	refuse func(name string, v any) string // why put does not take it; nil = it expects Expected
}

// setting is one value with a default.
func setting[T any](key string, k kind[T], def T, at func(*Config) *T, doc string) Setting {
	return Setting{
		Key: key, Expected: k.expected, Doc: doc, Default: k.write(def), shape: k.shape,
		put: func(c *Config, _ string, v any) bool {
			t, ok := k.read(v)
			if ok {
				*at(c) = t
			}
			return ok
		},
		values: func(c *Config) map[string]any { return map[string]any{key: k.write(*at(c))} },
	}
}

// family is a table whose keys anybody chooses.
func family[T any](section string, k kind[T], at func(*Config) *map[string]T, doc string) Setting {
	return Setting{
		Key: section + ".*", Expected: k.expected, Doc: doc, shape: k.shape,
		put: func(c *Config, name string, v any) bool {
			t, ok := k.read(v)
			if !ok || name == "" || !plain(name) {
				return false
			}
			m := at(c)
			if *m == nil {
				*m = map[string]T{}
			}
			(*m)[name] = t
			return true
		},
		values: func(c *Config) map[string]any {
			out := map[string]any{}
			for name, v := range *at(c) {
				out[section+"."+name] = k.write(v)
			}
			return out
		},
	}
}

func (s Setting) flag(name string) Setting { s.Flag = name; return s }
func (s Setting) hidden() Setting          { s.secret = true; return s }

// section returns the part of the key before the first dot.
func (s *Setting) section() string { section, _, _ := strings.Cut(s.Key, "."); return section }

// matches returns the name that key has below a family, and whether the setting
// is the one that key sets.
func (s *Setting) matches(key string) (name string, ok bool) {
	if prefix, isFamily := strings.CutSuffix(s.Key, "*"); isFamily {
		name, ok = strings.CutPrefix(key, prefix)
		return name, ok && name != ""
	}
	return "", s.Key == key
}

// Variable returns the environment variable that sets the key.
func (s *Setting) Variable() string { return Variable(s.Key) }

const prefix = "SALLYPORT_"

// Variable returns the environment variable that sets a key.
func Variable(key string) string {
	return prefix + strings.ToUpper(strings.ReplaceAll(key, ".", "__"))
}

// Settings returns every setting, in the order of the documentation.
func Settings() []Setting {
	return []Setting{
		setting("server.addr", addresses, "127.0.0.1:8080", func(c *Config) *string { return &c.Server.Addr },
			"Address to listen on. Port 0 takes a free one.").flag("--addr"),
		setting("server.base_url", urls, "", func(c *Config) *string { return &c.Server.BaseURL },
			"How people reach the server: the issuer of tokens and the start of every link. Empty: the address it listens on, which does for one machine.").flag("--base-url"),
		setting("server.base_path", paths, "/auth", func(c *Config) *string { return &c.Server.BasePath },
			"What the paths of all pages and of the API begin with."),
		setting("server.tls_cert", files, "", func(c *Config) *string { return &c.Server.TLSCert },
			"File with the certificate chain (PEM). It and the key are read again when they change. Empty: plain http.").flag("--tls-cert"),
		setting("server.tls_key", files, "", func(c *Config) *string { return &c.Server.TLSKey },
			"File with the private key of the certificate (PEM).").flag("--tls-key"),
		setting("server.client_ca", files, "", func(c *Config) *string { return &c.Server.ClientCA },
			"File with the CAs (PEM) whose client certificates count; `sallyport cert` says whose they are. It is read again when it changes. Empty: none count."),
		setting("server.client_certificates", oneOf(certificatesOptional, certificatesRequired, certificatesAny, string(clientcert.RFC9440), string(clientcert.Nginx), string(clientcert.Envoy)), certificatesOptional,
			func(c *Config) *string { return &c.Server.Certificates },
			"Whether clients of the listener need one, or may show any, also one that no CA has signed, which clients of OAuth may have registered (self_signed_tls_client_auth); or, where a proxy among trusted_proxies terminates TLS, the header in which it hands the certificate on: that of RFC 9440, nginx (`ssl-client-cert`) or Envoy."),
		setting("server.certificate_url", urls, "", func(c *Config) *string { return &c.Server.CertificateURL },
			"Second address of the server at which clients of OAuth show certificates, such as https://mtls.example.com; the metadata names it. The listener then asks for certificates there only, so that browsers that come to base_url are not asked for one. Empty: they are asked for at base_url."),
		setting("server.insecure_http", booleans, false, func(c *Config) *bool { return &c.Server.InsecureHTTP },
			"Serve plain http outside loopback although passwords, cookies and tokens can then be read on the way.").flag("--insecure-http"),
		setting("server.trusted_proxies", networks, nil, func(c *Config) *[]netip.Prefix { return &c.Server.TrustedProxies },
			"Networks of proxies whose X-Forwarded-For header is believed. With one, plain http may be served to them, and base_url must be https."),
		setting("server.origins", hosts, nil, func(c *Config) *[]string { return &c.Server.Origins },
			"Origins of web pages elsewhere that may call with the cookies of their users."),
		setting("server.shutdown_timeout", durations(0, time.Hour), 30*time.Second, func(c *Config) *time.Duration { return &c.Server.ShutdownTimeout },
			"How long requests in flight may take to finish when the server is stopped."),

		setting("store.data", folders, "./sallyport-data", func(c *Config) *string { return &c.Store.Data },
			"Folder for the SQLite database, the sealing key, the lock and the socket of the running server. It is made at the first start, for its owner only.").flag("--data"),
		setting("store.database", databases, "", func(c *Config) *string { return &c.Store.Database },
			"URL of a PostgreSQL database in place of SQLite.").flag("--database").hidden(),

		setting("redis.url", caches, "", func(c *Config) *string { return &c.Redis.URL },
			"URL of a Redis or Valkey that the nodes on one database share: redis://user:password@host:6379/0, or rediss:// for TLS. Nothing is lost with it. Empty: none.").flag("--redis").hidden(),

		setting("service.name", anyText, "", func(c *Config) *string { return &c.Service.Name },
			"Name of the service on pages. No password may be made of it. Empty: the host of base_url."),
		setting("service.default_roles", names, nil, func(c *Config) *[]string { return &c.Service.DefaultRoles },
			"Roles of a new member."),
		setting("service.registration", oneOf(byUsername, byEmail, closed), byUsername, func(c *Config) *string { return &c.Service.Registration },
			"How people register: username, with a user name, and an address if they like; email, with an address alone, which they prove before there is an account; closed, not at all: administrators create the accounts."),
		setting("service.help", helps, "", func(c *Config) *string { return &c.Service.Help },
			"Where people find help: every page leads there. Empty: nowhere."),
		setting("service.terms", webPages, "", func(c *Config) *string { return &c.Service.Terms },
			"Your terms of use, which people are shown where they register. Empty: there are none."),

		setting("clients.registration", booleans, false, func(c *Config) *bool { return &c.Clients.Registration },
			"Programs may register themselves as clients (RFC 7591), each with a token that an administrator has made for that: `sallyport client token add`."),

		setting("session.idle", durations(time.Minute, 0), 7*day, func(c *Config) *time.Duration { return &c.Session.Idle },
			"A session that nobody used for so long ends."),
		setting("session.absolute", durations(time.Minute, 0), 30*day, func(c *Config) *time.Duration { return &c.Session.Absolute },
			"A session ends so long after the sign-in, used or not."),
		setting("session.fresh", durations(time.Minute, 0), 15*time.Minute, func(c *Config) *time.Duration { return &c.Session.Fresh },
			"How old a sign-in may be for sensitive actions, such as making an API key."),

		setting("session.trusted_device", durations(0, 365*day), 30*day, func(c *Config) *time.Duration { return &c.Session.TrustedDevice },
			"How long a second factor is not asked for on a device whose user ticked that. 0s: it always is."),

		setting("token.access_lifetime", durations(time.Second, time.Hour), 15*time.Minute, func(c *Config) *time.Duration { return &c.Token.AccessLifetime },
			"How long an access token lives. It can be revoked at any time all the same."),
		setting("token.family_lifetime", durations(time.Minute, 0), 30*day, func(c *Config) *time.Duration { return &c.Token.FamilyLifetime },
			"How long a sign-in can be continued by refresh tokens."),
		setting("token.algorithm", algorithms, token.EdDSA, func(c *Config) *token.Alg { return &c.Token.Algorithm },
			"What tokens are signed with, unless their audience is among the resources."),

		setting("password.minimum", numbers(password.MinWithFactor, password.MaxLength), password.MinAlone, func(c *Config) *int { return &c.Password.Minimum },
			"Characters that a new password has at least."),
		setting("password.cost", costs, password.Params{Memory: password.DefaultMemory, Time: password.DefaultTime, Threads: password.DefaultThreads},
			func(c *Config) *password.Params { return &c.Password.Cost },
			"Cost of one argon2id hash: memory in KiB, passes over it, processors that it keeps busy. Raised costs apply at everybody's next sign-in."),
		setting("password.insecure_low_cost", booleans, false, func(c *Config) *bool { return &c.Password.InsecureLowCost },
			"Accept costs below what is safe. For tests only."),
		setting("password.keep_other_sessions", booleans, false, func(c *Config) *bool { return &c.Password.KeepOtherSessions },
			"A password change leaves the other sessions of the user alone."),
		setting("password.breaches", ranges, "", func(c *Config) *string { return &c.Password.Breaches },
			"Range service for breached passwords, such as https://api.pwnedpasswords.com/range/. It learns five digits of a hash, never a password. Empty: nobody is asked."),
		setting("password.breaches_closed", booleans, false, func(c *Config) *bool { return &c.Password.BreachesClosed },
			"While that service does not answer, refuse new passwords. Otherwise they are accepted."),

		setting("passkeys.domain", domains, "", func(c *Config) *string { return &c.Passkeys.Domain },
			"Domain that passkeys belong to: the host of base_url, or one above it whose other hosts may use them, too. They stay with the domain that they were made for. Empty: the host."),
		setting("passkeys.related_origins", hosts, nil, func(c *Config) *[]string { return &c.Passkeys.RelatedOrigins },
			"Origins of pages of other domains that may use the same passkeys; /.well-known/webauthn lists them."),
		setting("passkeys.verification", oneOf("required", "preferred", "discouraged"), "preferred", func(c *Config) *string { return &c.Passkeys.Verification },
			"Whether a device must make sure of its user, by a PIN or a fingerprint. One that did counts as two factors, one that did not as one."),

		setting("factors.kinds", factorKinds, nil, func(c *Config) *[]otp.Kind { return &c.Factors.Kinds },
			"What people can set up to show beside a password, besides passkeys: totp (an authenticator app), email, sms (codes in messages). Empty: all of them. Codes by sms need a gateway, sms.url."),
		setting("factors.required", names, nil, func(c *Config) *[]string { return &c.Factors.Required },
			"Roles whose holders must have a second factor; [\"*\"]: everybody. Who has none sets one up while signing in."),

		themes(),

		setting("mail.url", mailServers, "", func(c *Config) *string { return &c.Mail.URL },
			"Mail server: smtp://user:password@host:587, where the connection must turn to TLS (except on loopback), or smtps:// for TLS from the first byte. Empty: mails wait; on loopback they are shown at /auth/dev/mail.").hidden(),
		setting("mail.from", anyText, "", func(c *Config) *string { return &c.Mail.From },
			"Sender of mails, such as \"Bulletin <no-reply@example.com>\". Empty: the user of mail.url, if that is an address."),
		setting("sms.url", gateways, "", func(c *Config) *string { return &c.SMS.URL },
			"Gateway for text messages: https:// of a webhook, or twilio://ACCOUNT:TOKEN@api.twilio.com?from=+15550100. Empty: none are sent.").hidden(),
		setting("sms.secret", anyText, "", func(c *Config) *string { return &c.SMS.Secret },
			"What requests to a webhook are signed with: at least 16 characters.").hidden(),

		setting("old_system.url", anyText, "", func(c *Config) *string { return &c.OldSystem.URL },
			"Webhook, https, of the system that people come from: asked at a sign-in with a name that nobody has here, it says whether name and password are right there, and who that is. Empty: nobody is asked."),
		setting("old_system.secret", anyText, "", func(c *Config) *string { return &c.OldSystem.Secret },
			"What requests to that webhook are signed with: at least 16 characters.").hidden(),
		setting("old_system.private_network", booleans, false, func(c *Config) *bool { return &c.OldSystem.PrivateNetwork },
			"That webhook may be on a private network."),

		family("roles", perms, func(c *Config) *map[string][]string { return &c.Roles },
			"Permissions of a role that is created if there is none of that name; from then on it is changed by `sallyport role` or the API, not here."),
		family("resources", anyAlgorithm, func(c *Config) *map[string]token.Alg { return &c.Resources },
			"A service with signing keys of its own: the key is its audience, the value its algorithm."),

		providers(),
		forwarded(),

		setting("log.level", levels, slog.LevelInfo, func(c *Config) *slog.Level { return &c.Log.Level },
			"Least level of what is logged to standard error."),
		setting("log.format", oneOf("text", "json"), "text", func(c *Config) *string { return &c.Log.Format },
			"How it is written."),
	}
}

// A Value is a setting in force.
type Value struct {
	Key    string `json:"key"`
	Value  any    `json:"value"`  // string, int64, bool or []string; no secrets
	Source string `json:"source"` // see [Config.Source]
}

// Values returns everything in force, secrets redacted.
func (c *Config) Values() []Value {
	var out []Value
	for _, s := range Settings() {
		values := s.values(c)
		for _, key := range sortedKeys(values) {
			v := values[key]
			if s.secret {
				v = conceal(key, v.(string))
			}
			out = append(out, Value{key, v, c.Source(key)})
		}
	}
	return out
}

// conceal hides what is secret in a value: all of it, unless it is a URL.
func conceal(key, v string) string {
	if v != "" && !strings.HasSuffix(key, ".url") && !strings.HasSuffix(key, ".database") {
		return "(hidden)"
	}
	return Redact(v)
}

// Redact hides everything in a URL that may be a password.
func Redact(s string) string {
	if s == "" {
		return ""
	}
	u, err := url.Parse(s)
	if err != nil {
		return "(hidden)"
	}
	q := u.Query()
	for name := range q {
		if strings.Contains(strings.ToLower(name), "pass") {
			q.Set(name, "xxxxx")
		}
	}
	u.RawQuery = q.Encode()
	return u.Redacted()
}

// Format writes a value as TOML does.
func Format(v any) string {
	switch v := v.(type) {
	case string:
		return strconv.Quote(v)
	case []string:
		quoted := make([]string, 0, len(v))
		for _, s := range v {
			quoted = append(quoted, strconv.Quote(s))
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	}
	return fmt.Sprint(v)
}
