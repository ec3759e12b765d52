package account_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/importer"
	"github.com/sallyport-auth/sallyport/authn/otp"
)

// imports imports a file of lines.
func (n *node) imports(in account.Importing, lines ...string) (importer.Report, error) {
	n.t.Helper()
	entries, err := importer.Read(strings.NewReader(strings.Join(lines, "\n")), "jsonl", importer.Options{})
	n.must(err)
	in.Source, in.Format = "users.jsonl", "jsonl"
	return n.Import(n.t.Context(), entries, in, account.Origin{Actor: "cli"})
}

// The hashes are published values, whose passwords are "hashcat" and "test".
const (
	bcryptHash = "$2a$05$MBCzKhG1KhezLh.0LRa0Kuw12nLJtpHy6DIaU.JAnqJUDYspHC.Ou"
	djangoHash = "pbkdf2_sha256$10000$1135411628$bFYX62rfJobJ07VwrUMXfuffLfj2RDM2G6/BrTrUWkE="
	sshaHash   = "{SSHA}FLzWcQqyle6Mo7NvrwXCMAmRzXQxNjYxMTYzNw=="
)

func TestImportedPeopleSignInWithTheirPasswords(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		report, err := h.imports(account.Importing{},
			`{"username":"ann","password_hash":"`+bcryptHash+`"}`,
			`{"email":"bob@example.org","email_verified":true,"password_hash":"`+djangoHash+`"}`,
			`{"username":"carol","password_hash":"`+sshaHash+`","status":"disabled"}`)
		h.must(err)
		if report.Imported != 3 || report.Refused != 0 || !report.Finished {
			t.Fatalf("%+v", report)
		}
		for _, name := range []string{"ann", "bob@example.org"} {
			_, err := h.SignIn(t.Context(), account.SignIn{Identifier: name, Password: "hashcaT"}, origin(""))
			h.wants(err, account.ErrInvalidCredentials, "%s, a wrong password", name)
			out, err := h.SignIn(t.Context(), account.SignIn{Identifier: name, Password: "hashcat"}, origin(""))
			h.must(err)
			h.view(func(tx account.Tx) error {
				phc, err := tx.Credentials.Password(t.Context(), out.User.ID)
				if !strings.HasPrefix(phc, "$argon2id$") {
					t.Errorf("%s still has %.10q", name, phc)
				}
				return err
			})
			_, err = h.SignIn(t.Context(), account.SignIn{Identifier: name, Password: "hashcat"}, origin(""))
			h.must(err)
		}
		_, err = h.SignIn(t.Context(), account.SignIn{Identifier: "carol", Password: "hashcat"}, origin(""))
		h.wants(err, account.ErrInvalidCredentials, "a disabled account")
	})
}

func TestWhatImportedPeopleHaveComesAlong(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		h.Sealer = h.sealer
		report, err := h.imports(account.Importing{CreateRoles: true, CreateOrganizations: true},
			strings.ReplaceAll(`{"id":"8497ae9c-4481-494f-bef1-15296c117ac8","username":"Ann","display_name":"Ann Example","locale":"de_DE","phone":"+49 30 123456","phone_verified":true,
			  "created_at":"2020-01-02T03:04:05Z","roles":["editor","member"],"organizations":["acme",{"organization":"beta","roles":["editor"]}],
			  "totp":{"secret":"JBSWY3DPEHPK3PXP","digits":8},"identities":[{"issuer":"https://accounts.google.com","subject":"42","email":"ann@gmail.com"}],
			  "passkeys":[{"credential_id":"AQIDBAUGBwgJCgsMDQ4PEA","user_handle":"dXNlcg","sign_count":7,"aaguid":"adce0002-35bc-c60a-648b-0b25f1f05503",
			    "public_key":"`+coseKey(t)+`"}]}`, "\n", ""))
		h.must(err)
		if report.Imported != 1 || report.TOTP != 1 || report.Passkeys != 1 || report.Identities != 1 {
			t.Fatalf("%+v", report)
		}
		u, err := h.Find(t.Context(), "ann")
		h.must(err)
		if u.ID != "usr_gjbtx724g54mzfqh2mmpr4bts0" || u.DisplayName != "Ann Example" || u.Locale != "de-DE" || u.Phone != "+4930123456" || !u.PhoneVerified || u.CreatedAt.Year() != 2020 {
			t.Errorf("%+v", u)
		}
		roles, err := h.Assigned(t.Context(), u.ID, "")
		h.must(err)
		orgs, err := h.Memberships(t.Context(), u.ID)
		h.must(err)
		if fmt.Sprint(roles) != "[editor member]" || len(orgs) != 2 {
			t.Errorf("roles %v, organizations %v", roles, orgs)
		}
		h.view(func(tx account.Tx) error {
			factors, err := tx.Factors.Of(t.Context(), u.ID)
			if err != nil || len(factors) != 1 || factors[0].Kind != otp.TOTP || !factors[0].Confirmed() {
				t.Errorf("factors %+v, %v", factors, err)
			}
			keys, err := tx.Passkeys.List(t.Context(), u.ID)
			if err != nil || len(keys) != 1 || !keys[0].Unseen || string(keys[0].Handle) != "user" || keys[0].SignCount != 7 {
				t.Errorf("passkeys %+v, %v", keys, err)
			}
			i, err := tx.Identities.BySubject(t.Context(), "https://accounts.google.com", "42")
			if i.User != u.ID {
				t.Errorf("identity %+v", i)
			}
			return err
		})
	})
}

// coseKey returns a new public key of ES256 as COSE has it (RFC 9053 §7.1.1), in base64url.
func coseKey(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	cose := append([]byte{0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32}, point[1:33]...)
	cose = append(append(cose, 0x22, 0x58, 32), point[33:]...)
	return base64.RawURLEncoding.EncodeToString(cose)
}

func TestWhatCannotBeImportedChangesNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		h.named("taken")
		_, err := h.Add(t.Context(), account.Registration{Username: "owner", Email: "owned@example.org", EmailVerified: true}, origin(""))
		h.must(err)
		for _, c := range []struct{ name, line, want string }{
			{"nothing to sign in with", `{"display_name":"Ann"}`, "neither a user name nor an address"},
			{"a name that is taken", `{"username":"TAKEN"}`, "user name is taken"},
			{"an address that is somebody's", `{"username":"n1","email":"Owned@example.org","email_verified":true}`, "another account has this address"},
			{"a name that cannot be one", `{"username":"a b"}`, "username may have"},
			{"an address that is none", `{"username":"n2","email":"ann@@example"}`, "email is not"},
			{"an unknown status", `{"username":"n3","status":"asleep"}`, "status is neither"},
			{"an unknown role", `{"username":"n4","roles":["editor"]}`, `there is no role "editor"`},
			{"a role that cannot be one", `{"username":"n5","roles":["Über"]}`, "role name"},
			{"an unknown organization", `{"username":"n6","organizations":["acme"]}`, "there is no organization"},
			{"a phone that is none", `{"username":"n7","phone":"123"}`, "phone is not"},
			{"a locale that is none", `{"username":"n8","locale":"klingon speech"}`, "locale is not"},
			{"a name too long to show", `{"username":"n9","display_name":"` + strings.Repeat("x", 201) + `"}`, "display_name must"},
			{"a password in clear", `{"username":"n10","password_hash":"elephant trumpet"}`, "password_hash: unknown or unacceptable format"},
			{"a hash that would take minutes", `{"username":"n11","password_hash":"$2a$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"}`, "password_hash: unknown or unacceptable format"},
			{"an app without a secret", `{"username":"n12","totp":{"secret":"!"}}`, "totp: "},
			{"a passkey without a key", `{"username":"n13","passkeys":[{"credential_id":"AQID","user_handle":"AQ","public_key":"AQ"}]}`, "passkey 1: the public key"},
			{"an identity of nobody", `{"username":"n14","identities":[{"issuer":"https://a.example","subject":""}]}`, "an identity needs"},
			{"an identity twice", `{"username":"n15","identities":[{"issuer":"https://a.example","subject":"1"},{"issuer":"https://a.example","subject":"1"}]}`, "is there twice"},
		} {
			for _, dry := range []bool{true, false} {
				report, err := h.imports(account.Importing{DryRun: dry}, c.line)
				h.must(err)
				if report.Imported != 0 || report.Refused != 1 || len(report.Problems) != 1 || !strings.Contains(report.Problems[0].Reason, c.want) {
					t.Errorf("%s (dry %v): %+v, want %q", c.name, dry, report, c.want)
				}
			}
		}
		members, err := h.Members(t.Context(), account.UserFilter{})
		h.must(err)
		if len(members) != 2 {
			t.Errorf("%d accounts, want the 2 that were there", len(members))
		}
	})
}

func TestADryRunReportsWhatWouldBe(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		lines := []string{`{"username":"ann"}`, `{"username":"Ann"}`, `{"email":"a@b.org","email_verified":true}`, `{"email":"A@b.org","email_verified":true}`, `{"email":"a@b.org"}`, "x"}
		dry, err := h.imports(account.Importing{DryRun: true}, lines...)
		h.must(err)
		real, err := h.imports(account.Importing{}, lines...)
		h.must(err)
		if dry.Imported != 3 || real.Imported != 3 || dry.Refused != real.Refused {
			t.Errorf("dry %+v, real %+v", dry, real)
		}
	})
}

// crowd returns lines of people, some of whom cannot be imported.
func crowd(n int) (lines []string) {
	for i := range n {
		switch {
		case i%97 == 13:
			lines = append(lines, `{"username":"person`)
		case i%89 == 11:
			lines = append(lines, fmt.Sprintf(`{"username":"person%d"}`, i/2))
		default:
			lines = append(lines, fmt.Sprintf(`{"username":"person%d","password_hash":"%s"}`, i, bcryptHash))
		}
	}
	return lines
}

// errCut is what a store fails with that is cut off.
var errCut = errors.New("cut off")

// A cutStore fails from some Update on, before or after it commits.
type cutStore struct {
	account.Store
	left      int
	committed bool
}

func (s *cutStore) Update(ctx context.Context, f func(account.Tx) error) error {
	if s.left--; s.left > 0 {
		return s.Store.Update(ctx, f)
	}
	if s.committed && s.left == 0 {
		if err := s.Store.Update(ctx, f); err != nil {
			return err
		}
	}
	return errCut
}

func TestAnImportThatWasCutOffIsResumed(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		lines := crowd(1700)
		for _, c := range []struct {
			at                int // which transaction
			committed, resume bool
		}{{1, false, false}, {2, true, false}, {1, false, true}, {1, true, true}, {2, false, true}} {
			other := &node{h.beside(&cutStore{h.Store, c.at, c.committed}), h.ring, t}
			_, err := other.imports(account.Importing{Resume: c.resume}, lines...)
			h.wants(err, errCut, "cut off at transaction %d", c.at)
		}
		_, err := h.imports(account.Importing{Resume: true}, append([]string{`{"username":"other"}`}, lines...)...)
		h.wants(err, account.ErrOtherFile, "another file")
		report, err := h.imports(account.Importing{Resume: true}, lines...)
		h.must(err)
		whole := newHouse(t, backends[0])
		want, err := whole.imports(account.Importing{}, lines...)
		whole.must(err)
		if report.Resumed == 0 {
			t.Error("nothing was resumed")
		}
		report.Resumed = 0
		if !reflect.DeepEqual(report, want) {
			t.Errorf("got %+v\nwant %+v", report, want)
		}
		if a, b := h.everybody(), whole.everybody(); !reflect.DeepEqual(a, b) || len(a) != want.Imported {
			t.Errorf("%d people, want %d", len(a), len(b))
		}
		_, err = h.imports(account.Importing{Resume: true}, lines...)
		h.wants(err, account.ErrNoImport, "nothing is left to resume")
	})
}

// everybody returns the names that there are, each with its password.
func (n *node) everybody() map[string]string {
	n.t.Helper()
	all := map[string]string{}
	n.view(func(tx account.Tx) error {
		users, err := tx.Users.List(n.t.Context(), account.UserFilter{})
		for _, u := range users {
			if err == nil {
				all[u.Username], err = tx.Credentials.Password(n.t.Context(), u.ID)
			}
		}
		return err
	})
	return all
}
