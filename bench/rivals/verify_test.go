package rivals

import (
	"slices"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	josejwt "github.com/go-jose/go-jose/v4/jwt"
	"github.com/golang-jwt/jwt/v5"
	"github.com/lestrrat-go/jwx/v3/jwa"
	jwxjwt "github.com/lestrrat-go/jwx/v3/jwt"
	"github.com/sallyport-auth/sallyport/authn/token"
)

// A verifier checks the token of a signed and returns its subject. Whatever can be made once, such as parsers and keys, was.
type verifier struct {
	name   string
	verify func(text string) (subject string, err error)
}

func verifiers(t testing.TB, s *signed) []verifier {
	return []verifier{ours(t, s), golangJWT(s), goJOSE(s), jwx(t, s)}
}

func ours(t testing.TB, s *signed) verifier {
	v, ctx := &token.Verifier{Issuer: s.issuer, Keys: s}, t.Context()
	return verifier{"ours", func(text string) (string, error) {
		c, err := v.Verify(ctx, text)
		if err != nil {
			return "", err
		}
		return c.Subject, nil
	}}
}

// jwtClaims are what a program needs of a token.
type jwtClaims struct {
	jwt.RegisteredClaims
	Roles []string `json:"roles"`
}

func golangJWT(s *signed) verifier {
	parser := jwt.NewParser(jwt.WithValidMethods([]string{string(s.alg)}), jwt.WithIssuer(s.issuer), jwt.WithAudience(s.issuer),
		jwt.WithExpirationRequired(), jwt.WithLeeway(5*time.Second))
	key := func(*jwt.Token) (any, error) { return s.public, nil }
	return verifier{"golang-jwt", func(text string) (string, error) {
		var c jwtClaims
		if _, err := parser.ParseWithClaims(text, &c, key); err != nil {
			return "", err
		}
		return c.Subject, nil
	}}
}

func goJOSE(s *signed) verifier {
	algs := []jose.SignatureAlgorithm{jose.SignatureAlgorithm(s.alg)}
	expected := josejwt.Expected{Issuer: s.issuer, AnyAudience: josejwt.Audience{s.issuer}}
	type claims struct {
		josejwt.Claims
		Roles []string `json:"roles"`
	}
	return verifier{"go-jose", func(text string) (string, error) {
		parsed, err := josejwt.ParseSigned(text, algs)
		if err != nil {
			return "", err
		}
		var c claims
		if err := parsed.Claims(s.public, &c); err != nil {
			return "", err
		}
		return c.Subject, c.ValidateWithLeeway(expected, 5*time.Second)
	}}
}

// jwx reads a token of one key, which takes its quickest way.
func jwx(t testing.TB, s *signed) verifier {
	alg, ok := jwa.LookupSignatureAlgorithm(string(s.alg))
	if !ok {
		t.Fatal("jwx does not know " + s.alg)
	}
	options := []jwxjwt.ParseOption{
		jwxjwt.WithKey(alg, s.public), jwxjwt.WithIssuer(s.issuer), jwxjwt.WithAudience(s.issuer), jwxjwt.WithRequiredClaim("exp"),
		jwxjwt.WithAcceptableSkew(5 * time.Second),
	}
	return verifier{"jwx", func(text string) (string, error) {
		parsed, err := jwxjwt.Parse([]byte(text), options...)
		if err != nil {
			return "", err
		}
		subject, _ := parsed.Subject()
		return subject, nil
	}}
}

// accept fails unless every verifier accepts the good token and no other.
func accept(t testing.TB, s *signed, by []verifier) {
	t.Helper()
	for _, v := range by {
		if subject, err := v.verify(s.good); subject != "usr_1" || err != nil {
			t.Errorf("%s refuses the good token: %q, %v", v.name, subject, err)
		}
		for why, text := range s.bad {
			if _, err := v.verify(text); err == nil {
				t.Errorf("%s accepts a token: %s", v.name, why)
			}
		}
	}
	if t.Failed() {
		t.FailNow()
	}
}

var algs = []token.Alg{token.EdDSA, token.ES256, token.RS256, token.PS256, token.HS256}

func TestVerify(t *testing.T) {
	for _, alg := range algs {
		t.Run(string(alg), func(t *testing.T) {
			s, err := newSigned(alg, "https://id.example.com")
			if err != nil {
				t.Fatal(err)
			}
			accept(t, &s, verifiers(t, &s))
		})
	}
}

// BenchmarkVerify is the first sight of an access token. The verifiers take turns, token by token, and the medians are reported,
// which stand still on a machine that others use.
func BenchmarkVerify(b *testing.B) {
	for _, alg := range algs {
		b.Run(string(alg), func(b *testing.B) {
			s, err := newSigned(alg, "https://id.example.com")
			if err != nil {
				b.Fatal(err)
			}
			by := verifiers(b, &s)
			accept(b, &s, by)
			took := make([][]time.Duration, len(by))
			for b.Loop() {
				for i, v := range by {
					start := time.Now()
					if _, err := v.verify(s.good); err != nil {
						b.Fatal(err)
					}
					took[i] = append(took[i], time.Since(start))
				}
			}
			for i, v := range by {
				slices.Sort(took[i])
				b.ReportMetric(float64(took[i][len(took[i])/2]), v.name+"-ns")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}
