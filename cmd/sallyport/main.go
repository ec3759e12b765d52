// Command sallyport is the server, and what manages it from a shell: accounts,
// roles, sessions, API keys and signing keys, beside the running server, which
// acts on every change at once. "sallyport help" lists the commands.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// Who asks a second time does not want to wait: the default is back by then.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}

// Exit codes, which scripts rely on.
const (
	done   = 0
	failed = 1 // or refused
	misuse = 2 // a command line or a configuration that makes no sense
)

// run is the program. It returns the exit code.
func run(ctx context.Context, args, environ []string, stdin io.Reader, stdout, stderr io.Writer) int {
	p := &program{environ: environ, stdin: stdin, stdout: stdout, stderr: stderr}
	return p.explain(p.run(ctx, args))
}
