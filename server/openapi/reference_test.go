package openapi_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/server/openapi"
)

// Whoever reads docs/reference/http.md, or what it leads to, finds every path that is
// described. Those of administration stand there without the prefix that they share.
func TestEveryPathIsInTheReference(t *testing.T) {
	var reference string
	for _, name := range []string{"http.md", "shared-signals.md"} {
		text, err := os.ReadFile("../../docs/reference/" + name)
		if err != nil {
			t.Fatal(err)
		}
		reference += string(text)
	}
	for pattern := range openapi.Patterns("/auth") {
		_, path, _ := strings.Cut(strings.TrimSuffix(pattern, "{$}"), " ")
		path = strings.TrimPrefix(path, "/auth/admin/api")
		if !regexp.MustCompile("[` ]" + regexp.QuoteMeta(path) + "[`?), \\n]").MatchString(reference) {
			t.Errorf("%s is not in docs/reference/http.md", pattern)
		}
	}
}
