package account

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport/authn/onetime"
	"github.com/sallyport-auth/sallyport/internal/secret"
)

// RequestURI begins the names of pushed authorization requests (RFC 9126 §2.2).
const RequestURI = "urn:ietf:params:oauth:request_uri:"

// pushLife is how long a request may take to come by way of the browser, which includes
// signing in.
const pushLife = 5 * time.Minute

const forPushed onetime.Purpose = "pushed"

// ErrNotPushed means that there is no such request of that client, or no longer.
var ErrNotPushed = errors.New("no such pushed request")

// A PushedRequest is an authorization request that a client has left here.
type PushedRequest struct {
	ID     string
	Params string // encoded as a query
}

// Push keeps an authorization request of a client, and returns its name and how long it
// is kept. Public clients prove nothing, so that anybody could fill the store:
// [LimitError] for who does.
func (s *Service) Push(ctx context.Context, client, params string, o Origin) (uri string, life time.Duration, err error) {
	now := present()
	value := secret.NewToken()
	data, err := json.Marshal(params)
	if err != nil {
		return "", 0, err
	}
	err = s.keepFor(ctx, o, now, func(tx Tx) error {
		return tx.OneTime.Create(ctx, onetime.Token{
			ID: secret.NewID("otk"), Hash: secret.Hash(value), Purpose: forPushed, Target: client, Data: data,
			CreatedAt: now, ExpiresAt: now.Add(pushLife),
		})
	})
	return RequestURI + value, pushLife, err
}

// Pushed returns the request of that name, if it is the client's: [ErrNotPushed]. It is
// used up once a code was given for it, see [Approval].
func (s *Service) Pushed(ctx context.Context, client, uri string) (p PushedRequest, err error) {
	value, ok := strings.CutPrefix(uri, RequestURI)
	if !ok {
		return p, ErrNotPushed
	}
	now := present()
	err = s.Store.View(ctx, func(tx Tx) error {
		t, err := tx.OneTime.ByHash(ctx, forPushed, secret.Hash(value))
		if errors.Is(err, onetime.ErrNotFound) || err == nil && (!t.Alive(now) || t.Target != client) {
			return ErrNotPushed
		}
		if err != nil {
			return err
		}
		p.ID = t.ID
		return json.Unmarshal(t.Data, &p.Params)
	})
	return p, err
}

// keepFor writes what anybody may leave here, if o's address has not left too much of late.
func (s *Service) keepFor(ctx context.Context, o Origin, now time.Time, write func(Tx) error) error {
	var wait time.Duration
	err := s.Store.Update(ctx, func(tx Tx) (err error) {
		if wait, err = s.Kept.Spend(ctx, tx.Failures, o.Address.String(), now); err != nil || wait > 0 {
			return err
		}
		return write(tx)
	})
	if err == nil && wait > 0 {
		return &LimitError{Wait: wait}
	}
	return err
}
