// Resource is a service that knows only the address of the issuer. It verifies
// access tokens by the issuer's published keys, without asking anybody about a
// request, and guards two routes with the same doors as the issuer itself.
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
	"github.com/sallyport-auth/sallyport/authn/token"
	"github.com/sallyport-auth/sallyport/authz"
)

func main() {
	issuer := flag.String("issuer", "http://127.0.0.1:8080", "URL of the issuer")
	addr := flag.String("addr", "127.0.0.1:9090", "address to listen on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *issuer, *addr); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, issuer, addr string) error {
	routes, err := routes(issuer)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Printf("listening on http://%s\n", listener.Addr())
	s := &http.Server{Handler: routes, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		s.Close()
	}()
	if err := s.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// routes guards GET /whoami (signed in) and GET /reports (permission report:read).
func routes(issuer string) (*sallyport.Routes, error) {
	policy := authz.New()
	roles, err := authz.Compile([]authz.Role{
		{Name: "analyst", Permissions: []string{"report:read"}},
		{Name: "admin", Permissions: []string{"*"}},
	})
	if err != nil {
		return nil, err
	}
	policy.Swap(roles)
	rt := &sallyport.Routes{Gate: &sallyport.Gate{
		Authenticators: []sallyport.Authenticator{&token.Authenticator{
			Verifier: &token.Verifier{Issuer: issuer, Audience: issuer, Keys: &token.RemoteKeySet{Issuer: issuer}},
		}},
		Policy: policy,
	}}
	rt.Func("GET /whoami", sallyport.SignedIn(), func(w http.ResponseWriter, r *http.Request) error {
		p := sallyport.From(r.Context())
		_, err := fmt.Fprintf(w, "%s, roles %v\n", p.Subject, p.Roles)
		return err
	})
	rt.Func("GET /reports", sallyport.May("report:read"), func(w http.ResponseWriter, r *http.Request) error {
		_, err := fmt.Fprintln(w, "reports for", sallyport.From(r.Context()).Subject)
		return err
	})
	return rt, nil
}
