// Bulletin is a message board in one program that mounts Sallyport: anyone reads,
// members post, authors delete their own posts, moderators delete any, and an
// administrator manages roles. Its posts live in the same SQLite file.
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

// posts tells the policy about posts.
var posts = sallyport.TypeOf("Post", func(p *Post) string { return p.ID },
	sallyport.Subject("author", func(p *Post) string { return p.Author }))

// rules are what no role can say: authors delete their own posts.
//
//go:embed policy/*.cedar
var rules embed.FS

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "address to listen on")
	file := flag.String("db", "bulletin.db", "SQLite file")
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
	if err := announce(ctx, auth, listener.Addr()); err != nil {
		return err
	}
	return serve(ctx, listener, auth)
}

func config(url string, db *sqlite.DB) server.Config {
	return server.Config{
		BaseURL: url, Name: "Bulletin", Store: db,
		Roles: map[string][]string{
			"member":    {"post:create"},
			"moderator": {"post:delete"},
		},
		DefaultRoles: []string{"member"},
		Types:        []sallyport.AnyType{posts}, PolicyFiles: rules,
	}
}

func announce(ctx context.Context, auth *server.Server, addr net.Addr) error {
	fmt.Printf("listening on http://%s\n", addr)
	link, err := auth.SetupLink(ctx)
	if link != "" {
		fmt.Printf("make yourself the administrator, once, within %v: %s\n", 30*time.Minute, link)
	}
	return err
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
