package password_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-auth/sallyport/authn/password"
	"github.com/sallyport-auth/sallyport/internal/testenv"
)

// second is work that takes a second of the bubble's time.
func second() { time.Sleep(time.Second) }

func TestCallersBeyondTheQueueAreRefusedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := password.NewPool(2, 3)
		var done sync.WaitGroup
		for range 5 {
			done.Go(func() {
				if err := p.Do(t.Context(), second); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		start := time.Now()
		err := p.Do(t.Context(), func() { t.Error("refused work was done") })
		if !errors.Is(err, password.ErrBusy) {
			t.Errorf("the sixth caller got %v, want ErrBusy", err)
		}
		if waited := time.Since(start); waited != 0 {
			t.Errorf("the sixth caller waited %v", waited)
		}
		done.Wait()
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("five callers on two slots took %v, want 3s", took)
		}
		if err := p.Do(t.Context(), second); err != nil {
			t.Errorf("after the rush: %v", err)
		}
	})
}

func TestRetryAfterIsTheTimeOfTheQueue(t *testing.T) {
	for _, c := range []struct {
		name         string
		slots, queue int
		work, want   time.Duration
	}{
		{"a short queue is one second", 2, 4, 10 * time.Millisecond, time.Second},
		{"a long queue is rounded up to whole seconds", 2, 198, 25 * time.Millisecond, 3 * time.Second},
		{"no queue is one piece of work", 1, 0, 5 * time.Second, 5 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := password.NewPool(c.slots, c.queue)
				if err := p.Do(t.Context(), func() { time.Sleep(c.work) }); err != nil {
					t.Fatal(err)
				}
				var done sync.WaitGroup
				defer done.Wait()
				for range c.slots + c.queue {
					done.Go(func() { _ = p.Do(t.Context(), func() { time.Sleep(c.work) }) })
				}
				synctest.Wait()
				var busy *password.BusyError
				if err := p.Do(t.Context(), second); !errors.As(err, &busy) || busy.RetryAfter != c.want {
					t.Errorf("got %v, want a BusyError after %v", err, c.want)
				}
			})
		})
	}
}

// Strangers who fill their queue keep nobody out whose device is known, nor do devices
// keep strangers out: a free slot goes to one and then to the other.
func TestKnownDevicesHaveAQueueOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := password.NewPool(1, 4)
		var done sync.WaitGroup
		var order []string
		begin := func(device, name string) {
			done.Go(func() {
				if err := p.DoFrom(t.Context(), device, func() { order = append(order, name); second() }); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			})
			synctest.Wait()
		}
		for i := range 5 {
			begin("", fmt.Sprint("stranger ", i))
		}
		if err := p.Do(t.Context(), second); !errors.Is(err, password.ErrBusy) {
			t.Errorf("the sixth stranger got %v", err)
		}
		begin("a", "a")
		begin("b", "b")
		start := time.Now()
		done.Wait()
		if got, want := fmt.Sprint(order), "[stranger 0 a stranger 1 b stranger 2 stranger 3 stranger 4]"; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if took := time.Since(start); took != 7*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// One device is known twice at a time; whoever sends more from it is a stranger.
func TestOneDeviceDoesNotFillTheQueueOfDevices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := password.NewPool(1, 1)
		var done sync.WaitGroup
		begin := func(device string) {
			done.Go(func() {
				if err := p.DoFrom(t.Context(), device, second); err != nil {
					t.Errorf("%s: %v", device, err)
				}
			})
			synctest.Wait()
		}
		begin("greedy") // at work
		begin("greedy") // in the lane of devices, where there is room for one
		begin("greedy") // in that of strangers
		for device, want := range map[string]error{"greedy": password.ErrBusy, "": password.ErrBusy, "other": password.ErrBusy} {
			if err := p.DoFrom(t.Context(), device, second); !errors.Is(err, want) {
				t.Errorf("%q: %v", device, err)
			}
		}
		done.Wait()
		begin("greedy")
		begin("other") // the lane is free again
		done.Wait()
	})
}

func TestACallerWhoGivesUpLeavesTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := password.NewPool(1, 1)
		go p.Do(t.Context(), second)
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		gaveUp := make(chan error)
		go func() { gaveUp <- p.Do(ctx, func() { t.Error("work was done for somebody who gave up") }) }()
		synctest.Wait()
		if err := p.Do(t.Context(), second); !errors.Is(err, password.ErrBusy) {
			t.Errorf("while the queue is full: %v, want ErrBusy", err)
		}
		start := time.Now()
		cancel()
		if err := <-gaveUp; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
		if waited := time.Since(start); waited != 0 {
			t.Errorf("giving up took %v", waited)
		}
		if err := p.Do(t.Context(), second); err != nil {
			t.Errorf("the place in the queue is not free again: %v", err)
		}
	})
}

func TestADeadlineEndsTheWaitNotTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := password.NewPool(1, 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		first := make(chan error)
		go func() { first <- p.Do(ctx, second) }()
		synctest.Wait()
		if err := p.Do(ctx, second); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waiting: got %v, want DeadlineExceeded", err)
		}
		if err := <-first; err != nil {
			t.Errorf("working: got %v, want nil", err)
		}
		if err := p.Do(ctx, func() { t.Error("work was done after the deadline") }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("too late: got %v, want DeadlineExceeded", err)
		}
	})
}

func TestAPanicGivesTheSlotBack(t *testing.T) {
	p := password.NewPool(1, 0)
	func() {
		defer func() { _ = recover() }()
		_ = p.Do(t.Context(), func() { panic("work") })
	}()
	if err := p.Do(t.Context(), func() {}); err != nil {
		t.Error(err)
	}
}

func TestManyCallersNeverExceedTheSlots(t *testing.T) {
	const slots, queue, callers = 3, 20, 64
	p := password.NewPool(slots, queue)
	var working, served, busy, cancelled atomic.Int64
	var done sync.WaitGroup
	rounds := testenv.Count(50, 2000)
	for caller := range callers {
		done.Go(func() {
			for round := range rounds {
				ctx, cancel := context.WithCancel(t.Context())
				if (caller+round)%5 == 0 {
					go cancel()
				}
				device := ""
				if caller%2 == 0 {
					device = fmt.Sprint(caller % 6)
				}
				err := p.DoFrom(ctx, device, func() {
					if n := working.Add(1); n > slots {
						t.Errorf("%d at work on %d slots", n, slots)
					}
					runtime.Gosched()
					working.Add(-1)
				})
				cancel()
				switch {
				case err == nil:
					served.Add(1)
				case errors.Is(err, password.ErrBusy):
					busy.Add(1)
				case errors.Is(err, context.Canceled):
					cancelled.Add(1)
				default:
					t.Error(err)
				}
			}
		})
	}
	done.Wait()
	if got := served.Load() + busy.Load() + cancelled.Load(); got != int64(callers*rounds) {
		t.Errorf("%d answers for %d calls", got, callers*rounds)
	}
	t.Logf("served %d, busy %d, cancelled %d", served.Load(), busy.Load(), cancelled.Load())
	for i := range slots + queue { // nothing leaked: every place can be taken again
		if err := p.Do(t.Context(), func() {}); err != nil {
			t.Fatal(fmt.Errorf("place %d: %w", i, err))
		}
	}
}
