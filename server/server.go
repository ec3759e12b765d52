// Package server assembles Sallyport: give it a store and a base URL, and it
// gives a gate and routes with sign-in, accounts, administration and keys, ready
// to be mounted in a program or served by one.
package server

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/outbox"
	"github.com/sallyport-auth/sallyport/authn/apikey"
	"github.com/sallyport-auth/sallyport/authn/clientcert"
	"github.com/sallyport-auth/sallyport/authn/password"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/authz/rulebook"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/limit"
	"github.com/sallyport-auth/sallyport/revoke"
	"github.com/sallyport-auth/sallyport/server/admin"
	"github.com/sallyport-auth/sallyport/server/backchannel"
	"github.com/sallyport-auth/sallyport/server/decide"
	"github.com/sallyport-auth/sallyport/server/devices"
	"github.com/sallyport-auth/sallyport/server/entry"
	"github.com/sallyport-auth/sallyport/server/events"
	"github.com/sallyport-auth/sallyport/server/factors"
	"github.com/sallyport-auth/sallyport/server/feed"
	"github.com/sallyport-auth/sallyport/server/forward"
	"github.com/sallyport-auth/sallyport/server/keyring"
	"github.com/sallyport-auth/sallyport/server/login"
	"github.com/sallyport-auth/sallyport/server/me"
	"github.com/sallyport-auth/sallyport/server/membership"
	"github.com/sallyport-auth/sallyport/server/oauth"
	"github.com/sallyport-auth/sallyport/server/openapi"
	"github.com/sallyport-auth/sallyport/server/passkeys"
	"github.com/sallyport-auth/sallyport/server/recovery"
	"github.com/sallyport-auth/sallyport/server/setup"
	"github.com/sallyport-auth/sallyport/server/transmitter"
	"github.com/sallyport-auth/sallyport/server/web"
)

// A Server is an open installation. Gate and Routes are what a program mounts;
// the rest is for managing it. It is safe for concurrent use once routes are
// registered.
type Server struct {
	Gate     *sallyport.Gate
	Routes   *sallyport.Routes // ours are in it; add your own
	Accounts *account.Service
	Policy   *authz.Policy
	Rules    *rulebook.Book
	Keyring  *keyring.Keyring

	config   Config
	sealer   *secret.Sealer
	follower *revoke.Follower
	feed     *revoke.Feed
	events   *events.Streams
	signals  *transmitter.Transmitter
	logouts  *backchannel.Notifier
	senders  []*outbox.Sender
	decided  *authz.DecisionLog // nil where only management is asked for
	apiKeys  *apikey.Authenticator
	tokens   *token.Authenticator // of every audience of ours
	proofs   *token.Prover
	setup    *setup.Handler
	forward  *forward.Handler // nil: no proxy asks
	cors     *cors
	outside  *frontier
	stop     context.CancelFunc
	running  sync.WaitGroup
}

// Open checks the configuration, opens what the store holds, creates what is
// missing, and follows the revocation log until Close. It does not listen.
func Open(ctx context.Context, c Config) (*Server, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	sealer, err := c.sealer(ctx)
	if err != nil {
		return nil, err
	}
	ringers := c.hang()
	s := &Server{config: c, sealer: sealer, Policy: authz.New(c.Rules...), events: new(events.Streams), cors: newCORS(c.Origins)}
	if err := s.rules(); err != nil {
		return nil, err
	}
	s.Keyring = &keyring.Keyring{Store: c.Store, Sealer: sealer, Schedule: c.Keys}
	if err := s.follow(ctx); err != nil {
		return nil, err
	}
	s.Accounts = c.accounts(sealer, s.follower, s.Keyring)
	s.Accounts.Sectors.Transport = c.sending()
	for _, step := range []func(context.Context) error{s.veil, s.prepare, s.tell, s.guard, s.mount} {
		if err := step(ctx); err != nil {
			s.follower.Close()
			return nil, err
		}
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	for _, r := range ringers {
		s.running.Go(func() { r.run(background) })
		if !c.ManageOnly {
			s.running.Go(func() { listen(background, r.bell, s.follower, s.log()) })
		}
	}
	if !c.ManageOnly {
		s.decided = authz.NewDecisionLog(s.Accounts.LogDecisions, c.Log)
		s.running.Go(func() { s.maintain(background) })
		s.running.Go(func() { s.signals.Run(background) })
		s.running.Go(func() { s.logouts.Run(background) })
		for _, sender := range s.senders {
			s.running.Go(func() { sender.Run(background) })
		}
	}
	return s, nil
}

// follow starts to follow the log. Whatever is derived from the store is read
// anew before the cursor passes the entry that says so.
func (s *Server) follow(ctx context.Context) (err error) {
	s.follower, err = revoke.Follow(ctx, revoke.Config{
		Read: s.readLog,
		Watch: func(ctx context.Context, e revoke.Entry) error {
			switch e.Kind {
			case revoke.Policy:
				return s.reloadPolicy(ctx)
			case revoke.Key:
				return s.Keyring.Reload(ctx)
			}
			return nil
		},
		Reset: s.reload,
		Every: s.config.poll, Bound: 5 * s.config.poll, // zero: the defaults
		Renew: func(ctx context.Context, log string, cause error) error {
			_, err := account.Restored(ctx, s.config.Store, log, cause.Error(), account.Origin{})
			if err == nil {
				s.log().ErrorContext(ctx, "the database was put back to an earlier state beneath this node: everybody must sign in again", "cause", cause)
			}
			return err
		},
		Log: s.config.Log,
	})
	return err
}

func (s *Server) readLog(ctx context.Context, f func(revoke.Log) error) error {
	return s.config.Store.View(ctx, func(tx account.Tx) error { return f(tx.Log) })
}

// tell begins to tell other services and open pages what this node reads, once it is
// in force here.
func (s *Server) tell(context.Context) (err error) {
	s.follower.Observe(s.events.Tell)
	s.signals = s.transmitter()
	s.follower.Observe(s.signals.Tell)
	s.logouts = s.notifier()
	s.follower.Observe(s.logouts.Tell)
	s.feed, err = revoke.NewFeed(s.follower, revoke.FeedConfig{
		Read: s.readLog, Key: s.sealer.Derive("revocation feed"), Policy: s.Rules.Bundle, Log: s.config.Log,
	})
	return err
}

func (s *Server) reload(ctx context.Context) error {
	return errors.Join(s.reloadPolicy(ctx), s.Keyring.Reload(ctx))
}

// prepare creates what an installation needs and reads it.
func (s *Server) prepare(ctx context.Context) error {
	if !s.config.ManageOnly {
		if _, err := s.Keyring.Maintain(ctx); err != nil {
			return fmt.Errorf("preparing signing keys: %w", err)
		}
	}
	if err := s.ensureRoles(ctx); err != nil {
		return fmt.Errorf("preparing roles: %w", err)
	}
	if err := s.reload(ctx); err != nil || s.config.ManageOnly {
		return err
	}
	for _, role := range s.config.DefaultRoles {
		if !s.Policy.Load().Has(role) {
			return fmt.Errorf("DefaultRoles names %q, and there is no such role", role)
		}
	}
	return nil
}

// ensureRoles creates the configured roles. Where only management is asked for,
// somebody may be deleting one of them right now: then it does so in a new store
// only.
func (s *Server) ensureRoles(ctx context.Context) error {
	if s.config.ManageOnly {
		if present, err := s.Accounts.Roles(ctx); err != nil || len(present) > 0 {
			return err
		}
	}
	roles := []authz.Role{{Name: account.AdminRole, Permissions: []string{"*"}}}
	for name, permissions := range s.config.Roles {
		roles = append(roles, authz.Role{Name: name, Permissions: permissions})
	}
	return s.Accounts.EnsureRoles(ctx, roles)
}

func (c *Config) accounts(sealer *secret.Sealer, follower *revoke.Follower, ring *keyring.Keyring) *account.Service {
	return &account.Service{
		Store: c.Store, Follower: follower,
		Passwords: &password.Hasher{Params: c.Passwords},
		Passkeys:  c.party(),
		Policy:    password.Policy{MinLength: c.PasswordMin},
		Breaches:  c.breaches(),
		Limits:    &limit.SignIn{Key: sealer.Derive("sign-in limits")},
		Codes:     &limit.Tries{Key: sealer.Derive("limits of codes"), Purpose: "codes", Free: 5, InARow: 100},

		MailedCodes: &limit.Tries{Key: sealer.Derive("limits of mailed codes"), Purpose: "mailed codes", Free: 5},
		Asked:       &limit.Tries{Key: sealer.Derive("limits of messages"), Purpose: "messages", Free: 3},
		AskedFrom:   &limit.Tries{Key: sealer.Derive("limits of messages"), Purpose: "messages of a client", Free: 300, FirstPause: 10 * time.Second, MaxPause: time.Minute},
		Kept:        &limit.Tries{Key: sealer.Derive("limits of requests"), Purpose: "requests of clients", Free: 300, FirstPause: time.Second, MaxPause: 10 * time.Second},
		Refreshes:   refreshTokens(sealer),
		Sign:        signer(ring.Keys(), opaqueTokens(sealer)),
		Schedule:    ring.Schedule,
		Issuer:      c.issuer(), Sealer: sealer, Pages: c.issuer() + c.basePath(), Timeouts: c.timeouts(),
		OldSystem:      c.OldSystem,
		TrustLifetime:  c.TrustFor,
		AccessLifetime: c.AccessLifetime, FamilyLifetime: c.FamilyLifetime, Leeway: c.Leeway,
		ServiceName: c.name(), DefaultRoles: c.DefaultRoles, EmailIsName: c.EmailIsName, KeepOtherSessions: c.KeepOtherSessions,
		FactorKinds: c.factorKinds(), RequireFactor: c.RequireFactor, RequireFactorOf: c.RequireFactorOf, Log: c.Log,
	}
}

func (c *Config) breaches() *password.Breaches {
	if c.Breaches == "" {
		return nil
	}
	return &password.Breaches{URL: c.Breaches, Closed: c.BreachesClosed}
}

func refreshTokens(sealer *secret.Sealer) *token.RefreshTokens {
	return &token.RefreshTokens{Current: uint32(sealer.KeyID()), Key: derived(sealer, "refresh tokens")}
}

func opaqueTokens(sealer *secret.Sealer) *token.OpaqueTokens {
	return &token.OpaqueTokens{Current: uint32(sealer.KeyID()), Key: derived(sealer, "opaque tokens")}
}

// derived returns the keys for a purpose that come of the sealing keys. Each is derived once.
func derived(sealer *secret.Sealer, purpose string) func(version uint32) ([]byte, bool) {
	var keys sync.Map
	return func(version uint32) ([]byte, bool) {
		if key, ok := keys.Load(version); ok {
			return key.([]byte), true
		}
		key, ok := sealer.DeriveFrom(secret.KeyID(version), purpose)
		if ok {
			keys.Store(version, key)
		}
		return key, ok
	}
}

// signer writes access tokens, in the form that is asked for.
func signer(keys *token.Keys, opaque *token.OpaqueTokens) func(*token.Claims) (string, error) {
	return func(c *token.Claims) (string, error) {
		access, err := keys.AccessToken(c)
		if err != nil || !c.Opaque {
			return access, err
		}
		return opaque.Wrap(access)
	}
}

// cacheSize is how many sessions, keys and tokens each are remembered.
const cacheSize = 1 << 16

// guard builds the gate.
func (s *Server) guard(context.Context) error {
	limiter, err := s.limiter()
	if err != nil {
		return err
	}
	complete := authz.NewAssignments(s.Accounts.Standing, s.follower, cacheSize).Complete
	remembered := func() *revoke.Cache[[32]byte, *sallyport.Principal] {
		return revoke.NewCache[[32]byte, *sallyport.Principal](s.follower, cacheSize)
	}
	c := &s.config
	s.outside = s.frontier()
	s.apiKeys = &apikey.Authenticator{Keys: s.Accounts, Complete: complete, Cache: remembered()}
	s.tokens = &token.Authenticator{
		Verifier: &token.Verifier{Issuer: c.issuer(), InsecureAnyAudience: true, Keys: s.Keyring.Keys()},
		Follower: s.follower, Complete: complete, Opaque: opaqueTokens(s.sealer),
	}
	bearer := &token.Authenticator{
		Verifier: &token.Verifier{Issuer: c.issuer(), Audience: c.issuer(), Keys: s.Keyring.Keys()},
		Follower: s.follower, Complete: complete, Opaque: s.tokens.Opaque, Cache: token.NewCache(s.follower, cacheSize),
	}
	s.proofs = s.prover()
	s.Gate = &sallyport.Gate{
		Authenticators: []sallyport.Authenticator{
			&session.Authenticator{Sessions: s.sessions(), Complete: complete, Cache: remembered()},
			s.apiKeys,
			&clientcert.Authenticator{Mappings: s.Accounts, Complete: complete, Cache: remembered(), Log: c.Log},
			bearer,
			&token.Bound{Tokens: bearer, Proofs: s.proofs},
		},
		Policy: s.Policy, Limiter: limiter, ShowReason: c.ShowReasons, Record: s.record, RecordAll: c.RecordAll,
		Cookie: s.sessionCookie().Name, CrossOrigin: s.cors.protection(), Origin: c.issuer(),
		NotFound: []error{sql.ErrNoRows}, ResourceMetadata: (&sallyport.ProtectedResource{Resource: c.issuer()}).URL(), ClientAddr: clientAddr(c.TrustedProxies), Peer: s.outside.peer, Shown: s.outside.shown, SignIn: c.basePath() + "/login", StepUp: c.basePath() + "/step-up", Log: c.Log,
	}
	return nil
}

// mount registers our own routes.
func (s *Server) mount(ctx context.Context) error {
	base := s.config.basePath()
	providers, err := s.providers()
	if err != nil {
		return err
	}
	onward := &oauth.Onward{Cookie: s.mailCookie("onward", base), Key: s.sealer.Derive("ways onward")}
	look := web.Config{
		Onward: onward.Of,
		Base:   base, Service: s.config.name(), PasswordMin: cmp.Or(s.config.PasswordMin, password.MinAlone),
		Secure: s.config.secure(), Help: s.config.Help, Terms: s.config.Terms, Theme: s.config.Theme, Providers: buttons(providers),
	}
	pages, err := web.New(look)
	if err != nil {
		return err
	}
	s.Gate.Page = pages.Problem
	if s.forward, err = s.forwarding(onward, look); err != nil {
		return err
	}
	if s.senders, err = s.messages(ctx, pages); err != nil {
		return err
	}
	s.Routes = &sallyport.Routes{Gate: s.Gate}
	home := base + "/"
	answer := &entry.Answer{
		Base: base, Home: home, Gate: s.Gate, Accounts: s.Accounts,
		Session: s.sessionCookie(), Refresh: s.refreshCookie(), Ticket: s.ticketCookie(), Device: s.deviceCookie(),
		Remember: func(w http.ResponseWriter, locale string) {
			if language, ok := web.Language(locale); ok {
				pages.Remember(w, language)
			}
		},
	}
	s.setup = &setup.Handler{Base: base, Gate: s.Gate, Accounts: s.Accounts, Answer: answer, Pages: pages}
	withPasskeys := &passkeys.Handler{
		Base: base, Gate: s.Gate, Accounts: s.Accounts, Answer: answer, Pages: pages, Fresh: s.config.freshFor(),
		Related: s.config.Passkeys.Origins, Closed: s.config.ClosedRegistration,
	}
	administration := &admin.Handler{
		Base: base, Issuer: s.config.issuer(), Gate: s.Gate, Accounts: s.Accounts,
		Policy: s.Policy, Rules: s.Rules, GoRules: s.config.Rules, Keyring: s.Keyring,
	}
	for _, flow := range []interface{ Mount(*sallyport.Routes) }{
		&login.Handler{
			Base: base, Gate: s.Gate, Accounts: s.Accounts, Answer: answer, Pages: pages, Closed: s.config.ClosedRegistration,
			Registration: s.mailCookie("registration", base),
		},
		&recovery.Handler{
			Base: base, Gate: s.Gate, Accounts: s.Accounts, Answer: answer, Pages: pages, Fresh: s.config.freshFor(),
			Token: s.mailCookie("token", base), Asked: s.mailCookie("asked", base), Ticket: s.mailCookie("registration", base),
		},
		withPasskeys,
		&me.Handler{
			Base: base, Gate: s.Gate, Accounts: s.Accounts, Policy: s.Policy, Cookie: s.sessionCookie(), Refresh: s.refreshCookie(),
			Pages: pages, Fresh: s.config.freshFor(), OfferPasskey: withPasskeys.Offer,
		},
		s.social(providers, answer, pages),
		&factors.Handler{
			Base: base, Gate: s.Gate, Accounts: s.Accounts, Answer: answer, Pages: pages, Fresh: s.config.freshFor(),
		},
		&devices.Handler{Base: base, Gate: s.Gate, Accounts: s.Accounts, Pages: pages},
		&membership.Handler{Base: base, Home: home, Gate: s.Gate, Accounts: s.Accounts, Pages: pages},
		administration,
		&feed.Handler{Base: base, Gate: s.Gate, Feed: s.feed},
		&decide.Handler{Base: base, Issuer: s.config.issuer(), Gate: s.Gate, Accounts: s.Accounts, Policy: s.Policy, Rules: s.Rules},
		&events.Handler{Base: base, Gate: s.Gate, Accounts: s.Accounts, Follower: s.follower, Tokens: s.tokens, Streams: s.events},
		&oauth.Handler{
			Base: base, Issuer: s.config.issuer(), Gate: s.Gate, Accounts: s.Accounts, Follower: s.follower,
			Tokens: s.tokens, APIKeys: s.apiKeys, Complete: s.tokens.Complete, Keys: s.Keyring.Keys(), Pages: pages,
			Session: s.sessionCookie(), Refresh: s.refreshCookie(), Onward: onward, Proofs: s.proofs, Key: s.sealer.Derive("authorization requests"),
			Fresh: s.config.freshFor(), Service: s.config.name(), Register: s.config.ClientRegistration, MakeKeys: administration.MakeKeys,
			Certificates: strings.TrimSuffix(s.config.CertificateURL, "/"),
		},
		&transmitter.Handler{Base: base, Issuer: s.config.issuer(), Gate: s.Gate, Transmitter: s.signals},
		s.setup,
		pages,
		&openapi.Handler{
			Base: base, Issuer: s.config.issuer(), Service: s.config.name(),
			SessionCookie: s.sessionCookie().Name, RefreshCookie: s.refreshCookie().Name,
		},
	} {
		flow.Mount(s.Routes)
	}
	if s.forward != nil {
		s.forward.Mount(s.Routes)
	}
	s.devMail(pages, s.Routes)
	s.Routes.Handle("GET /.well-known/jwks.json", sallyport.Public().NoCookie(), s.Keyring.Keys())
	return nil
}

// ServeHTTP serves Routes, and answers the preflight requests of the trusted
// origins.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.outside.strip(r)
	if s.forward.Serve(w, r) {
		return
	}
	if s.cors.serve(w, r) {
		return
	}
	if strings.HasPrefix(r.URL.Path, "/access/") {
		decide.RequestID(w, r) // also of a request that no door lets through
	}
	s.Routes.ServeHTTP(w, r)
}

// MountRoot registers what only a server that has the host to itself may: GET /
// leads to the account page; GET /healthz answers while the process lives; GET
// /readyz answers 503 while requests cannot be served.
func (s *Server) MountRoot() {
	anybody := sallyport.Public().NoCookie()
	s.Routes.Handle("GET /{$}", anybody, http.RedirectHandler(s.config.basePath()+"/", http.StatusSeeOther))
	say := func(w http.ResponseWriter) error {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		_, err := fmt.Fprintln(w, "ok")
		return err
	}
	s.Routes.Func("GET /healthz", anybody, func(w http.ResponseWriter, r *http.Request) error { return say(w) })
	s.Routes.Func("GET /readyz", anybody, func(w http.ResponseWriter, r *http.Request) error {
		if err := s.Ready(r.Context()); err != nil {
			return err
		}
		return say(w)
	})
}

// Ready reports why requests cannot be served: the store, the log or the keys.
func (s *Server) Ready(ctx context.Context) error {
	if err := s.config.Store.Ping(ctx); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if _, err := s.follower.Mark(); err != nil {
		return err
	}
	_, err := s.Keyring.Keys().Load().Signing(s.config.issuer(), time.Now())
	return err
}

// SetupLink makes the one-time link for the first administrator: good for 30
// minutes, in place of any before. It is "" if there is an administrator.
func (s *Server) SetupLink(ctx context.Context) (string, error) {
	path, err := s.setup.Link(ctx)
	if err != nil || path == "" {
		return "", err
	}
	return s.config.issuer() + path, nil
}

// Obey reads the revocation log now and returns once this node obeys all of it:
// what another process changed is in force.
func (s *Server) Obey(ctx context.Context) error {
	var head revoke.Head
	err := s.config.Store.View(ctx, func(tx account.Tx) (err error) { head, err = tx.Log.Head(ctx); return err })
	if err != nil {
		return err
	}
	return s.Accounts.CatchUp(ctx, head.Position)
}

// maintain sweeps what expired and rotates keys, until it is stopped.
func (s *Server) maintain(ctx context.Context) {
	const every, batch = time.Minute, 500
	for {
		if err := s.signals.Maintain(ctx); err != nil && ctx.Err() == nil {
			s.log().ErrorContext(ctx, "looking after event streams failed", "err", err)
		}
		if _, err := s.Accounts.DeleteLeaving(ctx, time.Now(), batch); err != nil && ctx.Err() == nil {
			s.log().ErrorContext(ctx, "deleting accounts whose owners left failed", "err", err)
		}
		if err := s.tellExpired(ctx, batch); err != nil && ctx.Err() == nil {
			s.log().ErrorContext(ctx, "telling clients of sessions that expired failed", "err", err)
		}
		if err := s.sweep(ctx, batch); err != nil && ctx.Err() == nil {
			s.log().ErrorContext(ctx, "sweeping failed", "err", err)
		}
		if _, err := s.Keyring.Maintain(ctx); err != nil && ctx.Err() == nil {
			s.log().ErrorContext(ctx, "rotating keys failed", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(every):
		}
	}
}

// sweep deletes in small batches, so that nobody waits for it.
func (s *Server) sweep(ctx context.Context, batch int) error {
	for ctx.Err() == nil {
		n, err := s.config.Store.Sweep(ctx, time.Now(), batch)
		if err != nil || n == 0 {
			return err
		}
	}
	return nil
}

func (s *Server) log() *slog.Logger { return s.config.log() }

// EndStreams ends the answers that would go on for ever, so that the others can
// finish: call it when the HTTP server shuts down. Who reads one comes back, to
// another node.
func (s *Server) EndStreams() {
	s.feed.Close()
	s.events.Close()
	s.signals.Close()
}

// Close stops what runs in the background. The store stays open: it is yours.
func (s *Server) Close() error {
	s.EndStreams()
	s.stop()
	s.running.Wait()
	if s.decided != nil {
		s.decided.Close()
	}
	s.follower.Close()
	return nil
}
