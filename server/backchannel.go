package server

import (
	"context"
	"time"

	"github.com/sallyport-auth/sallyport/server/backchannel"
)

// notifier returns what tells clients that sessions have ended.
func (s *Server) notifier() *backchannel.Notifier {
	c := &s.config
	return backchannel.New(backchannel.Config{
		Store: c.Store, Sealer: s.sealer, Issuer: c.issuer(), Sign: s.Keyring.Keys().Sign, Pseudonyms: s.Accounts.Pseudonyms,
		Transport: c.sending(), Every: c.poll, Log: c.Log,
	})
}

// tellExpired has clients told of sessions whose time is over. It comes before they are
// swept, though it does not need them.
func (s *Server) tellExpired(ctx context.Context, batch int) error {
	for ctx.Err() == nil {
		n, err := s.Accounts.TellExpired(ctx, time.Now(), batch)
		if err != nil || n == 0 {
			return err
		}
	}
	return nil
}
