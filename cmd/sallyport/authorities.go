package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// authorities are the CAs in a file, which is read again when it changes. A new file
// that does not work leaves the old CAs in force. It is safe for concurrent use.
type authorities struct {
	file string
	log  *slog.Logger

	mu      sync.Mutex
	checked time.Time
	seen    stamp // of the file that was last tried
	pool    *x509.CertPool
}

// readAuthorities reads the file, which must work.
func readAuthorities(file string, log *slog.Logger) (*authorities, error) {
	a := &authorities{file: file, log: log}
	var err error
	if a.seen, err = stampOf(file); err == nil {
		a.pool, err = a.read()
	}
	if err != nil {
		return nil, fmt.Errorf("reading the CAs of clients: %w", err)
	}
	a.checked = time.Now()
	return a, nil
}

func (a *authorities) read() (*x509.CertPool, error) {
	text, err := os.ReadFile(a.file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New("there is no certificate in " + a.file)
	}
	return pool, nil
}

// current returns the CAs in force. It looks at the file at most once a second.
func (a *authorities) current() *x509.CertPool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now := time.Now(); now.Sub(a.checked) >= time.Second {
		a.checked = now
		a.refresh()
	}
	return a.pool
}

func (a *authorities) refresh() {
	now, err := stampOf(a.file) // the zero stamp with an error
	if now == a.seen {
		return
	}
	a.seen = now
	var pool *x509.CertPool
	if err == nil {
		pool, err = a.read()
	}
	if err != nil {
		a.log.Error("the new file of CAs does not work; the old CAs stay", "err", err)
		return
	}
	a.pool = pool
	a.log.Info("CAs of clients read anew")
}

// ask makes a listener ask clients for a certificate, and refuse the handshake with
// one that no CA in force has signed for a client. No session is resumed: it would
// go on under the CAs that it began with.
func (a *authorities) ask(base *tls.Config, required bool) *tls.Config {
	base.ClientAuth = tls.VerifyClientCertIfGiven
	if required {
		base.ClientAuth = tls.RequireAndVerifyClientCert
	}
	var mu sync.Mutex
	var made *tls.Config
	base.SessionTicketsDisabled = true
	base.ClientCAs = a.current()
	base.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		mu.Lock()
		defer mu.Unlock()
		if cas := a.current(); made == nil || made.ClientCAs != cas {
			made = base.Clone()
			made.ClientCAs, made.GetConfigForClient = cas, nil
		}
		return made, nil
	}
	return base
}
