package account

import (
	"context"

	"github.com/sallyport-auth/sallyport/authz"
)

// LogDecisions writes entries of the log of decisions: what [authz.NewDecisionLog]
// needs. They are not audited, they are a log themselves.
func (s *Service) LogDecisions(ctx context.Context, entries []authz.DecisionEntry) error {
	return s.Store.Update(ctx, func(tx Tx) error { return tx.Decisions.Append(ctx, entries...) })
}

// Decision returns an entry of the log of decisions, or [authz.ErrNoDecision].
func (s *Service) Decision(ctx context.Context, id string) (e authz.DecisionEntry, err error) {
	err = s.Store.View(ctx, func(tx Tx) error { e, err = tx.Decisions.ByID(ctx, id); return err })
	return e, err
}

// Decisions returns entries of the log of decisions, newest first.
func (s *Service) Decisions(ctx context.Context, f authz.DecisionFilter) (es []authz.DecisionEntry, err error) {
	err = s.Store.View(ctx, func(tx Tx) error { es, err = tx.Decisions.Recent(ctx, f); return err })
	return es, err
}
