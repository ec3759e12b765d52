// School keeps grades: students read their own, teachers read and write those of
// the classes they teach, the head reads all. One list serves everybody, filtered
// in SQL by the same rules.
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
	"github.com/sallyport-auth/sallyport/server"
	"github.com/sallyport-auth/sallyport/store/sqlite"
)

// rules are what no role can say: whose grades.
//
//go:embed policy/*.cedar
var rules embed.FS

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "address to listen on")
	file := flag.String("db", "school.db", "SQLite file")
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
		BaseURL: url, Name: "School", Store: db,
		Roles: map[string][]string{
			"student": {},
			"teacher": {},
			"head":    {"grade:read", "class:write"},
		},
		Types: []sallyport.AnyType{grades}, PolicyFiles: rules, ShowReasons: true,
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
