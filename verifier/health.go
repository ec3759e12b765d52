package verifier

import (
	"bytes"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/sallyport-auth/sallyport/revoke"
)

// Health is how a verifier is.
type Health struct {
	Fresh  bool            // requests are answered by what is known
	Age    time.Duration   // everything older is in force here
	Cursor revoke.Position // up to which the issuer's log is in force
	Err    error           // why the feed cannot be heard at present; nil if it is

	PolicyVersion int64 // of the rules in force
	Refused       int64 // policies that were not good, and did not come into force
	RefusedErr    error // why the last of them was not; nil once one was good
}

// Health returns how the verifier is now.
func (v *Verifier) Health() Health {
	_, stale := v.follower.Mark()
	h := Health{
		Fresh: stale == nil, Age: v.follower.Age(), Cursor: v.follower.Cursor(), Err: v.follower.Err(),
		PolicyVersion: v.Policy.LoadRules().Version,
	}
	h.Refused, h.RefusedErr = v.refused.read()
	return h
}

// Ready returns nil if requests are answered, and otherwise why not: for a readiness
// probe.
func (v *Verifier) Ready() error {
	if _, err := v.follower.Mark(); err != nil {
		if cause := v.follower.Err(); cause != nil {
			return fmt.Errorf("%w: %w", err, cause)
		}
		return err
	}
	return nil
}

// Metrics answers with the verifier's health in the text format of Prometheus
// (version 0.0.4). Mount it where only your monitoring reaches it.
func (v *Verifier) Metrics(w http.ResponseWriter, r *http.Request) {
	h := v.Health()
	var b bytes.Buffer
	gauge := func(name, help string, value float64) {
		fmt.Fprintf(&b, "# HELP sallyport_verifier_%s %s\n# TYPE sallyport_verifier_%[1]s gauge\nsallyport_verifier_%[1]s %[3]g\n", name, help, value)
	}
	gauge("fresh", "Whether requests are answered by what is known.", truth(h.Fresh))
	gauge("feed_up", "Whether the feed is heard.", truth(h.Err == nil))
	gauge("feed_age_seconds", "Everything that was revoked longer ago is in force.", h.Age.Seconds())
	gauge("cursor", "Number in the issuer's log up to which everything is in force.", float64(h.Cursor.Seq))
	gauge("policy_version", "Version of the rules in force.", float64(h.PolicyVersion))
	fmt.Fprintf(&b, "# HELP sallyport_verifier_policies_refused_total Policies that were not good and did not come into force.\n"+
		"# TYPE sallyport_verifier_policies_refused_total counter\nsallyport_verifier_policies_refused_total %d\n", h.Refused)
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Write(b.Bytes())
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// refusals are the policies that were not good.
type refusals struct {
	mu    sync.Mutex
	count int64
	err   error
}

// note remembers how a policy was taken.
func (r *refusals) note(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err = err; err != nil {
		r.count++
	}
}

func (r *refusals) read() (count int64, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count, r.err
}
