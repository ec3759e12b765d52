package main

import "slices"

// A row is one claim of docs/performance.md.
type row struct {
	what   string
	ours   figure
	rivals []figure // others doing the same, in the order of the section's rivals; zero = it does not
	floor  figure   // what it is compared with; zero = nothing
	ratio  figure   // measured by the benchmark itself; zero = ours over floor
	goal   goal     // zero = there is none
}

// A goal bounds the ratio, or ours where there is nothing to compare with.
type goal struct {
	sign  string // "≤" or "≥"
	bound float64
	ours  bool // bounds ours in any case
}

func most(ratio float64) goal      { return goal{"≤", ratio, false} }
func least(ratio float64) goal     { return goal{"≥", ratio, false} }
func mostOurs(bound float64) goal  { return goal{"≤", bound, true} }
func leastOurs(bound float64) goal { return goal{"≥", bound, true} }

// A section is rows that are printed together.
type section struct {
	title  string
	rivals []string // names of the other libraries that rows compare with
	rows   []row
}

const ns, allocs = "ns/op", "allocs/op"

var table = []section{
	{"Verifying an access token for the first time, against the bare cryptographic operation", nil, []row{
		verify("EdDSA", most(1.05)), verify("ES256", most(1.05)), verify("RS256", goal{}), verify("PS256", goal{}), verify("HS256", goal{}),
		{what: "EdDSA, allocations", ours: figure{"authn/token.Verify/EdDSA/ours", allocs}, floor: figure{"authn/token.Verify/EdDSA/raw", allocs}},
		{what: "ES256, allocations", ours: figure{"authn/token.Verify/ES256/ours", allocs}, floor: figure{"authn/token.Verify/ES256/raw", allocs}},
	}},
	{"Credentials seen before", nil, []row{
		{what: "access token", ours: figure{"authn/token.Authenticate/hit", ns}, goal: mostOurs(100)},
		{what: "access token, allocations", ours: figure{"authn/token.Authenticate/hit", allocs}, goal: mostOurs(0)},
		{what: "session", ours: figure{"authn/session.Authenticate/hit", ns}},
		{what: "session, allocations", ours: figure{"authn/session.Authenticate/hit", allocs}},
		{what: "API key", ours: figure{"authn/apikey.Authenticate/hit", ns}},
		{what: "API key, allocations", ours: figure{"authn/apikey.Authenticate/hit", allocs}},
	}},
	{"Revocation check", nil, []row{
		{what: "nothing new in the log, against an atomic load", ours: figure{"revoke.Quiet/Changed", ns}, floor: figure{"revoke.Quiet/atomic_load", ns}, goal: mostOurs(10)},
		{what: "one id among 1e6 kills, against a map", ours: figure{"revoke.Dead/entries=1e6/ids=1", ns}, floor: figure{"revoke.Dead/map=1e6/ids=1", ns}, goal: mostOurs(150)},
		{what: "six ids among 1e6 kills", ours: figure{"revoke.Dead/entries=1e6/ids=6", ns}},
		{what: "memory of an entry", ours: figure{"revoke.Dead/entries=1e6/ids=1", "B/entry"}, goal: mostOurs(60 << 20 / 1e6)},
	}},
	{"Role check, against a map of maps written by hand", nil, []row{
		role("10"), role("1000"), role("10000"),
		{what: "10000 rules, allocations", ours: figure{"authz.RoleCheck/10000", allocs}, goal: mostOurs(0)},
	}},
	{"Decisions, against other libraries with the same policy, and a check written by hand", libraries, []row{
		decision("role among 10 rules", "Role/10", "roles", libraries, 50),
		decision("role among 100 rules", "Role/100", "roles", libraries, 50),
		decision("role among 1000 rules", "Role/1000", "roles", libraries, 50),
		decision("role among 10000 rules", "Role/10000", "roles", libraries, 50),
		allocations("role among 10000 rules, allocations", "Role/10000", "roles", libraries),
		decision("role among 10000 rules, denied", "RoleDenied/10000", "roles", libraries, 50),
		decision("role among 10 rules in Cedar", "Role/10", "cedar", libraries, 50),
		decision("role among 10000 rules in Cedar", "Role/10000", "cedar", libraries, 50),
		allocations("role among 10000 rules in Cedar, allocations", "Role/10000", "cedar", libraries),
		decision("owner", "Owner", "cedar", libraries, 90),
		allocations("owner, allocations", "Owner", "cedar", libraries),
		decision("owner, among 10000 rules", "OwnerAmong/10000", "cedar", []string{"cedar-go"}, 90),
		decision("owner, status, plan, assurance level and time", "ABAC", "cedar", libraries, 90),
		allocations("owner, status, …, allocations", "ABAC", "cedar", libraries),
	}},
	{"A grant among 1e6, SQLite, against a bare SELECT by primary key", libraries, []row{
		grant("statement alone", "statement"), grant("with its transaction", "transaction"),
		grant("whole decision", "decision"), grant("whole decision for a member of an organization with two roles", "decision-of-member"),
	}},
	{"A list: what is left of three rules, as SQL and arguments, against the same written by hand", nil, []row{
		{what: "condition", ours: figure{"bench/rivals.List/cedar", ns}, floor: figure{"bench/rivals.List/floor", ns}, goal: mostOurs(1000)},
	}},
	{"10000 rules: loading them, and the heap that each occupies", libraries, []row{
		contest("definitions of roles", "Load/roles", "roles", libraries, ns),
		contest("definitions of roles, heap", "Load/roles", "roles", libraries, heap),
		contest("roles in Cedar", "Load/roles", "cedar", libraries, ns),
		contest("roles in Cedar, heap", "Load/roles", "cedar", libraries, heap),
		contest("conditions in Cedar", "Load/conditions", "cedar", []string{"cedar-go"}, ns).bare(),
		contest("conditions in Cedar, heap", "Load/conditions", "cedar", []string{"cedar-go"}, heap).bare(),
		{what: "conditions in Cedar, parsing", ours: figure{"bench/rivals.Load/steps/parse", ns}},
		{what: "conditions in Cedar, compiling", ours: figure{"bench/rivals.Load/steps/compile", ns}},
	}},
	{"Doors and a handler without HTTP, against the handler alone", nil, []row{
		{what: "token", ours: figure{"bench/rivals.Doors/token", ns}, floor: figure{"bench/rivals.Doors/bare", ns}},
		{what: "session", ours: figure{"bench/rivals.Doors/session", ns}, floor: figure{"bench/rivals.Doors/bare", ns}},
		{what: "API key", ours: figure{"bench/rivals.Doors/apikey", ns}, floor: figure{"bench/rivals.Doors/bare", ns}},
		{what: "decision, denied", ours: figure{"bench/rivals.Doors/denied", ns}, floor: figure{"bench/rivals.Doors/bare", ns}},
		{what: "token, allocations", ours: figure{"bench/rivals.Doors/token", allocs}, floor: figure{"bench/rivals.Doors/bare", allocs}},
		{what: "decision, denied, allocations", ours: figure{"bench/rivals.Doors/denied", allocs}, floor: figure{"bench/rivals.Doors/bare", allocs}},
	}},
	{"Guarded route over HTTP, requests per second of processor time, against the bare handler", nil, []row{
		guarded("token", 0.93), guarded("session", 0.90), guarded("apikey", 0.90),
		guarded("allowed", 0.88), guarded("denied", 0.88),
	}},
	{"Sign-in, 200 people at once, against bare argon2id on all processors (ratio by processor time)", nil, []row{
		{what: "sign-ins per second, SQLite", ours: figure{"server.SignIn", "sign-ins/s"}, floor: figure{"server.SignIn", "argon2id/s"}, ratio: figure{"server.SignIn", "xraw"}, goal: least(0.9)},
		{what: "peak memory", ours: figure{"server.SignIn", "peak-MB"}, goal: mostOurs(150)},
		{what: "password pool alone", ours: figure{"authn/password.Pool200", "req/s"}, floor: figure{"authn/password.RawArgon2id", "req/s"}, goal: least(0.9)},
		{what: "peak memory of the pool alone", ours: figure{"authn/password.Pool200", "peak-MB"}, goal: mostOurs(150)},
	}},
	{"Refresh rotations per second, 32 callers, against one row per token", nil, []row{
		{what: "SQLite, synchronous=FULL", ours: figure{"store/sqlite.Rotate/sqlite/family", "op/s"}, floor: figure{"store/sqlite.Rotate/sqlite/row-per-token", "op/s"}, goal: least(3)},
		{what: "SQLite, the other with a commit of its own for each", ours: figure{"store/sqlite.Rotate/sqlite/family", "op/s"}, floor: figure{"store/sqlite.Rotate/sqlite/row-per-token-own-commit", "op/s"}, goal: least(3)},
		{what: "PostgreSQL", ours: figure{"store/postgres.Rotate/postgres/family", "op/s"}, floor: figure{"store/postgres.Rotate/postgres/row-per-token", "op/s"}, goal: least(2)},
		{what: "PostgreSQL, the other with a BEGIN of its own", ours: figure{"store/postgres.Rotate/postgres/family", "op/s"}, floor: figure{"store/postgres.Rotate/postgres/row-per-token-plain-begin", "op/s"}},
	}},
	{"Revocations per second, 64 callers, SQLite, synchronous=FULL", nil, []row{
		{what: "one a transaction", ours: figure{"store/sqlite.Revoke/sqlite/single", "entries/s"}, goal: leastOurs(15_000)},
		{what: "100 a transaction", ours: figure{"store/sqlite.Revoke/sqlite/by-100", "entries/s"}, goal: leastOurs(100_000)},
	}},
	{"The program", nil, []row{
		{what: "start to first answer, existing database", ours: figure{"cmd/sallyport.Process", "first-ms"}, goal: mostOurs(150)},
		{what: "resident memory, idle", ours: figure{"cmd/sallyport.Process", "idle-MB"}, goal: mostOurs(40)},
		{what: "resident memory, 1e5 sessions used", ours: figure{"cmd/sallyport.Process", "sessions-MB"}, goal: mostOurs(120)},
		{what: "stripped binary", ours: figure{"cmd/sallyport.Process", "binary-MB"}, goal: mostOurs(30)},
	}},
}

func verify(alg string, g goal) row {
	b := "authn/token.VerifyRatio/" + alg
	return row{what: alg, ours: figure{b, "ours-ns"}, floor: figure{b, "raw-ns"}, ratio: figure{b, "ratio"}, goal: g}
}

func role(rules string) row {
	return row{what: rules + " rules", ours: figure{"authz.RoleCheck/" + rules, ns}, floor: figure{"authz.RoleCheckFloor/" + rules, ns}, goal: mostOurs(50)}
}

// libraries are the rivals of the module bench/rivals.
var libraries = []string{"cedar-go", "casbin"}

// heap is what a rule occupies once it is loaded.
const heap = "B/rule"

// contest is a row of a benchmark of the module bench/rivals, in which ours goes by that
// name and the rivals, some of the libraries, by theirs.
func contest(what, bench, ours string, rivals []string, unit string) row {
	of := func(name string) figure { return figure{"bench/rivals." + bench + "/" + name, unit} }
	r := row{what: what, ours: of(ours), floor: of("floor")}
	for _, name := range libraries {
		rival := figure{}
		if slices.Contains(rivals, name) {
			rival = of(name)
		}
		r.rivals = append(r.rivals, rival)
	}
	return r
}

// bare is the row without a floor.
func (r row) bare() row { r.floor = figure{}; return r }

func decision(what, bench, ours string, rivals []string, bound float64) row {
	r := contest(what, bench, ours, rivals, ns)
	r.goal = mostOurs(bound)
	return r
}

func allocations(what, bench, ours string, rivals []string) row {
	r := contest(what, bench, ours, rivals, allocs)
	r.goal = mostOurs(0)
	return r
}

func grant(what, ours string) row {
	r := contest(what, "Grant/1e6", ours, []string{"casbin"}, ns)
	r.goal = most(1.2)
	return r
}

func guarded(how string, bound float64) row {
	b := "bench/rivals.HTTP/" + how
	return row{what: how, ours: figure{b, "req/cpu-s"}, floor: figure{b, "bare-req/cpu-s"}, ratio: figure{b, "xbare"}, goal: least(bound)}
}
