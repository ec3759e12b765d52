package redis

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/rueidis"
)

// Get implements session.Memory.
func (c *Client) Get(ctx context.Context, key string) ([]byte, error) {
	value, err := c.ask(ctx, c.patience, func(ctx context.Context) rueidis.RedisResult {
		return c.redis.Do(ctx, c.redis.B().Get().Key(prefix+"v:"+key).Build())
	}).AsBytes()
	if rueidis.IsRedisNil(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading from Redis: %w", c.complain(err))
	}
	return value, nil
}

// Set implements session.Memory.
func (c *Client) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	err := c.ask(ctx, c.patience, func(ctx context.Context) rueidis.RedisResult {
		return c.redis.Do(ctx, c.redis.B().Set().Key(prefix+"v:"+key).Value(rueidis.BinaryString(value)).PxMilliseconds(milliseconds(ttl)).Build())
	}).Error()
	if err != nil {
		return fmt.Errorf("writing to Redis: %w", c.complain(err))
	}
	return nil
}

// milliseconds is at least one: no value may stay for ever.
func milliseconds(d time.Duration) int64 { return max(d.Milliseconds(), 1) }
