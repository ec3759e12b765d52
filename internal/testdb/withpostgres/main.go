// Withpostgres runs a command with a PostgreSQL cluster that lives as long as the command:
//
//	go run ./internal/testdb/withpostgres go test ./...
//
// The tests below it find the cluster in SALLYPORT_TEST_POSTGRES and share it. The exit code is the command's.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/sallyport-auth/sallyport/internal/testdb"
)

func main() {
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "withpostgres:", err)
	}
	os.Exit(code)
}

// run returns the exit code: the command's, or 1 with an error of our own.
func run(args []string) (code int, err error) {
	if len(args) == 0 {
		return 2, errors.New("no command given")
	}
	cluster, err := testdb.StartCluster(testdb.Fast)
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()

	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "SALLYPORT_TEST_POSTGRES="+cluster.DSN())
	// Ctrl-C reaches the command too, which ends by it; SIGTERM comes to us alone.
	signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	terminate := make(chan os.Signal, 1)
	signal.Notify(terminate, syscall.SIGTERM)
	if err := cmd.Start(); err != nil {
		return 1, err
	}
	go func() {
		for s := range terminate {
			cmd.Process.Signal(s) // fails only if the command has ended, which Wait reports
		}
	}()
	err = cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return max(exit.ExitCode(), 1), nil // -1 after a signal
	}
	if err != nil {
		return 1, err
	}
	return 0, nil
}
