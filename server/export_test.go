package server

import (
	"context"
	"net/http"
	"time"

	"github.com/sallyport-auth/sallyport/authn/session"
)

// Poll sets how often the log is read without being asked to.
func (c *Config) Poll(every time.Duration) { c.poll = every }

// SessionSource returns where door one finds sessions that it does not remember.
func (s *Server) SessionSource() session.Source { return s.sessions() }

// Outgoing sets how events are pushed.
func (c *Config) Outgoing(t http.RoundTripper) { c.outgoing = t }

// Lease sets after which time another node goes on with a stream of events.
func (c *Config) Lease(d time.Duration) { c.lease = d }

// LookAfterStreams does what is done every minute.
func (s *Server) LookAfterStreams(ctx context.Context) error { return s.signals.Maintain(ctx) }
