package oauth_test

import (
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sallyport-auth/sallyport/server/oauth"
)

// FuzzForm: what is read is text, not empty, and the only value that a parser of
// the standard library finds.
func FuzzForm(f *testing.F) {
	for _, s := range []string{"token=a", "token=", "token", "token=a&token=b", "token=%00", "token=%ff", "token=%zz", "a;b", "&&=&token=a+b", "TOKEN=a", "token=a&x=%ff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		form, err := oauth.ParseForm(body)
		if err != nil {
			return
		}
		got, err := form.Need("token")
		if err != nil {
			if strings.ContainsAny(err.Error(), "\"\\\n") {
				t.Errorf("%q cannot be an error_description", err)
			}
			return
		}
		values, _ := url.ParseQuery(body)
		if got == "" || !utf8.ValidString(got) || strings.ContainsRune(got, 0) || len(values["token"]) != 1 || values["token"][0] != got {
			t.Errorf("%q of %q", got, body)
		}
	})
}
