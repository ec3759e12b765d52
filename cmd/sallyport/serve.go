package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/cmd/sallyport/config"
	"github.com/sallyport-auth/sallyport/server"
	"github.com/sallyport-auth/sallyport/server/setup"
	"github.com/sallyport-auth/sallyport/store/redis"
)

type serve struct {
	Addr         string `placeholder:"HOST:PORT" help:"Address to listen on; port 0 takes a free one. Default: 127.0.0.1:8080."`
	BaseURL      string `name:"base-url" placeholder:"URL" help:"How people reach the server, such as https://id.example.com. Default: the address it listens on."`
	TLSCert      string `name:"tls-cert" placeholder:"FILE" help:"Certificate chain (PEM), read again when it changes."`
	TLSKey       string `name:"tls-key" placeholder:"FILE" help:"Private key of the certificate (PEM)."`
	Redis        string `placeholder:"URL" help:"Redis or Valkey that the nodes on one database share, such as redis://host."`
	InsecureHTTP bool   `name:"insecure-http" help:"Serve plain http outside loopback: passwords and tokens can be read on the way."`
}

func (*serve) Help() string {
	return "With nothing there yet it makes the data folder, the database and the keys, " +
		"and prints a one-time link for the first administrator. There is no default password."
}

// flags returns what was given on the command line, by setting.
func (s *serve) flags() map[string]string {
	given := map[string]string{}
	for key, value := range map[string]string{
		"server.addr": s.Addr, "server.base_url": s.BaseURL, "server.tls_cert": s.TLSCert, "server.tls_key": s.TLSKey,
		"redis.url": s.Redis,
	} {
		if value != "" {
			given[key] = value
		}
	}
	if s.InsecureHTTP {
		given["server.insecure_http"] = "true"
	}
	return given
}

// Run serves until ctx ends. The listener comes first, because the address is
// part of what is served; then the lock; then whatever is made.
func (s *serve) Run(ctx context.Context, p *program) error {
	if err := checkArgument("--redis", "redis.url", s.Redis); err != nil {
		return err
	}
	c, err := p.settings(s.flags())
	if err != nil {
		return err
	}
	n := &node{config: c, folder: folder(c.Store.Data), log: p.logger(c, slog.LevelDebug)}
	if err := n.listen(); err != nil {
		return err
	}
	defer n.listener.Close()
	if err := n.folder.create(); err != nil {
		return err
	}
	l, err := n.folder.lock()
	if err != nil {
		return err
	}
	defer l.release()
	if err := errors.Join(l.sign(), n.folder.tidy()); err != nil {
		return fmt.Errorf("locking the data folder: %w", err)
	}
	if err := n.open(ctx); err != nil {
		return err
	}
	return errors.Join(n.serve(ctx, p), n.close())
}

// A node is a server that runs.
type node struct {
	*server.Server
	config      *config.Config
	folder      folder
	log         *slog.Logger
	listener    net.Listener
	certificate *certificate // nil = plain http
	authorities *authorities // nil = client certificates do not count
	store       account.Store
	redis       *redis.Client // nil = none
}

// listen takes the address, and completes the base URL by it.
func (n *node) listen() (err error) {
	s := &n.config.Server
	if s.TLSCert != "" {
		if n.certificate, err = readCertificate(s.TLSCert, s.TLSKey, n.log); err != nil {
			return err
		}
	}
	if s.ClientCA != "" {
		if n.authorities, err = readAuthorities(s.ClientCA, n.log); err != nil {
			return err
		}
	}
	n.listener, err = net.Listen("tcp", s.Addr)
	if err != nil {
		return n.notListening(err)
	}
	if err := n.checkAddress(); err != nil {
		n.listener.Close()
		return err
	}
	return nil
}

// notListening says why. If the port is taken by the server of this very folder,
// that is the thing to know.
func (n *node) notListening(err error) error {
	if !errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("listening on %s: %w", n.config.Server.Addr, err)
	}
	if pid := n.folder.holder(); pid != 0 {
		return &busyError{n.folder, pid}
	}
	return fmt.Errorf("the address %s is taken by another program; choose one with --addr (port 0 takes a free one)", n.config.Server.Addr)
}

// checkAddress refuses to send passwords in the clear where others can read them.
func (n *node) checkAddress() error {
	s := &n.config.Server
	at := n.listener.Addr().(*net.TCPAddr)
	if n.certificate == nil && !at.IP.IsLoopback() && !s.InsecureHTTP && len(s.TrustedProxies) == 0 {
		return fmt.Errorf("%s is not loopback, and plain http can be read on the way: give --tls-cert and --tls-key, "+
			"or name the proxy in front in server.trusted_proxies, or say --insecure-http", s.Addr)
	}
	if s.BaseURL != "" {
		return nil
	}
	if at.IP.IsUnspecified() {
		return fmt.Errorf("%s does not say by which name people reach the server: say it with --base-url", s.Addr)
	}
	s.BaseURL = n.scheme() + "://" + n.listener.Addr().String()
	return nil
}

func (n *node) scheme() string {
	if n.certificate != nil {
		return "https"
	}
	return "http"
}

func (n *node) open(ctx context.Context) (err error) {
	if n.store, err = openStore(ctx, n.config, migrateSchema); err != nil {
		return err
	}
	settings := serverConfig(n.config, n.store, n.log)
	if n.authorities != nil {
		settings.CertificateHeader, settings.ClientCAs = n.config.Server.CertificateHeader(), n.authorities.current
	}
	if url := n.config.Redis.URL; url != "" {
		if n.redis, err = redis.Open(ctx, redis.Config{URL: url, Log: n.log}); err != nil {
			return errors.Join(err, n.store.Close())
		}
		settings.Shared = n.redis
	}
	n.Server, err = server.Open(ctx, settings)
	if err != nil {
		return errors.Join(err, n.closeStores())
	}
	n.MountRoot()
	return nil
}

func (n *node) close() error { return errors.Join(n.Server.Close(), n.closeStores()) }

func (n *node) closeStores() error {
	if n.redis == nil {
		return n.store.Close()
	}
	return errors.Join(n.redis.Close(), n.store.Close())
}

// Limits on connections, so that slow or greedy clients cost little.
const (
	headerTimeout = 10 * time.Second
	bodyTimeout   = time.Minute
	writeTimeout  = time.Minute
	idleTimeout   = 2 * time.Minute
	maxHeader     = 32 << 10
)

// serve answers requests until ctx ends, and finishes those that are in flight.
func (n *node) serve(ctx context.Context, p *program) error {
	h := &http.Server{
		Handler:           n.Server,
		ReadHeaderTimeout: headerTimeout, ReadTimeout: bodyTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(n.log.Handler(), slog.LevelDebug),
	}
	h.RegisterOnShutdown(n.EndStreams)
	bell, err := n.folder.hang(n.Server, n.config.Server.BaseURL, n.store, n.log)
	if err != nil {
		n.log.Warn("no bell: what commands change is in force after a second, not at once", "err", err)
	} else {
		go bell.answer(context.WithoutCancel(ctx))
		defer bell.takeDown(n.folder)
	}
	if err := n.welcome(ctx, p); err != nil {
		return err
	}
	stopped := make(chan error, 1)
	go func() {
		if n.certificate != nil {
			h.TLSConfig = n.tlsConfig()
			stopped <- h.ServeTLS(n.listener, "", "")
			return
		}
		stopped <- h.Serve(n.listener)
	}()
	select {
	case err := <-stopped:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
		return n.shutDown(h)
	}
}

// tlsConfig is that of the listener.
func (n *node) tlsConfig() *tls.Config {
	c, s := n.certificate.config(), &n.config.Server
	switch {
	case s.AnyCertificate():
		c.ClientAuth, c.SessionTicketsDisabled = tls.RequestClientCert, true
	case n.authorities != nil && s.CertificateHeader() == "":
		c = n.authorities.ask(c, s.RequireCertificate())
	}
	if u, err := url.Parse(s.CertificateURL); err == nil && u.Host != "" {
		return askOnlyAt(u.Hostname(), c, n.certificate.config())
	}
	return c
}

// askOnlyAt is asking for those who come to the host, and plain for all others: a browser
// that is asked for a certificate asks its user.
func askOnlyAt(host string, asking, plain *tls.Config) *tls.Config {
	c := plain.Clone()
	c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		switch {
		case !strings.EqualFold(hello.ServerName, host):
			return plain, nil
		case asking.GetConfigForClient != nil:
			return asking.GetConfigForClient(hello)
		}
		return asking, nil
	}
	return c
}

// shutDown takes no new request and waits for those in flight.
func (n *node) shutDown(h *http.Server) error {
	n.log.Info("stopping: requests in flight finish")
	ctx, cancel := context.WithTimeout(context.Background(), n.config.Server.ShutdownTimeout)
	defer cancel()
	err := h.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		h.Close()
		return fmt.Errorf("requests were still running after %s and were cut off", config.FormatDuration(n.config.Server.ShutdownTimeout))
	}
	if err != nil {
		return fmt.Errorf("stopping: %w", err)
	}
	n.log.Info("stopped")
	return nil
}

// pages are where people go.
type pages struct {
	SignIn   string `json:"sign_in"`
	Register string `json:"register,omitempty"`
	Account  string `json:"account"`
}

// setupLink is for the first administrator.
type setupLink struct {
	URL       string `json:"url"`
	ExpiresIn int    `json:"expires_in"` // seconds
}

// welcome prints where the server is.
func (n *node) welcome(ctx context.Context, p *program) error {
	link, err := n.SetupLink(ctx)
	if err != nil {
		return fmt.Errorf("making the set-up link: %w", err)
	}
	base := strings.TrimSuffix(n.config.Server.BaseURL, "/") + n.config.Server.BasePath
	to := pages{SignIn: base + "/login", Register: base + "/register", Account: base + "/"}
	if n.config.Service.Closed() {
		to.Register = ""
	}
	v := struct {
		Listening string     `json:"listening_on"`
		Pages     pages      `json:"pages"`
		Setup     *setupLink `json:"setup,omitempty"`
	}{Listening: n.scheme() + "://" + n.listener.Addr().String(), Pages: to}
	if link != "" {
		v.Setup = &setupLink{link, int(setup.Lifetime / time.Second)}
	}
	return p.print(answer{v, func(w io.Writer) {
		fmt.Fprintf(w, "listening on %s\n\n", v.Listening)
		fmt.Fprintf(w, "  sign in    %s\n", to.SignIn)
		if to.Register != "" {
			fmt.Fprintf(w, "  register   %s\n", to.Register)
		}
		fmt.Fprintf(w, "  account    %s\n", to.Account)
		if v.Setup != nil {
			fmt.Fprintf(w, "\nThere is no administrator yet. Whoever opens this link first becomes one; it works once,\nfor %s:\n\n  %s\n",
				minutes(setup.Lifetime), v.Setup.URL)
		}
		fmt.Fprintf(w, "\nEverything is kept in %s. Ctrl-C stops the server.\n", n.place())
	}})
}

// place says where the data is, without a password.
func (n *node) place() string {
	if n.config.Store.Database == "" {
		return n.config.Store.Data + string(os.PathSeparator)
	}
	return config.Redact(n.config.Store.Database) + " and " + n.config.Store.Data + string(os.PathSeparator)
}

func minutes(d time.Duration) string { return fmt.Sprintf("%d minutes", int(d.Minutes())) }
