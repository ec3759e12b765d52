// Plans keeps documents for organizations: what their members may do depends on
// their roles there, on the organization's plan, on the hour and on how they signed
// in. Organizations never see each other's documents.
package main

import (
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/limit"
	"github.com/sallyport-auth/sallyport/server"
	"github.com/sallyport-auth/sallyport/store/sqlite"
)

// rules are what no role can say: plans, hours, sign-ins.
//
//go:embed policy/*.cedar
var rules embed.FS

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "address to listen on")
	file := flag.String("db", "plans.db", "SQLite file")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *addr, *file); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, addr, file string) error {
	db, err := sqlite.Open(file)
	if err != nil {
		return err
	}
	defer db.Close()
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	auth, err := server.Open(ctx, config("http://"+listener.Addr().String(), db))
	if err != nil {
		return err
	}
	defer auth.Close()
	if err := mount(ctx, auth, db); err != nil {
		return err
	}
	fmt.Printf("listening on http://%s\n", listener.Addr())
	if link, err := auth.SetupLink(ctx); err != nil {
		return err
	} else if link != "" {
		fmt.Printf("make yourself the administrator, once, within %v: %s\n", 30*time.Minute, link)
	}
	return serve(ctx, listener, auth)
}

func config(url string, db *sqlite.DB) server.Config {
	return server.Config{
		BaseURL: url, Name: "Plans", Store: db,
		Roles: map[string][]string{ // in an organization
			"member":     {"document:read", "document:write", "document:export"},
			"contractor": {"document:read", "document:write"},
			"owner":      {"document:*", "organization:read", "member:*", "role:assign"},
		},
		Limits: map[string]limit.Rate{
			"lists.free": {Requests: 20, Per: time.Hour},
			"lists.pro":  {Requests: 20, Per: time.Second},
		},
		Types: []sallyport.AnyType{documents}, PolicyFiles: rules, ShowReasons: true,
	}
}

// serve answers until ctx ends, and then finishes the requests in flight.
func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		stopped <- s.Shutdown(patience)
	}()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}
