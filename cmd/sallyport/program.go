package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/alecthomas/kong"

	"github.com/sallyport-auth/sallyport/account"
	"github.com/sallyport-auth/sallyport/account/importer"
	"github.com/sallyport-auth/sallyport/cmd/sallyport/config"
)

// A program is one run of a command: what it is given, and the flags that all
// commands have.
type program struct {
	environ        []string
	stdin          io.Reader
	stdout, stderr io.Writer

	flags
}

// flags are the ones of every command.
type flags struct {
	Data     string `placeholder:"FOLDER" help:"Data folder. Default: ./sallyport-data."`
	Database string `placeholder:"URL" help:"PostgreSQL database in place of SQLite in the data folder, such as postgres://host/name."`
	Config   string `placeholder:"FILE" help:"Configuration. Default: sallyport.toml, if it is there."`
	JSON     bool   `name:"json" help:"Write JSON, with the names of the HTTP API."`
}

// origin is who the audit log says it was.
var origin = account.Origin{Actor: "cli"}

func (p *program) run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		args = []string{"--help"}
	} else if args[0] == "help" {
		args = append(args[1:len(args):len(args)], "--help")
	}
	var line commandLine
	helped := false
	parser, err := kong.New(&line,
		kong.Name("sallyport"), kong.Description(description), kong.Writers(p.stdout, p.stderr),
		kong.Exit(func(int) { helped = true }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, WrapUpperBound: 100}),
		kong.Vars{"importFormats": strings.Join(importer.Formats(), ", ")},
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(p),
	)
	if err != nil {
		return err
	}
	parsed, err := parser.Parse(args)
	if helped {
		return nil
	}
	if err != nil {
		return misuseOf(err)
	}
	p.flags = line.flags
	return parsed.Run()
}

// misuseOf turns an error of the parser into a sentence with a way on.
func misuseOf(err error) error {
	command := "sallyport"
	var e *kong.ParseError
	if errors.As(err, &e) && e.Context != nil && e.Context.Selected() != nil {
		command = e.Context.Selected().FullPath()
	} else if errors.As(err, &e) && e.Context != nil {
		command = strings.TrimSpace("sallyport " + e.Context.Command())
	}
	return &usageError{fmt.Sprintf("%v (see %s --help)", err, command)}
}

// A usageError is the caller's mistake.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func misused(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// A faultyError is input that is wrong in one or more places, a line for each.
type faultyError struct {
	code     int // to exit with
	problems []string
}

func (e *faultyError) Error() string { return strings.Join(e.problems, "; ") }

// explain writes an error for a person, and returns the exit code.
func (p *program) explain(err error) int {
	if err == nil {
		return done
	}
	code, lines := failed, []string{sentence(err)}
	var settings *config.Error
	var usage *usageError
	var faulty *faultyError
	switch {
	case errors.As(err, &settings):
		code, lines = misuse, settings.Problems
	case errors.As(err, &faulty):
		code, lines = faulty.code, faulty.problems
	case errors.As(err, &usage):
		code = misuse
	}
	for _, line := range lines {
		fmt.Fprintf(p.stderr, "sallyport: %s\n", line)
	}
	return code
}

// sentence puts an error on one line, and adds what to do where that helps.
func sentence(err error) string {
	text := strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' }), "; ")
	if errors.Is(err, account.ErrLastAdmin) {
		text += ": make somebody else an administrator first"
	}
	return text
}

// note says something that is not the result.
func (p *program) note(format string, args ...any) { fmt.Fprintf(p.stderr, format+"\n", args...) }

// settings loads the configuration, with the flags of this command.
func (p *program) settings(more map[string]string) (*config.Config, error) {
	given := map[string]string{}
	for key, value := range more {
		given[key] = value
	}
	if p.Data != "" {
		given["store.data"] = p.Data
	}
	if p.Database != "" {
		if err := checkArgument("--database", "store.database", p.Database); err != nil {
			return nil, err
		}
		given["store.database"] = p.Database
	}
	return config.Load(config.Sources{File: p.Config, Environ: p.environ, Flags: given, ReadFile: os.ReadFile})
}

// An answer is what a command has to say: v as JSON, or text.
type answer struct {
	v    any
	text func(w io.Writer)
}

// say is an answer of one line.
func say(v any, format string, args ...any) answer {
	return answer{v, func(w io.Writer) { fmt.Fprintf(w, format+"\n", args...) }}
}

// table is an answer of aligned columns, or of a line if there are no rows.
func table(v any, none string, head []string, rows [][]string) answer {
	return answer{v, func(w io.Writer) {
		if len(rows) == 0 {
			fmt.Fprintln(w, none)
			return
		}
		writeTable(w, head, rows)
	}}
}

func writeTable(w io.Writer, head []string, rows [][]string) {
	var b bytes.Buffer
	t := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, strings.Join(head, "\t"))
	for _, row := range rows {
		for i, cell := range row {
			row[i] = printable(cell)
		}
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	t.Flush()
	for line := range strings.Lines(b.String()) {
		fmt.Fprintln(w, strings.TrimRight(line, " \n"))
	}
}

// print writes the answer.
func (p *program) print(a answer) error {
	if !p.JSON {
		a.text(p.stdout)
		return nil
	}
	body, err := json.Marshal(a.v)
	if err != nil {
		return fmt.Errorf("writing the answer: %w", err)
	}
	_, err = p.stdout.Write(append(body, '\n'))
	return err
}
