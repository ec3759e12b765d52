package account

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/sallyport-auth/sallyport/account/org"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/revoke"
)

// A NewOrganization is an organization to be made.
type NewOrganization struct {
	Slug string
	Name string // "" = the slug
	Plan string // "" = none
}

const (
	maxOrganizationName = 100
	maxPlan             = 64
)

// CreateOrganization makes an organization, still without members. [org.ErrTaken]
// if another has the slug; an [InvalidError] if that, the name or the plan cannot
// be one.
func (s *Service) CreateOrganization(ctx context.Context, in NewOrganization, o Origin) (org.Organization, error) {
	now := present()
	out := org.Organization{ID: org.NewID(), Slug: in.Slug, Name: in.Name, Plan: in.Plan, CreatedAt: now, UpdatedAt: now}
	if err := normalize(&out); err != nil {
		return org.Organization{}, err
	}
	err := s.Store.Update(ctx, func(tx Tx) error {
		if err := tx.Organizations.Create(ctx, out); err != nil {
			return err
		}
		e := o.Entry("organization.create", out.ID, now)
		e.Org, e.Detail = out.ID, map[string]string{"slug": out.Slug}
		return tx.Audit.Append(ctx, e)
	})
	if err != nil {
		return org.Organization{}, err
	}
	return out, nil
}

// normalize makes what was typed fit to be kept.
func normalize(o *org.Organization) (err error) {
	if o.Slug, err = org.Slug(o.Slug); err != nil {
		return invalid("slug", "%v", err)
	}
	o.Name = strings.TrimSpace(o.Name)
	if o.Name == "" {
		o.Name = o.Slug
	}
	if !plainText(o.Name) || utf8.RuneCountInString(o.Name) > maxOrganizationName {
		return invalid("name", "must be plain text of at most %d characters", maxOrganizationName)
	}
	return checkPlan(o.Plan)
}

// checkPlan: a plan is a word that policies compare with.
func checkPlan(plan string) error {
	for i, c := range []byte(plan) {
		letter := 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
		if !letter && (i == 0 || c != '-' && c != '_' && c != '.') {
			return invalid("plan", "must be letters a to z, digits and . _ - after the first")
		}
	}
	if len(plan) > maxPlan {
		return invalid("plan", "has more than %d characters", maxPlan)
	}
	return nil
}

// ChangeOrganization lets change edit slug, name and plan of the organization as
// it is, and puts that in force at once. change is asked inside the transaction,
// perhaps more than once; its error refuses. [org.ErrNotFound], [org.ErrTaken], or
// an [InvalidError].
func (s *Service) ChangeOrganization(ctx context.Context, id string, change func(*org.Organization) error, o Origin) (out org.Organization, err error) {
	now := present()
	err = s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
		current, err := tx.Organizations.Lock(ctx, id)
		if err != nil {
			return p, err
		}
		out = current
		if err := change(&out); err != nil {
			return p, err
		}
		out.ID, out.CreatedAt, out.UpdatedAt = current.ID, current.CreatedAt, now
		if err := normalize(&out); err != nil {
			return p, err
		}
		if err := tx.Organizations.Update(ctx, out); err != nil {
			return p, err
		}
		e := o.Entry("organization.change", id, now)
		e.Org, e.Detail = id, map[string]string{"slug": out.Slug, "plan": out.Plan}
		if err := tx.Audit.Append(ctx, e); err != nil {
			return p, err
		}
		return tx.Log.Append(ctx, s.notice(revoke.Org, id, now))
	})
	if err != nil {
		return org.Organization{}, err
	}
	return out, nil
}

// DeleteOrganization removes an organization with its members, invitations, the
// roles in it and the grants to it. Tokens that act in it die; sessions and API
// keys act in none from now on. Its id is never used again. [org.ErrNotFound] if
// there is none.
func (s *Service) DeleteOrganization(ctx context.Context, id string, o Origin) error {
	now := present()
	return s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
		gone, err := tx.Organizations.Lock(ctx, id)
		if err != nil {
			return p, err
		}
		if err := tx.Roles.UnassignIn(ctx, "", id); err != nil {
			return p, err
		}
		if err := tx.Grants.RemoveAllOf(ctx, authz.Grantee{Kind: authz.OrganizationGrantee, ID: id}); err != nil {
			return p, err
		}
		if err := tx.Organizations.Delete(ctx, id); err != nil {
			return p, err
		}
		e := o.Entry("organization.delete", id, now)
		e.Org, e.Detail = id, map[string]string{"slug": gone.Slug}
		if err := tx.Audit.Append(ctx, e); err != nil {
			return p, err
		}
		return appendTold(ctx, tx, o.about("", "organization deleted"), s.killEntry(revoke.Org, id, now))
	})
}

// Organization returns the organization with that id or slug.
func (s *Service) Organization(ctx context.Context, idOrSlug string) (out org.Organization, err error) {
	err = s.Store.View(ctx, func(tx Tx) error {
		out, err = organization(ctx, tx, idOrSlug)
		return err
	})
	return out, err
}

func organization(ctx context.Context, tx Tx, idOrSlug string) (org.Organization, error) {
	if org.IsID(idOrSlug) {
		return tx.Organizations.ByID(ctx, idOrSlug)
	}
	slug, err := org.Slug(idOrSlug)
	if err != nil {
		return org.Organization{}, org.ErrNotFound
	}
	return tx.Organizations.BySlug(ctx, slug)
}

// Organizations returns organizations in order of slug.
func (s *Service) Organizations(ctx context.Context, f org.Filter) (all []org.Organization, err error) {
	err = s.Store.View(ctx, func(tx Tx) error { all, err = tx.Organizations.List(ctx, f); return err })
	return all, err
}

// SetPlan sets the plan of a user, which counts where no organization's does.
func (s *Service) SetPlan(ctx context.Context, user, plan string, o Origin) error {
	if err := checkPlan(plan); err != nil {
		return err
	}
	now := present()
	return s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
		if _, err := tx.Users.Lock(ctx, user); err != nil {
			return p, err
		}
		if err := tx.Users.SetPlan(ctx, user, plan, now); err != nil {
			return p, err
		}
		e := o.Entry("user.plan", user, now)
		e.Detail = map[string]string{"plan": plan}
		if err := tx.Audit.Append(ctx, e); err != nil {
			return p, err
		}
		return tx.Log.Append(ctx, s.notice(revoke.Subject, user, now))
	})
}
