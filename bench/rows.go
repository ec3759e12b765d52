package main

import "strings"

const ns, allocs = "ns/op", "allocs/op"

// heap is what a rule occupies once it is loaded.
const heap = "B/rule"

// table is every claim, in the order of the document. What two benchmarks of one run measured may be compared; whatever else differs
// between them is the benchmark's to say.
var table = []section{
	{"access token, first sight; the floor is the bare operation", []row{
		verify("EdDSA", most(1.05)), verify("ES256", most(1.05)), verify("RS256", goal{}), verify("PS256", goal{}), verify("HS256", goal{}),
	}},
	{"credential seen before", []row{
		hit("access token", "authn/token", mostOurs(100).withoutAllocation(), rival{"golang-jwt EdDSA, again", contest("Verify/EdDSA", "golang-jwt-ns")}),
		hit("session", "authn/session", goal{}), hit("API key", "authn/apikey", goal{}),
	}},
	{"revocation check; the floor is an atomic load, or a map", []row{
		{what: "nothing new in the log", ours: figure{"revoke.Quiet/Changed", ns}, floor: figure{"revoke.Quiet/atomic_load", ns}, goal: mostOurs(10)},
		{what: "one id among 1e6 kills", ours: figure{"revoke.Dead/entries=1e6/ids=1", ns}, floor: figure{"revoke.Dead/map=1e6/ids=1", ns}, goal: mostOurs(150)},
		{what: "six ids among 1e6 kills", ours: figure{"revoke.Dead/entries=1e6/ids=6", ns}, goal: mostOurs(150)},
		{what: "memory of an entry", ours: figure{"revoke.Dead/entries=1e6/ids=1", "B/entry"}, goal: mostOurs(63)},
	}},
	{"revoked, until another process refuses", []row{
		{what: "idle, median", ours: figure{"verifier.RevokeToRefusal/idle", "p50-ms"}},
		{what: "idle, 99 of 100", ours: figure{"verifier.RevokeToRefusal/idle", "p99-ms"}, goal: mostOurs(10)},
		{what: "beside 500 revocations a second, median", ours: figure{"verifier.RevokeToRefusal/busy", "p50-ms"}},
		{what: "beside 500 revocations a second, 99 of 100", ours: figure{"verifier.RevokeToRefusal/busy", "p99-ms"}, goal: mostOurs(10)},
	}},
	{"role check; the floor is a map of maps by hand", []row{
		roleCheck("10"), roleCheck("1000"), roleCheck("10000"),
	}},
	{"decision, the same policy for all; the floor is a check by hand", []row{
		decision("role by definition, 10 roles", "Role/10", "roles", 50, "cedar-go", "casbin"),
		decision("role by definition, 100 roles", "Role/100", "roles", 50, "cedar-go", "casbin"),
		decision("role by definition, 1000 roles", "Role/1000", "roles", 50, "cedar-go", "casbin"),
		decision("role by definition, 10000 roles", "Role/10000", "roles", 50, "cedar-go", "casbin"),
		decision("role by definition, 10000 roles, denied", "RoleDenied/10000", "roles", 50, "cedar-go", "casbin"),
		decision("role by rules in Cedar, 10", "Role/10", "cedar", 50, "cedar-go", "casbin"),
		decision("role by rules in Cedar, 10000", "Role/10000", "cedar", 50, "cedar-go", "casbin"),
		decision("ownership", "Owner", "cedar", 90, "cedar-go", "casbin"),
		decision("ownership, among 10000 rules", "OwnerAmong/10000", "cedar", 90, "cedar-go"),
		decision("attributes of principal, object and time", "ABAC", "cedar", 90, "cedar-go", "casbin"),
	}},
	{"grant among 1e6, SQLite; the floor is a bare row by primary key", []row{
		grant("the statement", "statement"), grant("with its transaction", "transaction"), grant("the whole decision", "decision"),
		grant("the same for a member with two roles", "decision-of-member"),
	}},
	{"list: what is left of three rules, as SQL and arguments; the floor is the same by hand", []row{
		{what: "condition", ours: contest("List/cedar", ns), allocs: contest("List/cedar", allocs), floor: contest("List/floor", ns), goal: mostOurs(1000)},
	}},
	{"10000 rules: loading them, and the heap that each occupies", []row{
		loading("definitions of roles", "roles", "roles", ns), loading("definitions of roles, heap", "roles", "roles", heap),
		loading("roles in Cedar", "roles", "cedar", ns), loading("roles in Cedar, heap", "roles", "cedar", heap),
		conditionsLoading("conditions in Cedar", ns), conditionsLoading("conditions in Cedar, heap", heap),
		{what: "conditions in Cedar, parsing", ours: contest("Load/steps/parse", ns)},
		{what: "conditions in Cedar, compiling", ours: contest("Load/steps/compile", ns)},
	}},
	{"doors and a handler without HTTP; the floor is the handler alone", []row{
		door("access token", "token"), door("session", "session"), door("API key", "apikey"), door("decision, allowed", "allowed"), door("decision, denied", "denied"),
	}},
	{"guarded route over HTTP, requests for each second of processor time; the floor is the bare handler; others as a share of theirs", []row{
		guarded("access token", "token", 0.93, "golang-jwt ES256", "golang-jwt EdDSA", "golang-jwt HS256"),
		guarded("session", "session", 0.90, "map by hand", "scs"),
		guarded("API key", "apikey", 0.90),
		guarded("decision, allowed", "allowed", 0.88, "golang-jwt HS256", "map by hand", "casbin"),
		guarded("answer to a reverse proxy, cookie of the host", "forward_session", 0.85),
		guarded("answer to a reverse proxy, access token", "forward_token", 0.85),
		guarded("decision, denied", "denied", 0.88, "golang-jwt HS256", "map by hand", "casbin"),
	}},
	{"provider without the network, stores that wait for the disk; the floor is a bare signature by EdDSA", []row{
		provider("token of a client for itself, SQLite", "sqlite/credentials", mostOurs(100_000)),
		provider("code for tokens and an ID token by ES256, SQLite", "sqlite/code", goal{}),
		provider("refresh, SQLite", "sqlite/refresh", goal{}),
		{what: "refresh, 32 callers, SQLite", ours: figure{"server.Provider/sqlite/refresh-32", "req/s"}},
		provider("introspection, SQLite", "sqlite/introspection", goal{}),
		provider("token of a client for itself, PostgreSQL", "postgres/credentials", goal{}),
		provider("code for tokens and an ID token by ES256, PostgreSQL", "postgres/code", goal{}),
		provider("refresh, PostgreSQL", "postgres/refresh", goal{}),
		{what: "refresh, 32 callers, PostgreSQL", ours: figure{"server.Provider/postgres/refresh-32", "req/s"}},
		provider("introspection, PostgreSQL", "postgres/introspection", goal{}),
	}},
	{"sign-in, 200 people at once; the floor is bare argon2id on all processors", []row{
		{what: "account, session and tokens on SQLite", ours: figure{"server.SignIn", "sign-ins/s"}, floor: figure{"server.SignIn", "argon2id/s"}, ratio: figure{"server.SignIn", "xraw"}, goal: least(0.9)},
		{what: "the same, peak memory", ours: figure{"server.SignIn", "peak-MB"}, goal: mostOurs(150)},
		{what: "password pool alone", ours: figure{"authn/password.Pool200", "req/s"}, floor: figure{"authn/password.RawArgon2id", "req/s"}, goal: least(0.9)},
		{what: "password pool alone, peak memory", ours: figure{"authn/password.Pool200", "peak-MB"}, goal: mostOurs(150)},
	}},
	{"refresh rotations, 32 callers; the floor is one row per token", []row{
		rotation("SQLite, synchronous=FULL", "sqlite", "row-per-token", least(3)),
		{what: "SQLite, by itself", ours: figure{"store/sqlite.Rotate/sqlite/family", "op/s"}, goal: leastOurs(25_000)},
		rotation("SQLite, the other with a commit of its own for each", "sqlite", "row-per-token-own-commit", least(3)),
		rotation("PostgreSQL, durable", "postgres", "row-per-token", least(2)),
		rotation("PostgreSQL, the other with a BEGIN of its own", "postgres", "row-per-token-plain-begin", goal{}),
	}},
	{"revocations, 64 callers, SQLite, synchronous=FULL", []row{
		{what: "one in a transaction", ours: figure{"store/sqlite.Revoke/sqlite/single", "entries/s"}, goal: leastOurs(15_000)},
		{what: "100 in a transaction", ours: figure{"store/sqlite.Revoke/sqlite/by-100", "entries/s"}, goal: leastOurs(100_000)},
	}},
	{"a page of 50 among 1e6 rows, SQLite; the floor is the same among 1000", []row{
		page("users", "users"), page("users whose name begins so, as 1000 do", "users-by-prefix"), page("a person's 50 sessions", "sessions"),
		page("audit log", "audit"), page("audit log of one person", "audit-by-actor"),
	}},
	{"the program", []row{
		{what: "start to first answer, existing database", ours: figure{"cmd/sallyport.Process", "first-ms"}, goal: mostOurs(150)},
		{what: "resident memory, idle", ours: figure{"cmd/sallyport.Process", "idle-MB"}, goal: mostOurs(40)},
		{what: "resident memory, 1e5 sessions used", ours: figure{"cmd/sallyport.Process", "sessions-MB"}, goal: mostOurs(120)},
		{what: "stripped binary", ours: figure{"cmd/sallyport.Process", "binary-MB"}, goal: mostOurs(30)},
	}},
}

// itself are benchmarks that take five turns or more on their own and report medians: they run once.
var itself = map[string]bool{"bench/rivals.HTTP": true, "server.SignIn": true, "cmd/sallyport.Process": true}

func verify(alg string, g goal) row {
	b := "authn/token.VerifyRatio/" + alg
	r := row{what: alg, ours: figure{b, "ours-ns"}, floor: figure{b, "raw-ns"}, ratio: figure{b, "ratio"}, goal: g,
		allocs: figure{"authn/token.Verify/" + alg + "/ours", allocs}}
	for _, name := range []string{"golang-jwt", "go-jose", "jwx"} {
		r.rivals = append(r.rivals, rival{name, figure{"bench/rivals.Verify/" + alg, name + "-ns"}})
	}
	return r
}

func hit(what, folder string, g goal, rivals ...rival) row {
	b := folder + ".Authenticate/hit"
	return row{what: what, ours: figure{b, ns}, allocs: figure{b, allocs}, rivals: rivals, goal: g}
}

func roleCheck(rules string) row {
	b := "authz.RoleCheck/" + rules
	return row{what: rules + " rules", ours: figure{b, ns}, allocs: figure{b, allocs}, floor: figure{"authz.RoleCheckFloor/" + rules, ns},
		goal: mostOurs(50).withoutAllocation()}
}

// contest is a figure of the module of the rivals.
func contest(bench, unit string) figure { return figure{"bench/rivals." + bench, unit} }

// among is a row of a contest, in which ours goes by that name and the rivals by theirs.
func among(what, bench, ours, unit string, rivals ...string) row {
	r := row{what: what, ours: contest(bench+"/"+ours, unit), floor: contest(bench+"/floor", unit)}
	for _, name := range rivals {
		r.rivals = append(r.rivals, rival{name, contest(bench+"/"+name, unit)})
	}
	return r
}

func decision(what, bench, ours string, bound float64, rivals ...string) row {
	r := among(what, bench, ours, ns, rivals...)
	r.allocs, r.goal = contest(bench+"/"+ours, allocs), mostOurs(bound).withoutAllocation()
	return r
}

func grant(what, ours string) row {
	r := among(what, "Grant/1e6", ours, ns, "casbin")
	r.goal = most(1.2)
	return r
}

func loading(what, bench, ours, unit string) row {
	return among(what, "Load/"+bench, ours, unit, "cedar-go", "casbin")
}

func conditionsLoading(what, unit string) row {
	r := among(what, "Load/conditions", "cedar", unit, "cedar-go")
	r.floor = figure{}
	return r
}

func door(what, name string) row {
	return row{what: what, ours: contest("Doors/"+name, ns), allocs: contest("Doors/"+name, allocs), floor: contest("Doors/bare", ns)}
}

func guarded(what, name string, bound float64, rivals ...string) row {
	b := "HTTP/" + name
	r := row{what: what, ours: contest(b, "req/cpu-s"), floor: contest(b, "bare-req/cpu-s"), ratio: contest(b, "xbare"), goal: least(bound)}
	for _, name := range rivals {
		r.rivals = append(r.rivals, rival{name, contest(b, strings.ReplaceAll(name, " ", "-")+"-xbare")})
	}
	return r
}

func provider(what, name string, g goal) row {
	b := "server.Provider/" + name
	return row{what: what, ours: figure{b, ns}, floor: figure{b, "sign-ns"}, ratio: figure{b, "xsign"}, goal: g}
}

func rotation(what, database, floor string, g goal) row {
	b := "store/" + database + ".Rotate/" + database + "/"
	return row{what: what, ours: figure{b + "family", "op/s"}, floor: figure{b + floor, "op/s"}, goal: g}
}

func page(what, name string) row {
	return row{what: what, ours: figure{"store/sqlite.Page/1e6/" + name, ns}, floor: figure{"store/sqlite.Page/1e3/" + name, ns}, goal: mostOurs(5e6)}
}
