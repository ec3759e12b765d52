//go:build linux

package rivals

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/internal/load"
)

// comparisons are the rows of [BenchmarkHTTP]: one of our credentials, and the rivals that do the same.
var comparisons = []struct {
	name, credential, path string
	status                 int
	body                   string
	rivals                 []string // names of sites
	behindProxy            bool     // our site is the one that a proxy asks
}{
	{"token", "token", signedIn, 200, greeting, []string{"golang-jwt ES256", "golang-jwt EdDSA", "golang-jwt HS256"}, false},
	{"session", "session", signedIn, 200, greeting, []string{"map by hand", "scs"}, false},
	{"apikey", "apikey", signedIn, 200, greeting, nil, false},
	{"allowed", "token", allowed, 200, greeting, []string{"golang-jwt HS256", "map by hand", "casbin"}, false},
	{"forward session", "forward session", answers, 200, "", nil, true},
	{"forward token", "forward token", answers, 200, "", nil, true},
	{"denied", "token", denied, 403, `"code":"forbidden"`, []string{"golang-jwt HS256", "map by hand", "casbin"}, false},
}

// BenchmarkHTTP compares a handler behind the doors of a whole server, and behind what others guard it with, with the same handler on a
// bare [http.ServeMux]. Each is a process of its own on one processor; the load comes from here, on another. The bare handler gets the
// same bytes as the guarded one, the rivals' credentials for the rivals, so what differs is the doors. All take turns, and each ratio is
// the median over the turns:
//
//   - xbare: requests per second of processor time over those of the bare handler, which is what a server that is busy serves, and which
//     other programs on the machine hardly disturb; of a rival, NAME-xbare;
//   - xwall: the same by the clock on the wall, which they do disturb;
//   - xplain: xbare if the requests to the bare handler carry no credential;
//   - load: share of a processor that the guarded server used. Far below 1, it shared the processor or had time to spare, and xwall
//     says little.
func BenchmarkHTTP(b *testing.B) {
	bare, doors := load.Start(b, "bare"), load.Start(b, "sallyport")
	refuses(b, doors)
	for _, c := range comparisons {
		b.Run(c.name, func(b *testing.B) {
			doors, answer := doors, greeting
			if c.behindProxy {
				doors, answer = load.Start(b, "behind a proxy"), ""
			}
			guarded := func(p *load.Process, header http.Header) (there, same *load.Turn) {
				return &load.Turn{On: p, Path: c.path, Header: header, Status: c.status, Body: c.body},
					&load.Turn{On: bare, Path: c.path, Header: header, Status: 200, Body: answer}
			}
			ours, same := guarded(doors, doors.Credentials[c.credential])
			plain := &load.Turn{On: bare, Path: c.path, Status: 200, Body: answer}
			turns := []*load.Turn{ours, same, plain}
			for _, name := range c.rivals {
				p := load.Start(b, name)
				refuses(b, p)
				for _, header := range p.Credentials {
					there, same := guarded(p, header)
					turns = append(turns, there, same)
				}
			}
			load.Compare(b, turns...)
			b.ReportMetric(1/load.Median(ours.Cost), "req/cpu-s")
			b.ReportMetric(1/load.Median(same.Cost), "bare-req/cpu-s")
			b.ReportMetric(load.Median(load.Over(same.Cost, ours.Cost)), "xbare")
			b.ReportMetric(load.Median(load.Over(ours.Rate, same.Rate)), "xwall")
			b.ReportMetric(load.Median(load.Over(plain.Cost, ours.Cost)), "xplain")
			b.ReportMetric(load.Median(ours.Share), "load")
			for i, name := range c.rivals {
				there, same := turns[3+2*i], turns[4+2*i]
				b.ReportMetric(load.Median(load.Over(same.Cost, there.Cost)), strings.ReplaceAll(name, " ", "-")+"-xbare")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// refuses fails unless a server refuses who offers no credential.
func refuses(b *testing.B, p *load.Process) {
	b.Helper()
	resp, err := http.Get("http://" + p.Address + signedIn)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		b.Fatalf("without a credential: %s", resp.Status)
	}
}
