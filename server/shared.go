package server

import (
	"context"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/limit"
)

// Shared is where several nodes keep what they may lose: sessions that were read from
// the store, sealed; quotas; and a bell. redis.Client is one. It is trusted with
// nothing but the quotas, and it must fail rather than hang.
type Shared interface {
	Bell
	session.Memory
	limit.Meter
	// First is what [token.Prover] asks.
	First(ctx context.Context, id string, made time.Time, keep time.Duration) (bool, error)
}

// sessions returns where door one finds sessions.
func (s *Server) sessions() session.Source {
	if s.config.Shared == nil {
		return s.Accounts
	}
	return &session.Shared{
		Sessions: s.Accounts, Memory: s.config.Shared, Follower: s.follower, Key: s.sealer.Derive("shared sessions"),
	}
}

// limiter returns what doors with a limit ask.
func (s *Server) limiter() (sallyport.Limiter, error) {
	quotas, err := limit.NewQuotas(s.config.Limits, cacheSize)
	if err != nil || s.config.Shared == nil {
		return quotas, err
	}
	return &limit.Shared{Quotas: quotas, Meter: s.config.Shared, Key: s.sealer.Derive("shared quotas")}, nil
}

// prover checks proofs of keys. Each counts once, on whichever node: where nothing is
// shared, the store remembers them.
func (s *Server) prover() *token.Prover {
	first := func(ctx context.Context, id string, made time.Time, keep time.Duration) (bool, error) {
		return s.Accounts.Spend(ctx, secret.Hash("proof\n"+id), made.Add(keep))
	}
	if s.config.Shared != nil {
		first = s.config.Shared.First
	}
	return &token.Prover{First: first, Nonces: &token.Nonces{Key: s.sealer.Derive("nonces of proofs")}}
}
