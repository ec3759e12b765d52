package server

import "time"

// Poll sets how often the log is read without being asked to.
func (c *Config) Poll(every time.Duration) { c.poll = every }
