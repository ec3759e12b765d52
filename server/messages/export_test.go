package messages

import (
	"context"

	"github.com/sallyport-auth/sallyport/account/outbox"
)

// DeliverMail makes one attempt.
func DeliverMail(ctx context.Context, c Mail, m outbox.Message, to string, t Text) error {
	s, err := c.server()
	if err != nil {
		return err
	}
	return s.deliver(ctx, m, to, t)
}

// DeliverSMS makes one attempt.
func DeliverSMS(ctx context.Context, c SMS, m outbox.Message, to string, t Text) error {
	g, err := c.gateway()
	if err != nil {
		return err
	}
	return g.deliver(ctx, m, to, t)
}

// DeliverMailAs is DeliverMail to a host that is found at another address.
func DeliverMailAs(ctx context.Context, c Mail, address string, m outbox.Message, to string, t Text) error {
	s, err := c.server()
	if err != nil {
		return err
	}
	s.at = address
	return s.deliver(ctx, m, to, t)
}
