package messages

import (
	"context"
	"log/slog"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/outbox"
	"github.com/sallyport-auth/sallyport/audit"
	"github.com/sallyport-auth/sallyport/internal/secret"
)

// A Config says what senders need.
type Config struct {
	Store    account.Store
	Sealer   *secret.Sealer
	Renderer *Renderer
	Mail     Mail
	SMS      SMS
	Log      *slog.Logger // nil = slog.Default()
}

// Senders returns one sender for each channel that somebody carries messages of.
func Senders(c Config) ([]*outbox.Sender, error) {
	var all []*outbox.Sender
	add := func(channel outbox.Channel, deliver func(context.Context, outbox.Message, string, Text) error) {
		all = append(all, &outbox.Sender{
			Channel: channel, Sealer: c.Sealer, Log: c.Log,
			Update: func(ctx context.Context, f func(outbox.Store, audit.Log) error) error {
				return c.Store.Update(ctx, func(tx account.Tx) error { return f(tx.Outbox, tx.Audit) })
			},
			Deliver: func(ctx context.Context, m outbox.Message, l outbox.Letter) error {
				t, err := c.Renderer.Render(m.Kind, l, m.CreatedAt)
				if err != nil {
					return err
				}
				return deliver(ctx, m, l.To, t)
			},
		})
	}
	if c.Mail.URL != "" {
		s, err := c.Mail.server()
		if err != nil {
			return nil, err
		}
		add(outbox.Email, s.deliver)
	}
	if c.SMS.URL != "" {
		g, err := c.SMS.gateway()
		if err != nil {
			return nil, err
		}
		add(outbox.SMS, g.deliver)
	}
	return all, nil
}
