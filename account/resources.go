package account

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/internal/nearest"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/revoke"
)

// SetResource defines a resource, in place of what there may be of that URI: from the next
// token on its words and its algorithm count. unless is asked inside the transaction,
// with the definition as it is or nil, and its error refuses the change; nil never
// refuses. [ErrExceeds] if o.Giver does not hold what the scopes permit, which
// people would be told other words for.
func (s *Service) SetResource(ctx context.Context, r oauth.Resource, unless func(current *oauth.Resource) error, o Origin) (oauth.Resource, error) {
	now := present()
	by := s.Schedule.For(r.URI, "").Alg
	switch {
	case !s.settled(r.URI):
		r.Alg = cmp.Or(r.Alg, by)
	case r.Alg != "" && r.Alg != by:
		return r, invalid("signing_alg", "is %s, by the settings", by)
	default:
		r.Alg = "" // the settings may say otherwise tomorrow
	}
	err := r.Check()
	if e, ok := errors.AsType[*oauth.FieldError](err); ok {
		return r, invalid(e.Field, "%s", e.Says)
	}
	if err != nil {
		return r, err
	}
	err = s.resourceChange(ctx, "resource.set", r.URI, now, o, func(tx Tx, was *oauth.Resource) error {
		if err := ask(unless, was); err != nil {
			return err
		}
		if err := coversScopes(ctx, tx, o.Giver, r.Named()); err != nil {
			return err
		}
		r.CreatedAt, r.UpdatedAt = now, now
		var last time.Time
		if was != nil {
			last, r.CreatedAt, r.UpdatedAt = was.UpdatedAt, was.CreatedAt, following(was.UpdatedAt, now)
		}
		return tx.Resources.Put(ctx, r, last)
	})
	return s.signed(r), err
}

// RemoveResource ends a resource: no further token is for it, unless the settings name
// it. Those that there are live as long as they say. [oauth.ErrNoResource]; otherwise as
// [Service.SetResource].
func (s *Service) RemoveResource(ctx context.Context, uri string, unless func(current *oauth.Resource) error, o Origin) error {
	if !plainText(uri) { // no store would take it
		return oauth.ErrNoResource
	}
	return s.resourceChange(ctx, "resource.remove", uri, present(), o, func(tx Tx, was *oauth.Resource) error {
		if was == nil {
			return oauth.ErrNoResource
		}
		if err := ask(unless, was); err != nil {
			return err
		}
		_, err := tx.Resources.Delete(ctx, uri)
		return err
	})
}

// resourceChange is a change of the definition that there is, nil for none. Who changes
// one must hold what its scopes permit.
func (s *Service) resourceChange(ctx context.Context, action, uri string, now time.Time, o Origin, f func(Tx, *oauth.Resource) error) error {
	return s.changeAgain(ctx, func(tx Tx) (p revoke.Position, err error) {
		var was *oauth.Resource
		switch r, err := tx.Resources.ByURI(ctx, uri); {
		case err == nil:
			was = &r
			if err := coversScopes(ctx, tx, o.Giver, r.Named()); err != nil {
				return p, err
			}
		case !errors.Is(err, oauth.ErrNoResource):
			return p, err
		}
		if err := f(tx, was); err != nil {
			return p, err
		}
		return p, tx.Audit.Append(ctx, o.Entry(action, uri, now))
	})
}

// Resource returns the definition of a resource, or [oauth.ErrNoResource].
func (s *Service) Resource(ctx context.Context, uri string) (r oauth.Resource, err error) {
	err = s.Store.View(ctx, func(tx Tx) error { r, err = tx.Resources.ByURI(ctx, uri); return err })
	return s.signed(r), err
}

// Resources returns up to limit definitions in order of URI, those after a given one.
func (s *Service) Resources(ctx context.Context, after string, limit int) (rs []oauth.Resource, err error) {
	err = s.Store.View(ctx, func(tx Tx) error { rs, err = tx.Resources.List(ctx, after, limit); return err })
	for i, r := range rs {
		rs[i] = s.signed(r)
	}
	return rs, err
}

// signed fills in what the tokens of r are signed with.
func (s *Service) signed(r oauth.Resource) oauth.Resource {
	r.Alg = s.keyOf(r).Alg
	return r
}

// keyOf returns whose keys sign for r. What the settings say of this server counts, whoever
// has defined it.
func (s *Service) keyOf(r oauth.Resource) token.Resource {
	if r.URI == s.Issuer {
		r.Alg = ""
	}
	return s.Schedule.For(r.URI, r.Alg)
}

// Targets returns what is known of the audiences that a client asks for, in their order.
// An [oauth.Error] if tokens can be for one of them no longer.
func (s *Service) Targets(ctx context.Context, audiences []string) (rs []oauth.Resource, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		rs = nil
		for _, a := range audiences {
			r, err := s.target(ctx, tx, a)
			if err != nil {
				return err
			}
			rs = append(rs, r)
		}
		return nil
	})
	return rs, err
}

// Known is Targets for showing what was allowed once: of what is not there any more
// nothing is known but its URI.
func (s *Service) Known(ctx context.Context, audiences []string) (rs []oauth.Resource, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		rs = nil
		for _, a := range audiences {
			r, err := tx.Resources.ByURI(ctx, a)
			if err != nil && !errors.Is(err, oauth.ErrNoResource) {
				return err
			}
			r.URI = a
			rs = append(rs, r)
		}
		return nil
	})
	return rs, err
}

// settled reports whether an audience exists without anybody defining it: it is this
// server, or the settings give it keys of its own.
func (s *Service) settled(audience string) bool {
	return audience == s.Issuer || s.Schedule.For(audience, "").Audience == audience
}

// target returns what is known of an audience that tokens can be for.
func (s *Service) target(ctx context.Context, tx Tx, audience string) (oauth.Resource, error) {
	r, err := tx.Resources.ByURI(ctx, audience)
	switch {
	case err == nil:
	case !errors.Is(err, oauth.ErrNoResource):
		return r, err
	case !s.settled(audience):
		return r, oauth.Refuse(oauth.InvalidTarget, "There is no resource %s, or no longer.", audience)
	}
	r.URI = audience
	return r, nil
}

// signWith returns the algorithm of access tokens for the audiences (see
// [token.Claims]). What two resources have different keys for cannot be in one token:
// an [oauth.Error] says so, and RFC 8707 §2.2 lets the client ask for one after the
// other.
func (s *Service) signWith(ctx context.Context, tx Tx, audiences []string) (token.Alg, error) {
	var first token.Resource
	for i, a := range audiences {
		r, err := s.target(ctx, tx, a)
		if err != nil {
			return "", err
		}
		key := s.keyOf(r)
		if i == 0 {
			first = key
		}
		if key != first {
			return "", oauth.Refuse(oauth.InvalidTarget, "No token can be for both %s and %s, which want different signatures: ask for one at a time.", audiences[0], a)
		}
	}
	return first.Alg, nil
}

// coversTargets makes sure that a client which is to ask for tokens for resources can get
// them.
func (s *Service) coversTargets(ctx context.Context, tx Tx, audiences []string) error {
	for _, a := range audiences {
		_, err := s.target(ctx, tx, a)
		if _, refused := errors.AsType[*oauth.Error](err); !refused {
			if err != nil {
				return err
			}
			continue
		}
		all, err := tx.Resources.List(ctx, "", 0)
		if err != nil {
			return err
		}
		known := []string{s.Issuer}
		for _, r := range all {
			known = append(known, r.URI)
		}
		for _, r := range s.Schedule.Resources {
			known = append(known, r.Audience)
		}
		return invalid("resources", "holds %q, which is not defined%s", a, nearest.Hint(a, slices.Values(known)))
	}
	return nil
}

// Algs returns what is signed beside the tokens of the settings: ID tokens of clients, and
// access tokens for resources. Each has a key.
func Algs(ctx context.Context, tx Tx) ([]token.Alg, error) {
	algs, err := tx.Clients.Algs(ctx)
	if err != nil {
		return nil, err
	}
	more, err := tx.Resources.Algs(ctx)
	return append(algs, more...), err
}
