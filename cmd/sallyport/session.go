package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/server/exchange"
	"github.com/sallyport-auth/sallyport/server/shown"
)

type sessionList struct{ who }

func (c *sessionList) Run(ctx context.Context, p *program) error {
	return p.manage(ctx, func(in *installation) (answer, error) {
		u, err := in.named(ctx, c.User)
		if err != nil {
			return answer{}, err
		}
		sessions, err := in.Accounts.Sessions(ctx, u.ID)
		if err != nil {
			return answer{}, err
		}
		out := exchange.List[shown.Session]{Items: make([]shown.Session, 0, len(sessions))}
		var rows [][]string
		for _, s := range sessions {
			out.Items = append(out.Items, shown.NewSession(s))
			rows = append(rows, []string{
				s.ID, shown.Device(s.UserAgent), orDash(s.Address), moment(s.CreatedAt), moment(s.LastSeenAt), moment(s.ExpiresAt),
			})
		}
		return table(out, title(u)+" is not signed in anywhere",
			[]string{"ID", "DEVICE", "ADDRESS", "SIGNED IN", "LAST SEEN", "ENDS"}, rows), nil
	})
}

type sessionRevoke struct {
	ID   string `arg:"" optional:"" help:"Id of the session."`
	User string `placeholder:"USER" help:"End all sessions of this user instead."`
}

func (c *sessionRevoke) Run(ctx context.Context, p *program) error {
	if (c.ID == "") == (c.User == "") {
		return misused("name either the id of a session or --user USER")
	}
	return p.change(ctx, mustExist, func(in *installation) (answer, error) {
		if c.User != "" {
			return c.all(ctx, in)
		}
		err := in.Accounts.EndSession(ctx, c.ID, "", origin)
		if errors.Is(err, session.ErrNotFound) {
			return answer{}, fmt.Errorf("there is no session %q; it may have ended already", c.ID)
		}
		return say(identified{c.ID}, "ended the session %s, with its tokens", c.ID), err
	})
}

func (c *sessionRevoke) all(ctx context.Context, in *installation) (answer, error) {
	u, err := in.named(ctx, c.User)
	if err != nil {
		return answer{}, err
	}
	sessions, err := in.Accounts.Sessions(ctx, u.ID)
	if err != nil {
		return answer{}, err
	}
	out := exchange.List[identified]{Items: make([]identified, 0, len(sessions))}
	for _, s := range sessions {
		out.Items = append(out.Items, identified{s.ID})
	}
	return say(out, "signed %s out everywhere; API keys go on", title(u)),
		in.Accounts.EndOtherSessions(ctx, u.ID, "", origin)
}
