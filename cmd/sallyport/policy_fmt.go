package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/sallyport-auth/sallyport/authz/cedar"
	"github.com/sallyport-auth/sallyport/authz/rule"
)

type policyFmt struct {
	Paths []string `arg:"" optional:"" name:"path" help:"Files *.cedar, or folders with such files; - is standard input. Default: this folder."`
	Write bool     `short:"w" help:"Write the files themselves."`
	Check bool     `help:"Write nothing, and fail if a file has another form."`
}

// A shownForm is what became of one file.
type shownForm struct {
	File    string `json:"file"`
	Changed bool   `json:"changed"` // it had another form
	Text    string `json:"text,omitempty"`
}

func (c *policyFmt) Run(p *program) error {
	if c.Write && c.Check {
		return misused("name either --write or --check")
	}
	files, err := c.files()
	if err != nil {
		return err
	}
	out := []shownForm{}
	changed := 0
	for _, path := range files {
		form, err := c.format(path, p.stdin)
		if err != nil {
			return err
		}
		if form.Changed {
			changed++
		}
		out = append(out, form)
	}
	if err := p.print(answer{out, func(w io.Writer) { c.tell(w, out) }}); err != nil {
		return err
	}
	if c.Check && changed > 0 {
		return fmt.Errorf("%d of %d files have another form: “sallyport policy fmt -w” mends that", changed, len(out))
	}
	return nil
}

func (c *policyFmt) files() ([]string, error) {
	paths := c.Paths
	if len(paths) == 0 {
		paths = []string{"."}
	}
	var found []string
	for _, path := range paths {
		info, err := os.Stat(path)
		switch {
		case path == "-" && !c.Write:
			found = append(found, path)
		case path == "-":
			return nil, misused("standard input cannot be written")
		case err != nil:
			return nil, misused("%v", err)
		case !info.IsDir():
			found = append(found, path)
		default:
			names, err := filepath.Glob(filepath.Join(path, "*.cedar"))
			if err != nil {
				return nil, misused("%s: %v", path, err)
			}
			found = append(found, names...)
		}
	}
	if len(found) == 0 {
		return nil, misused("there is no file *.cedar in %v", paths)
	}
	return found, nil
}

func (c *policyFmt) format(path string, stdin io.Reader) (shownForm, error) {
	f, err := readInput(path, stdin)
	if err != nil {
		return shownForm{}, misused("%v", err)
	}
	text, err := cedar.Format(rule.File{Name: path, Text: f.Text})
	if err != nil {
		return shownForm{}, faulty(failed, err)
	}
	form := shownForm{File: path, Changed: text != f.Text}
	switch {
	case c.Check:
	case !c.Write:
		form.Text = text
	case form.Changed:
		return form, replaceFile(path, text)
	}
	return form, nil
}

// replaceFile writes a file such that it is the old or the new one at any time.
func replaceFile(path, text string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	temporary := path + ".new"
	if err := os.WriteFile(temporary, []byte(text), info.Mode().Perm()); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}

func (c *policyFmt) tell(w io.Writer, forms []shownForm) {
	for _, f := range forms {
		switch {
		case f.Text != "":
			io.WriteString(w, f.Text)
		case f.Changed:
			fmt.Fprintln(w, f.File)
		}
	}
}
