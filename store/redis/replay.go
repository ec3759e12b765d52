package redis

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/rueidis"
)

// first remembers an id, and since when anything has been remembered at all. It
// returns 1 for an id that is new, 0 for one that was seen, and -1 for one that may
// have been seen before what was remembered got lost.
var first = rueidis.NewLuaScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('SET', KEYS[2], string.format('%.0f', now), 'NX')
local since = tonumber(redis.call('GET', KEYS[2])) or now
if not redis.call('SET', KEYS[1], '', 'PX', ARGV[1], 'NX') then
	return 0
end
if tonumber(ARGV[2]) < since then
	return -1
end
return 1
`)

var errForgotten = errors.New("it may have been seen before Redis lost what it held")

// First reports whether id, of a proof that may be used once, has not been seen
// within ttl. made is a moment before which the proof cannot have been made, with
// all that clocks may differ by taken off. If it is not known whether the proof was
// seen, because Redis is away or has lost what it held since then, that is an error,
// to be answered with 503.
//
// A server that evicts keys while they live forgets proofs: it must be configured
// with "maxmemory-policy noeviction", which is the default.
func (c *Client) First(ctx context.Context, id string, made time.Time, ttl time.Duration) (bool, error) {
	n, err := c.ask(ctx, c.patience, func(ctx context.Context) rueidis.RedisResult {
		return first.Exec(ctx, c.redis, []string{prefix + "p:" + id, prefix + "since"},
			[]string{fmt.Sprint(milliseconds(ttl)), fmt.Sprint(made.UnixMilli())})
	}).AsInt64()
	switch {
	case err != nil:
		err = c.complain(err)
	case n < 0:
		err = errForgotten
	}
	if err != nil {
		return false, fmt.Errorf("asking Redis whether a proof was seen: %w", err)
	}
	return n == 1, nil
}
