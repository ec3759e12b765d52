package foreign_test

import (
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/authn/password/internal/foreign"
)

// A vector is a hash that somebody published with its password.
type vector struct {
	source, password, stored string
}

const (
	hashcat = "hashcat, example hashes" // https://hashcat.net/wiki/doku.php?id=example_hashes
	kratos  = "Ory Kratos, hash/hasher_test.go"
	django  = "Django, tests/auth_tests/test_hashers.py"
	passlib = "passlib, passlib/tests"
	aspnet  = "ASP.NET Core, PasswordHasherTest.cs"
	drepper = "Drepper, Unix crypt using SHA-256 and SHA-512, test vectors"
	rfc7914 = "RFC 7914"
)

var vectors = []vector{
	{kratos, "test", "$argon2i$v=19$m=65536,t=3,p=4$kk51rW/vxIVCYn+EG4kTSg$NyT88uraJ6im6dyha/M5jhXvpqlEdlS/9fEm7ScMb8c"},
	{django, "secret", "$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$YC9+jJCrQhs5R6db7LlN8Q"},
	{"argon2-jvm, Argon2dTest.java", "password", "$argon2d$v=19$m=1024,t=2,p=1$dGhpc2lzdGhlc2FsdA$rkBsbLVYkXDowmxcwZ9qjpLuAbNjIPBXxmD27YvzHzw"},

	{hashcat, "hashcat", "$bcrypt-sha256$v=2,t=2b,r=12$KSOjON/ciJR86a00N5q61.$AmWZucQuHk13FGkQWhgMeiFvBfm2GCy"},
	{passlib, "password", "$bcrypt-sha256$2a,5$5Hg1DKFqPE8C2aflZ5vVoe$12BjNE0p7axMg55.Y/mHsYiVuFBDQyu"},
	{passlib, "lètmein", "bcrypt_sha256$$2a$08$NDjSAIcas.EcoxCRiArvT.MkNiPYVhrsrnJsRkLueZOoV1bsQqlmC"},
	{passlib, strings.Repeat("abc123", 12) + "qwr", "bcrypt_sha256$$2a$06$Tg/oYyZTyAf.Nb3qSgN61Ocy0BEz1RK6xslSNi8PlaLX2pe7x/KQG"},
	{passlib, "abcdefghijklmnopqrstuvwxyz", "bcrypt$$2a$10$fVH8e28OQRj9tqiDXs1e1uxpsjN0c7II7YPKXua2NAKYvM6iQk7dq"},
	{"php-wasm, demo site of WordPress 6.8", "admin", "$wp$2y$10$Q1xinFjrZeLWJBvxviIL6u834Fu.evIEFHAUVisQ5O.w9Dm0sMdES"},

	{rfc7914 + " §12, as passlib writes it", "password",
		"$scrypt$ln=10,r=8,p=16$TmFDbA$/bq+HJ00cgB4VucZDQHp/nxq18vII3gw53N2Y0s3MWIurzDZLiKjiG/xCSedmDDaxyevuUqD7m2DYMvfoswGQA"},
	{rfc7914 + " §12, as Werkzeug writes it", "pleaseletmein", "scrypt:16384:8:1$SodiumChloride$7023bdcb3afd7348461c06cd81fd38eb" +
		"fda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"},
	{kratos, "test", "$scrypt$ln=16384,r=8,p=1$2npRo7P03Mt8keSoMbyD/tKFWyUzjiQf2svUaNDSrhA=$MiCzNcIplSMqSBrm4HckjYqYhaVPPjTARTzwB1cVNYE="},
	{"SCryptUtil, README", "secret", "$s0$e0801$epIxT/h6HbbwHaehFnh/bw==$7H0vsXlY8UxxyW/BWx/9GuY7jEvGjT71GFd6O4SZND0="},
	{django, "lètmein", "scrypt$16384$seasalt$8$1$Qj3+9PPyRjSJIebHnG81TMjsqtaIGxNQG/aEB/NYafTJ7tibgfYz71m0ldQESkXFRkdVCBhhY8mx7rQwite/Pw=="},
	{hashcat, "hashcat", "SCRYPT:16384:8:1:OTEyNzU0ODg=:Cc8SPjRH1hFQhuIPCdF51uNGtJ2aOY/isuoMlMUsJ8c="},
	{kratos, "8x4WjoDbSxJZdR", "$firescrypt$ln=14,r=8,p=1$sPtDhWcd1MfdAw==$xbSou7FOl6mChCyzpCPIQ7tku7nsQMTFtyOZSXXd7tjBa4NtimOx7v42Gv2SfzPQu1oxM2/k4SsbOu73wlKe1A==$Bw==$YE0dO4bwD4JnJafh6lZZfkp1MtKzuKAXQcDCJNJNyeCHairWHKENOkbh3dzwaCdizzOspwr/FITUVlnOAwPKyw=="},
	{"Openwall, yescrypt-go, yescrypt_test.go", "test5", "$y$j9T$fqIAg4Vpv9o1MKgWMnyax.$BxkUx27fLJlPOfyIfNEBPzjrDQ95LXKgN5OJii3GL7."},

	{hashcat, "hashcat", "$pbkdf2$131000$r5WythYixPgfQ2jt3buXcg$8Kdr.QQEOaZIXNOrrru36I/.6Po"},
	{hashcat, "hashcat", "$pbkdf2-sha256$29000$x9h7j/Ge8x6DMEao1VqrdQ$kra3R1wEnY8mPdDWOpTqOTINaAmZvRMcYd8u5OBQP9A"},
	{hashcat, "hashcat", "$pbkdf2-sha512$25000$LyWE0HrP2RsjZCxlDGFMKQ$1vC5Ohk2mCS9b6akqsEfgeb4l74SF8XjH.SljXf3dMLHdlY1GK9ojcCKts6/asR4aPqBmk74nCDddU3tvSCJvw"},
	{kratos, "test", "$pbkdf2-sha256$i=100000,l=32$1jP+5Zxpxgtee/iPxGgOz0RfE9/KJuDElP1ley4VxXc$QJxzfvdbHYBpydCbHoFg3GJEqMFULwskiuqiJctoYpI"},
	{hashcat, "hashcat", "pbkdf2_sha256$10000$1135411628$bFYX62rfJobJ07VwrUMXfuffLfj2RDM2G6/BrTrUWkE="},
	{django, "lètmein", "pbkdf2_sha256$390000$seasalt$8xBlGd3jVgvJ+92hWPxi5ww0uuAuAnKgC45eudxro7c="},
	{passlib, "not a password", "pbkdf2_sha1$10000$wz5B6WkasRoF$atJmJ1o+XfJxKq1+Nu1f1i57Z5I="},
	{rfc7914 + " §11, as Werkzeug writes it", "Password", "pbkdf2:sha256:80000$NaCl$4ddcd8f60b98be21830cee5ef22701f9" +
		"641a4418d04c0414aeff08876b34ab56a1d425a1225833549adb841b51c9b3176a272bdebba1d078478f62b397f33c8d"},
	{"4training, mediawiki-tools", "4training", ":pbkdf2:sha512:30000:64:pjtCXscgI3Z0OZDuZv8m9w==:l/Je0AYVy0okCapxuIkAfAxYmgnWu4PmtgJxY2J+3PmYqu77BGVSPA5zBZUwCky/3oV/dqGkhy9sXGXWmUww1w=="},
	{hashcat, "hashcat", "{PKCS5S2}NTczNTY0NDY2NjQyNzU1Mx8gGiRGobaZYwumctGHbn2ZOHB8LkwzH+Z1gkWfy1zD"},
	{hashcat, "hashcat", "{PBKDF2_SHA256}AAAgADkxMjM2NTIzMzgzMjQ3MjI4MDAwNTk5OTAyOTk4NDI2MjkyMzAzNjg0NjQwOTMxNjI3OTMzNjg0MDI0OTY5NTe5ULagRTYpLaUoeqJMg8x9W/DXu+9VTFaVhaYvebYrY+sOqn1ZMRnws22C1uAkiE2tFM8qN+xw5xe7OmCPZ203NuruK4oB33QlsKIEz4ppm0TR94JB9PJx7lIQwFHD3FUNUNryj4jk6UYyJ4+V1Z9Ug/Iy/ylQBJgfs5ihzgxHYZrfp1wUCXFzlZG9mxmziPm8VFnAhaX4+FBAZvLAx33jpbKOwEg7TmwP2VJ8BNFLQRqwYdlqIjQlAhncXH+dqIF9VdM4MonAA0hx76bMvFTP7LF5VO1IqVmcuYz7YG9v4KKRjnvoUUqOj6okUBQTay3EzsdFVnUW1FemYOccJd5q"},
	{"RFC 6070, as OpenLDAP's pw-pbkdf2 writes it", "password", "{PBKDF2}4096$c2FsdA$SwB5AbdlSJq+rUnZJvch0GWkKcE"},
	{rfc7914 + " §11, as OpenLDAP's pw-pbkdf2 writes it", "Password", "{PBKDF2-SHA256}80000$TmFDbA$TdzY9guYviGDDO5e8icB+WQaRBjQTAQUrv8Ih2s0q1ah1CWhIlgzVJrbhBtRybMXaicr3ruh0HhHj2Kzl/M8jQ"},
	{aspnet, "my password", "AAABAgMEBQYHCAkKCwwNDg+ukCEMDf0yyQ29NYubggHIVY0sdEUfdyeM+E1LtH1uJg=="},
	{aspnet, "my password", "AQAAAAAAAAD6AAAAEAhftMyfTJylOlZT+eEotFXd1elee8ih5WsjXaR3PA9M"},
	{aspnet, "my password", "AQAAAAEAA9CQAAAAIESkQuj2Du8Y+kbc5lcN/W/3NiAZFEm11P27nrSN5/tId+bR1SwV8CO1Jd72r4C08OLvplNlCDc3oQZ8efcW+jQ="},
	{aspnet, "my password", "AQAAAAIAAYagAAAAEAABAgMEBQYHCAkKCwwNDg/Q8A0WMKbtHQJQ2DHCdoEeeFBrgNlldq6vH4qX/CGqGQ=="},

	{hashcat, "hashcat", "$6$72820166$U4DVzpcYxgw7MVVDGGvB2/H5lRistD5.Ah4upwENR5UtffLR4X4SxSzfREv8z6wVl0jRFX40/KnYVvK4829kD1"},
	{drepper, "Hello world!", "$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v."},
	{drepper, "Hello world!", "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"},
	{kratos, "test", "$sha256-crypt$rounds=535000$05R.9KB6UC2kLI3w$Q/zslzx./JjkAVPTwp6th7nW5l7JU91Gte/UmIh.U78"},
	{hashcat, "hashcat", "$5$7777657035274252$XftMj84MW.New1/ViLY5V4CM4Y7EBvfETaZsCW9vcJ8"},
	{hashcat, "hashcat", "$1$38652870$DUjsu4TTlTsOe/xxZ05uf/"},
	{kratos, "test", "$md5-crypt$$whuMjZj.HMFoaTaZRRtkO0"},
	{hashcat, "hashcat", "$apr1$62722340$zGjeAwVP2KwY6MtumUI1N/"},
	{passlib, "password", "$sha1$40000$jtNX3nZ2$hBNaIXkt4wBI2o5rsi8KejSjNqIq"},

	{hashcat, "hashcat", "$P$946647711V1klyitUYhtB8Yw5DMA/w."},
	{hashcat, "hashcat", "$S$C20340258nzjDWpoQthrdNTR02f0pmev0K/5/Nx80WSkOQcPEQRh"},
	{hashcat, "hashcat", "$B$2152187716$8c8b39c3602b194eeeb6cac78eea2742"},

	{hashcat, "hashcat", "{SSHA}FLzWcQqyle6Mo7NvrwXCMAmRzXQxNjYxMTYzNw=="},
	{hashcat, "hashcat", "{SSHA256}L5Wk0zPY2lmoR5pH20zngq37KkxFwgTquEhx95rxfVk3Ng=="},
	{hashcat, "hashcat", "{SSHA512}Bz8w5q6qEtB1Nnc8b1jfTvTXVTwohWag33oghQGOtLChnkZTw/cuJaHQlLJEI3AWKZGCRyLA6Phujdxo+is7AjA2MDcyNjY1Mg=="},
	{passlib, "test", "md5$3OpqnFAHW5CT$54b29300675271049a1ebae07b395e20"},
	{django, "lètmein", "sha1$seasalt$cff36ea83f5706ce9aa7454e63e431fc726b2dc8"},
	{hashcat, "hashcat", "md5$84143$7f51edecfa6fb401a0b5e63d33fc8c0e"},
	{hashcat, "hashcat", "sha256$70108387805$8b9472281c36c3a693703de0e0f1ffab8fc0ecdd3bc5ead04c76dd74ef431e49"},
	{kratos, "test", "$sha1$pf=e1BBU1NXT1JEfSUle1NBTFR9$NW9wbWtnejAzcg==$YX0AW8/MW5ojUlnzTaR43ucHCog="},
	{kratos, "test", "$sha256$pf=e1NBTFR9JCR7UEFTU1dPUkR9$NW9wbWtnejAzcg==$HokCOi9OtiZaZRvnkgemV3B4UUHpI7kA8zq/EZWH2NY="},
	{kratos, "test", "$sha512$pf=e1NBTFR9e1BBU1NXT1JEfQ==$NW9wbWtnejAzcg==$6ctpVuApMNp0CgBXcdHw/GC562eFEFGr4gpgANX8ZYsX+j5B19IkdmOY2Fytsz3QUwSWdGcUjbqwgJGTH0UYvw=="},
	{kratos, "ory", "$md5$pf=e1BBU1NXT1JEfXtTQUxUfSQ/$MTIzNDU2Nzg5$8PhwWanVRnpJAFK4NUjR0w=="},
	{kratos, "test", "$md5$CY9rzUYh03PK3k6DJie09g=="},
	{kratos, "test", "$hmac-sha256$ZTAzMWJhMWMyOTM4YjFkMjgzZjkxOWExZGY5YWM2NmMxOTJhN2RkNzQ0MzJkNWZkNGFkYTI5OTk0MWJhMTA5Zg==$MTIzNDU="},
}

func TestPublishedHashes(t *testing.T) {
	formats := map[string]bool{}
	for _, v := range vectors {
		h, err := foreign.Parse(v.stored)
		if err != nil {
			t.Errorf("%s: %.20q: %v", v.source, v.stored, err)
			continue
		}
		formats[h.Format] = true
		if !h.Matches(v.password) {
			t.Errorf("%s: %.20q: %s does not match", v.source, v.stored, h.Format)
		}
		if h.Matches(v.password + "x") {
			t.Errorf("%s: %.20q: %s matches another password", v.source, v.stored, h.Format)
		}
	}
	if len(formats) < 20 {
		t.Errorf("%d formats have published values, want at least 20", len(formats))
	}
	t.Logf("%d formats with published values", len(formats))
}

func TestWrappers(t *testing.T) {
	for _, c := range []struct{ name, stored, want string }{
		{"a directory's crypt", "{CRYPT}$6$a$b", "$6$a$b"},
		{"a directory's argon2", "{ARGON2}$argon2id$v=19$", "$argon2id$v=19$"},
		{"Spring Security's bcrypt", "{bcrypt}$2a$10$x", "$2a$10$x"},
		{"Django's argon2", "argon2$argon2id$v=19$", "$argon2id$v=19$"},
		{"traditional crypt is left alone", "{CRYPT}ab1Hv2Lg7ltQo", "{CRYPT}ab1Hv2Lg7ltQo"},
		{"no wrapper", "$6$a$b", "$6$a$b"},
	} {
		if got := foreign.Unwrap(c.stored); got != c.want {
			t.Errorf("%s: got %q", c.name, got)
		}
	}
}

const key32 = "nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"

var refused = []struct{ name, stored, want string }{
	{"argon2i, gigabytes", "$argon2i$v=19$m=4194304,t=1,p=1$c29tZXNhbHQ$" + key32, "too costly"},
	{"argon2i, minutes", "$argon2i$v=19$m=262144,t=1000,p=1$c29tZXNhbHQ$" + key32, "too costly"},
	{"argon2i, an older version", "$argon2i$m=8,t=1,p=1$c29tZXNhbHQ$" + key32, "version"},
	{"argon2d, no passes", "$argon2d$v=19$m=65536,t=0,p=1$c29tZXNhbHQ$" + key32, "does not have"},
	{"argon2d, too many threads", "$argon2d$v=19$m=65536,t=1,p=256$c29tZXNhbHQ$" + key32, "threads"},
	{"scrypt, gigabytes", "$scrypt$ln=24,r=8,p=1$c2FsdA$" + key32, "too costly"},
	{"scrypt, minutes", "$scrypt$ln=14,r=8,p=65536$c2FsdA$" + key32, "too costly"},
	{"scrypt, more than there is", "$scrypt$ln=63,r=4294967295,p=1$c2FsdA$" + key32, "does not have"},
	{"scrypt, not a power of two", "SCRYPT:16385:8:1:c2FsdA==:" + key32, "does not have"},
	{"scrypt, no blocks", "SCRYPT:16384:0:1:c2FsdA==:" + key32, "does not have"},
	{"scrypt of Django, gigabytes", "scrypt$4194304$salt$8$1$" + key32, "too costly"},
	{"scrypt of Firebase, gigabytes", "$firescrypt$ln=30,r=8,p=1$c2FsdA$" + key32 + "$Bw$" + key32, "too costly"},
	{"s0, gigabytes", "$s0$180801$c2FsdA==$" + key32, "too costly"},
	{"yescrypt, gigabytes", "$y$jFT$z7ztFz2FayrKI79/jEwlL.$u5x/j193MQ09wbFaRGYr0AH/A/jh3kunjuhYRVRNkmC", "too costly"},
	{"PBKDF2, minutes", "$pbkdf2-sha256$4294967295$c2FsdA$" + key32, "too costly"},
	{"PBKDF2, a number beyond 32 bits", "$pbkdf2-sha256$4294967297$c2FsdA$" + key32, "not a number in range"},
	{"PBKDF2, no iterations", "pbkdf2_sha256$0$salt$" + key32, "no iterations"},
	{"PBKDF2, an endless key", "pbkdf2_sha256$10000$salt$" + strings.Repeat("A", 900), "key of"},
	{"PBKDF2, a key of one byte", "pbkdf2_sha256$10000$salt$AA", "key of"},
	{"PBKDF2, an unknown function", "$pbkdf2-whirlpool$1000$c2FsdA$" + key32, "unknown hash function"},
	{"PBKDF2 of a directory, unknown function", "{PBKDF2-SHA3}1000$c2FsdA$" + key32, "unknown hash function"},
	{"PBKDF2 of a directory, no end", "{PBKDF2", "does not end"},
	{"ASP.NET, minutes", "AQAAAAH/////AAAAEAABAgMEBQYHCAkKCwwNDg9B0Oxwty+PGIDSp95gcCfzeDvA4sGapUIUov8usXfD6A==", "too costly"},
	{"ASP.NET, a salt beyond the end", "AQAAAAIAACcQ/////wABAgMEBQYHCAkKCwwNDg9B0Oxwty+PGIDSp95gcCfzeDvA4sGapUIUov8usXfD6A==", "header"},
	{"ASP.NET, an unknown function", "AQAAAAcAACcQAAAAEAABAgMEBQYHCAkKCwwNDg9B0Oxwty+PGIDSp95gcCfzeDvA4sGapUIUov8usXfD6A==", "header"},
	{"sha512-crypt, minutes", "$6$rounds=999999999$salt$" + strings.Repeat("a", 86), "too costly"},
	{"sha512-crypt, a key too short", "$6$salt$" + strings.Repeat("a", 85), "want at most"},
	{"sha1-crypt, minutes", "$sha1$4294967295$75552156$HhYMDdaEHiK3eMIzTldOFPnw.s2Q", "too costly"},
	{"phpass, minutes", "$P$S46647711V1klyitUYhtB8Yw5DMA/w.", "too costly"},
	{"phpass, too few rounds", "$P$.46647711V1klyitUYhtB8Yw5DMA/w.", "fewer"},
	{"bcrypt-sha256, minutes", "$bcrypt-sha256$v=2,t=2b,r=31$KSOjON/ciJR86a00N5q61.$AmWZucQuHk13FGkQWhgMeiFvBfm2GCy", "too costly"},
	{"bcrypt-sha256, a cost of five digits", "$bcrypt-sha256$v=2,t=2b,r=10000$KSOjON/ciJR86a00N5q61.$AmWZucQuHk13FGkQWhgMeiFvBfm2GCy", "too costly"},
	{"{SSHA} without a salt", "{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "do not fit"},
	{"{SSHA}, half of it", "{SSHA}FLzWcQqyle6Mo7Nv", "do not fit"},
	{"a pattern without the password", "$sha1$pf=e1NBTFR9$NW9wbWtnejAzcg==$2qU2SGWP8viTM1md3FiI3+rjWXQ=", "does not hold"},
	{"not base64", "$pbkdf2-sha256$1000$c2Fs!A$" + key32, "not base64"},
	{"a megabyte", "$6$" + strings.Repeat("a", 1<<20), "longer than"},
	{"nothing", "", "no known format"},
	{"a password", "elephant trumpet", "no known format"},
}

func TestRefusedHashes(t *testing.T) {
	for _, c := range refused {
		h, err := foreign.Parse(c.stored)
		if err == nil {
			t.Errorf("%s: read as %s", c.name, h.Format)
		} else if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q in it", c.name, err, c.want)
		}
	}
}

// FuzzParse feeds every parser: nothing panics, and what is refused is refused at once.
func FuzzParse(f *testing.F) {
	for _, v := range vectors {
		f.Add(v.stored)
	}
	for _, c := range refused {
		f.Add(c.stored[:min(len(c.stored), 2000)])
	}
	f.Fuzz(func(t *testing.T, stored string) {
		h, err := foreign.Parse(foreign.Unwrap(stored))
		if err == nil && h.Format == "" {
			t.Error("a hash without a format")
		}
	})
}

// FuzzMatches types everything against formats that are quick: nothing panics, and only the password matches.
func FuzzMatches(f *testing.F) {
	var quick []*foreign.Hash
	for _, stored := range []string{
		"$1$38652870$DUjsu4TTlTsOe/xxZ05uf/", "$5$rounds=1000$7777657035274252$XftMj84MW.New1/ViLY5V4CM4Y7EBvfETaZsCW9vcJ8",
		"$B$2152187716$8c8b39c3602b194eeeb6cac78eea2742", "{SSHA}FLzWcQqyle6Mo7NvrwXCMAmRzXQxNjYxMTYzNw==",
		"md5$84143$7f51edecfa6fb401a0b5e63d33fc8c0e", "sha1$fe76b$02d5916550edf7fc8c886f044887f4b1abf9b013",
	} {
		h, err := foreign.Parse(stored)
		if err != nil {
			f.Fatal(err)
		}
		quick = append(quick, h)
	}
	for _, typed := range []string{"", "hashcat", "hashcat\x00", "{SALT}", strings.Repeat("x", foreign.MaxPassword)} {
		f.Add(typed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		for _, h := range quick {
			if h.Matches(typed) && typed != "hashcat" {
				t.Errorf("%s matches %q", h.Format, typed)
			}
		}
	})
}
