package server_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/server"
	"github.com/sallyport-auth/sallyport/store/sqlite"
)

// From nothing to a route guarded by a role.
func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	db, err := sqlite.Open(filepath.Join(dir, "app.db"))
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	auth, err := server.Open(context.Background(), server.Config{
		BaseURL: "http://127.0.0.1:8080", Store: db,
		Roles: map[string][]string{"analyst": {"report:read"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer auth.Close()
	auth.Routes.Func("GET /reports", sallyport.May("report:read"), func(w http.ResponseWriter, r *http.Request) error {
		_, err := fmt.Fprintln(w, "reports for", sallyport.From(r.Context()).Subject)
		return err
	})

	w := httptest.NewRecorder()
	auth.ServeHTTP(w, httptest.NewRequest("GET", "/reports", nil))
	problem, _ := io.ReadAll(w.Body)
	fmt.Println(w.Code, w.Header().Get("WWW-Authenticate"))
	fmt.Println(len(problem) > 0)
	// Output:
	// 401 Bearer realm="sallyport", resource_metadata="http://127.0.0.1:8080/.well-known/oauth-protected-resource"
	// true
}
