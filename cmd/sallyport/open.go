package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authn/passkey"
	"github.com/sallyport-auth/sallyport/cmd/sallyport/config"
	"github.com/sallyport-auth/sallyport/server"
	"github.com/sallyport-auth/sallyport/server/messages"
	"github.com/sallyport-auth/sallyport/store"
	"github.com/sallyport-auth/sallyport/store/postgres"
	"github.com/sallyport-auth/sallyport/store/sqlite"
)

// An installation is open for management, beside the server if one runs.
type installation struct {
	*server.Server
	config *config.Config
	store  account.Store
	folder folder
}

// existence says what a command does where nothing has been set up yet.
type existence bool

const (
	mustExist existence = false // refuse: a typo in --data must not make a folder
	mayCreate existence = true  // make it: a machine can be set up before its first start
)

// manage opens the installation for something that changes nothing, and prints
// the answer.
func (p *program) manage(ctx context.Context, do func(*installation) (answer, error)) error {
	return p.with(ctx, mustExist, func(in *installation) error {
		a, err := do(in)
		if err != nil {
			return err
		}
		return p.print(a)
	})
}

// change opens the installation for a change. When it prints the answer, a server
// that runs on the folder acts on the change.
func (p *program) change(ctx context.Context, e existence, do func(*installation) (answer, error)) error {
	return p.with(ctx, e, func(in *installation) error {
		a, err := do(in)
		if err != nil {
			return err
		}
		if _, err := in.folder.ring(ctx); err != nil {
			p.note("sallyport: the change is made, but the running server has not confirmed yet that it acts on it: %s", sentence(err))
		}
		return p.print(a)
	})
}

func (p *program) with(ctx context.Context, e existence, do func(*installation) error) error {
	c, err := p.settings(nil)
	if err != nil {
		return err
	}
	in, err := p.open(ctx, c, e)
	if err != nil {
		return err
	}
	return errors.Join(do(in), in.close())
}

func (p *program) open(ctx context.Context, c *config.Config, e existence) (*installation, error) {
	in := &installation{config: c, folder: folder(c.Store.Data)}
	if e == mayCreate {
		if err := in.create(ctx); err != nil {
			return nil, err
		}
	}
	var err error
	in.store, err = openStore(ctx, c, keepSchema)
	if e == mayCreate && c.Store.Database == "" && errors.Is(err, store.ErrEmpty) { // somebody was killed while setting it up
		if err := in.setUp(ctx); err != nil {
			return nil, err
		}
		in.store, err = openStore(ctx, c, keepSchema)
	}
	if err != nil {
		return nil, err
	}
	if in.Server, err = server.Open(ctx, managing(c, in.store, p.logger(c, slog.LevelWarn))); err != nil {
		return nil, errors.Join(err, in.store.Close())
	}
	return in, nil
}

// create sets up what is not there yet, unless a server is about to. A PostgreSQL
// database is left to the server and to "migrate up": other nodes may use it.
func (in *installation) create(ctx context.Context) error {
	if in.config.Store.Database != "" {
		return in.folder.create()
	}
	if _, err := os.Stat(in.folder.database()); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := in.folder.create(); err != nil {
		return err
	}
	return in.setUp(ctx)
}

// setUp migrates a database that has nothing in it, unless a server is about to.
func (in *installation) setUp(ctx context.Context) error {
	l, err := in.folder.lock()
	if busy, ok := errors.AsType[*busyError](err); ok && busy.holder != 0 {
		return nil
	}
	if err != nil {
		return err
	}
	s, err := openStore(ctx, in.config, migrateSchema)
	if err == nil {
		err = s.Close()
	}
	return errors.Join(err, l.release())
}

func (in *installation) close() error { return errors.Join(in.Server.Close(), in.store.Close()) }

// schema says whether pending migrations are applied.
type schema bool

const (
	keepSchema    schema = false
	migrateSchema schema = true
)

// openStore opens the database that the settings name.
func openStore(ctx context.Context, c *config.Config, s schema) (account.Store, error) {
	if c.Store.Database != "" {
		db, err := postgres.Config{DSN: c.Store.Database, NoMigrate: s == keepSchema}.Open(ctx)
		if err != nil {
			return nil, pending(err)
		}
		return db, nil
	}
	f := folder(c.Store.Data)
	if s == keepSchema {
		if err := f.exists(); err != nil {
			return nil, err
		}
	}
	db, err := sqlite.Config{Path: f.database(), NoMigrate: s == keepSchema}.Open(ctx)
	if err != nil {
		return nil, pending(err)
	}
	return db, nil
}

// exists makes sure that opening the database would not make one.
func (f folder) exists() error {
	_, err := os.Stat(f.database())
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is nothing in the data folder %s yet: “sallyport serve” sets it up (or name another with --data)", f)
	}
	if err != nil {
		return fmt.Errorf("opening the database: %w", err)
	}
	return nil
}

// pending says how to go on where migrations are pending.
func pending(err error) error {
	if errors.Is(err, store.ErrPending) {
		return fmt.Errorf("%w: start the server, or run “sallyport migrate up”", err)
	}
	return err
}

// managing hands the settings on for management, where nothing is served.
func managing(c *config.Config, s account.Store, log *slog.Logger) server.Config {
	settings := serverConfig(c, s, log)
	settings.ManageOnly, settings.InsecureHTTP = true, true
	if settings.BaseURL == "" {
		settings.BaseURL = "http://localhost"
	}
	return settings
}

// serverConfig hands the settings on.
func serverConfig(c *config.Config, s account.Store, log *slog.Logger) server.Config {
	out := server.Config{
		BaseURL: c.Server.BaseURL, CertificateURL: c.Server.CertificateURL, BasePath: c.Server.BasePath, Store: s, Name: c.Service.Name, Help: c.Service.Help, Terms: c.Service.Terms, Theme: c.Theme.Theme,
		SealingKey: c.SealingKey, SealingKeyFile: folder(c.Store.Data).sealingKey(),
		Roles: c.Roles, DefaultRoles: c.Service.DefaultRoles,
		ClientRegistration: c.Clients.Registration, ClosedRegistration: c.Service.Closed(), EmailIsName: c.Service.EmailIsName(), KeepOtherSessions: c.Password.KeepOtherSessions,
		Passwords: c.Hashing(), PasswordMin: c.Password.Minimum, Breaches: c.Password.Breaches, BreachesClosed: c.Password.BreachesClosed,
		SessionIdle: c.Session.Idle, SessionMax: c.Session.Absolute, FreshFor: c.Session.Fresh, TrustFor: orNever(c.Session.TrustedDevice),
		AccessLifetime: c.Token.AccessLifetime, FamilyLifetime: c.Token.FamilyLifetime,
		Passkeys: server.PasskeyConfig{
			Domain: c.Passkeys.Domain, Origins: c.Passkeys.RelatedOrigins, Verification: passkey.Verification(c.Passkeys.Verification),
		},
		Keys: c.Schedule(), Origins: c.Server.Origins, TrustedProxies: c.Server.TrustedProxies, Providers: c.Providers, Forward: c.Forward,
		Mail: messages.Mail{URL: c.Mail.URL, From: c.Mail.From}, SMS: messages.SMS{URL: c.SMS.URL, Secret: c.SMS.Secret},
		RequireFactorOf: c.Factors.Required,
		InsecureHTTP:    c.Server.InsecureHTTP, Log: log,
	}
	if len(c.Factors.Kinds) > 0 {
		out.FactorKinds = c.Factors.Kinds
	}
	if c.Factors.RequiredOfAll() {
		out.RequireFactor, out.RequireFactorOf = true, nil
	}
	if c.OldSystem.URL != "" {
		out.OldSystem = c.OldSystem.Webhook().Ask
	}
	return out
}

// orNever turns a setting of 0 into what a library calls never: there 0 is the default.
func orNever(d time.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return d
}

// logger writes to standard error what is at least as grave as least and as the
// settings ask for.
func (p *program) logger(c *config.Config, least slog.Level) *slog.Logger {
	o := &slog.HandlerOptions{Level: max(c.Log.Level, least)}
	if c.Log.Format == "json" {
		return slog.New(slog.NewJSONHandler(p.stderr, o))
	}
	return slog.New(slog.NewTextHandler(p.stderr, o))
}

// checkArgument refuses a password where every user of the machine can see it.
func checkArgument(flag, key, text string) error {
	u, err := url.Parse(text)
	if err != nil {
		return nil // the settings say what is wrong with it
	}
	if _, has := u.User.Password(); has || u.Query().Has("password") {
		variable := config.Variable(key)
		return misused("%s: every user of this machine could read the password there; "+
			"put the URL into %s, into a file that %s_FILE names, or into the configuration", flag, variable, variable)
	}
	return nil
}

// reachedAt returns the URL at which people reach the server, without a slash at
// its end: what the server that runs says, else what the settings do.
func (in *installation) reachedAt(ctx context.Context) (string, error) {
	base, err := in.folder.ring(ctx)
	if err != nil {
		return "", fmt.Errorf("asking the running server for its address: %w", err)
	}
	if base == "" {
		base = in.config.Server.BaseURL
	}
	if base == "" {
		return "", errors.New("a link needs to say where people reach the server, which does not run: start it, or set server.base_url (SALLYPORT_SERVER__BASE_URL)")
	}
	return strings.TrimSuffix(base, "/"), nil
}

// named returns the user of that name, address or id.
func (in *installation) named(ctx context.Context, who string) (account.User, error) {
	u, err := in.Accounts.Find(ctx, who)
	if errors.Is(err, account.ErrNotFound) {
		return u, fmt.Errorf("there is no user %q", who)
	}
	return u, err
}

// title is what a user is called.
func title(u account.User) string { return cmp.Or(u.Username, u.Email, u.ID) }
