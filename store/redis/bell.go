package redis

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/rueidis"
)

const channel = prefix + "bell"

// ringTime is how long a ring may take. Nobody waits for it.
const ringTime = 2 * time.Second

// Ring wakes every other node that listens: it implements server.Bell.
func (c *Client) Ring(ctx context.Context) error {
	err := c.ask(ctx, ringTime, func(ctx context.Context) rueidis.RedisResult {
		return c.redis.Do(ctx, c.redis.B().Publish().Channel(channel).Message(c.node).Build())
	}).Error()
	if err != nil {
		return fmt.Errorf("publishing to the other nodes: %w", c.complain(err))
	}
	return nil
}

// Listen calls heard once it listens, and then whenever another node rings. It
// returns when ctx ends or the connection is lost.
func (c *Client) Listen(ctx context.Context, heard func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	confirmed := rueidis.WithOnSubscriptionHook(ctx, func(s rueidis.PubSubSubscription) {
		if s.Kind == "subscribe" {
			heard()
		}
	})
	err := c.redis.Receive(confirmed, c.redis.B().Subscribe().Channel(channel).Build(), func(m rueidis.PubSubMessage) {
		if m.Message != c.node {
			heard()
		}
	})
	if err == nil {
		err = rueidis.ErrClosing
	}
	return fmt.Errorf("listening for other nodes: %w", err)
}
