package verifier_test

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/internal/process"
	"github.com/sallyport-auth/sallyport/internal/testenv"
)

// BenchmarkRevokeToRefusal measures how long after a sign-out was sent to the issuer
// another process refuses its token: three real processes, the issuer with its durable
// SQLite database, a service, and who measures, which asks the service thousands of
// times a second.
func BenchmarkRevokeToRefusal(b *testing.B) {
	program := process.Build(b, "../cmd/sallyport")
	data := filepath.Join(b.TempDir(), "data")
	issuer := process.Start(b, program, "serve", "--addr", "127.0.0.1:0", "--data", data)
	command := func(input string, args ...string) []byte {
		c := exec.Command(program, append(args, "--data", data)...)
		c.Stdin = strings.NewReader(input)
		out, err := c.CombinedOutput()
		if err != nil {
			b.Fatalf("%v: %v\n%s", args, err, out)
		}
		return out
	}
	command("", "role", "set", "service", "revocation:read")
	command(pass+"\n", "user", "add", "--username", "reports", "--role", "service", "--password-stdin")
	var key struct{ Key string }
	if err := json.Unmarshal(command("", "apikey", "add", "--user", "reports", "--name", "feed", "--scope", "revocation:read", "--json"), &key); err != nil {
		b.Fatal(err)
	}
	b.Setenv("SALLYPORT_KEY", key.Key)
	resource := process.Start(b, process.Build(b, "../examples/microservices/resource"), "--issuer", issuer.URL, "--addr", "127.0.0.1:0")
	latency := process.Build(b, "../examples/microservices/latency")
	if err := exec.Command("sync").Run(); err != nil { // or what the builds wrote is on its way to the disk that is measured
		b.Fatal(err)
	}
	for _, c := range []struct {
		name string
		load int
	}{{"idle", 0}, {"busy", 500}} {
		b.Run(c.name, func(b *testing.B) {
			for range b.N {
				out, err := exec.Command(latency, "--issuer", issuer.URL, "--resource", resource.URL, "--json",
					"--n", strconv.Itoa(testenv.Count(200, 1000)), "--load", strconv.Itoa(c.load)).Output()
				if err != nil {
					b.Fatalf("%v\n%s", err, resource.Output())
				}
				var r struct {
					Load float64 `json:"load"`
					P50  float64 `json:"p50_ms"`
					P99  float64 `json:"p99_ms"`
				}
				if err := json.Unmarshal(out, &r); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(r.P50, "p50-ms")
				b.ReportMetric(r.P99, "p99-ms")
				b.ReportMetric(r.Load, "revocations/s")
				b.ReportMetric(0, "ns/op")
			}
		})
	}
}
