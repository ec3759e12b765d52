package account

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/authz"
	"github.com/sallyport-auth/sallyport/internal/secret"
	"github.com/sallyport-auth/sallyport/oauth"
	"github.com/sallyport-auth/sallyport/revoke"
)

// An Exchange is a token of a client for another one (RFC 8693).
type Exchange struct {
	Client   oauth.Client    // that has proved itself
	Subject  *token.Claims   // of a token that is alive, and the client's to exchange
	Actor    *token.Claims   // the same, of who acts; nil = the client does
	Position revoke.Position // that was read before these were verified
	Ask
}

// Exchange gives the client a token about the subject of another one: for what the client
// may ask for, within the scope of that, and no longer than it. Whatever ends the tokens
// that it came of, or those whom they stand for, ends it. Every refusal is an
// [oauth.Error].
func (s *Service) Exchange(ctx context.Context, in Exchange, o Origin) (*Granted, error) {
	now := present()
	c, err := s.exchanged(&in)
	if err != nil {
		return nil, err
	}
	c.IssuedAt, c.Expiry = now, earlier(now.Add(s.accessLifetime()), in.Subject.Expiry)
	if in.Actor != nil {
		c.Expiry = earlier(c.Expiry, in.Actor.Expiry)
	}
	if !c.Expiry.After(c.IssuedAt.Truncate(time.Second)) { // tokens have whole seconds
		return nil, oauth.Refuse(oauth.InvalidRequest, "The subject_token expires at this moment.")
	}
	o.Actor = in.Client.ID
	err = s.change(ctx, func(tx Tx) (p revoke.Position, err error) {
		client, err := tx.Clients.ByID(ctx, in.Client.ID)
		if errors.Is(err, oauth.ErrNotFound) || err == nil && (client.Disabled || !client.UpdatedAt.Equal(in.Client.UpdatedAt)) {
			return p, oauth.Refuse(oauth.InvalidClient, "The client has changed meanwhile.")
		}
		if err != nil {
			return p, err
		}
		st, err := standing(ctx, tx, c.Subject, in.Subject.Org)
		if err != nil {
			return p, err
		}
		claimWithin(c, st, in.Subject)
		c.Opaque = client.Format == oauth.Opaque
		if c.SignWith, err = s.signWith(ctx, tx, c.Audience); err != nil {
			return p, err
		}
		e := o.Entry("token.exchange", c.Subject, now)
		e.Org, e.Detail = c.Org, map[string]string{
			"client": in.Client.ID, "from": in.Subject.ID, "token": c.ID, "audience": strings.Join(c.Audience, " "), "scope": strings.Join(c.Scopes, " "),
		}
		if c.Act != nil {
			e.Detail["actor"] = c.Act.Subject
		}
		return p, tx.Audit.Append(ctx, e)
	})
	if err != nil {
		return nil, err
	}
	access, err := s.Sign(c)
	if err != nil {
		return nil, fmt.Errorf("signing access token: %w", err)
	}
	return &Granted{Tokens: Tokens{Access: access, ExpiresIn: c.Expiry.Sub(now)}, Scope: c.Scopes}, nil
}

// exchanged is the new token, but for its times and roles.
func (s *Service) exchanged(in *Exchange) (*token.Claims, error) {
	from := in.Subject
	if from.Subject == from.ClientID { // one's own subject is what tells a program from a person
		return nil, oauth.Refuse(oauth.InvalidRequest, "The subject_token is of a client that acts for itself.")
	}
	act, err := in.Client.Acting(from, in.Actor)
	if err != nil {
		return nil, err
	}
	c := &token.Claims{
		Issuer: s.Issuer, Subject: from.Subject, ClientID: in.Client.ID, ID: secret.NewID("tok"), Rev: in.Position.String(),
		Session: from.Session, Grant: from.Grant, AuthTime: from.AuthTime, AMR: from.AMR, ACR: from.ACR,
		JKT: in.Held.JKT, X5T: in.Held.X5T, Act: act, From: from.Origins(),
	}
	if in.Actor != nil {
		c.From = append(c.From, in.Actor.Origins()...)
	}
	if len(c.From) > token.MaxOrigins {
		return nil, oauth.Refuse(oauth.InvalidRequest, "The subject_token has been exchanged too often.")
	}
	if c.Audience, err = in.Client.Reaches(s.Issuer, in.Resources, from.Audience); err != nil {
		return nil, err
	}
	c.Scopes, err = in.Client.Narrowed(in.Scope, from)
	return c, err
}

// claimWithin writes down the roles that the subject has now, as far as the token had them.
func claimWithin(c *token.Claims, st authz.Standing, from *token.Claims) {
	claim(c, st)
	if from.AllRoles {
		return
	}
	c.AllRoles, c.Roles = false, oauth.Within(from.Roles, st.Roles)
	if c.Org != "" {
		c.OrgRoles = oauth.Within(from.OrgRoles, st.OrgRoles)
	}
}
