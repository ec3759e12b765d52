package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/authz/rule"
	"github.com/sallyport-auth/sallyport/authz/rulebook"
)

// rules prepares door two: what it decides by is read later.
func (s *Server) rules() error {
	own, err := s.config.policy()
	if err != nil {
		return err
	}
	s.Policy.Grants = grants{s.config.Store}
	s.Rules = &rulebook.Book{Policy: s.Policy, Types: s.config.Types, Own: own, Latest: func(ctx context.Context) (v authz.Version, err error) {
		err = s.config.Store.View(ctx, func(tx account.Tx) error { v, err = tx.Versions.Current(ctx); return err })
		return v, err
	}}
	return nil
}

// policy returns the program's own rules.
func (c *Config) policy() (authz.Version, error) {
	var v authz.Version
	if c.PolicyFiles != nil {
		var err error
		if v, err = rulebook.Read(c.PolicyFiles); err != nil {
			return v, fmt.Errorf("PolicyFiles: %w", err)
		}
	}
	if c.Policy != "" {
		v.Files = append(v.Files, rule.File{Name: "policy.cedar", Text: c.Policy})
	}
	return v, nil
}

// reloadPolicy puts the roles and rules in force that the store holds. Where only
// management is asked for, rules that are not good do not keep anybody from
// mending them.
func (s *Server) reloadPolicy(ctx context.Context) error {
	err := s.Policy.Reload(ctx, func(ctx context.Context) (roles []authz.Role, err error) {
		err = s.config.Store.View(ctx, func(tx account.Tx) error { roles, err = tx.Roles.Roles(ctx); return err })
		return roles, err
	})
	if s.config.ManageOnly {
		return err
	}
	return errors.Join(err, s.Rules.Load(ctx))
}

// grants reads grants, each time by one statement.
type grants struct{ store account.Store }

func (g grants) On(ctx context.Context, resources []sallyport.UID, grantees []authz.Grantee, now time.Time) (found []authz.Grant, err error) {
	err = account.Look(ctx, g.store, func(tx account.Tx) error { found, err = tx.Grants.On(ctx, resources, grantees, now); return err })
	return found, err
}

func (g grants) Of(ctx context.Context, grantees []authz.Grantee, resourceType string, now time.Time, limit int) (found []authz.Grant, err error) {
	err = account.Look(ctx, g.store, func(tx account.Tx) error {
		found, err = tx.Grants.Of(ctx, grantees, resourceType, now, limit)
		return err
	})
	return found, err
}

// record puts a decision into the log of decisions.
func (s *Server) record(_ context.Context, q sallyport.Query, d sallyport.Decision) {
	s.decided.RecordDecision(q, d, s.Policy.LoadRules().Version)
}
