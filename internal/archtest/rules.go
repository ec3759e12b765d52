package archtest

// A layer says what the packages that Path names may import of this module, and which modules of others besides the standard
// library. The first layer that matches a package counts; a package without a layer is a violation, so that a new folder gets
// a place in the order on purpose.
//
// In patterns "." is the root package, "*" one folder, and a trailing "/**" the folder and everything below. The folder
// before the "/**" is the family of the package: within its family it may import what it likes.
type layer struct {
	path    string
	imports []string
	modules []string // import path prefixes
	why     string
}

// Groups of patterns that several layers share.
var (
	foundations = []string{".", "revoke", "limit", "audit", "internal/*"}
	doors       = append([]string{"authn/**", "authz/**"}, foundations...)
	features    = append([]string{"account/**", "oauth", "ssf"}, doors...)
)

var layers = []layer{
	{".", []string{"internal/*"}, nil,
		"the words and the two doors are imported by every program that uses us: standard library only"},
	{"revoke", foundations, crypto, "the log is read by verifiers in other services: standard library and x/crypto only"},
	{"limit", foundations, crypto, "quotas are below every feature: standard library and x/crypto only"},
	{"audit", foundations, crypto, "the audit trail is below every feature: standard library and x/crypto only"},

	{"ssf", foundations, nil, "what is told of the log is derived from it alone, below whoever writes it: standard library only"},

	{"oauth", append([]string{"authn/token", "authn/clientcert"}, foundations...), nil,
		"what clients may ask for is decided without a store and without HTTP; their keys and proofs are read where all JOSE is"},

	{"authn/password/**", foundations, append([]string{"golang.org/x/text", "github.com/go-crypt/x"}, crypto...),
		"passwords are normalised (NFKC), which needs x/text, and hashes of other systems need their functions; otherwise door one is standard library and x/crypto only"},
	{"authn/federation/**", foundations, []string{"github.com/coreos/go-oidc", "golang.org/x/oauth2"},
		"what providers sign is verified by a library made for it; nobody else here reads what others signed"},
	{"authn/passkey/**", foundations, []string{"github.com/go-webauthn/webauthn"},
		"WebAuthn is read and verified by go-webauthn, in one place"},
	{"authn/*/**", foundations, crypto,
		"one package per way to prove who you are; none knows another, nor door two, nor where things are stored"},
	{"authz/cedar/**", append([]string{"authz", "authz/rule"}, foundations...), []string{"github.com/cedar-policy/cedar-go"},
		"the only importer of cedar-go: it can be replaced, and programs without rules do not link it"},
	{"authz/**", foundations, nil, "door two does not know how somebody proved who they are, nor where roles are stored"},

	{"account/**", append([]string{"oauth", "ssf"}, doors...), append([]string{"golang.org/x/text"}, crypto...),
		"people and their credentials join the two doors; the stores implement its interfaces, never the reverse"},
	{"verifier/**", append([]string{"authn/token", "authz", "authz/rulebook"}, foundations...), nil,
		"other services link it: no account, no store, no server"},

	{"store", features, nil, "the stores import the features, never the reverse"},
	{"store/memory/**", append([]string{"store"}, features...), nil, "a back end knows its driver and no other back end"},
	{"store/sqlite/**", append([]string{"store"}, features...), []string{"modernc.org/sqlite"},
		"a back end knows its driver and no other back end"},
	{"store/postgres/**", append([]string{"store"}, features...), []string{"github.com/jackc/pgx/v5"},
		"a back end knows its driver and no other back end"},
	{"store/redis/**", append([]string{"store"}, features...), []string{"github.com/redis/rueidis"},
		"a back end knows its driver and no other back end"},
	{"store/storetest/**", append([]string{"store"}, features...), []string{"github.com/google/go-cmp", "pgregory.net/rapid"},
		"the contract is the same for every back end, so it knows none"},

	{"server/messages/**", append([]string{"store/**", "server/web", "server/exchange"}, features...), append([]string{"golang.org/x/text", "github.com/wneessen/go-mail"}, crypto...),
		"the only importer of the library that writes mail"},
	{"server/qr", nil, []string{"rsc.io/qr"}, "it draws, and knows nothing of what"},
	{"server/**", append([]string{"store/**"}, features...), append([]string{"golang.org/x/text"}, crypto...),
		"the product wires features and stores together; command line, files and metrics belong to cmd"},
	{"sallytest/**", append([]string{"store", "store/memory"}, features...), nil,
		"a user's unit test links no driver and no page"},
	{"cmd/**", []string{".", "account/**", "authn/**", "authz/**", "oauth", "revoke", "limit", "audit", "verifier/**", "store/**", "server/**",
		"internal/**"}, anyModule, "main is above everything"},
	{"examples/**", []string{".", "account/**", "authn/**", "authz/**", "oauth", "revoke", "limit", "audit", "verifier/**", "store/**",
		"server/**", "sallytest"}, anyModule, "an example uses what a user can use: no internal package, no cmd"},

	{"bench/**", nil, nil, "it measures the tree from outside, by go test: standard library only"},

	{"internal/sqldb/**", append([]string{"store"}, features...), nil,
		"the statements are shared by two back ends, so they know neither driver"},
	{"internal/testdb/**", []string{"internal/testenv"}, []string{"github.com/jackc/pgx/v5"},
		"it creates databases on a PostgreSQL of its own"},
	{"internal/testmail", nil, []string{"github.com/emersion/go-smtp", "github.com/emersion/go-sasl"}, "it takes the mails of tests"},
	{"internal/**", []string{".", "internal/*"}, append([]string{"golang.org/x/text", "golang.org/x/sys"}, crypto...),
		"what several layers share is below them all"},
}

var (
	crypto    = []string{"golang.org/x/crypto"}
	anyModule = []string{""}
)

// A ban keeps some import paths (prefixes) out of every package but some, also where the layer would allow them.
type ban struct {
	name    string
	paths   []string
	except  []string // patterns of packages, or of one package's files
	inTests bool     // whether test files must obey too
	why     string
}

var drivers = []string{
	"modernc.org/sqlite", "github.com/mattn/go-sqlite3", "github.com/jackc/pgx", "github.com/lib/pq",
	"github.com/redis/rueidis", "github.com/redis/go-redis",
}

var bans = []ban{
	{"database drivers", drivers, []string{"store/*/**", "internal/testdb/**"}, false,
		"who does not use a back end does not link its driver"},
	{"Cedar's own interpreter", []string{"github.com/cedar-policy/cedar-go"}, []string{"authz/cedar/**"}, true,
		"our compiler decides; what cedar-go reads is turned into our words in one place, where it is also the oracle of the tests"},
	{"Cedar's syntax tree", []string{"github.com/cedar-policy/cedar-go/x/exp/ast"}, []string{"./authz/cedar/translate.go"}, true,
		"cedar-go is free to change it, so that one file knows it"},
	{"HTML", []string{"html/template"}, []string{"server/**"}, false,
		"pages live in the product; a library that links templates keeps dead code in every program"},
	{"command line, configuration files, metrics and traces", []string{
		"github.com/alecthomas/kong", "github.com/pelletier/go-toml", "github.com/BurntSushi/toml",
		"github.com/prometheus", "go.opentelemetry.io",
	}, []string{"cmd/**"}, false, "they sit behind small seams, so that a user's program brings its own"},
	{"flags", []string{"flag"}, []string{"cmd/**", "examples/**", "bench"}, false,
		"package flag has one global set, and it is the user's program's"},
	{"testing in a program", []string{"testing"}, []string{
		"store/storetest/**", "sallytest/**", "internal/testdb/**", "internal/process", "internal/load", "internal/sqldb/sqltest", "internal/upstream",
	}, false,
		"package testing registers flags in the program that links it"},
	{"test helpers in a program", []string{
		modulePath + "/internal/testdb", modulePath + "/internal/testenv", modulePath + "/internal/archtest", modulePath + "/internal/testmail",
		modulePath + "/internal/testtally", modulePath + "/internal/process", modulePath + "/internal/load", modulePath + "/store/storetest", modulePath + "/sallytest",
		modulePath + "/internal/sqldb/sqltest", modulePath + "/server/internal/conform", modulePath + "/internal/upstream", modulePath + "/internal/passkeytest",
	}, []string{"internal/testdb/**", "store/storetest/**", "internal/sqldb/sqltest", "internal/load", "internal/upstream"}, false, "only tests import what is made for tests"},
	{"assertion libraries", []string{"github.com/stretchr/testify", "github.com/onsi/gomega", "gotest.tools"}, nil, true,
		"a table and an if say what went wrong; go-cmp shows a difference"},
	{"weak randomness", []string{"math/rand"}, []string{"store/memory", "store/postgres", "./revoke/reader.go"}, false,
		"what must not be guessed comes from crypto/rand. The exceptions balance a tree, and spread the retries of a transaction and of a connection"},
	{"unsafe", []string{"unsafe"}, nil, false, "nothing here is worth memory corruption"},
}

// A graphBan looks at everything that a package links from this module, however far away.
type graphBan struct {
	name  string
	from  string
	paths []string
	why   string
}

var graphBans = []graphBan{
	{"what verifier links", "verifier/**", append([]string{"html/template", "database/sql"}, drivers...),
		"a resource server that verifies tokens locally has no use for a database or a page"},
}

// A use is a function or constant of another package that only some files may mention.
type use struct {
	name   string
	pkg    string // import path
	names  []string
	except []string // patterns of packages, or of one package's files: "./gate*.go"
	why    string
}

var uses = []use{
	{"environment", "os", environment, readers, "only programs read the environment; a library is told by its caller"},
	{"environment through syscall", "syscall", environment, readers, "only programs read the environment; a library is told by its caller"},
	{"401 and 403", "net/http", []string{"StatusUnauthorized", "StatusForbidden"}, answers,
		"only the Gate and the problem writer refuse; every other handler returns an error. Comparing with them is allowed"},
}

var (
	environment = []string{"Getenv", "LookupEnv", "Environ", "ExpandEnv", "Clearenv"}
	readers     = []string{"cmd/**", "examples/microservices/**", "internal/testdb/**", "internal/testenv"}
	// answers are the files that make a refusal: of the root package the Gate, its check of the origin, and the problem writer; and
	// where RFC 6749 wants a 401 of the OAuth endpoints.
	answers = []string{"./gate*.go", "./origin.go", "./problem*.go", "./answer*.go", "./challenge*.go", "./server/oauth/form.go"}
)

// Rules about one package or file that are code in check.go.
const (
	ruleLayer   = "layer"
	ruleNoInit  = "no init()"
	ruleLiteral = "401 and 403 as numbers"
	ruleEmpty   = "no empty package"
	ruleGoMod   = "go.mod"

	whyNoInit  = "importing a package does nothing; main does, in an order one can read"
	whyLiteral = "only the Gate and the problem writer refuse"
	whyEmpty   = "a folder exists because of what is in it"
	whyGoMod   = "our users' builds ignore replace, and must not depend on modules that exist for our tests"
)
