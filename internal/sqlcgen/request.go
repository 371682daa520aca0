package sqlcgen

import (
	"encoding/json"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// A Request is what sqlc hands to a plugin, as far as it matters here: the GenerateRequest of sqlc's protos/plugin, as JSON
// with the names of the fields there.
type Request struct {
	Settings struct {
		Engine  string   `json:"engine"`
		Schema  []string `json:"schema"`
		Queries []string `json:"queries"`
		Codegen struct {
			Out string `json:"out"`
		} `json:"codegen"`
	} `json:"settings"`
	Queries       []*Query `json:"queries"`
	PluginOptions []byte   `json:"plugin_options"`
}

// A Query is one of the package.
type Query struct {
	Text     string       `json:"text"` // without the line that names it, and without comments at the beginning of a line
	Name     string       `json:"name"`
	Cmd      string       `json:"cmd"`
	Params   []*Parameter `json:"params"`
	Comments []string     `json:"comments"`
	Filename string       `json:"filename"`
}

// A Parameter is one of a query.
type Parameter struct {
	Number int `json:"number"`
	Column struct {
		Name    string `json:"name"`
		IsArray bool   `json:"is_array"`
		IsSlice bool   `json:"is_sqlc_slice"`
		IsNamed bool   `json:"is_named_param"` // by sqlc.arg or @, so that others of the name are the same
		NotNull bool   `json:"not_null"`
		Type    struct {
			Schema string `json:"schema"`
			Name   string `json:"name"`
		} `json:"type"`
	} `json:"column"`
}

// A Response is what a plugin hands back.
type Response struct {
	Files []File `json:"files"`
}

// A File is one to be written.
type File struct {
	Name     string `json:"name"`
	Contents []byte `json:"contents"`
}

// Options are those of the plugin in sqlc.yaml.
type Options struct {
	Package  string `json:"package"`
	File     string `json:"file"`
	Register *bool  `json:"register"`
	Strict   bool   `json:"strict"`
}

func (r *Request) options() (Options, error) {
	var o Options
	if len(r.PluginOptions) > 0 {
		d := json.NewDecoder(strings.NewReader(string(r.PluginOptions)))
		d.DisallowUnknownFields()
		if err := d.Decode(&o); err != nil {
			return o, fmt.Errorf("the options in sqlc.yaml: %w", err)
		}
	}
	if o.Package == "" {
		o.Package = packageIn(r.Settings.Codegen.Out)
	}
	if o.File == "" {
		o.File = "moneyclip_rules.go"
	}
	return o, nil
}

// packageIn is the name of the package whose code is in a folder. sqlc does not tell what it was told, so that is looked up in
// the code that it has made there before; where there is none, it is the folder's name.
func packageIn(folder string) string {
	files, _ := filepath.Glob(filepath.Join(filepath.FromSlash(folder), "*.go"))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil || strings.HasSuffix(file, "_test.go") || strings.HasPrefix(string(text), generatedBy) {
			continue
		}
		if f, err := parser.ParseFile(token.NewFileSet(), file, text, parser.PackageClauseOnly); err == nil {
			return f.Name.Name
		}
	}
	return path.Base(folder)
}

// sent is the text that the generated code sends to the driver.
func (q *Query) sent() string { return fmt.Sprintf("-- name: %s %s\n%s\n", q.Name, q.Cmd, q.Text) }

// isOne reports whether two parameters are one argument of the function that sqlc makes.
func (q *Query) isOne(a, b int) bool {
	named := func(number int) string {
		for _, param := range q.Params {
			if param.Number == number && param.Column.IsNamed {
				return param.Column.Name
			}
		}
		return ""
	}
	return named(a) != "" && named(a) == named(b)
}

// kind is what a parameter of this type is for a key: the verb.
func (p *Parameter) verb() byte {
	name := strings.TrimPrefix(strings.ToLower(p.Column.Type.Name), "pg_catalog.")
	switch {
	case p.Column.IsArray || p.Column.IsSlice:
		return 'v'
	case integers[name]:
		return 'd'
	case texts[name]:
		return 's'
	}
	return 'v'
}

var (
	integers = set("int2 int4 int8 serial bigserial smallserial serial2 serial4 serial8 int integer bigint smallint mediumint tinyint")
	texts    = set("text varchar char bpchar character citext tinytext mediumtext longtext")
)

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, word := range strings.Fields(words) {
		m[word] = true
	}
	return m
}
