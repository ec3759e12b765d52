package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-auth/sallyport"
)

//go:embed templates locales assets
var files embed.FS

// assets are the files that pages ask for. The name of each changes with its content,
// so that browsers keep it for ever.
type assets struct {
	prefix string            // of their paths
	names  map[string]string // "style.css" to "style-0123456789ab.css"
	served map[string]asset  // by the latter
}

type asset struct {
	kind    string
	content []byte
	packed  func() []byte // gzip, made when somebody first wants it; nil = not worth it
}

func readAssets(files fs.FS, prefix string, theme *Theme) (*assets, error) {
	a := &assets{prefix: prefix, names: map[string]string{}, served: map[string]asset{}}
	entries, err := fs.ReadDir(files, "assets")
	if err != nil {
		return nil, err
	}
	colors, err := theme.css()
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		content, err := fs.ReadFile(files, "assets/"+e.Name())
		if err != nil {
			return nil, err
		}
		if e.Name() == "style.css" { // one style sheet, so that no page needs a style of its own
			content = append([]byte(colors), content...)
		}
		a.add(e.Name(), content)
	}
	for name, image := range map[string]*Image{"logo": theme.Logo, "favicon": theme.Favicon} {
		if image != nil {
			delete(a.names, name+".svg")
			a.add(name+image.ext(), image.Content)
		}
	}
	return a, nil
}

// kinds are told by the name, and not by what the machine thinks of it.
var kinds = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
	".png": "image/png", ".ico": "image/x-icon", ".webp": "image/webp", ".jpg": "image/jpeg",
}

func (a *assets) add(name string, content []byte) {
	sum := sha256.Sum256(content)
	ext := path.Ext(name)
	hashed := strings.TrimSuffix(name, ext) + "-" + hex.EncodeToString(sum[:6]) + ext
	file := asset{kind: kinds[ext], content: content}
	if ext == ".css" || ext == ".js" || ext == ".svg" {
		file.packed = sync.OnceValue(func() []byte { return pack(content) })
	}
	a.names[name], a.served[hashed] = hashed, file
}

// pack compresses what every visitor gets. Pages are not: they hold secrets beside
// what a stranger may have typed (BREACH).
func pack(content []byte) []byte {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level exists
	z.Write(content)
	z.Close()
	return b.Bytes()
}

// path returns where an asset is, "" if there is none.
func (a *assets) path(name string) string {
	if hashed, ok := a.names[name]; ok {
		return a.prefix + hashed
	}
	return ""
}

// image returns where a picture is, whatever its kind, "" if there is none.
func (a *assets) image(name string) string {
	for ext := range kinds {
		if where := a.path(name + ext); where != "" && ext != ".js" && ext != ".css" {
			return where
		}
	}
	return ""
}

func (a *assets) serve(w http.ResponseWriter, r *http.Request) error {
	file, ok := a.served[r.PathValue("name")]
	if !ok {
		return sallyport.ErrNotFound
	}
	h, content := w.Header(), file.content
	h.Set("Content-Type", file.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("X-Content-Type-Options", "nosniff")
	if file.kind == kinds[".svg"] { // opened by itself it is a document
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
	}
	if file.packed != nil {
		h.Set("Vary", "Accept-Encoding")
		if takesGzip(r) {
			h.Set("Content-Encoding", "gzip")
			content = file.packed()
		}
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	return nil
}

// takesGzip reports whether r's client says that it unpacks gzip. Who says so only
// between the lines gets it plain.
func takesGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		if strings.TrimSpace(part) == "gzip" {
			return true
		}
	}
	return false
}
