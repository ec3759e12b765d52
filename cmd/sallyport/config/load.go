package config

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/sallyport-auth/sallyport/internal/nearest"
	"github.com/sallyport-auth/sallyport/internal/secret"
)

// DefaultFile is read from the working directory if it is there and no other is
// named.
const DefaultFile = "sallyport.toml"

// Variables with a meaning of their own.
const (
	variableConfig     = prefix + "CONFIG"      // path of the file
	variableSealingKey = prefix + "SEALING_KEY" // or …_FILE
	fileSuffix         = "_FILE"
)

// others are variables that are not for us: SALLYPORT_KEY is for clients of the
// server, SALLYPORT_TEST_… for our tests, and the rest is what Kubernetes puts
// into the environment beside a service named sallyport.
var others = regexp.MustCompile(`^SALLYPORT_(KEY|TEST_.*|SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)

// Sources are where settings come from, besides the defaults.
type Sources struct {
	File     string            // named by a flag; "" = SALLYPORT_CONFIG, else [DefaultFile] if it is there
	Environ  []string          // "NAME=value"
	Flags    map[string]string // by key of a setting
	ReadFile func(string) ([]byte, error)
}

// Load reads all sources, each over the ones before. Its error is an [*Error]
// that lists everything that is wrong.
func Load(from Sources) (*Config, error) {
	l := &loader{Sources: from, settings: Settings(), env: map[string]string{}, c: &Config{sources: map[string]string{}}}
	for i := range l.settings {
		l.applyDefault(&l.settings[i])
	}
	l.splitEnviron()
	l.readFile()
	l.readEnviron()
	l.readSealingKey()
	l.readFlags()
	l.readImages()
	if len(l.problems) == 0 {
		l.problems = check(l.c)
	}
	if len(l.problems) > 0 {
		return nil, &Error{l.problems}
	}
	return l.c, nil
}

type loader struct {
	Sources
	settings []Setting
	env      map[string]string // our variables
	c        *Config
	problems []string
}

func (l *loader) problem(format string, args ...any) {
	l.problems = append(l.problems, fmt.Sprintf(format, args...))
}

func (l *loader) applyDefault(s *Setting) {
	if items, ok := s.Default.([]string); ok && len(items) > 0 {
		panic("config: lists have no defaults yet: " + s.Key)
	} else if ok || s.Default == nil {
		return
	}
	if !s.put(l.c, "", s.Default) {
		panic("config: default of " + s.Key + " does not fit")
	}
}

func (l *loader) splitEnviron() {
	for _, e := range l.Environ {
		if name, value, ok := strings.Cut(e, "="); ok && strings.HasPrefix(name, prefix) && !others.MatchString(name) {
			l.env[name] = value
		}
	}
}

// readFile reads the TOML file. One that was named must be there.
func (l *loader) readFile() {
	path, named := l.File, true
	if path == "" {
		path, named = l.env[variableConfig], l.env[variableConfig] != ""
	}
	if path == "" {
		path = DefaultFile
	}
	data, err := l.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !named {
		return
	}
	if err != nil {
		l.problem("reading the configuration: %v", err)
		return
	}
	l.c.File = path
	entries, err := parse(data)
	if err != nil {
		l.problem("%s:%v", path, err)
		return
	}
	for _, e := range entries {
		l.set(fmt.Sprintf("%s:%d", path, e.line), e.key, e.value)
	}
}

// set applies a value of the file.
func (l *loader) set(source, key string, v any) {
	if table, ok := v.(map[string]any); ok && len(table) == 0 {
		if !slices.ContainsFunc(l.settings, func(s Setting) bool { return s.section() == key }) {
			l.problem("%s: %q is not a section%s", source, key, nearest.Hint(key, l.sections()))
		}
		return
	}
	s, name := l.find(key)
	if s == nil {
		l.problem("%s: %q is not a setting%s", source, key, l.hint(key))
		return
	}
	if !s.put(l.c, name, v) {
		l.problem("%s: %s: %s", source, key, l.refusal(s, name, v))
		return
	}
	l.c.sources[key] = source
}

// refusal says why a value does not fit.
func (l *loader) refusal(s *Setting, name string, v any) string {
	if s.refuse != nil {
		return s.refuse(name, v)
	}
	return fmt.Sprintf("expected %s, got %s", s.Expected, l.got(s, v))
}

// got shows a value that does not fit, unless it might be a secret.
func (l *loader) got(s *Setting, v any) string {
	if s.secret {
		return "something else"
	}
	out := fmt.Sprint(v)
	if text, ok := v.(string); ok {
		out = fmt.Sprintf("%q", text)
	}
	if len(out) > 80 {
		out = strings.ToValidUTF8(out[:80], "") + "…"
	}
	return out
}

func (l *loader) find(key string) (s *Setting, name string) {
	for i := range l.settings {
		if name, ok := l.settings[i].matches(key); ok {
			return &l.settings[i], name
		}
	}
	return nil, ""
}

func (l *loader) keys() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, s := range l.settings {
			if !strings.HasSuffix(s.Key, ".*") && !yield(s.Key) {
				return
			}
		}
	}
}

func (l *loader) sections() iter.Seq[string] {
	all := map[string]bool{}
	for _, s := range l.settings {
		all[s.section()] = true
	}
	return maps.Keys(all)
}

// hint names the nearest key; if none is near, one whose last part is near, for
// those who left the section out or took another.
func (l *loader) hint(key string) string {
	if near := nearest.Name(key, l.keys()); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	last := map[string]string{}
	for full := range l.keys() {
		_, end, _ := strings.Cut(full, ".")
		last[end] = full
	}
	if near := nearest.Name(key[strings.LastIndex(key, ".")+1:], maps.Keys(last)); near != "" {
		return fmt.Sprintf("; did you mean %q?", last[near])
	}
	if near := nearest.Name(key, l.sections()); near != "" {
		return fmt.Sprintf("; did you mean the section [%s]?", near)
	}
	return ""
}

// readEnviron applies the variables.
func (l *loader) readEnviron() {
	for _, name := range sortedKeys(l.env) {
		if name == variableConfig || name == variableSealingKey || name == variableSealingKey+fileSuffix {
			continue
		}
		s, below := l.findVariable(strings.TrimSuffix(name, fileSuffix))
		if s == nil {
			l.problem("the environment variable %s is not a setting%s", name, l.hintVariable(name))
			continue
		}
		value, ok := l.contents(name)
		if !ok {
			continue
		}
		v := s.shape.lift(value)
		if !s.put(l.c, below, v) {
			l.problem("%s: %s", name, l.refusal(s, below, v))
			continue
		}
		l.c.sources[strings.TrimSuffix(s.Key, "*")+below] = name
	}
}

// findVariable finds the setting of a variable. Names below a family are in
// lower case.
func (l *loader) findVariable(name string) (*Setting, string) {
	key := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, prefix), "__", "."))
	return l.find(key)
}

// hintVariable leaves out what all names begin with, which would make every two
// of them resemble each other.
func (l *loader) hintVariable(name string) string {
	near := nearest.Name(strings.TrimPrefix(name, prefix), func(yield func(string) bool) {
		for key := range l.keys() {
			if !yield(strings.TrimPrefix(Variable(key), prefix)) {
				return
			}
		}
	})
	if near == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", prefix+near)
}

// contents returns the value of a variable, or what is in the file that it
// names, without the newline at its end.
func (l *loader) contents(name string) (string, bool) {
	value := l.env[name]
	plain, isFile := strings.CutSuffix(name, fileSuffix)
	if !isFile {
		return value, true
	}
	if _, twice := l.env[plain]; twice {
		l.problem("%s and %s are both set; choose one", plain, name)
		return "", false
	}
	data, err := l.ReadFile(value)
	if err != nil {
		l.problem("%s: %v", name, err)
		return "", false
	}
	return strings.TrimRight(string(data), "\r\n"), true
}

func (l *loader) readSealingKey() {
	for _, name := range []string{variableSealingKey + fileSuffix, variableSealingKey} {
		if _, set := l.env[name]; !set {
			continue
		}
		value, ok := l.contents(name)
		if !ok {
			return // and has been reported
		}
		key, err := secret.ParseKey(value)
		if err != nil {
			l.problem("%s: %v", name, err)
			return
		}
		l.c.SealingKey = key
		return
	}
}

func (l *loader) readFlags() {
	for _, key := range sortedKeys(l.Flags) {
		s, name := l.find(key)
		v := s.shape.lift(l.Flags[key])
		if !s.put(l.c, name, v) {
			l.problem("%s: expected %s, got %s", s.Flag, s.Expected, l.got(s, v))
			continue
		}
		l.c.sources[key] = s.Flag
	}
}
