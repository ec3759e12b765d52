package main

import (
	"fmt"
	"net/url"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-auth/sallyport/authn/otp"
	guide "github.com/sallyport-auth/sallyport/internal/process"
)

// TestTheGuideToPeople runs exactly the lines of the guide.
func TestTheGuideToPeople(t *testing.T) {
	p := serving(t, t.TempDir())
	guide.Expect(t, guide.LinesOf(t, "../../docs/how-to/people.md", "URL="+p.url),
		"",
		`"status":"signed_in"`,
		"",
		"204",
		"",
		`"recovery_codes":[`,
		"204",
		`"methods":["totp","recovery"]`,
		`"status":"signed_in"`,
		"",
		"",
		`"access_token":`,
		`"code":"invalid_token"`,
		`"status":"accepted"`,
		"",
		`"status":"mfa_required"`,
		`"status":"accepted"`,
		`"action":"user.sign_in"`,
		`"email":"ann@example.com"`,
		`"delete_at":`,
		`"code":"invalid_token"`,
	)
}

// oathtool stands in for the program of that name: oathtool --totp -b [-N "30 seconds"] SECRET.
func oathtool() {
	at := time.Now()
	if i := slices.Index(os.Args, "-N"); i > 0 && os.Args[i+1] == "30 seconds" {
		at = at.Add(30 * time.Second)
	}
	k, err := otp.Parse("otpauth://totp/guide?secret=" + url.QueryEscape(os.Args[len(os.Args)-1]))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(k.Code(k.Step(at)))
}
