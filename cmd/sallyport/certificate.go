package main

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// A certificate is a pair of files that is read again when they change. A new
// pair that does not work leaves the old one in force. It is safe for concurrent
// use.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu      sync.Mutex
	checked time.Time
	seen    [2]stamp // of the pair that was last tried
	pair    *tls.Certificate
}

// A stamp tells one content of a file from another.
type stamp struct {
	modified time.Time
	size     int64
}

// readCertificate reads the pair, which must work.
func readCertificate(certFile, keyFile string, log *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log}
	var err error
	if c.seen, err = c.stamps(); err == nil {
		c.pair, err = c.read()
	}
	if err != nil {
		return nil, fmt.Errorf("reading the certificate: %w", err)
	}
	c.checked = time.Now()
	return c, nil
}

// config is what a TLS server needs. TLS 1.2 is the least (RFC 9325).
func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return c.current(), nil
		},
	}
}

func (c *certificate) read() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	return &pair, err
}

func (c *certificate) stamps() (out [2]stamp, err error) {
	for i, path := range []string{c.certFile, c.keyFile} {
		if out[i], err = stampOf(path); err != nil {
			return out, err
		}
	}
	return out, nil
}

func stampOf(path string) (stamp, error) {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}, err
	}
	return stamp{info.ModTime(), info.Size()}, nil
}

// current returns the pair in force. It looks at the files at most once a second.
func (c *certificate) current() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.checked) >= time.Second {
		c.checked = now
		c.refresh()
	}
	return c.pair
}

func (c *certificate) refresh() {
	now, err := c.stamps()
	if err == nil && now == c.seen {
		return
	}
	if err != nil {
		now = [2]stamp{}
		if now == c.seen {
			return // said before
		}
	}
	c.seen = now
	var pair *tls.Certificate
	if err == nil {
		pair, err = c.read()
	}
	if err != nil {
		c.log.Error("the new certificate does not work; the old one stays", "err", err)
		return
	}
	c.pair = pair
	c.log.Info("certificate read anew", "valid_until", pair.Leaf.NotAfter)
}
