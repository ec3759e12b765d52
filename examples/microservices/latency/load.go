package main

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// A load revokes API keys, so many each second.
type load struct {
	m     *measurement
	token string
	keys  chan string
	stop  chan struct{}
	began time.Time
	done  atomic.Int64
	all   sync.WaitGroup
}

const workers = 8

// prepare makes the keys that will be revoked: enough for as long as it may take.
func (l *load) prepare() error {
	n := l.m.load * (2 + l.m.n/10)
	l.keys = make(chan string, n)
	for i := range n {
		var key struct {
			ID string `json:"id"`
		}
		body := fmt.Sprintf(`{"name":"load %d","scopes":["report:read"]}`, i)
		if err := l.m.do("POST", l.m.issuer+"/auth/api-keys", l.token, body, http.StatusCreated, &key); err != nil {
			return err
		}
		l.keys <- key.ID
	}
	return nil
}

func (l *load) begin() {
	l.began = time.Now()
	if l.m.load == 0 {
		return
	}
	turn := make(chan struct{})
	l.all.Go(func() {
		defer close(turn)
		tick := time.NewTicker(time.Second / time.Duration(l.m.load))
		defer tick.Stop()
		for {
			select {
			case <-l.stop:
				return
			case <-tick.C:
			}
			select {
			case <-l.stop:
				return
			case turn <- struct{}{}:
			}
		}
	})
	for range workers {
		l.all.Go(func() {
			for range turn {
				select {
				case id := <-l.keys:
					if l.m.do("DELETE", l.m.issuer+"/auth/api-keys/"+id, l.token, "", http.StatusNoContent, nil) == nil {
						l.done.Add(1)
					}
				default:
				}
			}
		})
	}
}

// end returns how many revocations there were each second.
func (l *load) end() float64 {
	took := time.Since(l.began)
	close(l.stop)
	l.all.Wait()
	return float64(l.done.Load()) / took.Seconds()
}
