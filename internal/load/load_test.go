//go:build linux

package load

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// answering serves what answer says of the nth request.
func answering(t *testing.T, answer func(n int64, w http.ResponseWriter)) string {
	var n atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(n.Add(1), w) }))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

func TestLoad(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(n int64, w http.ResponseWriter)
		first  bool // answer is right
		all    bool // answers are
	}{
		{"right answers are counted", func(_ int64, w http.ResponseWriter) { io.WriteString(w, "hello") }, true, true},
		{"the first status is wrong", func(_ int64, w http.ResponseWriter) { w.WriteHeader(500); io.WriteString(w, "hello") }, false, false},
		{"the first body is wrong", func(_ int64, w http.ResponseWriter) { io.WriteString(w, "howdy") }, false, false},
		{"a later body is wrong", func(n int64, w http.ResponseWriter) {
			if n == 50 {
				io.WriteString(w, "howdy")
				return
			}
			io.WriteString(w, "hello")
		}, true, false},
		{"the server hangs up", func(n int64, w http.ResponseWriter) {
			if n == 50 {
				panic(http.ErrAbortHandler)
			}
			io.WriteString(w, "hello")
		}, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := newLoad(answering(t, c.answer), "/", nil, 200, "hello", 4)
			defer l.close()
			if (err == nil) != c.first {
				t.Fatalf("the first answer: %v", err)
			}
			if !c.first {
				return
			}
			// Long enough for 50 requests on any machine that ends at all.
			for answered := 0.0; answered < 50 && err == nil; {
				var rate float64
				rate, err = l.run(20 * time.Millisecond)
				answered += rate / 50
			}
			if (err == nil) != c.all {
				t.Errorf("all answers: %v", err)
			}
		})
	}
}

func TestMedian(t *testing.T) {
	if got := Median(Over([]float64{9, 1, 4}, []float64{3, 1, 2})); got != 2 {
		t.Error(got)
	}
}
