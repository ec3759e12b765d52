package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/importer"
)

type importUsers struct {
	File       string `arg:"" help:"File to read; - is standard input."`
	Format     string `placeholder:"FORMAT" help:"One of ${importFormats}. Default: csv for a name that ends in .csv, else jsonl."`
	DryRun     bool   `help:"Change nothing; report what would be imported."`
	Resume     bool   `help:"Go on where an import of this file stopped."`
	Roles      bool   `name:"create-roles" help:"Make roles that do not exist, without permissions."`
	Orgs       bool   `name:"create-organizations" help:"Make organizations that do not exist."`
	NoRoles    bool   `name:"without-roles" help:"Leave roles and organizations out."`
	Verified   bool   `name:"emails-verified" help:"You vouch that the addresses are theirs, whatever the file says."`
	HashConfig string `name:"hash-config" placeholder:"FILE" help:"Firebase: the parameters of the hashes, as its console shows them."`
}

func (*importUsers) Help() string {
	return "Reads people with their password hashes, addresses, authenticator apps, passkeys and identities. " +
		"What cannot be imported is reported with its number and changes nothing; then the exit code is 1. Passwords go on working, and are hashed anew at the first sign-in."
}

func (c *importUsers) Run(ctx context.Context, p *program) error {
	if c.Format == "" {
		c.Format = "jsonl"
		if strings.EqualFold(filepath.Ext(c.File), ".csv") {
			c.Format = "csv"
		}
	}
	if c.DryRun && c.Resume {
		return misused("--dry-run changes nothing, so there is nothing to --resume")
	}
	options := importer.Options{EmailsVerified: c.Verified}
	if c.HashConfig != "" {
		text, err := os.ReadFile(c.HashConfig)
		if err != nil {
			return fmt.Errorf("reading the parameters of the hashes: %w", err)
		}
		options.HashConfig = string(text)
	}
	file, size, err := p.input(c.File)
	if err != nil {
		return err
	}
	defer file.Close()
	shown := &progress{program: p, size: size, began: time.Now()}
	entries, err := importer.Read(shown.counting(file), c.Format, options)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	var report importer.Report
	err = p.change(ctx, mayCreate, func(in *installation) (answer, error) {
		settings := account.Importing{
			Source: filepath.Base(c.File), Format: c.Format, DryRun: c.DryRun, Resume: c.Resume,
			CreateRoles: c.Roles, CreateOrganizations: c.Orgs, WithoutRoles: c.NoRoles, Progress: shown.show,
		}
		if err := c.hint(ctx, p, in, settings); err != nil {
			return answer{}, err
		}
		var err error
		report, err = in.Accounts.Import(ctx, entries, settings, origin)
		shown.clear()
		if err != nil {
			return answer{}, c.explain(err, report)
		}
		return answer{report, func(w io.Writer) { writeReport(w, report, importer.Numbers(c.Format)) }}, nil
	})
	if err == nil && report.Refused > 0 {
		err = fmt.Errorf("%d of %d entries were refused", report.Refused, report.Imported+report.Refused)
	}
	return err
}

// hint says that an import of the file stopped in the middle.
func (c *importUsers) hint(ctx context.Context, p *program, in *installation, settings account.Importing) error {
	if c.Resume || c.DryRun {
		return nil
	}
	old, err := in.Accounts.Unfinished(ctx, settings.Source, settings.Format)
	if err == nil && old.ID != "" {
		p.note("sallyport: an import of %s stopped after %d entries; --resume would go on there", c.File, old.Entries)
	}
	return err
}

// explain says how to go on after an import that stopped.
func (c *importUsers) explain(err error, r importer.Report) error {
	if r.Entries > 0 && !c.DryRun && !errors.Is(err, account.ErrOtherFile) {
		return fmt.Errorf("%w; %d entries are done, --resume goes on behind them", err, r.Entries)
	}
	return err
}

// input opens a file to read, or standard input. The size is 0 if nobody knows it.
func (p *program) input(name string) (io.ReadCloser, int64, error) {
	if name == "-" {
		return io.NopCloser(p.stdin), 0, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, fmt.Errorf("reading the file: %w", err)
	}
	info, err := f.Stat()
	if err != nil || info.IsDir() {
		f.Close()
		return nil, 0, errors.Join(err, fmt.Errorf("%s is not a file", name))
	}
	return f, info.Size(), nil
}

func writeReport(w io.Writer, r importer.Report, counted string) {
	verb := "imported"
	if r.DryRun {
		verb = "would import"
	}
	if r.Resumed > 0 {
		fmt.Fprintf(w, "went on behind %d entries of an earlier run\n", r.Resumed)
	}
	fmt.Fprintf(w, "%s %s, refused %s\n", verb, amount(r.Imported, "person", "people"), amount(r.Refused, "entry", "entries"))
	var rows [][]string
	for _, name := range slices.Sorted(maps.Keys(r.Formats)) {
		rows = append(rows, []string{name, fmt.Sprint(r.Formats[name])})
	}
	if len(rows) > 0 {
		writeTable(w, []string{"PASSWORD", "PEOPLE"}, rows)
	}
	if r.TOTP+r.Passkeys+r.Identities > 0 {
		fmt.Fprintf(w, "with %s, %s, %s\n", amount(r.TOTP, "authenticator app", "authenticator apps"),
			amount(r.Passkeys, "passkey", "passkeys"), amount(r.Identities, "identity", "identities"))
	}
	for _, problem := range r.Problems {
		fmt.Fprintf(w, "%s %d: %s\n", counted, problem.Number, printable(problem.Reason))
	}
	if r.LeftOut > 0 {
		fmt.Fprintf(w, "and %d more\n", r.LeftOut)
	}
}

func amount(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// A progress shows how far a long piece of work has come: a bar on a terminal, otherwise a line now and then. Of what is over soon it says
// nothing.
type progress struct {
	*program
	size  int64 // of the file; 0 = unknown
	read  int64
	began time.Time
	last  time.Time
	drawn bool
}

// How often progress is shown, on a terminal and elsewhere.
const (
	drawEvery = 200 * time.Millisecond
	sayEvery  = 10 * time.Second
)

func (g *progress) counting(r io.Reader) io.Reader {
	return io.TeeReader(r, writerFunc(func(b []byte) { g.read += int64(len(b)) }))
}

type writerFunc func([]byte)

func (f writerFunc) Write(b []byte) (int, error) { f(b); return len(b), nil }

func (g *progress) show(r importer.Report) {
	now := time.Now()
	if g.last.IsZero() {
		g.last = g.began
	}
	terminal := isTerminal(g.stderr)
	if terminal && now.Sub(g.last) < drawEvery || !terminal && now.Sub(g.last) < sayEvery {
		return
	}
	g.last = now
	speed := float64(r.Entries-r.Resumed) / now.Sub(g.began).Seconds()
	text := fmt.Sprintf("%d entries, %d refused, %.0f a second", r.Entries, r.Refused, speed)
	if g.size > 0 {
		text = fmt.Sprintf("%3d %%, %s", min(100, 100*g.read/g.size), text)
	}
	if !terminal {
		g.note("sallyport: %s", text)
		return
	}
	fmt.Fprintf(g.stderr, "\r\x1b[K%s%s", bar(g.read, g.size), text)
	g.drawn = true
}

// bar is "[####    ] ", or nothing if the size is unknown.
func bar(read, size int64) string {
	const width = 30
	if size <= 0 {
		return ""
	}
	full := int(min(width, width*read/size))
	return "[" + strings.Repeat("#", full) + string(bytes.Repeat([]byte(" "), width-full)) + "] "
}

// clear takes the bar away.
func (g *progress) clear() {
	if g.drawn {
		fmt.Fprint(g.stderr, "\r\x1b[K")
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
