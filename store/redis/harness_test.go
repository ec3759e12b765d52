package redis_test

import (
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/internal/testdb"
	"github.com/sallyport-auth/sallyport/store/redis"
)

// A journal is what a client logs.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) count(s string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.text.String(), s)
}

// open returns a client that is connected. On a busy machine everything may take long,
// and where that is not what is tested nothing gives up early.
func open(t testing.TB, addr string) (*redis.Client, *journal) {
	t.Helper()
	c, j := openWith(t, redis.Config{URL: "redis://" + addr, Patience: time.Minute})
	answers(t, c)
	return c, j
}

func openWith(t testing.TB, config redis.Config) (*redis.Client, *journal) {
	t.Helper()
	j := &journal{}
	config.Log = slog.New(slog.NewTextHandler(j, nil))
	c, err := redis.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, j
}

func answers(t testing.TB, c *redis.Client) {
	t.Helper()
	eventually(t, "Redis answers", func() bool { _, err := c.Get(t.Context(), "k"); return err == nil })
}

func client(t testing.TB) *redis.Client {
	t.Helper()
	c, _ := open(t, testdb.Redis(t))
	return c
}

// eventually waits until f is true.
func eventually(t testing.TB, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !f(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never happened that %s", what)
		}
	}
}
