package main

import (
	"context"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/internal/process"
)

// TestREADME runs exactly the lines that the README prints.
func TestREADME(t *testing.T) {
	plans := process.Start(t, process.Build(t, "."), "-addr", "127.0.0.1:0")
	link := plans.WaitFor(context.Background(), "/auth/setup/")
	setup := link[strings.Index(link, "http"):]

	lines := process.Lines(t, "URL="+plans.URL, "SETUP="+setup)
	process.Expect(t, lines,
		`"roles":["admin"]`,
		"",
		"",
		"",
		"204 204 204 204 204 204",
		"204 204 204 204 204 204",
		`"status":403`,
		`"title":"how we count"`,
		`"title":"how we count"`,
		`"status":404`,
		`"detail":"Exports are part of the plan pro."`,
		`error="insufficient_user_authentication"`,
		"200 429",
		`"plan":"pro"`,
		`"code":"step_up_required"`,
		"",
		`max_age="900"`,
		"204",
		`"status":403`,
	)
	for _, more := range []struct {
		line int
		text string
	}{
		{9, "[]\n"},
		{11, `acr_values="aal2"`},
		{14, `"title":"our plans"`},
		{16, `"title":"how we count"`},
		{18, "204"},
	} {
		if !strings.Contains(lines[more.line].Answer, more.text) {
			t.Errorf("%s\nanswered %q, want %q too", lines[more.line].Text, lines[more.line].Answer, more.text)
		}
	}
	if strings.Contains(lines[14].Answer, "how we count") || strings.Contains(lines[16].Answer, "our plans") {
		t.Errorf("one organization sees the other's documents: %s, %s", lines[14].Answer, lines[16].Answer)
	}
	if t.Failed() {
		t.Log(plans.Output())
	}
}
