package server

import (
	"time"

	"github.com/sallyport-auth/sallyport/authn/session"
)

// Poll sets how often the log is read without being asked to.
func (c *Config) Poll(every time.Duration) { c.poll = every }

// SessionSource returns where door one finds sessions that it does not remember.
func (s *Server) SessionSource() session.Source { return s.sessions() }
