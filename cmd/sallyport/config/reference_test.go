package config_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-auth/sallyport/cmd/sallyport/config"
)

var update = flag.Bool("update", false, "write docs/reference/configuration.md")

const introduction = `# Configuration

<!-- Written by: go test ./cmd/sallyport/config -update -->

Every setting has a default that works: an empty configuration is a good one. Values come from four sources, each over the ones
before:

1. the defaults below;
2. one TOML file: ` + "`sallyport.toml`" + ` in the working directory if it is there, or the one that ` + "`--config`" + ` or ` + "`SALLYPORT_CONFIG`" + ` names;
3. the environment: ` + "`SALLYPORT_SECTION__KEY`" + `, with two underscores between section and key. A list is separated by commas. With
   ` + "`_FILE`" + ` at the end of the name the value is that of a file, as is usual for secrets of containers;
4. flags, where one is named.

What is not known is an error, and so is what does not fit; all of it is reported at once, with file and line.
` + "`sallyport config show`" + ` prints every setting in force and where it comes from. Durations are written like ` + "`15m`" + `, ` + "`12h`" + ` or ` + "`30d`" + `.

Not settings, but read from the environment: ` + "`SALLYPORT_SEALING_KEY`" + ` (or ` + "`SALLYPORT_SEALING_KEY_FILE`" + `) is the key that everything secret
in the database is sealed with, in place of the file ` + "`sealing.key`" + ` in the data folder. ` + "`SALLYPORT_KEY`" + ` is for clients of the server, which
ignores it.

Commands that manage an installation read the same configuration as its server: give them the same ` + "`--config`" + `.
`

func TestReferenceIsInStep(t *testing.T) {
	var b strings.Builder
	b.WriteString(introduction)
	section := ""
	for _, s := range config.Settings() {
		if now, _, _ := strings.Cut(s.Key, "."); now != section {
			section = now
			fmt.Fprintf(&b, "\n## [%s]\n\n| key | default | |\n|---|---|---|\n", section)
		}
		_, key, _ := strings.Cut(s.Key, ".")
		def := "none"
		if s.Default != nil {
			def = "`" + config.Format(s.Default) + "`"
		}
		if key == "*" {
			key = "any name"
		} else {
			key = "`" + key + "`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s Takes %s. %s |\n", key, def, s.Doc, s.Expected, how(s))
	}
	path := filepath.Join("..", "..", "..", "docs", "reference", "configuration.md")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != b.String() {
		t.Errorf("%s is not what the settings say; run: go test ./cmd/sallyport/config -update", path)
	}
}

// how names the other ways to set it.
func how(s config.Setting) string {
	ways := "`" + strings.ReplaceAll(s.Variable(), "*", "NAME") + "`"
	if s.Flag != "" {
		ways += ", `" + s.Flag + "`"
	}
	return ways
}

func TestSettingsAreFewAndNamedWell(t *testing.T) {
	settings := config.Settings()
	const most = 53 // docs/decisions/0028, 0031 and 0032
	if len(settings) > most {
		t.Errorf("there are %d settings, and at most %d", len(settings), most)
	}
	seen := map[string]bool{}
	for _, s := range settings {
		if seen[s.Key] {
			t.Errorf("%s is there twice", s.Key)
		}
		seen[s.Key] = true
		if strings.HasSuffix(s.Key, "_file") {
			t.Errorf("%s: its variable would be read as the name of a file", s.Key)
		}
		if strings.Count(s.Key, ".") != 1 || s.Key != strings.ToLower(s.Key) || strings.Contains(s.Key, "__") {
			t.Errorf("%s is not a section and a key in lower case", s.Key)
		}
		if !strings.HasSuffix(s.Doc, ".") || s.Expected == "" {
			t.Errorf("%s: its documentation is no sentence", s.Key)
		}
	}
}
