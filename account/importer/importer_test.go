package importer_test

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/account/importer"
	"github.com/sallyport-auth/sallyport/internal/testenv"
)

// read returns a line for every entry: the record as JSON, or what is wrong with it.
func read(t testing.TB, format, text string, o importer.Options) (lines []string) {
	t.Helper()
	entries, err := importer.Read(strings.NewReader(text), format, o)
	if err != nil {
		return []string{"no file: " + err.Error()}
	}
	for e := range entries {
		if e.Err != nil {
			lines = append(lines, e.Err.Error())
			continue
		}
		b, err := json.Marshal(e.Record)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(b))
	}
	return lines
}

// hashConfig is the published example of Firebase's own scrypt (github.com/firebase/scrypt, README).
const hashConfig = `hash_config {
  algorithm: SCRYPT,
  base64_signer_key: jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==,
  base64_salt_separator: Bw==,
  rounds: 8,
  mem_cost: 14,
}`

func TestExportsOfOtherSystems(t *testing.T) {
	for _, c := range []struct {
		file, format string
		want         []string
	}{
		{"auth0.jsonl", "auth0", []string{
			`{"email":"test@example.com","status":"active","password_hash":"$2b$10$Z6hUTEEeoJXN5/AmSm/4.eZ75RYgFVriQM9LPhNEC7kbAbS/VAaJ2"}`,
			`{"id":"auth0|5f","email":"john.doe@contoso.com","email_verified":true,"display_name":"John Doe","status":"disabled",` +
				`"password_hash":"$sha256$pf=e1BBU1NXT1JEfXtTQUxUfQ$c2FsdA$0kxvPUu2sqXY8eC3xrfl9NJMbz1LtrKl2PHgt8a35fQ","totp":{"secret":"2PRXZWZAYYDAWCD"},` +
				`"identities":[{"issuer":"https://accounts.google.com","subject":"1034"}]}`,
		}},
		{"firebase.json", "firebase", []string{
			`{"id":"001","email":"user1@example.com","email_verified":true,"phone":"+15551112233","phone_verified":true,"display_name":"Ann","status":"active",` +
				`"created_at":"2017-02-05T19:58:47Z","password_hash":"$firescrypt$ln=14,r=8,p=1$42xEC+ixf3L2lw$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ$Bw$jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA",` +
				`"identities":[{"issuer":"https://accounts.google.com","subject":"10987","email":"user1@gmail.com","name":"Ann G."}]}`,
			`{"id":"002","email":"user2@example.com","status":"disabled"}`,
		}},
		{"keycloak.json", "keycloak", []string{
			`{"id":"8497ae9c-4481-494f-bef1-15296c117ac8","username":"user1","email":"user1@example.com","email_verified":true,"display_name":"Ann Example","locale":"de",` +
				`"roles":["editor"],"status":"active","created_at":"2021-01-21T12:02:33.569Z","password_hash":"$pbkdf2-sha256$27500$P5rtFkGtPfoaryJ6PizUJw$JsfNbCOIdZUbyBJ+BT+VoGI91Ec2rWLOvkLPDaX8e9k",` +
				`"totp":{"secret":"IRFG2ULGIM3TGVSHIZUHON2EGRIUUOCB","algorithm":"SHA1","digits":6,"period":30}}`,
			`{"id":"a","email":"user2@example.com","status":"disabled","password_hash":"$argon2id$v=19$m=7168,t=5,p=1$zHIR7mDpnZ0QwQlEIsvjQw$qv8Yyk4Y1CSbdHPAdKoBXUBoOWCn0PvTkFRpmkzcJkg"}`,
		}},
		{"kratos.json", "kratos", []string{
			`{"id":"7ff1714f-1b0a-4b7c-9c51-6f2f3e3f9b10","email":"ann@example.com","email_verified":true,"display_name":"Ann Example","status":"active","created_at":"2021-08-20T10:20:30.5Z",` +
				`"password_hash":"$2a$12$o6hx.Wog/wvFSkT/Bp/6DOxCtLRTDj7lm9on9suF/WaCGNVHbkfL6","totp":{"secret":"JBSWY3DPEHPK3PXP","algorithm":"SHA1","digits":6,"period":30},` +
				`"identities":[{"issuer":"https://accounts.google.com","subject":"42"}]}`,
		}},
		{"supabase.csv", "supabase", []string{
			`{"id":"5ed1a1c8-0c4e-4d5b-9d0e-1f2a3b4c5d6e","email":"ann@example.com","email_verified":true,"phone":"+15551112233","display_name":"Ann, Example","status":"active",` +
				`"created_at":"2023-01-02T03:04:05Z","password_hash":"$2a$10$abcdefghijklmnopqrstuuhG3h1uZsYYq4nWcC6B0bXOIu7l2M2iG"}`,
			`{"id":"6ed1a1c8-0c4e-4d5b-9d0e-1f2a3b4c5d6e","email":"bob@example.com","status":"disabled","created_at":"2023-01-02T03:04:05Z"}`,
		}},
		{"better-auth.json", "better-auth", []string{
			`{"id":"u1","email":"ann@example.com","email_verified":true,"display_name":"Ann","roles":["editor"],"status":"active","created_at":"2024-05-06T07:08:09Z",` +
				`"password_hash":"SCRYPT:16384:16:1:MDAxMTIyMzM0NDU1NjY3Nzg4OTlhYWJiY2NkZGVlZmY:ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8AESIzRFVmd4iZqrvM3e7/ABEiM0RVZneImaq7zN3u/w"}`,
			`{"id":"u2","email":"bob@example.com","status":"disabled","identities":[{"issuer":"https://github.com","subject":"583231"}]}`,
		}},
		{"django.json", "django", []string{
			`{"id":"7","username":"ann","email":"ann@example.com","display_name":"Ann Example","roles":["editor"],"status":"active","created_at":"2020-02-03T04:05:06.789Z",` +
				`"password_hash":"pbkdf2_sha256$10000$1135411628$bFYX62rfJobJ07VwrUMXfuffLfj2RDM2G6/BrTrUWkE="}`,
			`{"id":"8","email":"bob@example.com","status":"disabled"}`,
		}},
		{"laravel.json", "laravel", []string{
			`{"id":"1","email":"ann@example.com","email_verified":true,"display_name":"Ann Example","created_at":"2024-01-02T03:04:05Z","password_hash":"$2y$12$KSOjON/ciJR86a00N5q61uAmWZucQuHk13FGkQWhgMeiFvBfm2GCy"}`,
		}},
	} {
		text, err := os.ReadFile("testdata/" + c.file)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, c.file, read(t, c.format, string(text), importer.Options{HashConfig: hashConfig}), c.want)
	}
}

func compare(t *testing.T, name string, got, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d entries, want %d: %q", name, len(got), len(want), got)
		return
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%s, entry %d:\ngot  %s\nwant %s", name, i+1, got[i], want[i])
		}
	}
}

func TestFilesThatAreNotAsTheyShouldBe(t *testing.T) {
	ann := `{"username":"ann"}`
	long := `{"username":"` + strings.Repeat("x", importer.MaxRecord) + `"}`
	for _, c := range []struct {
		name, format, text string
		want               []string
	}{
		{"nothing", "jsonl", "", []string{"no file: the file is empty"}},
		{"compressed", "jsonl", "\x1f\x8b\x08xyz", []string{"no file: the file is compressed: unpack it first"}},
		{"binary", "csv", "MZ\x00\x01", []string{"no file: the file is binary, not text"}},
		{"UTF-16", "jsonl", "\xff\xfe{\x00", []string{"no file: the file is UTF-16: convert it to UTF-8 first"}},
		{"an unknown format", "excel", "x", []string{`no file: unknown format "excel": it is one of jsonl, csv, auth0, firebase, keycloak, kratos, supabase, better-auth, django, laravel`}},
		{"a byte order mark", "jsonl", "\xef\xbb\xbf" + ann, []string{ann}},
		{"half a line at the end", "jsonl", ann + "\n" + `{"username":"bo`, []string{ann, "the JSON breaks off"}},
		{"lines of Windows, and empty ones", "jsonl", ann + "\r\n\r\n" + ann, []string{ann, ann}},
		{"a line longer than there may be", "jsonl", long + "\n" + ann, []string{"longer than 1048576 bytes", ann}},
		{"binary in the middle", "jsonl", ann + "\n\x80\x81\n" + ann, []string{ann, "not valid UTF-8", ann}},
		{"NUL in the middle", "jsonl", ann + strings.Repeat(" ", 5000) + "\n\x00\n" + ann, []string{ann, "has a NUL byte", ann}},
		{"an array", "jsonl", "[" + ann + "]", []string{"a JSON array is not JSON Lines: write one object a line"}},
		{"two objects in a line", "jsonl", ann + ann, []string{"there is something behind the JSON object"}},
		{"an unknown member", "jsonl", `{"user_name":"ann"}`, []string{`unknown field "user_name"`}},
		{"a number for a name", "jsonl", `{"username":1}`, []string{"username cannot be a number"}},
		{"two passwords", "jsonl", `{"password_hash":"x","password":{"algorithm":"md5","hash":"","salt":""}}`, []string{"password and password_hash are two of the same"}},
		{"an address as user name", "jsonl", `{"username":"ann@example.org"}`, []string{`{"email":"ann@example.org"}`}},
		{"a time that is none", "jsonl", `{"username":"ann","created_at":"yesterday"}`, []string{"not a time such as 2006-01-02T15:04:05Z"}},

		{"CSV", "csv", "username,email,email_verified,roles\nann,ann@example.org,t,a;b\n", []string{`{"username":"ann","email":"ann@example.org","email_verified":true,"roles":["a","b"]}`}},
		{"CSV, an unknown column", "csv", "name\nann\n", []string{`the first line must name the columns: there is no column "name"`}},
		{"CSV, a column twice", "csv", "username,username\n", []string{`the column "username" is there twice`}},
		{"CSV, a field too few", "csv", "username,email\nann\nbob,\n", []string{"1 fields, but 2 columns", `{"username":"bob"}`}},
		{"CSV, a line break in a field", "csv", "username,display_name\nann,\"Ann\nExample\"\nbob,\n", []string{`{"username":"ann","display_name":"Ann\nExample"}`, `{"username":"bob"}`}},
		{"CSV, a quote that never ends", "csv", "username,display_name\nann,\"Ann\nbob,Bob\ncarol,Carol\n", []string{
			"a quoted field does not end", `{"username":"bob","display_name":"Bob"}`, `{"username":"carol","display_name":"Carol"}`,
		}},
		{"CSV, neither true nor false", "csv", "username,email_verified\nann,perhaps\n", []string{"email_verified: neither true nor false"}},
		{"CSV, an app", "csv", "username,totp\nann,otpauth://totp/x?secret=JBSWY3DPEHPK3PXP&digits=8\n", []string{`{"username":"ann","totp":{"secret":"JBSWY3DPEHPK3PXP","digits":8}}`}},

		{"a document that breaks off", "keycloak", `{"users":[{"username":"ann","enabled":true},{"user`, []string{`{"username":"ann","status":"active"}`, "the JSON breaks off"}},
		{"a document without people", "keycloak", `{"realm":"demo"}`, []string{"there is no member users"}},
		{"no document", "django", "hello", []string{"not JSON: invalid character 'h' looking for beginning of value"}},
		{"the rows of no table", "supabase", "a,b\n1,2\n", []string{"there is no column id: export the table auth.users"}},
		{"a password of Firebase without its parameters", "firebase", `{"users":[{"localId":"1","passwordHash":"eA","salt":"eA"}]}`, []string{
			"there is a password, and nothing that says how it is hashed: give the parameters of the hashes that the console of Firebase shows",
		}},
	} {
		compare(t, c.name, read(t, c.format, c.text, importer.Options{}), c.want)
	}
}

// endless is a file of so many lines, of which every thousandth is broken.
type endless struct {
	lines, written int
	left           []byte
}

func (e *endless) Read(b []byte) (int, error) {
	for len(e.left) == 0 {
		if e.written == e.lines {
			return 0, io.EOF
		}
		e.written++
		e.left = fmt.Appendf(nil, "{\"username\":\"person%d\",\"email\":\"person%d@example.org\"}\n", e.written, e.written)
		if e.written%1000 == 0 {
			e.left = []byte("{\"username\":\"per\n")
		}
	}
	n := copy(b, e.left)
	e.left = e.left[n:]
	return n, nil
}

// A million lines are read in as much memory as a thousand: see ./test.sh long.
func TestAFileMayBeLargerThanTheMemory(t *testing.T) {
	lines := testenv.Count(30_000, 1_000_000)
	entries, err := importer.Read(&endless{lines: lines}, "jsonl", importer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var good, bad int
	var first, now runtime.MemStats
	for e := range entries {
		if e.Err != nil {
			bad++
			if e.Number != bad*1000 {
				t.Fatalf("line %d is said to be %d", bad*1000, e.Number)
			}
			continue
		}
		good++
		if good%10_000 != 0 {
			continue
		}
		runtime.GC()
		if runtime.ReadMemStats(&now); good == 10_000 {
			first = now
		}
		if now.HeapAlloc > first.HeapAlloc+4<<20 {
			t.Fatalf("after %d lines %d bytes are held, after the first ones it was %d", good, now.HeapAlloc, first.HeapAlloc)
		}
	}
	if bad != lines/1000 || good+bad != lines {
		t.Errorf("%d good and %d bad lines of %d", good, bad, lines)
	}
}

func TestSomebodyMayVouchForTheAddresses(t *testing.T) {
	got := read(t, "jsonl", `{"username":"a","email":"a@b.c"}`+"\n"+`{"username":"b"}`, importer.Options{EmailsVerified: true})
	compare(t, "vouched", got, []string{`{"username":"a","email":"a@b.c","email_verified":true}`, `{"username":"b"}`})
}

// FuzzRead feeds every format: nothing panics, every entry is a record or an error, and reading ends.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"auth0.jsonl", "firebase.json", "keycloak.json", "kratos.json", "supabase.csv", "better-auth.json", "django.json", "laravel.json"} {
		text, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add("username,email\nann,\"x\n")
	f.Add(`{"username":"ann","passkeys":[{"credential_id":"AA","public_key":"","user_handle":"_-"}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, format := range importer.Formats() {
			entries, err := importer.Read(io.MultiReader(strings.NewReader(text)), format, importer.Options{HashConfig: hashConfig})
			if err != nil {
				continue
			}
			for e := range entries {
				if (e.Record == nil) == (e.Err == nil) {
					t.Errorf("%s: entry %d has record %v and error %v", format, e.Number, e.Record, e.Err)
				}
			}
		}
	})
}
