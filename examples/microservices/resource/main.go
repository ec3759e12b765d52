// Resource is a service that knows only the address of the issuer. It verifies
// access tokens by itself, without asking anybody about a request, and guards two
// routes with the same doors as the issuer itself. It follows the issuer's feed: a
// sign-out, a removed role or a changed rule is in force here within milliseconds, on
// tokens that were issued before too.
//
// SALLYPORT_KEY holds an API key of the issuer with the scope revocation:read.
package main

import (
	"context"
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
	"github.com/sallyport-auth/sallyport/verifier"
)

func main() {
	issuer := flag.String("issuer", "http://127.0.0.1:8080", "URL of the issuer")
	addr := flag.String("addr", "127.0.0.1:9090", "address to listen on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *issuer, *addr, os.Getenv("SALLYPORT_KEY")); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, issuer, addr, key string) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	v, err := verifier.Open(ctx, verifier.Config{Issuer: issuer, Key: key})
	if err != nil {
		return err
	}
	defer v.Close()
	fmt.Printf("listening on http://%s\n", listener.Addr())
	s := &http.Server{Handler: routes(v), ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { s.Close() })
	if err := s.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func routes(v *verifier.Verifier) *sallyport.Routes {
	rt := &sallyport.Routes{Gate: v.Gate}
	rt.Func("GET /whoami", sallyport.SignedIn(), func(w http.ResponseWriter, r *http.Request) error {
		p := sallyport.From(r.Context())
		_, err := fmt.Fprintf(w, "%s, roles %v\n", p.Subject, p.Roles)
		return err
	})
	rt.Func("GET /reports", sallyport.May("report:read"), func(w http.ResponseWriter, r *http.Request) error {
		_, err := fmt.Fprintln(w, "reports for", sallyport.From(r.Context()).Subject)
		return err
	})
	rt.Func("GET /readyz", sallyport.Public().NoCookie(), func(w http.ResponseWriter, r *http.Request) error {
		if err := v.Ready(); err != nil {
			return err // 503
		}
		_, err := fmt.Fprintln(w, "ok")
		return err
	})
	return rt
}
