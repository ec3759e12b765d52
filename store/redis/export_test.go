package redis

import (
	"context"
	"fmt"
	"time"
)

// SpendAt is Spend at a time.
func (c *Client) SpendAt(ctx context.Context, client string, interval, ahead, now time.Duration) (time.Duration, error) {
	return c.spend(ctx, client, interval, ahead, fmt.Sprint(now.Microseconds()), time.Hour)
}
