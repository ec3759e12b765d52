package where

import (
	"strconv"
	"strings"

	"github.com/sallyport-auth/sallyport"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

// sql writes the condition, with placeholders from $first on.
func (c *cond) sql(d sallyport.Dialect, first int) string {
	var room [256]byte
	p := printer{dialect: d, next: first, text: room[:0]}
	p.cond(c)
	return string(p.text)
}

// A printer writes a condition for one database.
type printer struct {
	dialect sallyport.Dialect
	next    int // number of the next placeholder
	text    []byte
}

func (p *printer) write(s string) { p.text = append(p.text, s...) }

func (p *printer) cond(c *cond) {
	switch c.op {
	case never:
		p.write("1=0")
	case always:
		p.write("1=1")
	case every:
		p.chain(c.kids, " AND ")
	case some:
		p.chain(c.kids, " OR ")
	case present:
		p.write(c.col.sql)
		if c.col.kind == sallyport.KindEntity {
			p.write(" <> ''") // where it is NULL, this is not true either
		} else {
			p.write(" IS NOT NULL")
		}
	case absent:
		p.absent(c.col)
	case compare:
		p.compare(c)
	case oneOf:
		p.oneOf(c)
	case matches:
		p.matches(c)
	}
}

// chain writes long lists in halves: SQLite reads "a OR b OR c" as a tree with a
// depth of its length, and allows 1,000.
func (p *printer) chain(kids []cond, word string) {
	if len(kids) > 64 {
		half := len(kids) / 2
		p.write("(")
		p.chain(kids[:half], word)
		p.write(")" + word + "(")
		p.chain(kids[half:], word)
		p.write(")")
		return
	}
	for i := range kids {
		if i > 0 {
			p.write(word)
		}
		switch kids[i].op {
		case every, some, absent:
			p.write("(")
			p.cond(&kids[i])
			p.write(")")
		default:
			p.cond(&kids[i])
		}
	}
}

func (p *printer) absent(c *col) {
	p.write(c.sql + " IS NULL")
	if c.kind == sallyport.KindEntity {
		p.write(" OR " + c.sql + " = ''")
	}
}

func (p *printer) compare(c *cond) {
	p.column(c.col)
	p.write(" " + c.cmp + " ")
	switch {
	case c.other != nil:
		p.column(c.other)
	case c.col.kind != sallyport.KindBool:
		p.placeholder(c.col)
	case c.arg == true:
		p.write("TRUE")
	default:
		p.write("FALSE")
	}
}

// column writes a column that is compared. On SQLite a column of text may well be
// declared to ignore case. References are not, and stay as they are: SQLite would
// not combine indices for an OR of comparisons that name a collation.
func (p *printer) column(c *col) {
	p.write(c.sql)
	if p.dialect == sallyport.SQLite && c.kind == sallyport.KindString {
		p.write(" COLLATE BINARY")
	}
}

// placeholder writes the next placeholder for a value of the column. PostgreSQL
// would take it to be as short as the column, and refuse a greater integer.
func (p *printer) placeholder(c *col) {
	p.text = strconv.AppendInt(append(p.text, '$'), int64(p.next), 10)
	p.next++
	if p.dialect == sallyport.Postgres && !c.text() {
		p.write("::bigint")
	}
}

func (p *printer) oneOf(c *cond) {
	if !c.want {
		p.write("(")
	}
	p.column(c.col)
	p.write(" IN (")
	for i := range c.args {
		if i > 0 {
			p.write(", ")
		}
		p.placeholder(c.col)
	}
	p.write(")")
	if !c.want {
		p.write(") = FALSE")
	}
}

func (p *printer) matches(c *cond) {
	if !c.want {
		p.write("(")
	}
	p.write(c.col.sql)
	if p.dialect == sallyport.SQLite {
		p.write(" GLOB " + globPattern(c.pattern)) // LIKE ignores the case of ASCII letters there
	} else {
		p.write(" LIKE " + likePattern(c.pattern) + " ESCAPE '!'")
	}
	if !c.want {
		p.write(") = FALSE")
	}
}

// Patterns are the policy's own text and differ from one database to the other,
// so they are written out and not handed over as arguments.
var (
	globEscapes = strings.NewReplacer("*", "[*]", "?", "[?]", "[", "[[]", "'", "''")
	likeEscapes = strings.NewReplacer("%", "!%", "_", "!_", "!", "!!", "'", "''", `\`, `\\`)
)

func globPattern(p rule.Pattern) string {
	return "'" + globEscapes.Replace(p[0]) + rest(p, "*", globEscapes) + "'"
}

// likePattern is written as E'…', in which a backslash means the same whatever
// the server's settings.
func likePattern(p rule.Pattern) string {
	return "E'" + likeEscapes.Replace(p[0]) + rest(p, "%", likeEscapes) + "'"
}

func rest(p rule.Pattern, wildcard string, escapes *strings.Replacer) string {
	var b strings.Builder
	for _, piece := range p[1:] {
		b.WriteString(wildcard)
		b.WriteString(escapes.Replace(piece))
	}
	return b.String()
}
