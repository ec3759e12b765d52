package redis_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/authn/session"
	"github.com/sallyport-auth/sallyport/internal/testdb"
	"github.com/sallyport-auth/sallyport/internal/testenv"
	"github.com/sallyport-auth/sallyport/limit"
	"github.com/sallyport-auth/sallyport/server"
	"github.com/sallyport-auth/sallyport/store/redis"
)

var _ interface {
	session.Memory
	limit.Meter
	server.Bell
} = (*redis.Client)(nil)

func TestCheckURL(t *testing.T) {
	for _, c := range []struct{ url, want string }{
		{"redis://localhost", ""},
		{"redis://localhost/", ""},
		{"redis://:s3cret@10.0.0.1:6380/2", ""},
		{"rediss://sallyport:s3cret@redis.example.com", ""},
		{"redis://[::1]:6379", ""},
		{"", "must begin with redis://"},
		{"localhost:6379", "must begin with redis://"},
		{"http://u:s3cret@localhost", "must begin with redis://"},
		{"redis://u:s3cret@:6379", "names no host"},
		{"redis://u:s3cret@localhost/one", "number of a database"},
		{"redis://u:s3cret@localhost/1/2", "number of a database"},
		{"redis://u:s3cret@localhost/?skip_verify", "no options"},
		{"redis://u:s3cret@local host", "malformed"},
		{"redis://u:s3cret@localhost:port", "malformed"},
	} {
		err := redis.CheckURL(c.url)
		if got := fmt.Sprint(err); c.want == "" && err != nil || !strings.Contains(got, c.want) || strings.Contains(got, "s3cret") {
			t.Errorf("%s: %v, want %q", c.url, err, c.want)
		}
		if err == nil {
			continue
		}
		if _, got := redis.Open(t.Context(), redis.Config{URL: c.url}); fmt.Sprint(got) != err.Error() {
			t.Errorf("opening %s: %v", c.url, got)
		}
	}
}

func TestOpen(t *testing.T) {
	r := testdb.NewRedis(t, "--requirepass", "s3cret")
	for _, c := range []struct{ user, want string }{
		{":s3cret@", ""},
		{"default:s3cret@", ""},
		{":wrong@", "WRONGPASS"},
		{"nobody:s3cret@", "WRONGPASS"},
		{"", "NOAUTH"},
	} {
		client, err := redis.Open(t.Context(), redis.Config{URL: "redis://" + c.user + r.Addr, Patience: time.Minute})
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "wrong@") {
				t.Errorf("%q: %v, want %s", c.user, err, c.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", c.user, err)
			continue
		}
		answers(t, client)
		client.Close()
	}
}

func TestOpenWhereTheDatabaseDoesNotExist(t *testing.T) {
	c, err := redis.Open(t.Context(), redis.Config{URL: "redis://" + testdb.Redis(t) + "/99"})
	if err == nil {
		c.Close()
		t.Error("it opened")
	}
}

func TestOpenBesideAServerThatIsFull(t *testing.T) {
	r := testdb.NewRedis(t, "--maxclients", "1")
	first, _ := open(t, r.Addr)
	second, _ := openWith(t, redis.Config{URL: "redis://" + r.Addr})
	if _, err := second.Get(t.Context(), "k"); !errors.Is(err, redis.ErrAway) {
		t.Errorf("the server has no place: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	answers(t, second)
}

func TestMemory(t *testing.T) {
	c, ctx := client(t), t.Context()
	if v, err := c.Get(ctx, "k"); v != nil || err != nil {
		t.Errorf("nothing: %q, %v", v, err)
	}
	binary := []byte("\x00\xff\r\n$5")
	if err := c.Set(ctx, "k\x00\xff", binary, time.Minute); err != nil {
		t.Error(err)
	}
	if v, err := c.Get(ctx, "k\x00\xff"); !bytes.Equal(v, binary) || err != nil {
		t.Errorf("%q, %v", v, err)
	}
	if err := c.Set(ctx, "short", binary, 0); err != nil {
		t.Error(err)
	}
	eventually(t, "a value without a time to live is gone", func() bool { v, err := c.Get(ctx, "short"); return v == nil && err == nil })
}

func TestBell(t *testing.T) {
	r := testdb.NewRedis(t)
	one, _ := open(t, r.Addr)
	two, _ := open(t, r.Addr)
	ctx, stop := context.WithCancel(t.Context())
	listen := func(c *redis.Client) (rings chan struct{}, ended chan error) {
		rings, ended = make(chan struct{}, 100), make(chan error, 1)
		go func() { ended <- c.Listen(ctx, func() { rings <- struct{}{} }) }()
		<-rings
		return rings, ended
	}
	first, _ := listen(one)
	second, ended := listen(two)
	ring := func() {
		if err := one.Ring(ctx); err != nil {
			t.Fatal(err)
		}
	}
	ring()
	<-second
	if len(first) != 0 {
		t.Error("who rang heard it")
	}
	r.Stop()
	if err := <-ended; err == nil {
		t.Error("it ended without a reason")
	}
	if err := one.Ring(ctx); !errors.Is(err, redis.ErrAway) {
		t.Errorf("ringing: %v", err)
	}
	r.Start()
	eventually(t, "it answers again", func() bool { return one.Ring(ctx) == nil && two.Ring(ctx) == nil })
	second, ended = listen(two)
	ring()
	<-second
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
}

func TestFirst(t *testing.T) {
	r := testdb.NewRedis(t)
	c, _ := open(t, r.Addr)
	ask := func(step, id string, made time.Time, ttl time.Duration, want string) {
		t.Helper()
		is, err := c.First(t.Context(), id, made, ttl)
		got := fmt.Sprint(is)
		if err != nil {
			got = "unknown"
		}
		if got != want {
			t.Errorf("%s: %s (%v), want %s", step, got, err, want)
		}
	}
	ask("made before anything was remembered", "old", time.Now().Add(-time.Minute), time.Minute, "unknown")
	ask("again", "old", time.Now().Add(-time.Minute), time.Minute, "false")
	made := time.Now().Add(time.Second)
	ask("new", "a", made, time.Minute, "true")
	ask("seen", "a", made, time.Minute, "false")
	ask("another", "b", made, 0, "true")
	eventually(t, "it is forgotten when its time has come", func() bool { is, err := c.First(t.Context(), "b", made, time.Minute); return is && err == nil })
	var all sync.WaitGroup
	firsts := make(chan bool, 64)
	for range 64 {
		all.Go(func() {
			if is, err := c.First(t.Context(), "raced", made, time.Minute); err == nil && is {
				firsts <- true
			}
		})
	}
	all.Wait()
	if len(firsts) != 1 {
		t.Errorf("%d of 64 were first", len(firsts))
	}
	r.Stop()
	ask("away", "a", made, time.Minute, "unknown")
	ask("away", "c", made, time.Minute, "unknown")
	time.Sleep(time.Until(made.Add(time.Millisecond)))
	r.Start()
	eventually(t, "it answers again", func() bool { return c.Ring(t.Context()) == nil })
	ask("it has lost what was seen", "a", made, time.Minute, "unknown")
}

// What a server that is gone or frozen costs.
func TestAway(t *testing.T) {
	for _, fault := range []struct {
		name      string
		fail, end func(*testdb.RedisServer)
	}{
		{"gone", (*testdb.RedisServer).Stop, (*testdb.RedisServer).Start},
		{"frozen", (*testdb.RedisServer).Freeze, (*testdb.RedisServer).Thaw},
	} {
		t.Run(fault.name, func(t *testing.T) {
			r := testdb.NewRedis(t)
			c, j := openWith(t, redis.Config{URL: "redis://" + r.Addr})
			get := func() error { _, err := c.Get(t.Context(), "k"); return err }
			for round := range testenv.Count(2, 20) {
				answers(t, c)
				fault.fail(r)
				begun := time.Now()
				var all sync.WaitGroup
				for range 32 {
					all.Go(func() {
						if err := get(); !errors.Is(err, redis.ErrAway) {
							t.Errorf("the first to ask: %v", err)
						}
					})
				}
				all.Wait()
				first := time.Since(begun)
				begun = time.Now()
				for range 1000 {
					if err := get(); !errors.Is(err, redis.ErrAway) {
						t.Fatalf("later: %v", err)
					}
				}
				t.Logf("the first cost %v, later ones %v", first, time.Since(begun)/1000)
				fault.end(r)
				begun = time.Now()
				eventually(t, "it answers again", func() bool { return get() == nil })
				t.Logf("it answered again after %v", time.Since(begun))
				if away, back := j.count("does not answer"), j.count("answers again"); away <= round || back != away {
					t.Errorf("logged %d and %d times after %d rounds", away, back, round+1)
				}
			}
		})
	}
}

func TestOpenBesideAServerThatIsAway(t *testing.T) {
	r := testdb.NewRedis(t)
	for _, fault := range []struct {
		name      string
		fail, end func(*testdb.RedisServer)
	}{
		{"gone", (*testdb.RedisServer).Stop, (*testdb.RedisServer).Start},
		{"frozen", (*testdb.RedisServer).Freeze, (*testdb.RedisServer).Thaw},
	} {
		fault.fail(r)
		c, _ := openWith(t, redis.Config{URL: "redis://" + r.Addr})
		if _, err := c.Get(t.Context(), "k"); !errors.Is(err, redis.ErrAway) {
			t.Errorf("%s: %v", fault.name, err)
		}
		fault.end(r)
		answers(t, c)
	}
}

// Who gives up says nothing about the server, and who closes does not wait.
func TestWhoGivesUp(t *testing.T) {
	r := testdb.NewRedis(t)
	c, j := openWith(t, redis.Config{URL: "redis://" + r.Addr})
	answers(t, c)
	losses := j.count("does not answer")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Get(ctx, "k"); err == nil {
		t.Error("an answer without asking")
	}
	if n := j.count("does not answer"); n != losses {
		t.Error("it counts as away because somebody gave up")
	}
	r.Freeze()
	defer r.Thaw()
	c.Get(t.Context(), "k")
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if _, err := c.Get(t.Context(), "k"); !errors.Is(err, redis.ErrAway) {
		t.Errorf("after Close: %v", err)
	}
}

func TestAServerThatRefusesIsReportedOnce(t *testing.T) {
	c, j := open(t, testdb.NewRedis(t, "--maxmemory", "1").Addr)
	for range 100 {
		if err := c.Set(t.Context(), "k", []byte("v"), time.Minute); err == nil || errors.Is(err, redis.ErrAway) {
			t.Fatalf("a server that is full: %v", err)
		}
	}
	if n := j.count("Redis refuses"); n != 1 {
		t.Errorf("logged %d times", n)
	}
}
