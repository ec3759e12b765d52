package redis

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/rueidis"
)

// gcra is what limit.gcra does, in microseconds by the server's clock. What is kept
// is when everything that a client spent is earned back. A moment further ahead than
// the rule can lead, left by a clock that was set back, by a rule of before or by
// somebody else, is cut.
var gcra = rueidis.NewLuaScript(`
local interval, ahead, now = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if not now then
	local time = redis.call('TIME')
	now = time[1] * 1000000 + time[2]
end
local earned = tonumber(redis.call('GET', KEYS[1]) or now) or now
earned = math.min(math.max(earned, now), now + ahead + interval)
local wait = earned - now - ahead
if wait > 0 then
	return wait
end
earned = earned + interval
redis.call('SET', KEYS[1], string.format('%.0f', earned), 'PX', math.ceil((earned - now) / 1000) + ARGV[4])
return 0
`)

// Spend implements limit.Meter. Its grain is a microsecond.
func (c *Client) Spend(ctx context.Context, client string, interval, ahead time.Duration) (wait time.Duration, err error) {
	return c.spend(ctx, client, interval, ahead, "", 0)
}

// spend does so at a time in microseconds; "" = now. Tests, whose time is another
// than the server's, keep the moment for longer.
func (c *Client) spend(ctx context.Context, client string, interval, ahead time.Duration, now string, keep time.Duration) (time.Duration, error) {
	wait, err := c.ask(ctx, c.patience, func(ctx context.Context) rueidis.RedisResult {
		return gcra.Exec(ctx, c.redis, []string{prefix + "q:" + client}, []string{microseconds(interval), microseconds(ahead), now, fmt.Sprint(keep.Milliseconds())})
	}).AsInt64()
	if err != nil {
		return 0, fmt.Errorf("metering by Redis: %w", c.complain(err))
	}
	return time.Duration(wait) * time.Microsecond, nil
}

// microseconds rounds up.
func microseconds(d time.Duration) string {
	return fmt.Sprint(int64((d + time.Microsecond - 1) / time.Microsecond))
}
