package main

import (
	"context"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/internal/process"
)

// TestREADME runs exactly the lines that the README prints.
func TestREADME(t *testing.T) {
	board := process.Start(t, process.Build(t, "."), "-addr", "127.0.0.1:0")
	link := board.WaitFor(context.Background(), "/auth/setup/")
	setup := link[strings.Index(link, "http"):]

	process.Expect(t, process.Lines(t, "URL="+board.URL, "SETUP="+setup),
		"[]",
		"",
		`"status":401`,
		`"text":"hello, board"`,
		"",
		`"status":403`,
		`"status":"signed_in"`,
		"204",
		"204",
		`"code":"invalid_token"`,
	)
	if t.Failed() {
		t.Log(board.Output())
	}
}
