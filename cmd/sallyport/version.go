package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

type version struct{}

// build is what this program was built from.
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Time     string `json:"time,omitempty"` // of the commit
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
}

func thisBuild() build {
	b := build{Version: "(devel)", Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if v := info.Main.Version; v != "" {
		b.Version = v
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

func (*version) Run(p *program) error {
	b := thisBuild()
	return p.print(answer{b, func(w io.Writer) {
		fmt.Fprintf(w, "sallyport %s\n", b.Version)
		if b.Commit != "" {
			changed := ""
			if b.Modified {
				changed = ", with local changes"
			}
			fmt.Fprintf(w, "commit %s of %s%s\n", b.Commit, b.Time, changed)
		}
		fmt.Fprintf(w, "%s %s/%s\n", b.Go, b.OS, b.Arch)
	}})
}
