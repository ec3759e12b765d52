package server

import (
	"context"
	"errors"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/server/transmitter"
)

// transmitter returns what tells other parties of events.
func (s *Server) transmitter() *transmitter.Transmitter {
	c := &s.config
	return transmitter.New(transmitter.Config{
		Store: c.Store, Sealer: s.sealer, Issuer: c.issuer(), Sign: s.signEvent, Entitled: s.receives,
		Local: c.local(), Transport: c.sending(), Every: c.poll, Lease: c.lease, Log: c.Log,
	})
}

// signEvent signs what is told to other parties, with the key of an audience that
// the installation may choose an algorithm for.
func (s *Server) signEvent(typ string, payload []byte) (string, error) {
	key, err := s.Keyring.Keys().Load().Signing(transmitter.Resource(s.config.issuer(), s.config.basePath()), time.Now())
	if err != nil {
		return "", err
	}
	return key.Sign(typ, payload)
}

// receives reports whether the owner of a stream may go on to have it: an active
// user who still holds the permission, by whatever credential it was made.
func (s *Server) receives(ctx context.Context, owner string) (bool, error) {
	u, err := s.Accounts.User(ctx, owner)
	if errors.Is(err, account.ErrNotFound) {
		return false, nil
	}
	if err != nil || u.Status != account.Active {
		return false, err
	}
	st, err := s.Accounts.Standing(ctx, owner, "")
	if err != nil {
		return false, err
	}
	d, err := s.Policy.Decide(ctx, sallyport.Query{
		Principal: &sallyport.Principal{Kind: sallyport.User, Subject: owner, Roles: st.Roles, Plan: st.Plan}, Action: transmitter.Permission,
	})
	return d.Allow, err
}
